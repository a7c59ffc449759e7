/* peer.c - a peer's life and the five verbs. */
#include "peer/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "peer/peer_impl.h"

enum {
	CONNECT_TIMEOUT_US = 15000000,
	CONSENT_TIMEOUT_US = 30000000, /* RFC 7675 s.5.1 */
	REORDER_US = 10000,
	REPORT_US = 1000000,
	TWCC_US = 50000,
	UFRAG_COUNT = 8,
	PWD_COUNT = 24 /* characters; RFC 8839 s.5.4 wants 4 and 22 at least */
};

static void
random_words(struct prng *rng, char *text, size_t count)
{
	static const char chars[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < count; i++)
		text[i] = chars[prng_next(rng) >> 58];
	text[count] = '\0';
}

static void
config_defaults(struct peer_config *c)
{
	static const struct peer_events none;

	c->events = c->events != NULL ? c->events : &none;
	c->connect_timeout_us =
	    c->connect_timeout_us != 0 ? c->connect_timeout_us : CONNECT_TIMEOUT_US;
	c->consent_timeout_us =
	    c->consent_timeout_us != 0 ? c->consent_timeout_us : CONSENT_TIMEOUT_US;
	c->reorder_us = c->reorder_us != 0 ? c->reorder_us : REORDER_US;
	c->report_us = c->report_us != 0 ? c->report_us : REPORT_US;
	c->twcc_us = c->twcc_us != 0 ? c->twcc_us : TWCC_US;
}

static bool
local_make(struct peer *p)
{
	if (p->config.ice == PEER_ICE_FULL) {
		p->agent =
		    ice_agent_new(p->now_us, p->config.connect_timeout_us, prng_next(&p->rng));
		return p->agent != NULL;
	}
	if (p->config.local != NULL) {
		p->local = *p->config.local;
		return text_is_ice(p->local.ufrag, 4, ICE_LITE_UFRAG_MAX) &&
		       text_is_ice(p->local.pwd, 22, ICE_LITE_PWD_MAX);
	}
	random_words(&p->rng, p->local.ufrag, UFRAG_COUNT);
	random_words(&p->rng, p->local.pwd, PWD_COUNT);
	return true;
}

struct peer *
peer_new(const struct peer_config *config, uint64_t now_us)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->config = *config;
	config_defaults(&p->config);
	p->now_us = now_us;
	p->rng.state = config->seed;
	p->out_tail = &p->out_head;
	p->report_us = p->twcc_due_us = CLOCK_NEVER;
	p->dtls_version = p->cipher = p->group = "none";
	if (config->cname != NULL)
		text_copy(p->cname, sizeof(p->cname), config->cname);
	else
		random_words(&p->rng, p->cname, 16);
	p->config.cname = p->cname;
	if (!local_make(p)) {
		peer_free(p);
		return NULL;
	}
	p->config.local = NULL;
	return p;
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	ice_agent_free(p->agent);
	ice_lite_free(p->lite);
	dtls_free(p->dtls);
	rtpsec_free(p->send);
	rtpsec_free(p->receive);
	peer_lines_free(p);
	peer_rtcp_clear(p);
	OPENSSL_cleanse(&p->local, sizeof(p->local));
	free(p);
}

const struct ice_creds *
peer_local(const struct peer *p)
{
	return p->agent != NULL ? ice_agent_local(p->agent) : &p->local;
}

/* The one place where the state changes; CLOSED and FAILED are for ever. */
void
peer_enter(struct peer *p, enum peer_state state)
{
	if (p->state == PEER_CLOSED || p->state == PEER_FAILED)
		return;
	p->state = state;
}

void
peer_fail(struct peer *p, enum peer_stage stage, const char *words)
{
	if (p->state == PEER_CLOSED || p->state == PEER_FAILED)
		return;
	text_copy(p->words, sizeof(p->words), words);
	p->stage = stage;
	peer_enter(p, PEER_FAILED);
	if (p->config.events->failed != NULL)
		p->config.events->failed(p->config.arg, stage, p->words);
}

static int
ice_start(struct peer *p, const struct peer_remote *remote)
{
	if (p->agent != NULL)
		return ice_agent_set_remote(p->agent, &remote->ice, remote->lite);
	p->lite = ice_lite_new(&p->local, &remote->ice, p->now_us, p->config.connect_timeout_us,
			       p->config.consent_timeout_us, prng_next(&p->rng));
	return p->lite != NULL ? 0 : -EINVAL;
}

int
peer_start(struct peer *p, uint64_t now_us, const struct peer_remote *remote)
{
	int rc;

	if (p->state != PEER_NEW || p->lines != NULL)
		return -EALREADY;
	p->now_us = MAX_OF(p->now_us, now_us);
	if (!text_copy(p->hash, sizeof(p->hash), remote->hash) ||
	    !text_copy(p->fingerprint, sizeof(p->fingerprint), remote->fingerprint))
		return -EINVAL;
	p->role = remote->role;
	rc = peer_lines_make(p, remote->tracks, remote->track_count);
	if (rc != 0)
		return rc;
	/* A server's half exists from now on: the first flight may overtake the nomination. A
	 * client's is made here to see that the fingerprint is usable, and anew when it can send.
	 */
	rc = peer_dtls_start(p);
	if (rc == 0 && p->role == DTLS_CLIENT) {
		dtls_free(p->dtls);
		p->dtls = NULL;
	}
	if (rc == 0)
		rc = ice_start(p, remote);
	if (rc != 0) {
		dtls_free(p->dtls);
		p->dtls = NULL;
		peer_lines_free(p);
		return rc;
	}
	p->start_us = p->now_us;
	peer_enter(p, PEER_CHECKING);
	return 0;
}

int
peer_add_pair(struct peer *p, const struct ice_tuple *tuple, uint32_t priority)
{
	int rc;

	if (p->agent == NULL || p->state == PEER_NEW)
		return -EINVAL;
	rc = ice_agent_add_pair(p->agent, tuple, priority);
	return rc < 0 ? rc : 0;
}

bool
peer_accepts(const uint8_t *buf, size_t size)
{
	return stun_accepts(buf, size) || dtls_accepts(buf, size) || rtp_accepts(buf, size) ||
	       rtcp_accepts(buf, size);
}

static bool
is_over(const struct peer *p)
{
	return p->state == PEER_CLOSED || p->state == PEER_FAILED;
}

/* Follow what the layers became. */
static void
update(struct peer *p)
{
	if (is_over(p))
		return;
	peer_ice_update(p);
	if (!is_over(p))
		peer_dtls_update(p);
}

void
peer_lose_pair(struct peer *p, uint64_t now_us, const struct ice_tuple *tuple, int error)
{
	if (is_over(p) || p->state == PEER_NEW)
		return;
	p->now_us = MAX_OF(p->now_us, now_us);
	if (p->agent != NULL)
		ice_agent_lose_pair(p->agent, tuple, error);
	else
		peer_ice_drop(p, tuple);
	update(p);
}

void
peer_expect_pairs(struct peer *p, uint64_t now_us, bool more)
{
	if (p->agent == NULL || is_over(p) || p->state == PEER_NEW)
		return;
	p->now_us = MAX_OF(p->now_us, now_us);
	ice_agent_expect(p->agent, more);
	update(p);
}

bool
peer_has_path(const struct peer *p)
{
	return p->has_path;
}

static int
media_input(struct peer *p, uint8_t *buf, size_t size)
{
	if (p->state != PEER_CONNECTED)
		return -ENOMSG;
	return rtcp_accepts(buf, size) ? peer_rtcp_input(p, buf, size)
				       : peer_rtp_input(p, buf, size);
}

int
peer_input(struct peer *p, uint64_t now_us, const struct ice_tuple *from, uint8_t *buf, size_t size)
{
	int rc;

	if (is_over(p) || p->state == PEER_NEW)
		return -ENOMSG;
	p->now_us = MAX_OF(p->now_us, now_us);
	if (rtp_accepts(buf, size) || rtcp_accepts(buf, size))
		return peer_ice_knows(p, from, size) ? media_input(p, buf, size) : -EACCES;
	if (stun_accepts(buf, size))
		rc = peer_ice_input(p, from, buf, size);
	else if (!dtls_accepts(buf, size))
		return -ENOMSG;
	else if (!peer_ice_knows(p, from, size))
		return -EACCES;
	else
		rc = peer_dtls_input(p, from, buf, size);
	update(p);
	return rc;
}

void
peer_timeout(struct peer *p, uint64_t now_us)
{
	if (is_over(p) || p->state == PEER_NEW)
		return;
	p->now_us = MAX_OF(p->now_us, now_us);
	if (peer_ice_deadline(p) <= p->now_us)
		peer_ice_timeout(p);
	if (p->dtls != NULL && p->state == PEER_HANDSHAKE &&
	    dtls_deadline(p->dtls, p->now_us) <= p->now_us)
		dtls_timeout(p->dtls, p->now_us);
	update(p);
	if (p->state == PEER_HANDSHAKE && p->now_us - p->ice_us >= p->config.connect_timeout_us)
		peer_fail(p, PEER_STAGE_DTLS, "DTLS: the handshake did not finish in time");
	if (p->state == PEER_CONNECTED)
		peer_rtcp_timeout(p);
}

uint64_t
peer_deadline(const struct peer *p)
{
	uint64_t due;

	if (is_over(p) || p->state == PEER_NEW)
		return CLOCK_NEVER;
	due = peer_ice_deadline(p);
	if (p->state == PEER_HANDSHAKE) {
		due = MIN_OF(due, p->ice_us + p->config.connect_timeout_us);
		if (p->dtls != NULL)
			due = MIN_OF(due, dtls_deadline(p->dtls, p->now_us));
	}
	if (p->state == PEER_CONNECTED)
		due = MIN_OF(due, peer_rtcp_deadline(p));
	return due;
}

static bool
dtls_out(struct peer *p, struct peer_datagram *out)
{
	const struct ice_tuple *to;
	int size;

	if (p->dtls == NULL || (!p->has_path && !p->has_origin))
		return false;
	for (size = dtls_poll(p->dtls, out->buf, sizeof(out->buf)); size > 0;
	     size = dtls_poll(p->dtls, out->buf, sizeof(out->buf))) {
		to = peer_ice_target(p, (size_t)size);
		if (to == NULL)
			continue; /* the guard forbids it; flights repeat */
		out->to = *to;
		out->size = (size_t)size;
		return true;
	}
	return false;
}

int
peer_poll(struct peer *p, struct peer_datagram *out)
{
	return peer_ice_poll(p, out) || peer_rtcp_poll(p, out) || dtls_out(p, out) ||
	       peer_media_poll(p, out);
}

int
peer_request_keyframe(struct peer *p, uint64_t now_us, unsigned track)
{
	struct peer_line *line = track < p->line_count ? &p->lines[track] : NULL;

	if (line == NULL || line->rx == NULL)
		return -EINVAL;
	if (!line->pli && !line->fir)
		return -ENOTSUP;
	p->now_us = MAX_OF(p->now_us, now_us);
	if (p->state == PEER_CONNECTED)
		peer_rtcp_keyframe(p, line);
	return 0;
}

int
peer_set_remb(struct peer *p, uint64_t bitrate_bps)
{
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].rx != NULL && p->lines[i].remb) {
			p->remb_bps = bitrate_bps;
			return 0;
		}
	return -ENOTSUP;
}

void
peer_close(struct peer *p, uint64_t now_us)
{
	p->now_us = MAX_OF(p->now_us, now_us);
	if (p->state == PEER_CONNECTED)
		peer_rtcp_bye(p);
	if (p->dtls != NULL && (p->state == PEER_CONNECTED || p->state == PEER_HANDSHAKE))
		dtls_close(p->dtls);
	if (!is_over(p))
		snprintf(p->words, sizeof(p->words), "closed by us");
	peer_enter(p, PEER_CLOSED);
}

enum peer_state
peer_state(const struct peer *p)
{
	return p->state;
}
