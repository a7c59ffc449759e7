/*
 * median.h - the median of the last few values of a measure: one that was off, as after a moment
 * without the processor, does not show; a lasting change does after three.  Plain data, all 0 at
 * the beginning.
 */
#ifndef RTCKIT_BASE_MEDIAN_H
#define RTCKIT_BASE_MEDIAN_H

#include <stdint.h>

enum { MEDIAN_VALUES = 5 };

struct median {
	uint64_t last[MEDIAN_VALUES]; /* a ring */
	uint8_t next, count;
};

void median_add(struct median *m, uint64_t value);
/* Of an even number the lower of the two in the middle; 0 if there is none. */
uint64_t median_of(const struct median *m);

#endif
