/*
 * attach.h - a subscriber of the relay's media socket (rtc-control(5)) on a uv loop: attaches,
 * hands what comes to lib/gather, and attaches again when the relay was away.
 */
#ifndef RTCKIT_ATTACH_ATTACH_H
#define RTCKIT_ATTACH_ATTACH_H

#include <uv.h>

#include "gather/gather.h"

enum { ATTACH_RETRY_MS = 300 /* between two attempts to reach the relay */ };

struct attach_events {
	void (*unit)(void *arg, const struct gather_unit *unit);
	void (*changed)(void *arg); /* a publisher came: attach_gather() knows its formats */
	void (*ended)(void *arg);   /* it is gone; the subscription goes on */
	/* The relay refused (error -EINVAL) or cannot be reached (-errno): it is asked again. */
	void (*trouble)(void *arg, int error, const char *words);
};

struct attach;

/* Is it a client of the relay, or does it carry the stream to clients that it lists itself? */
enum attach_use { ATTACH_CLIENT, ATTACH_CARRIER };

/* stream is copied; events borrowed. NULL without memory. */
struct attach *attach_new(uv_loop_t *loop, const char *stream, enum attach_use use,
			  const struct attach_events *events, void *arg);
/* From any callback. Takes NULL. */
void attach_free(struct attach *a);
/* Ask the publisher for a keyframe. */
void attach_keyframe(struct attach *a);
const struct gather *attach_gather(const struct attach *a);

#endif
