/* meter.h - rates of two counters that only grow, over the last seconds and the last 30. Plain
 * data; no clock inside. */
#ifndef RTCKIT_BASE_METER_H
#define RTCKIT_BASE_METER_H

#include <stdint.h>

enum {
	METER_POINTS = 7, /* six steps: 30 s */
	METER_STEP_US = 5000000,
	METER_RECENT_US = 2000000 /* "now" is over so long at least, and a step more at most */
};

struct meter {
	uint64_t at_us[METER_POINTS], values[METER_POINTS][2];
	uint8_t count, newest;
};

/* Per second, of each counter: over 2 to 7 s, and over 30 to 35 s (or since it began). */
struct meter_rates {
	double now[2], long_term[2];
};

/* To be told about once a second; the counters' first values are those of the beginning. */
void meter_note(struct meter *m, uint64_t now_us, uint64_t a, uint64_t b);
/* Zeros if nothing was noted, or no time has gone by. */
struct meter_rates meter_read(const struct meter *m, uint64_t now_us, uint64_t a, uint64_t b);

#endif
