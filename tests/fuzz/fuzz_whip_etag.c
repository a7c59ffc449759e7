/* If-Match of a stranger: what it matches stands in it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "whip/whip_etag.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1);
	enum whip_match match;

	assert(text != NULL);
	memcpy(text, buf, size);
	text[size] = '\0';
	match = whip_etag_match(text, "abcd");
	assert(match != WHIP_MATCH_TAG || strstr(text, "\"abcd\"") != NULL);
	assert(match != WHIP_MATCH_ANY || strchr(text, '*') != NULL);
	free(text);
	return 0;
}
