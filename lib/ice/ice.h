/*
 * ice.h - what both ICE agents share: credentials, transport tuples, datagrams to send, candidates.
 * ice_lite.h is the server's agent (RFC 8445 s.2.5, full checks of our own only to validate a
 * path); ice_agent.h is the full controlling agent of the clients.
 */
#ifndef RTCKIT_ICE_ICE_H
#define RTCKIT_ICE_ICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "stun/stun.h"

enum {
	ICE_UFRAG_MAX = 256, /* characters; RFC 8839 s.5.4 */
	ICE_PWD_MAX = 256,
	ICE_CANDIDATES_MAX = 32 /* remote candidates kept; more are ignored */
};

/* One side's credentials. */
struct ice_creds {
	char ufrag[ICE_UFRAG_MAX + 1];
	char pwd[ICE_PWD_MAX + 1];
};

/* ICE_RELAYED: by UDP between the peer and a TURN server, whose allocation is the local candidate.
 */
enum ice_proto { ICE_UDP, ICE_TCP, ICE_RELAYED };

/*
 * Where a datagram came from or goes to. local is the address it was sent to (IP_PKTINFO), so that
 * the answer leaves from there; its port is 0 where that does not matter. channel is the caller's
 * own number for the socket, TCP connection or allocation (0 for the only UDP socket).
 */
struct ice_tuple {
	struct addr remote, local;
	uint8_t proto; /* enum ice_proto */
	uint32_t channel;
};

bool ice_tuple_equal(const struct ice_tuple *a, const struct ice_tuple *b);

/* A datagram that the agent wants sent. */
struct ice_datagram {
	struct ice_tuple to;
	uint16_t size;
	uint8_t buf[STUN_MESSAGE_MAX];
};

enum ice_candidate_type { ICE_HOST, ICE_SRFLX, ICE_PRFLX, ICE_RELAY };
enum ice_tcp_type { ICE_TCP_NONE, ICE_TCP_ACTIVE, ICE_TCP_PASSIVE, ICE_TCP_SO };

struct ice_candidate {
	struct addr addr;
	uint32_t priority;
	uint8_t type;	  /* enum ice_candidate_type */
	uint8_t proto;	  /* enum ice_proto */
	uint8_t tcp_type; /* enum ice_tcp_type */
	uint8_t component;
	char foundation[33];
};

/* Priority of a candidate (RFC 8445 s.5.1.2.1); local_pref 0..65535, component 1..256. */
uint32_t ice_priority(enum ice_candidate_type type, uint16_t local_pref, unsigned component);
/* Priority of a pair (RFC 8445 s.6.1.2.3) of the controlling side's and the controlled side's. */
uint64_t ice_pair_priority(uint32_t controlling, uint32_t controlled);

#endif
