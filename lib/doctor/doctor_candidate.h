/*
 * doctor_candidate.h - what an address in an answer is good for, seen from here.  Pure: our own
 * interfaces, routes and the address that HTTP reached are arguments.
 */
#ifndef RTCKIT_DOCTOR_DOCTOR_CANDIDATE_H
#define RTCKIT_DOCTOR_DOCTOR_CANDIDATE_H

#include "base/addr.h"
#include "doctor/doctor.h"

enum { DOCTOR_INTERFACES_MAX = 32 };

enum doctor_class {
	DOCTOR_CLASS_PUBLIC,
	DOCTOR_CLASS_ANY,      /* 0.0.0.0, :: */
	DOCTOR_CLASS_LOOPBACK, /* 127/8, ::1 */
	DOCTOR_CLASS_LINK,     /* 169.254/16, fe80::/10 */
	DOCTOR_CLASS_DOCKER,   /* 172.17/16: what docker0 has unless told otherwise */
	DOCTOR_CLASS_PRIVATE   /* RFC 1918, 4193, 6598 */
};
enum doctor_class doctor_class_of(const struct addr *a);
const char *doctor_class_name(enum doctor_class c); /* "public", "loopback" ... */

bool doctor_is_mdns(const char *name); /* "x.local", any case, a dot at its end or not */

/* Where we are. */
struct doctor_view {
	struct addr reached; /* by HTTP; family 0: not known */
	size_t interface_count;
	struct {
		struct addr addr;
		unsigned prefix_bits; /* of its network */
	} interfaces[DOCTOR_INTERFACES_MAX];
};

/*
 * The cause for which a candidate is of no use from here: DOCTOR_CAND_ANY, _LOOPBACK, _DOCKER,
 * _PRIVATE, _ROUTE; DOCTOR_CAND_OTHER if it may be of use, but is on another machine than HTTP;
 * else DOCTOR_NO_CAUSE. routed: this machine knows a way to it.
 */
enum doctor_cause doctor_candidate_judge(const struct doctor_view *view, const struct addr *a,
					 bool routed);

#endif
