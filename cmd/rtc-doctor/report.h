/* report.h - findings as lines for people or JSON. */
#ifndef RTC_DOCTOR_REPORT_H
#define RTC_DOCTOR_REPORT_H

#include "exam.h"

/* One stage, as soon as it is over. */
void report_finding(const struct exam *x, const struct doctor_finding *f);
/* The end: what to mend, and what it means for the clients. Returns the exit status. */
int report_result(const struct exam *x);

#endif
