/* rtpsec.c - contexts: indices of what we send, libsrtp2 for what we receive and for SRTCP. */
#include "rtpsec/rtpsec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "rtpsec/rtpsec_internal.h"

enum {
	RTCP_HEADER_SIZE = 8,	/* header and SSRC; RFC 3711 s.3.4 */
	RTCP_INDEX_SIZE = 4,
	TABLE_FIRST = 4	/* entries of a table before it grows */
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static srtp_err_status_t once_status;

static void
init_once(void)
{
	once_status = srtp_init();
}

static int
status_errno(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_auth_fail:
	case srtp_err_status_cipher_fail:	/* how AEAD says it */
		return -EACCES;
	case srtp_err_status_replay_fail:
		return -EALREADY;
	case srtp_err_status_replay_old:
		return -ESTALE;
	case srtp_err_status_alloc_fail:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

static void
policy_fill(struct rtpsec *s, srtp_policy_t *policy)
{
	memset(policy, 0, sizeof(*policy));
	s->profile->policy(&policy->rtp);
	s->profile->policy(&policy->rtcp);
	policy->ssrc.type = s->direction == RTPSEC_SEND ? ssrc_any_outbound : ssrc_any_inbound;
	policy->key = s->master;
	policy->window_size = RTPSEC_REPLAY_WINDOW;
	policy->allow_repeat_tx = 1;
}

struct rtpsec *
rtpsec_new(enum dtls_srtp_profile profile, enum rtpsec_direction direction, const uint8_t *key,
    const uint8_t *salt)
{
	const struct rtpsec_profile *p = rtpsec_profile_find(profile);
	struct rtpsec		    *s = p != NULL ? calloc(1, sizeof(*s)) : NULL;
	struct rtpsec_keys	     keys;
	srtp_policy_t		     policy;

	if (s == NULL)
		return NULL;
	s->profile = p;
	s->direction = direction;
	memcpy(s->master, key, p->key_size);
	memcpy(s->master + p->key_size, salt, p->salt_size);
	policy_fill(s, &policy);
	if (CRYPTO_THREAD_run_once(&once, init_once) != 1 || once_status != srtp_err_status_ok ||
	    srtp_create(&s->srtp, &policy) != srtp_err_status_ok)
		goto fail;
	if (direction == RTPSEC_SEND) {
		if (rtpsec_derive(&keys, p, key, salt) != 0)
			goto fail;
		s->sealer = rtpsec_sealer_new(p, &keys);
		OPENSSL_cleanse(&keys, sizeof(keys));
		if (s->sealer == NULL)
			goto fail;
	}
	return s;
fail:
	rtpsec_free(s);
	return NULL;
}

void
rtpsec_free(struct rtpsec *s)
{
	if (s == NULL)
		return;
	if (s->srtp != NULL)
		srtp_dealloc(s->srtp);
	rtpsec_sealer_free(s->sealer);
#ifdef RTPSEC_CHECK_RESENDS
	for (size_t i = 0; i < s->out_count; i++)
		free(s->outs[i].digests);
#endif
	free(s->outs);
	free(s->ssrcs);
	OPENSSL_cleanse(s->master, sizeof(s->master));
	free(s);
}

/* Room for one more entry of a growing table. */
static bool
table_grow(void **table, size_t count, size_t *cap, size_t entry_size)
{
	size_t	 want = *cap > 0 ? 2 * *cap : TABLE_FIRST;
	void	*grown;

	if (count < *cap)
		return true;
	grown = realloc(*table, want * entry_size);
	if (grown == NULL)
		return false;
	*table = grown;
	*cap = want;
	return true;
}

static struct rtpsec_out *
out_find(const struct rtpsec *s, uint32_t ssrc)
{
	for (size_t i = 0; i < s->out_count; i++)
		if (s->outs[i].ssrc == ssrc)
			return &s->outs[i];
	return NULL;
}

static struct rtpsec_out *
out_get(struct rtpsec *s, uint32_t ssrc)
{
	struct rtpsec_out	*o = out_find(s, ssrc);
	void			*table = s->outs;

	if (o != NULL)
		return o;
	if (!table_grow(&table, s->out_count, &s->out_cap, sizeof(*o)))
		return NULL;
	s->outs = table;
	o = &s->outs[s->out_count++];
	memset(o, 0, sizeof(*o));
	o->ssrc = ssrc;
	return o;
}

/*
 * The roll-over counter of a sequence number: the guess of RFC 3711 s.3.3.1, which a sender needs
 * for resends only. Moves the highest index on.
 */
static uint32_t
out_roc(struct rtpsec_out *o, uint16_t seq)
{
	int32_t	 ahead = (int16_t)(uint16_t)(seq - o->seq);
	uint32_t roc = o->roc;

	if (!o->started) {
		o->started = true;
		o->seq = seq;
		return roc;
	}
	if (ahead > 0 && seq < o->seq)
		roc++;
	if (ahead < 0 && seq > o->seq && roc > 0)
		roc--;
	if (ahead > 0) {
		o->roc = roc;
		o->seq = seq;
	}
	return roc;
}

#ifdef RTPSEC_CHECK_RESENDS
static uint64_t
digest_octets(uint64_t h, const uint8_t *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		h = (h ^ buf[i]) * 0x100000001b3u;	/* FNV-1a */
	return h;
}

/* Two different packets under one index give the key stream away: our bug, so it asserts. */
static void
check_resend(struct rtpsec_out *o, uint32_t roc, const uint8_t *hdr, size_t hdr_size,
    const uint8_t *payload, size_t payload_size)
{
	uint16_t seq = be16(hdr + 2);
	uint64_t h = digest_octets(0xcbf29ce484222325u, hdr, hdr_size), index, *slot;

	h = digest_octets(h, payload, payload_size);
	index = (uint64_t)roc << 16 | seq;
	if (o->digests == NULL)
		o->digests = calloc(2 * RTPSEC_REPLAY_WINDOW, sizeof(*o->digests));
	if (o->digests == NULL)
		return;
	slot = &o->digests[2 * (index % RTPSEC_REPLAY_WINDOW)];
	assert(slot[0] != index + 1 || slot[1] == h);
	slot[0] = index + 1;
	slot[1] = h;
}
#endif

int
rtpsec_protect(struct rtpsec *s, const uint8_t *hdr, size_t hdr_size, const uint8_t *payload,
    size_t payload_size, uint8_t *out, size_t cap)
{
	struct rtpsec_out	*o;
	uint32_t		 roc;

	if (s->direction != RTPSEC_SEND || hdr_size < RTPSEC_HEADER_SIZE)
		return -EINVAL;
	if (hdr_size + payload_size + s->profile->tag_size > cap)
		return -ENOSPC;
	o = out_get(s, be32(hdr + 8));
	if (o == NULL)
		return -ENOMEM;
	roc = out_roc(o, be16(hdr + 2));
#ifdef RTPSEC_CHECK_RESENDS
	check_resend(o, roc, hdr, hdr_size, payload, payload_size);
#endif
	return rtpsec_sealer_seal(s->sealer, roc, hdr, hdr_size, payload, payload_size, out);
}

int
rtpsec_protect_by_libsrtp(struct rtpsec *s, const uint8_t *hdr, size_t hdr_size,
    const uint8_t *payload, size_t payload_size, uint8_t *out, size_t cap)
{
	int size = (int)(hdr_size + payload_size), rc;

	if (hdr_size + payload_size + s->profile->tag_size > cap)
		return -ENOSPC;
	if (out != hdr)
		memcpy(out, hdr, hdr_size);
	memcpy(out + hdr_size, payload, payload_size);
	rc = status_errno(srtp_protect(s->srtp, out, &size));
	return rc != 0 ? rc : size;
}

static bool
ssrc_known(const struct rtpsec *s, uint32_t ssrc)
{
	for (size_t i = 0; i < s->ssrc_count; i++)
		if (s->ssrcs[i] == ssrc)
			return true;
	return false;
}

/* After authentication: anybody can invent SSRCs, only the peer can fill the table. */
static void
ssrc_remember(struct rtpsec *s, uint32_t ssrc)
{
	void *table = s->ssrcs;

	if (!table_grow(&table, s->ssrc_count, &s->ssrc_cap, sizeof(*s->ssrcs)))
		return;
	s->ssrcs = table;
	s->ssrcs[s->ssrc_count++] = ssrc;
}

/* Octets of the RTP header with CSRCs and extension; 0 if it does not fit size. */
static size_t
rtp_header_span(const uint8_t *buf, size_t size)
{
	size_t span;

	if (size < RTPSEC_HEADER_SIZE || buf[0] >> 6 != 2)
		return 0;
	span = RTPSEC_HEADER_SIZE + 4u * (buf[0] & 15);
	if ((buf[0] & 0x10) != 0) {
		if (span + 4 > size)
			return 0;
		span += 4 + 4u * be16(buf + span + 2);
	}
	return span <= size ? span : 0;
}

int
rtpsec_unprotect(struct rtpsec *s, uint8_t *buf, size_t size)
{
	size_t	 span = rtp_header_span(buf, size);
	int	 n = (int)size, rc;
	uint32_t ssrc;
	bool	 known;

	if (s->direction != RTPSEC_RECEIVE)
		return -EINVAL;
	if (span == 0 || span + s->profile->tag_size > size)
		return -EBADMSG;
	ssrc = be32(buf + 8);
	known = ssrc_known(s, ssrc);
	if (!known && s->ssrc_count >= RTPSEC_SSRC_MAX)
		return -ENOSPC;
	rc = status_errno(srtp_unprotect(s->srtp, buf, &n));
	if (rc != 0)
		return rc;
	if (!known)
		ssrc_remember(s, ssrc);
	return n;
}

int
rtpsec_protect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size, size_t cap)
{
	int n = (int)size, rc;

	if (s->direction != RTPSEC_SEND || size < RTCP_HEADER_SIZE)
		return -EINVAL;
	if (size + s->profile->tag_size + RTCP_INDEX_SIZE > cap)
		return -ENOSPC;
	rc = status_errno(srtp_protect_rtcp(s->srtp, buf, &n));
	return rc != 0 ? rc : n;
}

int
rtpsec_unprotect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size)
{
	int	 n = (int)size, rc;
	uint32_t ssrc;
	bool	 known;

	if (s->direction != RTPSEC_RECEIVE)
		return -EINVAL;
	if (size < RTCP_HEADER_SIZE + RTCP_INDEX_SIZE + s->profile->tag_size || buf[0] >> 6 != 2)
		return -EBADMSG;
	ssrc = be32(buf + 4);
	known = ssrc_known(s, ssrc);
	if (!known && s->ssrc_count >= RTPSEC_SSRC_MAX)
		return -ENOSPC;
	rc = status_errno(srtp_unprotect_rtcp(s->srtp, buf, &n));
	if (rc != 0)
		return rc;
	if (!known)
		ssrc_remember(s, ssrc);
	return n;
}

int
rtpsec_get_roc(const struct rtpsec *s, uint32_t ssrc, uint32_t *roc)
{
	struct rtpsec_out *o;

	if (s->direction == RTPSEC_SEND) {
		o = out_find(s, ssrc);
		if (o == NULL)
			return -ENOENT;
		*roc = o->roc;
		return 0;
	}
	return srtp_get_stream_roc(s->srtp, ssrc, roc) == srtp_err_status_ok ? 0 : -ENOENT;
}

/* A stream of its own, which the contexts for "any SSRC" would make on the first packet only. */
static int
stream_make(struct rtpsec *s, uint32_t ssrc)
{
	srtp_policy_t policy;

	policy_fill(s, &policy);
	policy.ssrc.type = ssrc_specific;
	policy.ssrc.value = ssrc;
	if (srtp_add_stream(s->srtp, &policy) != srtp_err_status_ok)
		return -ENOMEM;
	ssrc_remember(s, ssrc);
	return 0;
}

int
rtpsec_set_roc(struct rtpsec *s, uint32_t ssrc, uint32_t roc, uint16_t seq)
{
	struct rtpsec_out *o;

	if (s->direction == RTPSEC_SEND) {
		o = out_get(s, ssrc);
		if (o == NULL)
			return -ENOMEM;
		o->roc = roc;
		o->seq = seq;
		o->started = true;
		return 0;
	}
	if (!ssrc_known(s, ssrc)) {
		int rc = s->ssrc_count < RTPSEC_SSRC_MAX ? stream_make(s, ssrc) : -ENOSPC;

		if (rc != 0)
			return rc;
	}
	return srtp_set_stream_roc(s->srtp, ssrc, roc) == srtp_err_status_ok ? 0 : -ENOENT;
}
