/*
 * flv_timeline.h - a source's 32-bit milliseconds onto one line that never jumps: wraps are
 * followed, jumps bridged, gaps that really passed kept.  One line for audio and video, so they
 * stay together.  All zero to begin.
 */
#ifndef RTCKIT_FLV_FLV_TIMELINE_H
#define RTCKIT_FLV_FLV_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FLV_TIMELINE_BACK_MS = 2000,  /* audio and video may be apart by so much */
	FLV_TIMELINE_AHEAD_MS = 5000, /* further ahead than the clock says: a jump */
	FLV_TIMELINE_BRIDGE_MS = 20   /* what a jump counts for */
};

struct flv_timeline {
	bool begun;
	uint32_t ts_ms;	 /* the last one, */
	int64_t line_ms; /* where it lies, */
	uint64_t now_us; /* and when it came */
};

/* Where a tag's time lies, in ms from the first one (small negative values are possible). *jump is
 * set if it does not follow from the one before. */
int64_t flv_timeline_map(struct flv_timeline *t, uint32_t ts_ms, uint64_t now_us, bool *jump);

#endif
