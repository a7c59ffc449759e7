/*
 * ice_agent.h - a full ICE agent in the controlling role (RFC 8445), for the clients: one component,
 * host candidates of the caller's sockets, aggressive enough to connect within one round trip to a
 * lite server, consent freshness (RFC 7675).  Works against full agents too (answers checks, role
 * conflict). Sans-IO.
 */
#ifndef RTCKIT_ICE_ICE_AGENT_H
#define RTCKIT_ICE_ICE_AGENT_H

#include "ice/ice.h"

enum ice_agent_state {
	ICE_AGENT_NEW,		/* no remote yet */
	ICE_AGENT_CHECKING,
	ICE_AGENT_CONNECTED,	/* a pair is nominated */
	ICE_AGENT_FAILED,	/* every pair failed, or nothing valid in time */
	ICE_AGENT_EXPIRED	/* consent lost: 30 s without an answer */
};

struct ice_agent;

/* One pair as seen from outside, for diagnostics (rtc-doctor, --json). */
struct ice_agent_pair {
	struct ice_tuple tuple;
	uint32_t	 sent, received;	/* checks and good answers */
	uint64_t	 rtt_us;	/* last; 0 none yet */
	struct addr	 mapped;	/* XOR-MAPPED-ADDRESS of the last answer */
	int		 error;	/* last error code (401, 487 ...), -EACCES for a bad integrity; 0 */
	bool		 nominated;
};

/* local credentials are made from seed (use random_u64() in production); timeout_us bounds checking. */
struct ice_agent *ice_agent_new(uint64_t now_us, uint64_t timeout_us, uint64_t seed);
void ice_agent_free(struct ice_agent *ice);
const struct ice_creds *ice_agent_local(const struct ice_agent *ice);

/* Remote credentials copied. 0 or -EINVAL. */
int ice_agent_set_remote(struct ice_agent *ice, const struct ice_creds *remote, bool remote_is_lite);
/*
 * Pair a remote candidate with a local base: local.port may be 0 and channel names the caller's
 * socket. Call once per usable (socket, candidate) couple. Returns the pair's index, -ENOSPC.
 */
int ice_agent_add_pair(struct ice_agent *ice, const struct ice_tuple *tuple, uint32_t priority);

int ice_agent_input(struct ice_agent *ice, uint64_t now_us, const struct ice_tuple *from,
    const uint8_t *buf, size_t size);	/* 0, -ENOMSG, -EBADMSG, -EACCES */
void ice_agent_timeout(struct ice_agent *ice, uint64_t now_us);
uint64_t ice_agent_deadline(const struct ice_agent *ice);
int ice_agent_poll(struct ice_agent *ice, struct ice_datagram *out);	/* 1 or 0 */

enum ice_agent_state ice_agent_state(const struct ice_agent *ice);
const struct ice_tuple *ice_agent_selected(const struct ice_agent *ice);	/* NULL if none */
size_t ice_agent_pair_count(const struct ice_agent *ice);
void ice_agent_pair(const struct ice_agent *ice, size_t index, struct ice_agent_pair *out);

#endif
