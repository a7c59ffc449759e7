/* rtpsec.c - contexts: the streams of one direction and what protects them. */
#include "rtpsec/rtpsec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "rtpsec/rtpsec_internal.h"

enum { STREAMS_FIRST = 2 }; /* entries of the table before it grows: audio and video */

static const uint32_t rtcp_index_max = 0x7fffffff; /* RFC 3711 s.3.4: 31 bits */

struct rtpsec *
rtpsec_new(enum dtls_srtp_profile profile, enum rtpsec_direction direction, const uint8_t *key,
	   const uint8_t *salt)
{
	const struct rtpsec_profile *p = rtpsec_profile_find(profile);
	struct rtpsec *s = p != NULL ? calloc(1, sizeof(*s)) : NULL;

	if (s == NULL)
		return NULL;
	s->profile = p;
	s->direction = direction;
	memcpy(s->key, key, p->key_size);
	memcpy(s->salt, salt, p->salt_size);
	return s;
}

void
rtpsec_free(struct rtpsec *s)
{
	if (s == NULL)
		return;
	rtpsec_crypt_free(s->rtp);
	rtpsec_crypt_free(s->rtcp);
	for (size_t i = 0; i < s->stream_count; i++)
		rtpsec_stream_fini(&s->streams[i]);
	free(s->streams);
	free(s->past);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

/* The ciphers of RTP or RTCP, made on first use: a player's end receives no RTP. */
static struct rtpsec_crypt *
crypt_get(struct rtpsec *s, bool rtcp)
{
	struct rtpsec_crypt **c = rtcp ? &s->rtcp : &s->rtp;
	struct rtpsec_keys keys;

	if (*c == NULL && rtpsec_derive(&keys, s->profile, rtcp, s->key, s->salt) == 0) {
		*c = rtpsec_crypt_new(s->profile, s->direction, &keys);
		OPENSSL_cleanse(&keys, sizeof(keys));
	}
	return *c;
}

static struct rtpsec_stream *
stream_find(const struct rtpsec *s, uint32_t ssrc)
{
	for (size_t i = 0; i < s->stream_count; i++)
		if (s->streams[i].ssrc == ssrc)
			return &s->streams[i];
	return NULL;
}

static struct rtpsec_stream *
stream_add(struct rtpsec *s, uint32_t ssrc)
{
	size_t want = s->stream_cap > 0 ? 2 * s->stream_cap : STREAMS_FIRST;
	struct rtpsec_stream *grown;

	if (s->stream_count == s->stream_cap) {
		grown = realloc(s->streams, want * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		s->streams = grown;
		s->stream_cap = want;
	}
	grown = &s->streams[s->stream_count++];
	memset(grown, 0, sizeof(*grown));
	grown->ssrc = ssrc;
	return grown;
}

static struct rtpsec_stream *
stream_get(struct rtpsec *s, uint32_t ssrc)
{
	struct rtpsec_stream *stream = stream_find(s, ssrc);

	return stream != NULL ? stream : stream_add(s, ssrc);
}

/*
 * An inbound stream takes a place, that of who was silent for longest if there is no other. Where
 * one was remembered all places are taken, so nothing that may fail comes after it is forgotten.
 */
static struct rtpsec_stream *
stream_admit(struct rtpsec *s, const struct rtpsec_stream *fresh)
{
	struct rtpsec_stream *place = s->streams;
	uint64_t *seen;

	if (s->stream_count < RTPSEC_SSRC_MAX)
		return stream_add(s, fresh->ssrc);
	for (size_t i = 1; i < s->stream_count; i++)
		if (s->streams[i].used < place->used)
			place = &s->streams[i];
	rtpsec_past_forget(s, fresh->ssrc);
	if (rtpsec_past_keep(s, place) < 0)
		return NULL;
	seen = place->seen;
	*place = *fresh;
	place->seen = seen;
	if (seen != NULL)
		memset(seen, 0, RTPSEC_REPLAY_WINDOW / 8);
	return place;
}

#ifdef RTPSEC_CHECK_RESENDS
static uint64_t
digest_octets(uint64_t h, const uint8_t *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		h = (h ^ buf[i]) * 0x100000001b3u; /* FNV-1a */
	return h;
}

/* Two different packets under one index give the key stream away: our bug, so it asserts. */
static void
check_resend(struct rtpsec_stream *o, uint32_t roc, const uint8_t *hdr, size_t hdr_size,
	     const uint8_t *payload, size_t payload_size)
{
	uint64_t h = digest_octets(0xcbf29ce484222325u, hdr, hdr_size), index, *slot;

	h = digest_octets(h, payload, payload_size);
	index = (uint64_t)roc << 16 | be16(hdr + 2);
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
	struct rtpsec_stream *stream;
	uint32_t roc;
	uint16_t seq;

	if (s->direction != RTPSEC_SEND || hdr_size < RTPSEC_HEADER_SIZE)
		return -EINVAL;
	if (hdr_size + payload_size + s->profile->tag_size > cap)
		return -ENOSPC;
	stream = stream_get(s, be32(hdr + 8));
	if (stream == NULL || crypt_get(s, false) == NULL)
		return -ENOMEM;
	seq = be16(hdr + 2);
	roc = rtpsec_stream_guess(stream, seq);
#ifdef RTPSEC_CHECK_RESENDS
	check_resend(stream, roc, hdr, hdr_size, payload, payload_size);
#endif
	rtpsec_stream_advance(stream, roc, seq);
	return rtpsec_crypt_seal(s->rtp, roc, hdr, hdr_size, payload, payload_size, out);
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

/* Anybody can invent SSRCs: only what authenticated takes a place in the table. */
int
rtpsec_unprotect(struct rtpsec *s, uint8_t *buf, size_t size)
{
	struct rtpsec_stream fresh, *stream;
	const struct rtpsec_stream *known;
	size_t span = rtp_header_span(buf, size);
	uint32_t roc;
	uint16_t seq;
	int rc, n;

	if (s->direction != RTPSEC_RECEIVE)
		return -EINVAL;
	if (span == 0 || span + s->profile->tag_size > size)
		return -EBADMSG;
	stream = stream_find(s, be32(buf + 8));
	if (stream == NULL && !rtpsec_past_recall(s, be32(buf + 8), &fresh))
		return -ENOSPC;
	known = stream != NULL ? stream : &fresh;
	seq = be16(buf + 2);
	roc = rtpsec_stream_guess(known, seq);
	rc = rtpsec_stream_check(known, roc, seq);
	if (rc != 0)
		return rc;
	if (crypt_get(s, false) == NULL)
		return -ENOMEM;
	n = rtpsec_crypt_open(s->rtp, roc, buf, span, size);
	if (n < 0)
		return n;
	stream = stream != NULL ? stream : stream_admit(s, &fresh);
	if (stream == NULL)
		return -ENOMEM;
	stream->used = ++s->uses;
	rc = rtpsec_stream_note(stream, roc, seq);
	return rc != 0 ? rc : n;
}

int
rtpsec_protect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size, size_t cap)
{
	struct rtpsec_stream *stream;

	if (s->direction != RTPSEC_SEND || size < RTPSEC_RTCP_HEADER_SIZE)
		return -EINVAL;
	if (size + s->profile->tag_size + RTPSEC_RTCP_INDEX_SIZE > cap)
		return -ENOSPC;
	stream = stream_get(s, be32(buf + 4));
	if (stream == NULL || crypt_get(s, true) == NULL)
		return -ENOMEM;
	if (stream->rtcp_index == rtcp_index_max)
		return -EINVAL; /* s.9.2: the keys are used up, after 68 years of 1 per second */
	return rtpsec_crypt_seal_rtcp(s->rtcp, ++stream->rtcp_index, buf, size);
}

int
rtpsec_unprotect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size)
{
	struct rtpsec_stream fresh, *stream;
	int64_t index;
	int rc, n;

	if (s->direction != RTPSEC_RECEIVE)
		return -EINVAL;
	if (size < RTPSEC_RTCP_HEADER_SIZE + RTPSEC_RTCP_INDEX_SIZE + s->profile->tag_size ||
	    buf[0] >> 6 != 2)
		return -EBADMSG;
	index = rtpsec_crypt_rtcp_index(s->profile, buf, size);
	if (index < 0)
		return -EBADMSG;
	stream = stream_find(s, be32(buf + 4));
	if (stream == NULL && !rtpsec_past_recall(s, be32(buf + 4), &fresh))
		return -ENOSPC;
	rc = rtpsec_stream_check_rtcp(stream != NULL ? stream : &fresh, (uint32_t)index);
	if (rc != 0)
		return rc;
	if (crypt_get(s, true) == NULL)
		return -ENOMEM;
	n = rtpsec_crypt_open_rtcp(s->rtcp, (uint32_t)index, buf, size);
	if (n < 0)
		return n;
	stream = stream != NULL ? stream : stream_admit(s, &fresh);
	if (stream == NULL)
		return -ENOMEM;
	stream->used = ++s->uses;
	rtpsec_stream_note_rtcp(stream, (uint32_t)index);
	return n;
}

int
rtpsec_get_roc(const struct rtpsec *s, uint32_t ssrc, uint32_t *roc)
{
	const struct rtpsec_stream *stream = stream_find(s, ssrc);

	if (stream == NULL || !stream->started)
		return -ENOENT;
	*roc = stream->roc;
	return 0;
}

int
rtpsec_set_roc(struct rtpsec *s, uint32_t ssrc, uint32_t roc, uint16_t seq)
{
	struct rtpsec_stream *stream = stream_find(s, ssrc);

	if (stream == NULL && s->direction == RTPSEC_RECEIVE && s->stream_count >= RTPSEC_SSRC_MAX)
		return -ENOSPC;
	stream = stream != NULL ? stream : stream_add(s, ssrc);
	if (stream == NULL)
		return -ENOMEM;
	stream->roc = roc;
	stream->seq = seq;
	stream->started = true;
	return 0;
}
