/*
 * ice_agent.h - a full ICE agent in the controlling role (RFC 8445), for the clients: one
 * component, host candidates of the caller's sockets, relayed ones of his allocations, consent
 * freshness (RFC 7675).  Sans-IO.
 *
 * Towards a lite server the best pair carries USE-CANDIDATE in its first check: connected within
 * one round trip.  Any other pair, and every pair towards a full agent, is nominated by a second
 * check, when no better pair is left to answer or 100 ms after the first valid one.  Checks start
 * 20 ms apart and are repeated after 100 ms, doubling, 7 times in all.  A full agent's checks are
 * answered, its unknown addresses become pairs, and a role conflict is settled by RFC 8445
 * s.7.3.1.1: the agent may end up controlled and then follows the peer's nomination.
 */
#ifndef RTCKIT_ICE_ICE_AGENT_H
#define RTCKIT_ICE_ICE_AGENT_H

#include "ice/ice.h"

enum ice_agent_state {
	ICE_AGENT_NEW, /* no remote yet */
	ICE_AGENT_CHECKING,
	ICE_AGENT_CONNECTED, /* a pair is nominated */
	ICE_AGENT_FAILED,    /* every pair failed, or nothing valid in time */
	ICE_AGENT_EXPIRED    /* consent lost: 30 s without an answer */
};

enum { ICE_AGENT_PAIRS_MAX = 2 * ICE_CANDIDATES_MAX }; /* one socket for each family */

struct ice_agent;

/* One pair as seen from outside, for diagnostics (rtc-doctor, --json). */
struct ice_agent_pair {
	struct ice_tuple tuple;
	uint32_t sent, received; /* checks and good answers */
	uint64_t rtt_us;	 /* last; 0 none yet */
	uint64_t usual_rtt_us;	 /* median of the last few */
	struct addr mapped;	 /* XOR-MAPPED-ADDRESS of the last answer */
	int error;		 /* last: 401, 487 ...; -EACCES bad integrity of an answer,
				  * -ETIMEDOUT none, -EADDRNOTAVAIL from elsewhere; 0 */
	bool nominated;
};

/*
 * Local credentials are made from seed (random_u64() in production). timeout_us bounds checking,
 * counted from the first ice_agent_timeout() that may check. NULL without memory.
 */
struct ice_agent *ice_agent_new(uint64_t now_us, uint64_t timeout_us, uint64_t seed);
void ice_agent_free(struct ice_agent *ice);
const struct ice_creds *ice_agent_local(const struct ice_agent *ice);

/* Remote credentials, copied, once: checks may start. 0 or -EINVAL (empty, or a second time). */
int ice_agent_set_remote(struct ice_agent *ice, const struct ice_creds *remote,
			 bool remote_is_lite);
/*
 * Pair a remote candidate with a local base: local.port may be 0 and channel names the caller's
 * socket. Call once per usable (socket, candidate) couple. One that comes later is checked as long
 * as nothing is selected. Over TCP a check is sent once: the connection repeats it. priority is the
 * remote candidate's; relayed pairs come behind all others (RFC 8445 s.6.1.2.3), the lower channel
 * first. Returns the pair's index, -ENOSPC. Pairs are told apart by remote, proto and channel, not
 * by local.
 */
int ice_agent_add_pair(struct ice_agent *ice, const struct ice_tuple *tuple, uint32_t priority);

/* More pairs are to come (false: no more): if all there are fail it is not FAILED before the time
 * is over. */
void ice_agent_expect(struct ice_agent *ice, bool more);

/* The pair's connection failed or was closed (error: -errno, below 0). If it was selected, that is
 * the end: EXPIRED. */
void ice_agent_lose_pair(struct ice_agent *ice, const struct ice_tuple *tuple, int error);

/* 0; -ENOMSG not STUN; -EBADMSG malformed or nothing asked for it; -EACCES not authenticated. */
int ice_agent_input(struct ice_agent *ice, uint64_t now_us, const struct ice_tuple *from,
		    const uint8_t *buf, size_t size);
void ice_agent_timeout(struct ice_agent *ice, uint64_t now_us);
uint64_t ice_agent_deadline(const struct ice_agent *ice);
int ice_agent_poll(struct ice_agent *ice, struct ice_datagram *out); /* 1 or 0 */

enum ice_agent_state ice_agent_state(const struct ice_agent *ice);
/* The nominated pair, NULL if none; a better one that answers late (within 8 s)
 * may replace it. */
const struct ice_tuple *ice_agent_selected(const struct ice_agent *ice);
bool ice_agent_controlling(const struct ice_agent *ice);
size_t ice_agent_pair_count(const struct ice_agent *ice);
/* index is below ice_agent_pair_count(). */
void ice_agent_pair(const struct ice_agent *ice, size_t index, struct ice_agent_pair *out);

#endif
