/*
 * prepared.h - a file's H.264 and Opus in memory, for any number of publishers to send in a loop.
 * Read once, at the start: what is not H.264 or Opus is made so then, and costs nothing later.
 */
#ifndef RTCKIT_RTC_BENCH_PREPARED_H
#define RTCKIT_RTC_BENCH_PREPARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/media.h"

enum {
	PREPARED_OCTETS_MAX = 256 << 20, /* a few minutes of a good picture */
	PREPARED_FRAMES_MAX = 200000
};

struct prepared_frame {
	enum media_kind kind;
	bool keyframe;
	uint64_t time_us; /* from the start of the file */
	size_t at, size;  /* of prepared.octets */
};

struct prepared {
	struct prepared_frame *frames; /* in order of time_us */
	size_t count, cap;
	uint8_t *octets;
	size_t size, room;
	uint64_t duration_us; /* after which it begins again */
	uint64_t video_octets;
};

/* 0; -errno with *words set. sound_max: octets of the largest packet of sound that can be sent. */
int prepared_load(struct prepared *p, const char *path, size_t sound_max,
		  struct media_words *words);
void prepared_free(struct prepared *p);

#endif
