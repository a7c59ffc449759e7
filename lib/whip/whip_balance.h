/*
 * whip_balance.h - which of several servers a stream belongs to (307 redirects, RFC 9725 s.4.5),
 * and how often one client may ask.  Pure; time is an argument.
 */
#ifndef RTCKIT_WHIP_WHIP_BALANCE_H
#define RTCKIT_WHIP_WHIP_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	WHIP_SERVERS_MAX = 16,
	WHIP_SERVER_URL_MAX = 512, /* characters */
	WHIP_RATE_SLOTS = 4096,	   /* clients told apart; two that share a slot share a budget */
	WHIP_RATE_MAX = 10000	   /* requests a second */
};

struct whip_balance {
	size_t count;
	const char *urls[WHIP_SERVERS_MAX]; /* borrowed; "self" is this server */
};

/* Add "self" or "http[s]://host[:port][/path]". 0, -EINVAL or -ENOSPC. */
int whip_balance_add(struct whip_balance *balance, const char *url);
/*
 * The server of a stream, NULL if that is this one (or there is no list). A function of the list
 * and the name alone: publisher and players of a stream meet whichever instance they ask, and when
 * a server leaves the list only its own streams move (highest random weight).
 */
const char *whip_balance_pick(const struct whip_balance *balance, const char *stream);

/* All zero but per_second (0: no limit) and seed (random). */
struct whip_rate {
	unsigned per_second; /* and as many at once */
	uint64_t seed;
	uint64_t free_us[WHIP_RATE_SLOTS]; /* when the budget is whole again */
};

/* May this client ask now? Counts it if so. IPv6 clients are told apart by their /64. */
bool whip_rate_take(struct whip_rate *rate, const struct addr *client, uint64_t now_us);

#endif
