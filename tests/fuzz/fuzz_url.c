/* URLs, paths and queries. */
#include <assert.h>
#include <string.h>

#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static struct url_query query;
	static char text[URL_MAX + 1], again[3 * URL_MAX + 1];
	const char *in = (const char *)buf;
	struct url url;
	int count;

	if (url_parse(&url, in, size) == 0) {
		assert(url.host.size >= 1 && url.host.size <= URL_HOST_MAX);
		assert(url.path.ptr >= in && url.path.ptr + url.path.size <= in + size);
		if (url.query.ptr != NULL)
			(void)url_query_parse(&query, url.query.ptr, url.query.size);
	}
	if (url_query_parse(&query, in, size) == 0)
		for (size_t i = 0; i < query.count; i++)
			assert(url_query_get(&query, url_query_name_at(&query, i)) != NULL);
	count = url_decode(text, sizeof(text), in, size);
	if (count >= 0) {
		assert(strlen(text) == (size_t)count);
		(void)url_path_is_safe(text);
		/* What is encoded again decodes to the same. */
		assert(url_encode(again, sizeof(again), text, "") >= count);
		assert(url_decode(again, sizeof(again), again, strlen(again)) == count);
		assert(strcmp(again, text) == 0);
	}
	return 0;
}
