/*
 * reach.h - what an address in an answer is good for, seen from here: which of our own networks,
 * routes and the address that HTTP reached it agrees with.  The judgement is pure; reach_look() and
 * reach_has_route() ask the kernel, and send nothing.
 */
#ifndef RTCKIT_CLIENT_REACH_H
#define RTCKIT_CLIENT_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

enum { REACH_INTERFACES_MAX = 32 };

enum reach_class {
	REACH_CLASS_PUBLIC,
	REACH_CLASS_ANY,      /* no host: 0.0.0.0, ::, multicast, broadcast */
	REACH_CLASS_LOOPBACK, /* 127/8, ::1 */
	REACH_CLASS_LINK,     /* 169.254/16, fe80::/10 */
	REACH_CLASS_DOCKER,   /* 172.17/16: what docker0 has unless told otherwise */
	REACH_CLASS_PRIVATE   /* RFC 1918, 4193, 6598 */
};
enum reach_class reach_class_of(const struct addr *a);
const char *reach_class_name(enum reach_class c); /* "public", "loopback" ... */

bool reach_is_mdns(const char *name); /* "x.local", any case, a dot at its end or not */

/* Where we are. */
struct reach_view {
	struct addr reached; /* by HTTP; family 0: not known */
	size_t interface_count;
	struct {
		struct addr addr;
		unsigned prefix_bits; /* of its network */
	} interfaces[REACH_INTERFACES_MAX];
};
void reach_look(struct reach_view *view, const struct addr *reached);

enum reach {
	REACH_FINE,
	REACH_OTHER, /* may be of use, but is on another machine than HTTP */
	/* Of no use from here: */
	REACH_ANY,	/* no host's address */
	REACH_LOOPBACK, /* everybody's own machine */
	REACH_PRIVATE,	/* inside a network that is not ours */
	REACH_DOCKER,
	REACH_ROUTE /* this machine knows no way to it */
};
/* routed: reach_has_route() of it. */
enum reach reach_judge(const struct reach_view *view, const struct addr *a, bool routed);
static inline bool
reach_is_useful(enum reach r)
{
	return r <= REACH_OTHER;
}

/* Does the kernel know a way? */
bool reach_has_route(const struct addr *a);

#endif
