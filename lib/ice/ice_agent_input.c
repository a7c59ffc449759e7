/* ice_agent_input.c - what the full agent does with each STUN message (RFC 8445 s.7). */
#include "ice/ice_agent.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "ice/ice_agent_impl.h"
#include "ice/ice_msg.h"

/* RFC 8445 s.7.3.1.1: 0 (after a switch of ours, if need be) or 487. */
static int
settle_roles(struct ice_agent *ice, const struct stun_msg *msg)
{
	uint64_t theirs;

	if (stun_get_u64(msg, ice->controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED,
			 &theirs) != 0)
		return 0;
	if (ice->controlling == (ice->tie >= theirs))
		return ICE_ROLE_CONFLICT;
	ice->controlling = !ice->controlling;
	return 0;
}

static int
judge(struct ice_agent *ice, const struct stun_msg *msg, uint16_t *unknown)
{
	const char *peer = ice->state == ICE_AGENT_NEW ? NULL : ice->remote.ufrag;
	int code = ice_authenticate(msg, ice->local.ufrag, ice->local.pwd, peer);

	if (code != 0)
		return code;
	*unknown = stun_unknown_attr(msg);
	return *unknown != 0 ? ICE_UNKNOWN_ATTRIBUTE : settle_roles(ice, msg);
}

/* The pair that a request came over, made if the peer knows an address that we did not. */
static struct pair *
request_pair(struct ice_agent *ice, const struct ice_arrival *in)
{
	struct pair *pair = agent_pair_of(ice, in->from);
	uint32_t priority = 0;
	int index;

	if (pair != NULL)
		return pair;
	stun_get_u32(&in->msg, STUN_PRIORITY, &priority);
	index = ice_agent_add_pair(ice, in->from, priority);
	return index >= 0 ? &ice->pair[index] : NULL;
}

static int
on_request(struct ice_agent *ice, const struct ice_arrival *in)
{
	struct agent_out out = {.to = *in->from, .kind = AGENT_SUCCESS};
	struct pair *pair;
	int code = judge(ice, &in->msg, &out.unknown);

	memcpy(out.txid, in->msg.txid, sizeof(out.txid));
	if (code != 0) {
		out.kind = AGENT_ERROR;
		out.code = (uint16_t)code;
		agent_push(ice, &out);
		return -EACCES;
	}
	agent_push(ice, &out);
	pair = request_pair(ice, in);
	if (pair == NULL)
		return 0;
	if (!ice->controlling && ice_has_attr(&in->msg, STUN_USE_CANDIDATE))
		pair->wanted = true;
	if (pair->state == PAIR_VALID && pair->wanted)
		agent_select(ice, pair, in->now_us);
	else if ((pair->state == PAIR_WAITING || pair->state == PAIR_FAILED) &&
		 (ice->selected < 0 || pair->wanted))
		pair->triggered = true; /* s.7.3.1.4 */
	return 0;
}

static int
on_indication(struct ice_agent *ice, const struct ice_arrival *in)
{
	return agent_pair_of(ice, in->from) != NULL ? 0 : -EBADMSG;
}

/* The pair whose outstanding check has this transaction id; NULL if none. */
static struct pair *
answered_pair(struct ice_agent *ice, const struct stun_msg *msg)
{
	for (size_t i = 0; i < ice->pair_count; i++)
		if (ice->pair[i].pending &&
		    memcmp(ice->pair[i].txid, msg->txid, STUN_TXID_SIZE) == 0)
			return &ice->pair[i];
	return NULL;
}

/* An answer that took longer than the next consent check: proof that the peer agrees, no more. */
static int
on_late_consent(struct ice_agent *ice, const struct ice_arrival *in)
{
	struct pair *pair = ice->selected >= 0 ? &ice->pair[ice->selected] : NULL;

	for (size_t i = 0; pair != NULL && i < AGENT_LATE_CHECKS; i++) {
		if (memcmp(ice->late_txid[i], in->msg.txid, STUN_TXID_SIZE) != 0)
			continue;
		if (agent_pair_of(ice, in->from) != pair)
			return -EBADMSG;
		if (stun_verify_integrity(&in->msg, ice->remote.pwd) < 0)
			return -EACCES;
		memset(ice->late_txid[i], 0, STUN_TXID_SIZE); /* each counts once */
		pair->received++;
		ice->consent_us = in->now_us;
		return 0;
	}
	return -EBADMSG;
}

static int
on_success(struct ice_agent *ice, const struct ice_arrival *in)
{
	struct pair *pair = answered_pair(ice, &in->msg);

	if (pair == NULL)
		return on_late_consent(ice, in);
	if (stun_verify_integrity(&in->msg, ice->remote.pwd) < 0) {
		pair->error = -EACCES; /* noted; a right answer may still come */
		return -EACCES;
	}
	if (agent_pair_of(ice, in->from) != pair) {
		/* s.7.2.5.2.1: an answer from elsewhere than the request went fails the pair. */
		agent_pair_fail(ice, pair, -EADDRNOTAVAIL);
		return -EBADMSG;
	}
	stun_get_address(&in->msg, STUN_XOR_MAPPED_ADDRESS, &pair->mapped);
	agent_pair_succeed(ice, pair, in->now_us);
	return 0;
}

/*
 * s.7.2.5.1: a role conflict is mended and the pair checked again; any other error fails the pair.
 * Most errors carry no integrity: the transaction id and the address vouch for them.
 */
static int
on_error(struct ice_agent *ice, const struct ice_arrival *in)
{
	struct pair *pair = answered_pair(ice, &in->msg);
	int code;

	if (pair == NULL || agent_pair_of(ice, in->from) != pair ||
	    stun_get_error(&in->msg, &code) != 0)
		return -EBADMSG;
	pair->error = code;
	pair->pending = false;
	if (code == ICE_ROLE_CONFLICT) {
		if (pair->controlling == ice->controlling)
			agent_switch_role(ice);
		pair->triggered = ice->selected < 0;
	} else if (pair - ice->pair != ice->selected) {
		agent_pair_fail(ice, pair, code);
	}
	return 0;
}

typedef int (*handler_fn)(struct ice_agent *, const struct ice_arrival *);

int
ice_agent_input(struct ice_agent *ice, uint64_t now_us, const struct ice_tuple *from,
		const uint8_t *buf, size_t size)
{
	static const handler_fn handlers[] = {[STUN_REQUEST] = on_request,
					      [STUN_INDICATION] = on_indication,
					      [STUN_SUCCESS] = on_success,
					      [STUN_ERROR] = on_error};
	struct ice_arrival in = {.from = from, .now_us = now_us};
	int err = ice_read(&in.msg, buf, size);

	if (err < 0)
		return err;
	if (ice->state == ICE_AGENT_FAILED || ice->state == ICE_AGENT_EXPIRED)
		return -EBADMSG;
	return handlers[in.msg.class](ice, &in);
}
