/* show.h - what rtc-conf prints on standard output. */
#ifndef RTCKIT_RTC_CONF_SHOW_H
#define RTCKIT_RTC_CONF_SHOW_H

#include "settings.h"

/* The effective configuration in the file's syntax, each line with its origin as a comment. */
void show_text(const struct settings *s);
/* One JSON object: directive to {"value": or "values":, "origin":}. */
void show_json(const struct settings *s);
/* The programs to run, in the order of their start, one a line. */
void show_programs(const struct settings *s);
/* The arguments of a program, one a line, its name not included. -ENOENT if it is none of ours. */
int show_argv(const struct settings *s, const char *program);
/* The directives that these come from, one a line with its values: what differs between two times
 * can be named. -ENOENT. */
int show_settings(const struct settings *s, const char *program);

#endif
