/* peer_ice.c - one face for both ICE agents, and the path that media takes. */
#include "peer/peer_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static bool
same_path(const struct ice_tuple *a, const struct ice_tuple *b)
{
	return a->channel == b->channel && a->proto == b->proto &&
	       addr_equal(&a->remote, &b->remote);
}

int
peer_ice_input(struct peer *p, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	int rc;

	if (p->agent != NULL)
		return ice_agent_input(p->agent, p->now_us, from, buf, size);
	if (p->lite == NULL)
		return -ENOMSG;
	rc = ice_lite_input(p->lite, p->now_us, from, buf, size);
	return rc > 0 ? 0 : rc;
}

void
peer_ice_timeout(struct peer *p)
{
	if (p->agent != NULL)
		ice_agent_timeout(p->agent, p->now_us);
	else if (p->lite != NULL && (ice_lite_timeout(p->lite, p->now_us) & ICE_LITE_EXPIRED) != 0)
		peer_fail(p, PEER_STAGE_ICE,
			  p->has_path ? "ICE: the other side stopped its checks: consent is gone"
				      : "ICE: no check with our password came in time");
}

uint64_t
peer_ice_deadline(const struct peer *p)
{
	if (p->agent != NULL)
		return ice_agent_deadline(p->agent);
	return p->lite != NULL ? ice_lite_deadline(p->lite) : CLOCK_NEVER;
}

bool
peer_ice_poll(struct peer *p, struct peer_datagram *out)
{
	struct ice_datagram d;
	int rc = 0;

	if (p->agent != NULL)
		rc = ice_agent_poll(p->agent, &d);
	else if (p->lite != NULL)
		rc = ice_lite_poll(p->lite, &d);
	if (rc <= 0)
		return false;
	out->to = d.to;
	out->size = d.size;
	memcpy(out->buf, d.buf, d.size);
	return true;
}

void
peer_ice_update(struct peer *p)
{
	const struct ice_path *path = p->lite != NULL ? ice_lite_selected(p->lite) : NULL;
	const struct ice_tuple *selected = path != NULL ? &path->tuple : NULL;
	enum ice_agent_state state;
	char words[PEER_WORDS_SIZE];

	if (p->agent != NULL) {
		selected = ice_agent_selected(p->agent);
		state = ice_agent_state(p->agent);
		if (state == ICE_AGENT_FAILED || state == ICE_AGENT_EXPIRED) {
			peer_ice_explain(p, words, sizeof(words));
			peer_fail(p, PEER_STAGE_ICE, words);
			return;
		}
	}
	if (selected == NULL)
		return;
	if (!p->has_path || !ice_tuple_equal(&p->path, selected))
		p->path = *selected;
	p->has_path = true;
	if (p->state == PEER_CHECKING) {
		p->ice_us = p->now_us;
		peer_enter(p, PEER_HANDSHAKE);
	}
}

void
peer_ice_drop(struct peer *p, const struct ice_tuple *tuple)
{
	(void)ice_lite_drop(p->lite, tuple);
	if (p->has_path && ice_tuple_equal(&p->path, tuple) && ice_lite_selected(p->lite) == NULL)
		p->has_path = false; /* until the next check; consent runs on */
}

bool
peer_ice_knows(struct peer *p, const struct ice_tuple *from, size_t size)
{
	struct ice_path *path;

	if (p->lite != NULL) {
		path = ice_lite_path(p->lite, from);
		if (path != NULL)
			ice_path_received(path, size);
		return path != NULL;
	}
	if (p->has_path && same_path(from, &p->path))
		return true;
	for (size_t i = 0; p->agent != NULL && i < ice_agent_pair_count(p->agent); i++) {
		struct ice_agent_pair pair;

		ice_agent_pair(p->agent, i, &pair);
		if (same_path(from, &pair.tuple))
			return true;
	}
	return false;
}

const struct ice_tuple *
peer_ice_target(struct peer *p, size_t size)
{
	const struct ice_tuple *to = p->has_path ? &p->path : p->has_origin ? &p->origin : NULL;
	struct ice_path *path;

	if (to == NULL || p->lite == NULL)
		return to;
	path = ice_lite_path(p->lite, to);
	return path != NULL && ice_path_may_send(path, size) ? to : NULL;
}

void
peer_ice_proven(struct peer *p)
{
	struct ice_path *path = NULL;

	if (p->lite != NULL && p->has_origin)
		path = ice_lite_path(p->lite, &p->origin);
	if (path != NULL)
		ice_path_validate(path);
}

uint64_t
peer_ice_rtt(const struct peer *p)
{
	for (size_t i = 0; p->agent != NULL && i < ice_agent_pair_count(p->agent); i++) {
		struct ice_agent_pair pair;

		ice_agent_pair(p->agent, i, &pair);
		if (pair.nominated)
			return pair.usual_rtt_us;
	}
	return 0;
}

/* The pair that got furthest says most. */
static void
explain_pair(const struct ice_agent_pair *pair, char *text, size_t size)
{
	char to[ADDR_TEXT_SIZE + sizeof(" by TURN")];

	addr_format(&pair->tuple.remote, to);
	if (pair->tuple.proto == ICE_RELAYED)
		strcat(to, " by TURN");
	if (pair->error == 401)
		snprintf(text, size,
			 "ICE: %s refused our ICE password (401): another session is "
			 "there, or the answer is stale",
			 to);
	else if (pair->error > 0)
		snprintf(text, size, "ICE: %s answered with error %d", to, pair->error);
	else if (pair->error == -EACCES)
		snprintf(text, size, "ICE: the answers of %s carry a wrong password", to);
	else if (pair->error == -EADDRNOTAVAIL)
		snprintf(text, size, "ICE: %s answers from another address than it was asked at",
			 to);
	else if (pair->tuple.proto == ICE_TCP && pair->error < 0 && pair->error != -ETIMEDOUT)
		snprintf(text, size, "ICE: the TCP connection to %s %s: %s", to,
			 pair->received > 0 ? "was lost" : "failed", strerror(-pair->error));
	else if (pair->error == -ECONNREFUSED)
		snprintf(text, size,
			 pair->received > 0
			     ? "ICE: nothing listens at %s any more (ICMP): the server has ended"
			     : "ICE: nothing listens at %s (ICMP): does the server run, is the "
			       "candidate's port right?",
			 to);
	else if (pair->received > 0)
		snprintf(text, size, "ICE: %s answered %u of %u checks, then no more", to,
			 pair->received, pair->sent);
	else
		snprintf(text, size,
			 "ICE: %u check%s sent to %s, none answered: is the %s port open, "
			 "is the candidate's address right?",
			 pair->sent, pair->sent == 1 ? "" : "s", to,
			 pair->tuple.proto == ICE_TCP ? "TCP" : "UDP");
}

void
peer_ice_explain(const struct peer *p, char *text, size_t size)
{
	size_t count = p->agent != NULL ? ice_agent_pair_count(p->agent) : 0;
	struct ice_agent_pair pair, best;

	if (p->agent == NULL || count == 0) {
		snprintf(text, size, "%s",
			 p->agent != NULL ? "ICE: there is no candidate to check"
					  : "ICE: waiting for the other side's checks");
		return;
	}
	ice_agent_pair(p->agent, 0, &best);
	for (size_t i = 1; i < count; i++) {
		ice_agent_pair(p->agent, i, &pair);
		if (pair.nominated || (!best.nominated && best.received == 0 && best.error <= 0 &&
				       (pair.received > 0 || pair.error > 0)))
			best = pair;
	}
	explain_pair(&best, text, size);
}
