/* Unit tests of URLs, percent-encoding and queries. */
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
#include "http/url.h"

static void
assert_span(struct url_span span, const char *text)
{
	assert_int_equal(span.size, strlen(text));
	assert_memory_equal(span.ptr, text, span.size);
}

static void
urls_are_split(void **state)
{
	static const struct {
		const char *text, *scheme, *host, *path, *query;
		int port;
	} rows[] = {
	    {"http://h", "http", "h", "", NULL, 0},
	    {"webrtc://a.b:1985/live/x?eip=1.2.3.4", "webrtc", "a.b", "/live/x", "eip=1.2.3.4",
	     1985},
	    {"https://[::1]:8443/?#f", "https", "::1", "/", "", 8443},
	    {"rtmp://h?x/y#z", "rtmp", "h", "", "x/y", 0},
	    {"a+b-c.1://h#f?q", "a+b-c.1", "h", "", NULL, 0},
	};
	static const char *const bad[] = {"",
					  "h",
					  "http:/h",
					  "http://",
					  "http:///x",
					  "://h",
					  "1a://h",
					  "http://u@h/",
					  "http://u:p@h/",
					  "http://h:/",
					  "http://h:0/",
					  "http://h:65536/",
					  "http://h:1x/",
					  "http://[::1/",
					  "http://[]/",
					  "http://[x]/",
					  "http://h h/",
					  "http://h/\x01",
					  "http://h/\xc3\xa9",
					  "http://a%2eb/",
					  "http://h\\x/"};
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(url_parse(&url, rows[i].text, strlen(rows[i].text)), 0);
		assert_span(url.scheme, rows[i].scheme);
		assert_span(url.host, rows[i].host);
		assert_span(url.path, rows[i].path);
		assert_int_equal(url.port, rows[i].port);
		if (rows[i].query != NULL)
			assert_span(url.query, rows[i].query);
		else
			assert_null(url.query.ptr);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		if (url_parse(&url, bad[i], strlen(bad[i])) != -EINVAL)
			fail_msg("passed: %s", bad[i]);
}

static void
decoding_is_strict_and_single(void **state)
{
	static const struct {
		const char *in, *out;
		int result;
	} rows[] = {
	    {"", "", 0},
	    {"a%20b", "a b", 3},
	    {"%2541", "%41", 3},
	    {"a+b", "a+b", 3},
	    {"%C3%a9", "\xc3\xa9", 2},
	    {"%", "", -EBADMSG},
	    {"%4", "", -EBADMSG},
	    {"%4g", "", -EBADMSG},
	    {"%00", "", -EBADMSG},
	    {"%0d%0a", "", -EBADMSG},
	    {"\n", "", -EBADMSG},
	    {"%7f", "", -EBADMSG},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(url_decode(out, sizeof(out), rows[i].in, strlen(rows[i].in)),
				 rows[i].result);
		if (rows[i].result >= 0)
			assert_string_equal(out, rows[i].out);
	}
	assert_int_equal(url_decode(out, 3, "abc", 3), -ENOSPC);
	assert_int_equal(url_decode(out, 4, "abc", 3), 3);
	assert_int_equal(url_encode(out, sizeof(out), "a/ b\xc3", "/"), 9);
	assert_string_equal(out, "a/%20b%C3");
	assert_int_equal(url_encode(out, 5, "ab ", ""), -ENOSPC);
}

static void
paths_are_judged(void **state)
{
	static const char *const good[] = {"/",	   "/a",     "/a/",	    "/a/b.c",
					   "/...", "/a/..b", "/.well-known"};
	static const char *const bad[] = {"",	 "a",	 "//",	    "//a",   "/a//b", "/a//", "/.",
					  "/..", "/./a", "/a/../b", "/a/..", "/a\\b", "/a/./"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_true(url_path_is_safe(good[i]));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		if (url_path_is_safe(bad[i]))
			fail_msg("passed: %s", bad[i]);
}

static void
queries_are_parsed(void **state)
{
	static const char text[] = "app=live&&stream=a%26b&x&y=&app=2&z=1=2";
	static const char nul[] = "a=1\0b=2";
	static struct url_query q;
	char many[1024] = "";

	(void)state;
	assert_int_equal(url_query_parse(&q, text, strlen(text)), 0);
	assert_int_equal(q.count, 6);
	assert_string_equal(url_query_get(&q, "app"), "live");
	assert_string_equal(url_query_get(&q, "stream"), "a&b");
	assert_string_equal(url_query_get(&q, "x"), "");
	assert_string_equal(url_query_get(&q, "y"), "");
	assert_string_equal(url_query_get(&q, "z"), "1=2");
	assert_null(url_query_get(&q, "none"));
	assert_string_equal(url_query_name_at(&q, 4), "app");
	assert_string_equal(url_query_value_at(&q, 4), "2");
	assert_null(url_query_name_at(&q, 6));
	assert_int_equal(url_query_parse(&q, nul, sizeof(nul) - 1), -EBADMSG);
	assert_int_equal(q.count, 0);
	for (int i = 0; i <= URL_QUERY_MAX; i++)
		strcat(many, "a=1&");
	assert_int_equal(url_query_parse(&q, many, strlen(many)), -E2BIG);
	assert_int_equal(url_query_parse(&q, many, strlen(many) - 4), 0);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	static struct url_query query;
	struct url url;

	(void)arg;
	(void)url_parse(&url, (const char *)buf, size);
	(void)url_query_parse(&query, (const char *)buf, size);
}

static void
truncations_stay_inside(void **state)
{
	static const char *const names[] = {"url/recipe", "url/webrtc", "url/ipv6"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		support_truncations(buf, size, truncated, NULL);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_are_split),
	    cmocka_unit_test(decoding_is_strict_and_single),
	    cmocka_unit_test(paths_are_judged),
	    cmocka_unit_test(queries_are_parsed),
	    cmocka_unit_test(truncations_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
