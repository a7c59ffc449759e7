/*
 * log.h - one line per event on standard error: "program: level: subsystem: text".  No secrets, no
 * queries, no session URLs.  Where a stranger can trigger a line, use a log_limit.
 */
#ifndef RTCKIT_LOG_LOG_H
#define RTCKIT_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Name the program (borrowed) and the most verbose level that is written. Default: "?", LOG_INFO.
 * The environment's RTC_LOG ("error", "warn", "info", "debug") takes the place of LOG_INFO. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* "error", "warn", "info", "debug" to a level; -EINVAL otherwise. */
int log_level_parse(const char *text);

/* Write one line; control characters of the result become '?' (of C1's, in UTF-8, the first octet);
 * cut at 1023 octets. */
void log_write(enum log_level level, const char *subsystem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(sub, ...) log_write(LOG_ERROR, sub, __VA_ARGS__)
#define log_warn(sub, ...)  log_write(LOG_WARN, sub, __VA_ARGS__)
#define log_info(sub, ...)  log_write(LOG_INFO, sub, __VA_ARGS__)
#define log_debug(sub, ...)                                                                        \
	do {                                                                                       \
		if (log_enabled(LOG_DEBUG))                                                        \
			log_write(LOG_DEBUG, sub, __VA_ARGS__);                                    \
	} while (0)

/*
 * A rate limit for one kind of line: at most `burst` lines per interval_us. log_allow() says
 * whether to write now; *suppressed gets how many were held back since the last that was written.
 */
struct log_limit {
	uint64_t interval_us, since_us;
	unsigned burst, count, suppressed;
};
bool log_allow(struct log_limit *limit, uint64_t now_us, unsigned *suppressed);

#endif
