/*
 * whip_resolve.h - names to addresses on a uv loop: cached, with a deadline, bounded.  A request
 * never waits longer than WHIP_RESOLVE_MS for a name; an answer that comes later is cached.
 */
#ifndef RTCKIT_WHIP_WHIP_RESOLVE_H
#define RTCKIT_WHIP_WHIP_RESOLVE_H

#include <uv.h>

#include "whip/whip_candidate.h"

enum {
	WHIP_RESOLVE_MS = 1000,	   /* a client waits (OBS gives up at 8 s for the whole request) */
	WHIP_RESOLVE_BUSY_MAX = 8, /* look-ups at once: a stranger can name any host */
	WHIP_RESOLVE_CACHE = 64,   /* names remembered; the oldest is reused */
	WHIP_RESOLVE_TTL_S = 60,
	WHIP_RESOLVE_NEGATIVE_TTL_S = 5
};

struct whip_resolver;

/* One who waits; the caller stores it. fn is called once unless cancelled. */
struct whip_waiter {
	struct whip_waiter *next;
	void *name; /* internal; NULL when it does not wait */
	void (*fn)(void *arg);
	void *arg;
};

struct whip_resolver *whip_resolver_new(uv_loop_t *loop);
/* Waiters must be cancelled before. Look-ups under way end with the loop. */
void whip_resolver_free(struct whip_resolver *r);

/*
 * Make sure that a name is in the cache. Returns 0 if it is (or nothing can be done: waiter
 * unused); 1 if waiter->fn will be called, never from inside.
 */
int whip_resolver_want(struct whip_resolver *r, const char *name, struct whip_waiter *waiter);
void whip_resolver_cancel(struct whip_resolver *r, struct whip_waiter *waiter);
/* From the cache only; a whip_lookup_fn with the resolver as arg. */
size_t whip_resolver_lookup(void *resolver, const char *name, struct addr *out, size_t cap);

#endif
