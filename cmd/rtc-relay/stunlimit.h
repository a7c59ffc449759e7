/*
 * stunlimit.h - how much plain STUN (without credentials of a session) is answered: token buckets
 * for everybody, per IPv4 /24 and per IPv6 /64, in a table of fixed size.  A reply is at most 1.6
 * times the request, and never more than these rates.
 */
#ifndef RTC_RELAY_STUNLIMIT_H
#define RTC_RELAY_STUNLIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	STUNLIMIT_SLOTS = 1024,
	STUNLIMIT_ALL_RATE = 1000, /* answers a second, everybody together */
	STUNLIMIT_NET_RATE = 20,   /* answers a second for one network */
	STUNLIMIT_NET_BURST = 60
};

struct stunlimit_bucket {
	uint64_t network; /* hash of the prefix; 0 free */
	uint64_t filled_us;
	uint32_t tokens_milli;
};

struct stunlimit {
	struct stunlimit_bucket all, slots[STUNLIMIT_SLOTS];
};

void stunlimit_init(struct stunlimit *l, uint64_t now_us);
/* Takes a token of both buckets; false: do not answer. Colliding networks share a slot's fate: the
 * newcomer takes it over with a full bucket only when the present one has been full again. */
bool stunlimit_allow(struct stunlimit *l, const struct addr *from, uint64_t now_us);

#endif
