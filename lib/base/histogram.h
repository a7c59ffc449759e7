/*
 * histogram.h - how often a time occurred, in classes that are a sixteenth of an octave wide: a
 * percentile is at most 6.25 % above the true one.  Of fixed size, whatever is added.
 */
#ifndef RTCKIT_BASE_HISTOGRAM_H
#define RTCKIT_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 16,	/* classes of an octave */
	HISTOGRAM_OCTAVES = 36, /* 1 us to 19 hours; what is above counts as that */
	HISTOGRAM_CLASSES = HISTOGRAM_STEPS * HISTOGRAM_OCTAVES
};

struct histogram {
	uint64_t count, max_us;
	uint64_t classes[HISTOGRAM_CLASSES];
};

void histogram_add(struct histogram *h, uint64_t value_us);
/* The upper end of the class that holds the percentile (1..100), at most max_us; 0 if empty. */
uint64_t histogram_percentile(const struct histogram *h, unsigned percent);

#endif
