/* ice_agent.c - the full agent's life, its pairs and what it sends. */
#include "ice/ice_agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_agent_impl.h"
#include "ice/ice_msg.h"

static uint64_t
next_number(struct ice_agent *ice)
{
	uint8_t raw[STUN_TXID_SIZE];

	ice_txid(raw, ice->seed, ++ice->counter);
	return be64(raw);
}

struct ice_agent *
ice_agent_new(uint64_t now_us, uint64_t timeout_us, uint64_t seed)
{
	struct ice_agent *ice = calloc(1, sizeof(*ice));

	if (ice == NULL)
		return NULL;
	ice->seed = seed;
	ice->started_us = now_us;
	ice->timeout_us = timeout_us;
	ice->controlling = true;
	ice->selected = -1;
	ice_text(ice->local.ufrag, AGENT_UFRAG_COUNT, seed, ++ice->counter);
	ice_text(ice->local.pwd, AGENT_PWD_COUNT, seed, ++ice->counter);
	ice->tie = next_number(ice);
	ice->jitter.state = next_number(ice);
	return ice;
}

void
ice_agent_free(struct ice_agent *ice)
{
	if (ice != NULL)
		OPENSSL_cleanse(ice, sizeof(*ice));
	free(ice);
}

void
agent_enter(struct ice_agent *ice, enum ice_agent_state state)
{
	ice->state = state;
}

const struct ice_creds *
ice_agent_local(const struct ice_agent *ice)
{
	return &ice->local;
}

int
ice_agent_set_remote(struct ice_agent *ice, const struct ice_creds *remote, bool remote_is_lite)
{
	if (remote->ufrag[0] == '\0' || remote->pwd[0] == '\0' || ice->state != ICE_AGENT_NEW)
		return -EINVAL;
	ice->remote = *remote;
	ice->lite = remote_is_lite;
	agent_enter(ice, ICE_AGENT_CHECKING);
	return 0;
}

struct pair *
agent_pair_of(struct ice_agent *ice, const struct ice_tuple *tuple)
{
	for (size_t i = 0; i < ice->pair_count; i++) {
		const struct ice_tuple *t = &ice->pair[i].tuple;

		if (t->proto == tuple->proto && t->channel == tuple->channel &&
		    addr_equal(&t->remote, &tuple->remote))
			return &ice->pair[i];
	}
	return NULL;
}

/* Of the local candidate: all sockets are equal, allocations are worse. */
static uint32_t
local_priority(const struct ice_tuple *tuple)
{
	return tuple->proto == ICE_RELAYED
		   ? ice_priority(ICE_RELAY, (uint16_t)(UINT16_MAX - tuple->channel), 1)
		   : ice_priority(ICE_HOST, UINT16_MAX, 1);
}

int
ice_agent_add_pair(struct ice_agent *ice, const struct ice_tuple *tuple, uint32_t priority)
{
	struct pair *pair = agent_pair_of(ice, tuple);

	if (pair == NULL) {
		if (ice->pair_count == ICE_AGENT_PAIRS_MAX)
			return -ENOSPC;
		pair = &ice->pair[ice->pair_count++];
		*pair = (struct pair){.tuple = *tuple};
	}
	/* A signalled one replaces a peer-reflexive one's. */
	pair->priority = ice_pair_priority(local_priority(tuple), priority);
	return (int)(pair - ice->pair);
}

void
agent_switch_role(struct ice_agent *ice)
{
	ice->controlling = !ice->controlling;
	ice->tie = next_number(ice);
}

static void
fail_if_all_did(struct ice_agent *ice)
{
	for (size_t i = 0; i < ice->pair_count; i++)
		if (ice->pair[i].state != PAIR_FAILED)
			return;
	if (ice->state == ICE_AGENT_CHECKING && !ice->expecting)
		agent_enter(ice, ICE_AGENT_FAILED);
}

void
agent_pair_fail(struct ice_agent *ice, struct pair *pair, int error)
{
	pair->pending = false;
	pair->error = error;
	pair->state = PAIR_FAILED;
	fail_if_all_did(ice);
}

void
ice_agent_expect(struct ice_agent *ice, bool more)
{
	ice->expecting = more;
	if (!more && ice->pair_count > 0)
		fail_if_all_did(ice);
}

void
ice_agent_lose_pair(struct ice_agent *ice, const struct ice_tuple *tuple, int error)
{
	struct pair *pair = agent_pair_of(ice, tuple);

	if (pair == NULL || ice->state == ICE_AGENT_FAILED || ice->state == ICE_AGENT_EXPIRED)
		return;
	agent_pair_fail(ice, pair, error);
	if (pair - ice->pair == ice->selected)
		agent_enter(ice, ICE_AGENT_EXPIRED);
}

void
agent_pair_succeed(struct ice_agent *ice, struct pair *pair, uint64_t now_us)
{
	pair->pending = false;
	pair->error = 0;
	pair->received++;
	pair->rtt_us = now_us > pair->sent_us ? now_us - pair->sent_us : 1;
	median_add(&pair->rtts_us, pair->rtt_us);
	pair->state = PAIR_VALID;
	if (ice->grace_us == 0)
		ice->grace_us = now_us + AGENT_GRACE_US;
	if (pair - ice->pair == ice->selected)
		ice->consent_us = now_us;
	else if (pair->controlling ? pair->use : pair->wanted)
		agent_select(ice, pair, now_us);
}

/* Checks that cannot change the outcome any more are given up. */
static void
stop_checks(struct ice_agent *ice)
{
	const struct pair *chosen = &ice->pair[ice->selected];

	for (size_t i = 0; i < ice->pair_count; i++) {
		struct pair *pair = &ice->pair[i];

		if (!pair->use || pair->priority <= chosen->priority)
			pair->pending = false;
	}
}

void
agent_select(struct ice_agent *ice, struct pair *pair, uint64_t now_us)
{
	/* RFC 8445 s.8.1.1 picks the highest priority of the nominated ones. */
	if (ice->selected >= 0 && pair->priority <= ice->pair[ice->selected].priority)
		return;
	ice->selected = (int)(pair - ice->pair);
	ice->consent_us = now_us;
	ice->keepalive_us = now_us + AGENT_EARLY_US;
	ice->early = 0;
	stop_checks(ice);
	agent_enter(ice, ICE_AGENT_CONNECTED);
}

void
agent_push(struct ice_agent *ice, const struct agent_out *out)
{
	if (ice->out_count < AGENT_QUEUE)
		ice->out[ice->out_count++] = *out;
}

static int
write_check(const struct ice_agent *ice, const struct agent_out *out, uint8_t *buf, size_t cap)
{
	const struct pair *pair = &ice->pair[out->pair];
	struct ice_check check = {.txid = out->txid,
				  .remote_ufrag = ice->remote.ufrag,
				  .remote_pwd = ice->remote.pwd,
				  .local_ufrag = ice->local.ufrag,
				  .tie = ice->tie,
				  .controlling = pair->controlling,
				  .use_candidate = pair->use};

	/* The first pairs that the caller named are its best; relayed ones are worse than any. */
	check.priority = ice_priority(
	    ICE_PRFLX,
	    (uint16_t)((pair->tuple.proto == ICE_RELAYED ? INT16_MAX : UINT16_MAX) - out->pair), 1);
	return ice_write_check(buf, cap, &check);
}

static int
write_out(const struct ice_agent *ice, const struct agent_out *out, uint8_t *buf, size_t cap)
{
	bool open; /* RFC 8489 s.9.1.3: 400 and 401 carry no integrity */

	switch ((enum agent_kind)out->kind) {
	case AGENT_CHECK:
		return write_check(ice, out, buf, cap);
	case AGENT_SUCCESS:
		return ice_write_success(buf, cap, out->txid, &out->to.remote, ice->local.pwd);
	case AGENT_ERROR:
		open = out->code == ICE_BAD_REQUEST || out->code == ICE_UNAUTHENTICATED;
		return ice_write_error(buf, cap, out->txid, out->code, out->unknown,
				       open ? NULL : ice->local.pwd);
	}
	return -EINVAL;
}

int
ice_agent_poll(struct ice_agent *ice, struct ice_datagram *out)
{
	while (ice->out_count > 0) {
		struct agent_out next = ice->out[0];
		int size = write_out(ice, &next, out->buf, sizeof(out->buf));

		ice->out_count--;
		memmove(ice->out, ice->out + 1, ice->out_count * sizeof(ice->out[0]));
		if (size > 0) {
			out->to = next.to;
			out->size = (uint16_t)size;
			return 1;
		}
	}
	return 0;
}

enum ice_agent_state
ice_agent_state(const struct ice_agent *ice)
{
	return ice->state;
}

const struct ice_tuple *
ice_agent_selected(const struct ice_agent *ice)
{
	return ice->selected < 0 ? NULL : &ice->pair[ice->selected].tuple;
}

bool
ice_agent_controlling(const struct ice_agent *ice)
{
	return ice->controlling;
}

size_t
ice_agent_pair_count(const struct ice_agent *ice)
{
	return ice->pair_count;
}

void
ice_agent_pair(const struct ice_agent *ice, size_t index, struct ice_agent_pair *out)
{
	const struct pair *pair = &ice->pair[index];

	*out = (struct ice_agent_pair){.tuple = pair->tuple,
				       .sent = pair->sent,
				       .received = pair->received,
				       .rtt_us = pair->rtt_us,
				       .usual_rtt_us = median_of(&pair->rtts_us),
				       .mapped = pair->mapped,
				       .error = pair->error,
				       .nominated = (int)index == ice->selected};
}
