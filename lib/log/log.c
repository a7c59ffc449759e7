#include "log/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

enum { LINE_SIZE = 1024 };

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static const char *program_name = "?";
static _Atomic int max_level = LOG_INFO;

void
log_init(const char *program, enum log_level level)
{
	const char *text = getenv("RTC_LOG");
	int asked = text != NULL && level == LOG_INFO ? log_level_parse(text) : -EINVAL;

	program_name = program;
	max_level = asked >= 0 ? asked : (int)level;
}

void
log_set_level(enum log_level level)
{
	max_level = (int)level;
}

bool
log_enabled(enum log_level level)
{
	return (int)level <= max_level;
}

int
log_level_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(level_names); i++)
		if (strcmp(level_names[i], text) == 0)
			return (int)i;
	return -EINVAL;
}

/* C0, DEL, and C1 as UTF-8 writes it (0xc2 and an octet of 0x80..0x9f), which terminals obey, too.
 */
static bool
is_control(const char *p, bool has_next)
{
	unsigned char c = (unsigned char)p[0], next = has_next ? (unsigned char)p[1] : 0;

	return c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f);
}

void
log_write(enum log_level level, const char *subsystem, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list ap;
	int head, body;
	size_t size;

	if (!log_enabled(level))
		return;
	head = snprintf(line, sizeof(line), "%s: %s: %s: ", program_name, level_names[level],
			subsystem);
	if (head < 0 || head >= LINE_SIZE - 2)
		return;
	va_start(ap, format);
	body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, ap);
	va_end(ap);
	if (body < 0)
		return;
	size = MIN_OF((size_t)(head + body), sizeof(line) - 2);
	for (size_t i = 0; i < size; i++)
		if (is_control(line + i, i + 1 < size))
			line[i] = '?';
	line[size++] = '\n';
	/* One write() per line, so that lines of several programs do not mix. */
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}

bool
log_allow(struct log_limit *limit, uint64_t now_us, unsigned *suppressed)
{
	if (now_us - limit->since_us >= limit->interval_us || limit->since_us == 0) {
		limit->since_us = now_us;
		limit->count = 0;
	}
	if (limit->count >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->count++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
