/*
 * stun_limit.h - how much plain STUN (without credentials of a session) is answered: token buckets
 * for everybody, per IPv4 /24 and per IPv6 /64, in a table of fixed size.  A reply is at most 1.6
 * times the request, and never more than these rates.
 */
#ifndef RTCKIT_STUN_STUN_LIMIT_H
#define RTCKIT_STUN_STUN_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	STUN_LIMIT_SLOTS = 1024,
	STUN_LIMIT_ALL_RATE = 1000, /* answers a second, everybody together */
	STUN_LIMIT_NET_RATE = 20,   /* answers a second for one network */
	STUN_LIMIT_NET_BURST = 60
};

struct stun_limit_bucket {
	uint64_t network; /* hash of the prefix; 0 free */
	uint64_t filled_us;
	uint32_t tokens_milli;
};

struct stun_limit {
	struct stun_limit_bucket all, slots[STUN_LIMIT_SLOTS];
};

void stun_limit_init(struct stun_limit *l, uint64_t now_us);
/* Takes a token of both buckets; false: do not answer. Colliding networks share a slot's fate: the
 * newcomer takes it over with a full bucket only when the present one has been full again. */
bool stun_limit_allow(struct stun_limit *l, const struct addr *from, uint64_t now_us);

#endif
