/* fuzz_media_names.c - a pattern of file names, and a time: what comes of it fits and is no
 * directory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char *pattern = malloc(size + 1), out[MEDIA_NAMES_SIZE];
	time_t when = (time_t)size * 86399;
	struct tm tm;

	if (pattern == NULL)
		abort();
	memcpy(pattern, buf, size);
	pattern[size] = '\0';
	gmtime_r(&when, &tm);
	if (media_names_expand(out, pattern, &tm) == 0 &&
	    (memchr(out, '\0', sizeof(out)) == NULL || out[0] == '\0' ||
	     out[strlen(out) - 1] == '/'))
		abort();
	free(pattern);
	return 0;
}
