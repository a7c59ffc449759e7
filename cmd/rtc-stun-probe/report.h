/* report.h - the outcome on standard output: lines for people, or one JSON object. */
#ifndef RTCKIT_STUN_PROBE_REPORT_H
#define RTCKIT_STUN_PROBE_REPORT_H

#include <stddef.h>

#include "options.h"
#include "probe.h"

/* status is the exit status, words the reason where no address could be tried (count 0). */
struct report {
	const struct options *options;
	const struct probe *probes;
	size_t count;
	int status;
	const char *name, *words;
};

void report_print(const struct report *report);

#endif
