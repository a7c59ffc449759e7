/* fuzz_hls_url.c - lines: a path, the values of segment= and init=. What is found makes the same
 * path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hls/hls_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1), again[TEXT_STREAM_SIZE + 16], *lines[3] = {text, NULL, NULL};
	struct hls_url u;

	if (text == NULL)
		abort();
	memcpy(text, buf, size);
	text[size] = '\0';
	for (int i = 1; i < 3 && lines[i - 1] != NULL; i++) {
		lines[i] = strchr(lines[i - 1], '\n');
		if (lines[i] != NULL)
			*lines[i]++ = '\0';
	}
	if (hls_url_parse(&u, lines[0], lines[1], lines[2]) == 0) {
		snprintf(again, sizeof(again), "/%s%s", u.stream, hls_suffixes[u.form]);
		if (strcmp(again, lines[0]) != 0 || !text_is_stream(u.stream) ||
		    (u.has_number && u.part == HLS_WHOLE))
			abort();
	}
	free(text);
	return 0;
}
