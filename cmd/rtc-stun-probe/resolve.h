/* resolve.h - from the host on the command line to addresses. */
#ifndef RTCKIT_STUN_PROBE_RESOLVE_H
#define RTCKIT_STUN_PROBE_RESOLVE_H

#include <uv.h>

#include "base/addr.h"
#include "options.h"

enum { RESOLVE_MAX = 8 }; /* addresses tried; a name with more is a large service's */

struct resolve {
	struct addr addr[RESOLVE_MAX];
	size_t count;
	int error;	   /* 0, UV_EAI_*, UV_ETIMEDOUT */
	const char *words; /* of the error */
};

/*
 * Runs the loop until the name is resolved, or for at most the options' timeout or 10 s. Returns 0,
 * or the error, also in *out. A resolver that hangs keeps its thread: the caller then exits without
 * closing the loop.
 */
int resolve_host(uv_loop_t *loop, const struct options *options, struct resolve *out);

#endif
