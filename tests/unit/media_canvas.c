/* Unit tests of lib/media/media_canvas.h and media_unpack.h: pictures on a canvas and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "media/media_canvas.h"
#include "media/media_decoder.h"
#include "media/media_opus.h"
#include "media/media_unpack.h"

enum { W = 320, H = 192, SECOND_US = 1000000 };

static const uint8_t BRIGHT[3] = {200, 128, 128}, DARK[3] = {40, 128, 128};
static struct media_words words;

static struct media_canvas_config config = {
    .width = W, .height = H, .fps = 25, .bitrate_bps = 2000000, .gop_seconds = 2};

static int at_x[4]; /* luma on the middle line, at 1/8, 3/8 ... of the width */
static unsigned pictures;

static void
see(void *arg, const struct media_picture *p)
{
	(void)arg;
	assert_int_equal(p->width, W);
	assert_int_equal(p->height, H);
	pictures++;
	for (unsigned i = 0; i < 4; i++)
		at_x[i] = p->luma[H / 2 * p->stride + (int)((2 * i + 1) * W / 8)];
}

/* What a player sees of the canvas. */
static void
look(struct media_canvas *c, struct media_decoder *d, int64_t time_us)
{
	struct media_unit u;

	assert_int_equal(media_canvas_encode(c, time_us, true, &u), 1);
	assert_true(u.keyframe && u.time_us == time_us);
	assert_int_equal(media_decoder_push(d, u.data, u.size, u.time_us, see, NULL), 1);
}

static struct media_image *kept;

static void
keep(void *arg, struct media_image *image, int64_t time_us)
{
	(void)arg;
	assert_int_equal(time_us, 7);
	media_image_free(kept);
	kept = image;
}

/* A picture of one colour, by way of the encoder. */
static struct media_image *
image_of(const uint8_t yuv[static 3])
{
	struct media_canvas *c = media_canvas_new(&config, &words);
	struct media_viewer *v = media_viewer_new("h264", &words);
	struct media_image *image;
	struct media_unit u;

	assert_non_null(c);
	assert_non_null(v);
	media_canvas_fill(c, 0, 0, W, H, yuv);
	assert_int_equal(media_canvas_encode(c, 0, true, &u), 1);
	assert_int_equal(media_viewer_push(v, u.data, u.size, 7, keep, NULL), 1);
	for (size_t n = 0; n < u.size; n += 1 + u.size / 200) {
		uint8_t *part = malloc(n > 0 ? n : 1); /* every so much of it, no octet more */

		memcpy(part, u.data, n);
		media_viewer_push(v, part, n, 7, keep, NULL);
		free(part);
	}
	assert_int_equal(media_viewer_push(v, u.data, u.size, 7, keep, NULL), 1);
	image = kept;
	kept = NULL;
	assert_int_equal(media_image_width(image), W);
	assert_int_equal(media_image_height(image), H);
	media_viewer_free(v);
	media_canvas_free(c);
	return image;
}

static void
test_places(void **state)
{
	struct media_canvas *c = media_canvas_new(&config, &words);
	struct media_decoder *d = media_decoder_new();
	struct media_image *bright = image_of(BRIGHT);

	(void)state;
	media_canvas_fill(c, 0, 0, W, H, DARK);
	look(c, d, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(at_x[i], 34, 46);
	assert_int_equal(media_canvas_scale(c, 3, bright, 80, 64), 0);
	media_canvas_paste(c, 3, 80, 64);
	media_canvas_paste(c, 4, 0, 0); /* nothing is kept there */
	look(c, d, 40000);
	assert_in_range(at_x[0], 34, 46);
	assert_in_range(at_x[1], 194, 206);
	assert_in_range(at_x[2], 34, 46);
	assert_int_equal(media_canvas_scale(c, 3, bright, 160, H), 0); /* another size of it */
	media_canvas_paste(c, 3, 160, 0);
	look(c, d, 80000);
	assert_in_range(at_x[1], 194, 206); /* stays */
	assert_in_range(at_x[2], 194, 206);
	assert_in_range(at_x[3], 194, 206);
	media_image_free(bright);
	media_image_free(NULL);
	media_decoder_free(d);
	media_canvas_free(c);
}

static void
test_filter(void **state)
{
	struct media_canvas_config with = config;
	struct media_decoder *d = media_decoder_new();
	struct media_canvas *c;

	(void)state;
	with.filter = "negate,scale=100:50";
	c = media_canvas_new(&with, &words);
	assert_non_null(c);
	for (unsigned i = 0; i < 50; i++) {
		media_canvas_fill(c, 0, 0, W, H, i % 2 ? BRIGHT : DARK);
		look(c, d, (int64_t)i * 40000);
		assert_in_range(at_x[1], i % 2 ? 26 : 185, i % 2 ? 62 : 226);
	}
	media_canvas_free(c);
	with.filter = "no_such_filter";
	assert_null(media_canvas_new(&with, &words));
	assert_non_null(strstr(words.text, "no_such_filter"));
	with.filter = "split"; /* two outputs */
	assert_null(media_canvas_new(&with, &words));
	media_decoder_free(d);
}

static void
test_codecs(void **state)
{
	static const char *const video[] = {"H264", "vp8", "VP9", "AV1", "H265"};
	const struct media_listener_config none = {.codec = "nothing"};

	(void)state;
	for (size_t i = 0; i < sizeof(video) / sizeof(video[0]); i++) {
		struct media_viewer *v = media_viewer_new(video[i], &words);
		static const uint8_t noise[64] = {0x12, 0x34, 0x56};

		assert_non_null(v);
		assert_true(media_viewer_push(v, noise, sizeof(noise), 0, keep, NULL) <= 0);
		assert_int_equal(media_viewer_push(v, noise, 0, 0, keep, NULL), -EBADMSG);
		media_viewer_free(v);
	}
	assert_null(media_viewer_new("opus", &words));
	assert_null(media_viewer_new("nothing", &words));
	assert_string_equal(words.text, "no decoder for nothing");
	assert_null(media_listener_new(&none, &words));
}

static size_t samples;
static int64_t first_us;

static void
hear(void *arg, const int16_t *pcm, size_t count, int64_t time_us)
{
	(void)arg;
	assert_non_null(pcm);
	if (samples == 0)
		first_us = time_us;
	samples += count;
}

static void
test_sound(void **state)
{
	static const struct media_listener_config configs[] = {
	    {.codec = "opus", .rate_hz = 48000, .channel_count = 2},
	    {.codec = "PCMU", .rate_hz = 8000, .channel_count = 1},
	    {.codec = "PCMA", .rate_hz = 8000, .channel_count = 1},
	    {.codec = "G722", .rate_hz = 8000, .channel_count = 1}};
	struct media_opus_encoder *e = media_opus_encoder_new(64000);
	int16_t pcm[MEDIA_AUDIO_FRAME * MEDIA_AUDIO_CHANNELS] = {0};
	uint8_t packet[MEDIA_OPUS_PACKET_MAX] = {0};
	int size = media_opus_encode(e, pcm, packet);

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct media_listener *l = media_listener_new(&configs[i], &words);

		assert_non_null(l);
		samples = 0;
		for (unsigned k = 0; k < 50; k++) /* a second in packets of 20 ms */
			assert_int_equal(media_listener_push(l, packet, i == 0 ? (size_t)size : 160,
							     k * 20000, hear, NULL),
					 0);
		assert_in_range(samples, 47000, 48000);
		assert_in_range(first_us, 0, 2000);
		assert_int_equal(media_listener_push(l, packet, 0, 0, hear, NULL), -EBADMSG);
		media_listener_free(l);
	}
	media_opus_encoder_free(e);
}

static int
setup(void **state)
{
	(void)state;
	media_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_codecs),
	    cmocka_unit_test(test_sound),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
