/* Unit tests of the head parser and the chunked decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "http/http_head.h"
#include "http/http_problem.h"

static int
parse(struct http_head *head, const char *text)
{
	return http_head_parse_request(head, text, strlen(text));
}

static void
a_request_is_read(void **state)
{
	static const char text[] = "POST /rtc/v1/whip/?app=live HTTP/1.1\r\nHost: h:1\r\n"
				   "X-A:  one\t\r\nx-a: two\r\nContent-Length: 5\r\n"
				   "Connection: foo , Close\r\n\r\nhello";
	struct http_head head;
	const struct http_field *f;

	(void)state;
	assert_int_equal(parse(&head, text), sizeof(text) - 1 - 5);
	assert_true(http_span_equal(head.method, "POST"));
	assert_true(http_span_equal(head.target, "/rtc/v1/whip/?app=live"));
	assert_true(http_span_equal(head.host, "h:1"));
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.framing, HTTP_BODY_LENGTH);
	assert_int_equal(head.content_length, 5);
	assert_false(head.keep_alive);
	assert_false(head.upgrade);
	f = http_head_find(&head, "X-a");
	assert_non_null(f);
	assert_true(http_span_equal(f->value, "one"));
	f = http_head_next(&head, "x-A", f);
	assert_non_null(f);
	assert_true(http_span_equal(f->value, "two"));
	assert_null(http_head_next(&head, "x-a", f));
}

static void
persistence_and_framing(void **state)
{
	static const struct {
		const char *text;
		enum http_framing framing;
		bool keep_alive, upgrade, expect;
	} rows[] = {
	    {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_BODY_NONE, true, false, false},
	    {"\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_BODY_NONE, true, false, false},
	    {"GET / HTTP/1.0\r\n\r\n", HTTP_BODY_NONE, false, false, false},
	    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", HTTP_BODY_NONE, true, false,
	     false},
	    {"GET / HTTP/1.7\r\nHost: h\r\n\r\n", HTTP_BODY_NONE, true, false, false},
	    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n"
	     "Expect: 100-Continue\r\n\r\n",
	     HTTP_BODY_CHUNKED, true, false, true},
	    {"GET /sig HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
	     "Upgrade: websocket\r\n\r\n",
	     HTTP_BODY_NONE, true, true, false},
	    {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_BODY_NONE, true, false, false},
	    {"GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_BODY_NONE, true, false, false},
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(parse(&head, rows[i].text), strlen(rows[i].text));
		assert_int_equal(head.framing, rows[i].framing);
		assert_int_equal(head.keep_alive, rows[i].keep_alive);
		assert_int_equal(head.upgrade, rows[i].upgrade);
		assert_int_equal(head.expect_continue, rows[i].expect);
	}
}

#define H "Host: h\r\n"

static void
hostile_requests_are_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
	    {"POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
	     -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nContent-Length: 4\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: 4, 4\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: +4\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x4\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", -ENOTSUP},
	    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", -ENOTSUP},
	    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", -ENOTSUP},
	    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	     "Transfer-Encoding: chunked\r\n\r\n",
	     -EBADMSG},
	    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Content-Length : 4\r\n\r\n", -EBADMSG},
	    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n X: a\r\n" H "\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\n" H "\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\nHost: h\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H ": empty\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H "no colon\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\n" H H "\r\n", -EBADMSG},
	    {"GET / HTTP/1.1\r\nX: a\r\n\r\n", -EBADMSG},
	    {"GET  / HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET /a b HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET /a\tb HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET /# HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET x HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET * HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"CONNECT h:443 HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"G@T / HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {" GET / HTTP/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET / HTTP/1.1 \r\n" H "\r\n", -EBADMSG},
	    {"GET / HTTP/11\r\n" H "\r\n", -EBADMSG},
	    {"GET / http/1.1\r\n" H "\r\n", -EBADMSG},
	    {"GET /\r\n\r\n", -EBADMSG},
	    {"GET / HTTP/2.0\r\n" H "\r\n", -EPROTONOSUPPORT},
	    {"\r\n\r\n", -EBADMSG},
	    {"\x16\x03\x01\x02\r\n\r\n", -EBADMSG},
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (parse(&head, rows[i].text) != rows[i].error)
			fail_msg("row %zu: %s", i, rows[i].text);
	assert_int_equal(http_head_status(-EBADMSG), 400);
	assert_int_equal(http_head_status(-ENOTSUP), 501);
}

static void
a_nul_in_a_head_is_refused(void **state)
{
	static const char in_value[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
	static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n";
	struct http_head head;

	(void)state;
	assert_int_equal(http_head_parse_request(&head, in_value, sizeof(in_value) - 1), -EBADMSG);
	assert_int_equal(http_head_parse_request(&head, in_target, sizeof(in_target) - 1),
			 -EBADMSG);
}

static void
limits_are_enforced(void **state)
{
	enum { BIG = 40000 };
	char *text = malloc(BIG);
	struct http_head head;
	int at;

	(void)state;
	assert_non_null(text);
	snprintf(text, BIG, "GET /%09000d HTTP/1.1\r\nHost: h\r\n\r\n", 0);
	assert_int_equal(parse(&head, text), -ENAMETOOLONG);
	snprintf(text, BIG, "GET / HTTP/1.1\r\nHost: h\r\nX: %017000d\r\n\r\n", 0);
	assert_int_equal(parse(&head, text), -EMSGSIZE);
	at = snprintf(text, BIG, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < HTTP_FIELD_MAX; i++)
		at += snprintf(text + at, BIG - (size_t)at, "X: %d\r\n", i);
	snprintf(text + at, BIG - (size_t)at, "\r\n");
	assert_int_equal(parse(&head, text), -EMSGSIZE);
	memset(text, 'A', BIG - 1);
	text[BIG - 1] = '\0';
	assert_int_equal(parse(&head, text), -EMSGSIZE);
	free(text);
}

static void
responses_are_read(void **state)
{
	static const struct {
		const char *text;
		bool head_request;
		int status;
		enum http_framing framing;
	} rows[] = {
	    {"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n", false, 201, HTTP_BODY_LENGTH},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200,
	     HTTP_BODY_CHUNKED},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, 200, HTTP_BODY_NONE},
	    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", false, 304, HTTP_BODY_NONE},
	    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false,
	     101, HTTP_BODY_NONE},
	    {"HTTP/1.0 200\r\n\r\n", false, 200, HTTP_BODY_CLOSE},
	};
	static const char *const bad[] = {
	    "HTTP/1.1 20 OK\r\n\r\n",
	    "HTTP/1.1 2000 OK\r\n\r\n",
	    "HTTP/1.1 099 X\r\n\r\n",
	    "HTTP/1.1 600 X\r\n\r\n",
	    "HTTP/1.1\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	    "ICY 200 OK\r\n\r\n"};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t size = strlen(rows[i].text);

		assert_int_equal(
		    http_head_parse_response(&head, rows[i].text, size, rows[i].head_request),
		    size);
		assert_int_equal(head.status, rows[i].status);
		assert_int_equal(head.framing, rows[i].framing);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_true(http_head_parse_response(&head, bad[i], strlen(bad[i]), false) < -1);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct http_head head;
	int want = size < *(size_t *)arg ? -EAGAIN : (int)size;

	assert_int_equal(http_head_parse_request(&head, (const char *)buf, size), want);
}

static void
every_truncation_of_real_requests_waits(void **state)
{
	static const char *const names[] = {"chromium-whip", "firefox-whip", "obs-like-whip",
					    "ffmpeg8-whip", "pion-whip"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char name[64];
		size_t size;
		uint8_t *buf;

		snprintf(name, sizeof(name), "http_head/request-%s", names[i]);
		buf = support_load(name, &size);
		size--;
		support_truncations(buf + 1, size, truncated, &size);
		free(buf);
	}
}

/* Decode in pieces of `step` octets: the result, the text in out. */
static int
dechunk(const char *text, size_t step, char *out, size_t *rest)
{
	struct http_chunked c = {0};
	size_t size = strlen(text), at = 0, count = 0;
	int result = 0;

	while (at < size && result >= 0) {
		size_t used = 0, n;
		const char *data;
		size_t room = MIN_OF(step, size - at);

		result = http_chunked_feed(&c, text + at, room, &used, &data, &n);
		if (result == 1) {
			memcpy(out + count, data, n);
			count += n;
		}
		at += result == -EBADMSG ? 0 : used;
	}
	out[count] = '\0';
	*rest = size - at;
	return result;
}

static void
chunks_are_decoded_in_any_pieces(void **state)
{
	static const char text[] =
	    "5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0000\r\nT: x\r\n\r\nNEXT";
	char out[64];
	size_t rest;

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		assert_int_equal(dechunk(text, step, out, &rest), -ENODATA);
		assert_string_equal(out, "hello0123456789");
		assert_int_equal(rest, 4);
	}
}

static void
hostile_chunks_are_refused(void **state)
{
	static const char *const rows[] = {"\r\n",
					   "g\r\n",
					   "-1\r\n",
					   "+1\r\n",
					   " 1\r\na\r\n",
					   "1 \r\na\r\n",
					   "0x1\r\na\r\n",
					   "1\na\r\n",
					   "1\r\nab\r\n",
					   "1\r\na\n",
					   "1\r\na\r1",
					   "ffffffffffffffff\r\n",
					   "0000000000000000001\r\n",
					   "1;a\x01\r\n",
					   "1;a\rb\r\n",
					   "0\r\n folded: x\r\n",
					   "0\r\n\n",
					   "0\r\nX: a\n\r\n",
					   "0\r\n:x\r\n",
					   ";a\r\n"};
	char out[64];
	size_t rest;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		for (size_t step = 1; step < 20; step++)
			if (dechunk(rows[i], step, out, &rest) != -EBADMSG)
				fail_msg("row %zu: %s", i, rows[i]);
}

static void
problems_are_json(void **state)
{
	char out[HTTP_PROBLEM_SIZE], *big = malloc(9000);
	size_t size;

	(void)state;
	assert_non_null(big);
	size = http_problem_write(out, 404, "not-found", "Not \"Found\"", "a\\b\n\xff\xc3\xa9");
	assert_int_equal(size, strlen(out));
	assert_string_equal(
	    out, "{\"type\":\"urn:rtckit:problem:not-found\",\"title\":\"Not \\\"Found\\\"\","
		 "\"status\":404,\"detail\":\"a\\\\b\\u000a?\xc3\xa9\"}\n");
	for (int fill = 1; fill < 256; fill += 0x7e) {
		memset(big, fill, 8999);
		big[8999] = '\0';
		size = http_problem_write(out, 500, big, big, big);
		assert_true(size < sizeof(out));
		assert_string_equal(out + size - 3, "\"}\n");
	}
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_is_read),
	    cmocka_unit_test(persistence_and_framing),
	    cmocka_unit_test(hostile_requests_are_refused),
	    cmocka_unit_test(a_nul_in_a_head_is_refused),
	    cmocka_unit_test(limits_are_enforced),
	    cmocka_unit_test(responses_are_read),
	    cmocka_unit_test(every_truncation_of_real_requests_waits),
	    cmocka_unit_test(chunks_are_decoded_in_any_pieces),
	    cmocka_unit_test(hostile_chunks_are_refused),
	    cmocka_unit_test(problems_are_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
