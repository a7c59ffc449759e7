#include "media/media.h"

#include <ctype.h>
#include <errno.h>
#include <libavutil/log.h>
#include <stdarg.h>
#include <stdio.h>

#include "media/media_ff.h"

void
media_init(void)
{
	av_log_set_level(AV_LOG_PANIC);
}

int
media_fail(struct media_words *words, int code, const char *format, ...)
{
	va_list ap;

	if (words == NULL)
		return code;
	va_start(ap, format);
	vsnprintf(words->text, sizeof(words->text), format, ap);
	va_end(ap);
	for (char *p = words->text; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return code;
}

int
media_fail_av(struct media_words *words, const char *what, int av_error)
{
	char text[AV_ERROR_MAX_STRING_SIZE] = "";

	av_strerror(av_error, text, sizeof(text));
	media_fail(words, 0, "%s: %s", what, text);
	/* FFmpeg's own errors are four letters, far below any errno. */
	return av_error < 0 && av_error > -4096 ? av_error : -EIO;
}
