#include "base/histogram.h"

#include "base/bytes.h"

/* Values below 2 x STEPS have a class each; from there on an octave has STEPS. */
static unsigned
class_of(uint64_t v)
{
	unsigned octave;

	if (v < 2 * HISTOGRAM_STEPS)
		return (unsigned)v;
	octave = 63 - (unsigned)__builtin_clzll(v) - 4; /* how far v is above STEPS */
	return MIN_OF(octave * HISTOGRAM_STEPS + (unsigned)(v >> octave),
		      (unsigned)HISTOGRAM_CLASSES - 1);
}

static uint64_t
upper_end(unsigned class)
{
	unsigned octave = class / HISTOGRAM_STEPS;

	if (class < 2 * HISTOGRAM_STEPS)
		return class;
	octave--;
	return (((uint64_t) class - octave * HISTOGRAM_STEPS + 1) << octave) - 1;
}

void
histogram_add(struct histogram *h, uint64_t value_us)
{
	h->count++;
	h->max_us = MAX_OF(h->max_us, value_us);
	h->classes[class_of(value_us)]++;
}

uint64_t
histogram_percentile(const struct histogram *h, unsigned percent)
{
	uint64_t rank = (h->count * percent + 99) / 100, seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_CLASSES; i++) {
		seen += h->classes[i];
		if (seen >= rank && seen > 0)
			return MIN_OF(upper_end(i), h->max_us);
	}
	return 0;
}
