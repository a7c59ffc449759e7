/* mix.h - the run of rtc-mix: members in, one stream out. */
#ifndef RTC_MIX_MIX_H
#define RTC_MIX_MIX_H

#include <stdbool.h>

#include "mix/mix.h"

struct mix_config {
	char *const *streams; /* members; borrowed */
	unsigned stream_count;
	const char *room; /* in place of them: all streams of it; NULL: none */
	const char *output;
	enum mix_layout layout;
	unsigned width, height, fps, video_bps, audio_bps;
	unsigned delay_ms;
	double hold_s, duration_s; /* 0: for ever */
	const char *filter;	   /* NULL: none */
	bool stats, json;
	int ready_fd; /* -1: none */
};

/* Runs to its end; the exit status. */
int mix_run(const struct mix_config *config);

#endif
