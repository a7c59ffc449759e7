/*
 * member.h - one stream that is mixed: subscribed, decoded, its pictures queued until they are due,
 * its samples laid at their places.
 */
#ifndef RTC_MIX_MEMBER_H
#define RTC_MIX_MEMBER_H

#include <uv.h>

#include "media/media_unpack.h"
#include "mix/mix.h"

enum { MEMBER_QUEUE_MAX = 32 /* decoded pictures that wait; the oldest go first */ };

/* What all members share. */
struct member_time {
	uint64_t start_us; /* sample 0 of the output; 0: it has not begun */
	uint64_t played;   /* samples that were mixed */
	int64_t delay_us;  /* from the fastest arrival to the output */
	int64_t half_us;   /* of an output frame */
	uint64_t hold_us;  /* the last picture of a stalled source stays so long; 0: for ever */
};

enum member_state { MEMBER_WAITING, MEMBER_LIVE, MEMBER_STALLED };
struct member_counts {
	uint64_t pictures; /* decoded */
	uint64_t shown;
	uint64_t dropped; /* passed over: late, or more than the output shows */
	uint64_t damaged;
	uint64_t lost;	      /* packets */
	uint64_t jumps, late; /* of the sound */
	uint64_t resyncs;
};

struct member;
/* stream is copied, time borrowed. NULL without memory. */
struct member *member_new(uv_loop_t *loop, const char *stream, const struct member_time *time);
void member_free(struct member *m); /* takes NULL */
/* Go on to what is due. True if another picture, or none instead of one, is to be shown. */
bool member_advance(struct member *m, uint64_t now_us);
/* The picture to show; NULL: a card. */
const struct media_image *member_image(const struct member *m);
/* Add its sound. */
bool member_add_sound(const struct member *m, uint64_t at, int32_t *sum, size_t count);

const char *member_stream(const struct member *m);
enum member_state member_state(const struct member *m);
/* Name of a codec that is there; "" if there is none. */
const char *member_codec(const struct member *m, enum media_kind kind);
struct member_counts member_counts(const struct member *m);

#endif
