/* report.h - what rtc-mix says of itself: a JSON object a second, one at the end. */
#ifndef RTC_MIX_REPORT_H
#define RTC_MIX_REPORT_H

#include "member.h"
#include "out.h"

struct report {
	double media_s; /* of the output */
	struct out_counts out;
	uint64_t skipped; /* frames of the output that were not made in time */
	struct member *const *members;
	unsigned member_count;
};
/* What rates are counted from. */
struct report_last {
	uint64_t time_us, cpu_us;
	struct out_counts out;
};

/* One line on standard output, with the rates since the last. */
void report_line(const struct report *r, struct report_last *last);

#endif
