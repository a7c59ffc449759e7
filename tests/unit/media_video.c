/* Unit tests of lib/media's H.264 to H.264: every picture once, in order, keyframes when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "h264/h264.h"
#include "media/media_decoder.h"
#include "media/media_source.h"
#include "media/media_video.h"
#include "media/testcard.h"

enum { FPS = 25, FRAMES = 40, SECOND_US = 1000000 };

static struct seen {
	struct media_decoder *decoder;
	int numbers[2 * FRAMES];
	unsigned picture_count, unit_count, keyframes;
	int64_t last_us;
	uint32_t width;
	int verdict; /* of emit */
} seen;
static struct media_words words;

static void
see_picture(void *arg, const struct media_picture *p)
{
	(void)arg;
	assert_false(p->damaged);
	assert_in_range(seen.picture_count, 0, 2 * FRAMES - 1);
	seen.numbers[seen.picture_count++] = testcard_read(p->luma, p->stride, p->width, p->height);
	seen.width = p->width;
}

static int
see_unit(void *arg, const struct media_unit *unit)
{
	(void)arg;
	if (seen.unit_count++ == 0)
		assert_true(unit->keyframe);
	else
		assert_true(unit->time_us > seen.last_us);
	seen.last_us = unit->time_us;
	seen.keyframes += unit->keyframe;
	assert_true(media_decoder_push(seen.decoder, unit->data, unit->size, unit->time_us,
				       see_picture, NULL) >= 0);
	return seen.verdict;
}

static struct media_video *
open_video(unsigned fps)
{
	const struct media_video_config config = {.bitrate_bps = 1000000, .fps = fps};
	struct media_video *v = media_video_new(&config, see_unit, NULL);

	assert_non_null(v);
	return v;
}

static struct media_source *
open_source(unsigned width, unsigned height)
{
	const struct media_test_config config = {.width = width, .height = height, .fps = FPS};
	struct media_source *s = media_source_test(&config, &words);

	assert_non_null(s);
	return s;
}

/* The next picture of the source. */
static struct media_unit
picture(struct media_source *s)
{
	struct media_unit u;

	do
		assert_int_equal(media_source_next(s, &u, &words), 1);
	while (u.kind != MEDIA_VIDEO);
	return u;
}

static int
setup(void **state)
{
	(void)state;
	media_init();
	memset(&seen, 0, sizeof(seen));
	seen.decoder = media_decoder_new();
	return seen.decoder != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	media_decoder_free(seen.decoder);
	return 0;
}

static void
every_picture_once_in_order(void **state)
{
	struct media_source *s = open_source(320, 180);
	struct media_video *v = open_video(FPS);

	(void)state;
	for (int i = 0; i < FRAMES; i++) {
		struct media_unit u = picture(s);

		if (i == 20)
			media_video_keyframe(v);
		assert_int_equal(media_video_push(v, u.data, u.size, u.time_us, true, &words), 0);
	}
	assert_int_equal(seen.keyframes, 2); /* the first, and the one asked for */
	assert_int_equal(seen.width, 320);
	assert_true(seen.picture_count >= FRAMES - 2);
	for (unsigned i = 0; i < seen.picture_count; i++)
		assert_int_equal(seen.numbers[i], (int)i);
	media_video_free(v);
	media_source_free(s);
}

/* What is only decoded does not come out, and what follows is whole. */
static void
begins_in_the_middle(void **state)
{
	struct media_source *s = open_source(320, 180);
	struct media_video *v = open_video(0);

	(void)state;
	for (int i = 0; i < FRAMES; i++) {
		struct media_unit u = picture(s);

		assert_int_equal(media_video_push(v, u.data, u.size, u.time_us, i >= 20, &words),
				 0);
	}
	assert_true(seen.picture_count >= FRAMES - 22 && seen.numbers[0] >= 18);
	for (unsigned i = 1; i < seen.picture_count; i++)
		assert_int_equal(seen.numbers[i], seen.numbers[i - 1] + 1);
	media_video_free(v);
	media_source_free(s);
}

static void
a_new_size_is_followed(void **state)
{
	static const unsigned sizes[][2] = {{320, 180}, {640, 360}};
	struct media_video *v = open_video(FPS);

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct media_source *s = open_source(sizes[k][0], sizes[k][1]);

		for (int i = 0; i < 10; i++) {
			struct media_unit u = picture(s);

			assert_int_equal(media_video_push(v, u.data, u.size,
							  u.time_us + (int64_t)k * SECOND_US, true,
							  &words),
					 0);
		}
		media_source_free(s);
	}
	assert_int_equal(seen.width, 640);
	assert_true(seen.picture_count >= 18);
	media_video_free(v);
}

/* Noise, nothing, units cut short: skipped, and the next keyframe is whole again. */
static void
damage_is_skipped(void **state)
{
	static const uint8_t noise[] = {0, 0, 0, 1, 0x65, 0xff, 0x12, 0, 0, 1, 0x41, 0x9a, 0xee};
	struct media_source *s = open_source(320, 180);
	struct media_video *v = open_video(FPS);

	(void)state;
	assert_int_equal(media_video_push(v, noise, sizeof(noise), 0, true, &words), 0);
	assert_int_equal(media_video_push(v, noise, 0, 0, true, &words), 0);
	assert_int_equal(seen.unit_count, 0);
	for (int i = 0; i < FRAMES; i++) {
		struct media_unit u = picture(s);

		assert_int_equal(media_video_push(v, u.data, i % 7 == 3 ? u.size / 2 : u.size,
						  u.time_us, true, &words),
				 0);
	}
	assert_true(seen.picture_count > 0);
	media_video_free(v);
	media_source_free(s);
	media_video_free(NULL);
}

static void
the_receiver_may_end_it(void **state)
{
	struct media_source *s = open_source(320, 180);
	struct media_video *v = open_video(FPS);
	int rc = 0;

	(void)state;
	seen.verdict = -EPIPE;
	for (int i = 0; i < 5 && rc == 0; i++) {
		struct media_unit u = picture(s);

		rc = media_video_push(v, u.data, u.size, u.time_us, true, &words);
	}
	assert_int_equal(rc, -EPIPE);
	media_video_free(v);
	media_source_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_picture_once_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(begins_in_the_middle, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_new_size_is_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(damage_is_skipped, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_receiver_may_end_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
