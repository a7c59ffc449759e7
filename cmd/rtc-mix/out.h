/*
 * out.h - the mixed stream at the relay: H.264 and Opus, published again whenever the relay was
 * away.
 */
#ifndef RTC_MIX_OUT_H
#define RTC_MIX_OUT_H

#include <stdbool.h>
#include <uv.h>

#include "media/media.h"

struct out_config {
	const char *path, *stream; /* of the media socket; borrowed for its life */
	unsigned width, height, fps;
};
struct out_counts {
	uint64_t frames, keyframes, packets, octets, refused; /* refused: the relay was behind */
	uint64_t reconnects;
};
struct out;
/* The first answer: live, or why not (busy: the name has a publisher). Once. */
typedef void out_began_fn(void *arg, bool live, bool busy, const char *words);

struct out *out_new(uv_loop_t *loop, const struct out_config *config, out_began_fn *began,
		    void *arg);
void out_free(struct out *o); /* takes NULL; not from began */
/* Does a player wait for a keyframe? */
bool out_wants_keyframe(const struct out *o);
/* Is there anybody to send to: the relay is there and not behind? */
bool out_takes(const struct out *o);
/* A unit; times count from the start of the output. */
void out_send(struct out *o, const struct media_unit *u, uint64_t now_us);
struct out_counts out_counts(const struct out *o);

#endif
