/* report.h - what rtc-publish tells: a line a second, a summary. */
#ifndef RTC_PUBLISH_REPORT_H
#define RTC_PUBLISH_REPORT_H

#include <stdio.h>

#include "sender.h"

struct report_last { /* counters at the line before */
	uint64_t octets, frames, time_us;
};

/* One JSON object on out. */
void report_second(FILE *out, const struct client_session *session, const struct sender *sender,
		   struct report_last *last);
/* One line on a terminal, overwriting the one before. */
void report_status(FILE *out, const struct client_session *session, const struct sender *sender,
		   struct report_last *last);
/* How it went: for people on standard error, or as one JSON object on standard output. */
void report_summary(bool json, const struct client_session *session, const struct sender *sender,
		    enum client_code code, const char *words);

#endif
