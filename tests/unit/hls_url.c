/* Unit tests of lib/hls/hls_url.h: what a request for a stream asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "hls/hls_url.h"

static void
what_is_asked_for(void **state)
{
	static const struct {
		const char *path, *segment, *init, *stream;
		enum hls_form form;
		enum hls_part part;
		bool has_number;
		uint64_t number;
	} rows[] = {
	    {"/live/a.flv", NULL, NULL, "live/a", HLS_FLV, HLS_WHOLE, false, 0},
	    {"/v.example/live/a.ts", NULL, NULL, "v.example/live/a", HLS_TS, HLS_WHOLE, false, 0},
	    {"/live/a.m3u8", NULL, NULL, "live/a", HLS_PLAYLIST, HLS_WHOLE, false, 0},
	    {"/live/a.m3u8", "7", NULL, "live/a", HLS_PLAYLIST, HLS_WHOLE, false, 0},
	    {"/live/a.ts.m3u8", NULL, NULL, "live/a.ts", HLS_PLAYLIST, HLS_WHOLE, false, 0},
	    {"/live/a.ts", "7", NULL, "live/a", HLS_TS, HLS_SEGMENT, true, 7},
	    {"/live/a.ts", "18446744073709551615", NULL, "live/a", HLS_TS, HLS_SEGMENT, true,
	     UINT64_MAX},
	    {"/live/a.ts", NULL, "7", "live/a", HLS_TS, HLS_WHOLE, false, 0},
	    {"/live/a.m4s", "7", NULL, "live/a", HLS_M4S, HLS_SEGMENT, true, 7},
	    {"/live/a.m4s", NULL, "8", "live/a", HLS_M4S, HLS_MAP, true, 8},
	    {"/live/a.m4s", "7", "8", "live/a", HLS_M4S, HLS_SEGMENT, true, 7},
	    {"/live/a.m4s", NULL, NULL, "live/a", HLS_M4S, HLS_MAP, false, 0},
	    {"/live/a.flv", "7", "8", "live/a", HLS_FLV, HLS_WHOLE, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct hls_url u;

		assert_int_equal(hls_url_parse(&u, rows[i].path, rows[i].segment, rows[i].init), 0);
		assert_string_equal(u.stream, rows[i].stream);
		assert_int_equal(u.form, rows[i].form);
		assert_int_equal(u.part, rows[i].part);
		assert_int_equal(u.has_number, rows[i].has_number);
		if (u.has_number)
			assert_true(u.number == rows[i].number);
	}
}

static void
what_is_no_number(void **state)
{
	static const char *const texts[] = {"",	  "-1", "+1", " 1",  "1 ", "1x",
					    "0x", "x",	"1.", "1e3", "/1", "18446744073709551616"};
	struct hls_url u;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		assert_int_equal(hls_url_parse(&u, "/live/a.ts", texts[i], NULL), 0);
		assert_int_equal(u.part, HLS_SEGMENT);
		assert_false(u.has_number);
		assert_int_equal(hls_url_parse(&u, "/live/a.m4s", NULL, texts[i]), 0);
		assert_int_equal(u.part, HLS_MAP);
		assert_false(u.has_number);
	}
}

static void
what_is_not_there(void **state)
{
	static const char *const paths[] = {"",
					    "/",
					    "live/a.flv",
					    "/a.flv",
					    "/live/.flv",
					    "/live/a",
					    "/live/a.",
					    "/live/a.mp4",
					    "/live/a.FLV",
					    "/live/a.flv/",
					    "/live/../a",
					    "/.flv",
					    "//a.flv",
					    "/live//a.ts",
					    "/live/../a.flv",
					    "/a/b/c/d.ts",
					    "/live/a b.ts",
					    "/live/a?.m3u8",
					    "/live/\xc3\xa4.flv"};
	struct hls_url u = {.number = 42};
	char longest[4 * TEXT_STREAM_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		assert_int_equal(hls_url_parse(&u, paths[i], NULL, NULL), -ENOENT);
	for (size_t n = 1; n < sizeof(longest) - 11; n++) { /* characters of the name */
		struct hls_url v;

		memset(longest, 'a', 6 + n);
		memcpy(longest, "/live/", 6);
		memcpy(longest + 6 + n, ".flv", 5);
		assert_int_equal(hls_url_parse(&v, longest, NULL, NULL),
				 n <= TEXT_NAME_MAX ? 0 : -ENOENT);
	}
	assert_int_equal(u.number, 42); /* untouched by any of them */
}

/* As text that ends with its block. */
static void
parse_prefix(void *arg, const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1);
	struct hls_url u;
	unsigned *good = arg;

	assert_non_null(text);
	memcpy(text, buf, size);
	text[size] = '\0';
	*good += hls_url_parse(&u, text, text, text) == 0;
	free(text);
}

static void
every_truncation(void **state)
{
	static const char path[] = "/v.example/live/a.ts.flv.m4s.m3u8";
	unsigned good = 0;

	(void)state;
	support_truncations((const uint8_t *)path, strlen(path), parse_prefix, &good);
	assert_int_equal(good, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_asked_for),
	    cmocka_unit_test(what_is_no_number),
	    cmocka_unit_test(what_is_not_there),
	    cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests_name("hls_url", tests, NULL, NULL);
}
