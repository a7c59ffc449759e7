/* Unit tests of what is kept for live consumers: lib/hls/reel.h, lib/hls/hls.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hls/hls.h"

enum { SECOND = 1000000 };

static void
add(struct reel *r, int64_t time_us, bool keyframe, size_t size)
{
	uint8_t *buf = calloc(1, size);

	assert_non_null(buf);
	assert_int_equal(reel_add(r, buf, size, time_us, keyframe), 0);
	free(buf);
}

static void
test_reel_begins_at_the_newest_keyframe(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	assert_null(reel_get(&r, 0));
	add(&r, 0, true, 10);
	add(&r, 1, false, 10);
	add(&r, 2, true, 10);
	add(&r, 3, false, 10);
	assert_int_equal(r.key_number, 3);
	assert_int_equal(reel_get(&r, r.key_number)->number, 3);
	assert_int_equal(reel_get(&r, 4)->number, 4);
	assert_null(reel_get(&r, 5));
	assert_int_equal(reel_get(&r, 0)->number, 3);
	reel_fini(&r);
}

static void
test_reel_lets_old_ones_go(void **state)
{
	struct reel r;
	struct piece *held;

	(void)state;
	reel_init(&r);
	add(&r, 0, true, 10);
	held = piece_hold(reel_get(&r, 1));
	for (int i = 1; i < 30; i++)
		add(&r, (int64_t)i * SECOND, i % 2 == 0, 10);
	assert_in_range(r.first->time_us, 18 * SECOND, 20 * SECOND);
	assert_int_equal(reel_get(&r, 2)->number, r.key_number); /* it skips */
	assert_int_equal(held->number, 1);
	piece_drop(held);
	reel_fini(&r);
}

/* A GOP that outgrows what is kept: consumers wait for the next keyframe. */
static void
test_reel_is_bounded(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	add(&r, 0, true, 100);
	for (int i = 1; i < 80; i++)
		add(&r, i, false, 1 << 20);
	assert_true(r.octets <= REEL_OCTETS_MAX);
	assert_null(reel_get(&r, 1));
	add(&r, 80, true, 100);
	assert_int_equal(reel_get(&r, 1)->number, r.key_number);
	reel_fini(&r);
}

static void
test_reel_header(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	assert_int_equal(reel_set_header(&r, (const uint8_t *)"FLV", 3), 0);
	assert_int_equal(r.header->size, 3);
	assert_int_equal(reel_set_header(&r, NULL, 0), 0);
	assert_null(r.header);
	reel_fini(&r);
}

/* Pieces of a quarter of a second, keyframes every gop of them, from time begin_us. */
static int64_t
roll(struct hls *h, struct reel *r, int count, int gop, int64_t begin_us)
{
	for (int i = 0; i < count; i++, begin_us += SECOND / 4) {
		add(r, begin_us, i % gop == 0, 188);
		assert_int_equal(hls_add(h, r->last), 0);
	}
	return begin_us;
}

static void
test_segments(void **state)
{
	char text[HLS_PLAYLIST_SIZE];
	struct reel r;
	struct hls h;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 100);
	assert_int_equal(hls_playlist(&h, text, "a.ts?segment="), -ENODATA);
	roll(&h, &r, 5, 4, 0); /* the first is short */
	assert_true(hls_playlist(&h, text, "a.ts?segment=") > 0);
	assert_string_equal(text, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
				  "#EXT-X-MEDIA-SEQUENCE:100\n#EXTINF:1.000,\na.ts?segment=100\n");
	assert_int_equal(hls_find(&h, 100)->size, 4 * 188);
	assert_null(hls_find(&h, 101));
	reel_fini(&r);
	hls_fini(&h);
}

static void
test_window_and_end(void **state)
{
	char text[HLS_PLAYLIST_SIZE];
	struct reel r;
	struct hls h;
	int64_t end_us;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
	end_us = roll(&h, &r, 200, 4, 0);
	assert_in_range(h.count, 3, 5);
	assert_int_equal(h.segments[h.count - 1].duration_us, 2 * SECOND);
	hls_end(&h, end_us);
	assert_true(hls_playlist(&h, text, "a.ts?segment=") > 0);
	assert_non_null(strstr(text, "#EXT-X-ENDLIST\n"));
	hls_restart(&h);
	roll(&h, &r, 20, 4, 0);
	assert_true(hls_playlist(&h, text, "a.ts?segment=") > 0);
	assert_null(strstr(text, "ENDLIST"));
	assert_non_null(strstr(text, "#EXT-X-DISCONTINUITY\n#EXTINF"));
	reel_fini(&r);
	hls_fini(&h);
}

/* A source without keyframes, or a huge GOP: segments stay bounded. */
static void
test_segments_are_bounded(void **state)
{
	struct reel r;
	struct hls h;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
	for (int i = 0; i < 200; i++) {
		add(&r, i, i == 0, 1 << 20);
		assert_int_equal(hls_add(&h, r.last), 0);
		assert_true(h.open.size <= HLS_SEGMENT_MAX);
	}
	assert_true(h.octets <= HLS_OCTETS_MAX + HLS_SEGMENT_MAX);
	reel_fini(&r);
	hls_fini(&h);
}

static void
test_the_longest_playlist_fits(void **state)
{
	char text[HLS_PLAYLIST_SIZE], name[160];
	struct reel r;
	struct hls h;

	(void)state;
	memset(name, 'n', sizeof(name));
	memcpy(name + 128, ".ts?segment=", 13);
	reel_init(&r);
	hls_init(&h, SECOND / 2, 3600ll * SECOND, 1795442029);
	roll(&h, &r, 1000, 2, 0);
	assert_int_equal(h.count, HLS_SEGMENTS_MAX);
	assert_true(hls_playlist(&h, text, name) > 0);
	reel_fini(&r);
	hls_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reel_begins_at_the_newest_keyframe),
	    cmocka_unit_test(test_reel_lets_old_ones_go),
	    cmocka_unit_test(test_reel_is_bounded),
	    cmocka_unit_test(test_reel_header),
	    cmocka_unit_test(test_segments),
	    cmocka_unit_test(test_window_and_end),
	    cmocka_unit_test(test_segments_are_bounded),
	    cmocka_unit_test(test_the_longest_playlist_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
