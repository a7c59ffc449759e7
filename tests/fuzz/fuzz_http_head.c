/* Message heads and the chunked coding. The first octet of the input chooses the parser. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
check_span(struct http_span span, const char *text, size_t size)
{
	if (span.ptr != NULL)
		assert(span.ptr >= text && span.size <= size &&
		       (size_t)(span.ptr - text) <= size - span.size);
}

static void
check_head(const struct http_head *head, const char *text, size_t size)
{
	check_span(head->method, text, size);
	check_span(head->target, text, size);
	check_span(head->host, text, size);
	check_span(head->reason, text, size);
	assert(head->field_count <= HTTP_FIELD_MAX);
	for (size_t i = 0; i < head->field_count; i++) {
		check_span(head->fields[i].name, text, size);
		check_span(head->fields[i].value, text, size);
	}
}

/* The decoder must say the same of a text in one piece and in single octets. */
static void
check_chunked(const char *text, size_t size)
{
	struct http_chunked whole = {0}, bytes = {0};
	size_t at = 0, total = 0, split = 0, used, count;
	const char *data;
	int result = 0, single = 0;

	while (at < size) {
		result = http_chunked_feed(&whole, text + at, size - at, &used, &data, &count);
		if (result < 0)
			break;
		at += used;
		total += result == 1 ? count : 0;
		assert(result == 1 ? count > 0 : at == size);
	}
	for (size_t i = 0; i < size; i++) {
		single = http_chunked_feed(&bytes, text + i, 1, &used, &data, &count);
		if (single < 0)
			break;
		split += single == 1 ? count : 0;
	}
	assert((result == -EBADMSG) == (single == -EBADMSG));
	assert((result == -ENODATA) == (single == -ENODATA));
	assert(total == split);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	const char *text = (const char *)buf + 1;
	struct http_head head;
	int result;

	if (size < 1)
		return 0;
	size--;
	if (buf[0] == 'C') {
		check_chunked(text, size);
		return 0;
	}
	if (buf[0] == 'R')
		result = http_head_parse_request(&head, text, size);
	else
		result = http_head_parse_response(&head, text, size, buf[0] == 'H');
	if (result > 0) {
		assert((size_t)result <= size && result <= HTTP_HEAD_MAX + 2);
		check_head(&head, text, size);
	}
	return 0;
}
