/* Unit tests of lib/media: every video codec through encoder, decoder and containers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "media/media_decoder.h"
#include "media/media_source.h"
#include "media/media_writer.h"
#include "media/testcard.h"

enum {
	WIDTH = 320,
	HEIGHT = 180,
	FPS = 15,
	FRAMES = 30,
	ASKED = 20,
	MANY = 600,
	OFTEN = 27,
	SECOND_US = 1000000
};

static struct seen {
	struct media_decoder *decoder;
	unsigned pictures, keyframes, packets;
	int numbers[2 * FRAMES];
	bool key[2 * FRAMES];
	unsigned width, height;
} seen;

static struct media_words words;
static char dir[] = "/tmp/rtckit-codecs-XXXXXX";

static const struct codec_row {
	enum payload_codec codec;
	const char *files[5]; /* containers that hold it */
	const char *refuses;  /* one that does not */
} rows[] = {
    {PAYLOAD_H264, {"a.mkv", "a.mp4", "a.ts", "a.h264"}, "a.webm"},
    {PAYLOAD_H265, {"a.mkv", "a.mp4", "a.ts", "a.h265"}, "a.webm"},
    {PAYLOAD_VP8, {"a.mkv", "a.webm", "a.ivf"}, "a.mp4"},
    {PAYLOAD_VP9, {"a.mkv", "a.webm", "a.ivf", "a.mp4"}, "a.ts"},
    {PAYLOAD_AV1, {"a.mkv", "a.webm", "a.ivf", "a.mp4", "a.obu"}, "a.ts"},
};

static void
see_picture(void *arg, const struct media_picture *p)
{
	(void)arg;
	assert_false(p->damaged);
	assert_in_range(seen.pictures, 0, ARRAY_COUNT(seen.numbers) - 1);
	seen.numbers[seen.pictures++] = testcard_read(p->luma, p->stride, p->width, p->height);
	seen.width = p->width;
	seen.height = p->height;
}

static void
see(const struct media_unit *u, enum payload_codec codec)
{
	struct payload_facts f;

	if (u->kind == MEDIA_AUDIO) {
		seen.packets++;
		return;
	}
	assert_int_equal(u->codec, codec);
	assert_int_equal(payload_look(codec, u->data, u->size, &f), 0);
	assert_int_equal(f.keyframe, u->keyframe);
	assert_true(!f.keyframe || f.headers);
	seen.key[seen.pictures] = u->keyframe;
	seen.keyframes += u->keyframe;
	assert_int_equal(
	    media_decoder_push(seen.decoder, u->data, u->size, u->time_us, see_picture, NULL), 1);
}

static void
begin(enum payload_codec codec)
{
	memset(&seen, 0, sizeof(seen));
	seen.decoder = media_decoder_of(codec);
	assert_non_null(seen.decoder);
}

static void
finish(void)
{
	assert_int_equal(seen.pictures, FRAMES);
	assert_int_equal(seen.width, WIDTH);
	assert_int_equal(seen.height, HEIGHT);
	for (int i = 0; i < FRAMES; i++)
		assert_int_equal(seen.numbers[i], i);
	media_decoder_free(seen.decoder);
}

static struct media_source *
open_test(enum payload_codec codec)
{
	const struct media_test_config config = {
	    .codec = codec, .width = WIDTH, .height = HEIGHT, .fps = FPS, .video_bps = 400000};
	struct media_source *s = media_source_test(&config, &words);

	if (s == NULL)
		fail_msg("%s", words.text);
	assert_int_equal(media_source_codec(s), codec);
	return s;
}

/* One picture out for each in, readable, the first and the one asked for keyframes. */
static void
test_pictures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct media_source *s = open_test(rows[i].codec);
		struct media_unit u;
		size_t octets = 0;

		begin(rows[i].codec);
		while (seen.pictures < FRAMES) {
			assert_int_equal(media_source_next(s, &u, &words), 1);
			see(&u, rows[i].codec);
			octets += u.kind == MEDIA_VIDEO ? u.size : 0;
			if (seen.pictures == ASKED)
				media_source_keyframe(s);
		}
		assert_int_equal(seen.keyframes, 2);
		assert_true(seen.key[0] && seen.key[ASKED]);
		assert_in_range(octets, 1000, 400000 / 8 * FRAMES / FPS * 2);
		finish();
		media_source_free(s);
	}
}

static void
count_readable(void *arg, const struct media_picture *p)
{
	unsigned *readable = arg;

	*readable += testcard_read(p->luma, p->stride, p->width, p->height) >= 0;
}

/* Each of very many, with keyframes in between. */
static void
pictures_stay_readable(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct media_source *s = open_test(rows[i].codec);
		unsigned readable = 0;
		struct media_unit u;

		begin(rows[i].codec);
		for (unsigned n = 0; n < MANY;) {
			assert_int_equal(media_source_next(s, &u, &words), 1);
			if (u.kind != MEDIA_VIDEO)
				continue;
			if (++n % OFTEN == 0)
				media_source_keyframe(s);
			media_decoder_push(seen.decoder, u.data, u.size, u.time_us, count_readable,
					   &readable);
		}
		assert_int_equal(readable, MANY);
		media_decoder_free(seen.decoder);
		media_source_free(s);
	}
}

static int
record(const char *path, enum payload_codec codec)
{
	struct media_source *s = open_test(codec);
	struct media_writer *w = NULL;
	struct media_unit u;
	int frames = 0, r = 0;

	while (frames < FRAMES && r == 0) {
		assert_int_equal(media_source_next(s, &u, &words), 1);
		if (w == NULL) {
			const struct media_writer_config config = {.path = path,
								   .codec = codec,
								   .has = {true, true},
								   .keyframe = u.data,
								   .keyframe_size = u.size};

			assert_int_equal(u.kind, MEDIA_VIDEO);
			w = media_writer_open(&config, &words);
			r = w != NULL ? 0 : -EINVAL;
		}
		frames += u.kind == MEDIA_VIDEO;
		if (w != NULL)
			assert_int_equal(media_writer_write(w, &u, &words), 0);
	}
	media_source_free(s);
	assert_int_equal(media_writer_close(w, &words), 0);
	return r;
}

static void
play_back(const char *path, const struct media_file_config *config, enum payload_codec codec)
{
	struct media_source *s = media_source_file(config, &words);
	struct media_unit u;
	int r;

	if (s == NULL)
		fail_msg("%s: %s", path, words.text);
	assert_int_equal(media_source_codec(s), codec);
	begin(codec);
	while ((r = media_source_next(s, &u, &words)) == 1)
		see(&u, codec);
	assert_int_equal(r, 0);
	finish();
	media_source_free(s);
}

static void
recordings_play_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char path[64];

		for (size_t k = 0; k < ARRAY_COUNT(rows[i].files) && rows[i].files[k]; k++) {
			const struct media_file_config config = {.path = path,
								 .no_transcode = true};

			snprintf(path, sizeof(path), "%s/%s", dir, rows[i].files[k]);
			assert_true(media_writer_takes(path, NULL, rows[i].codec));
			assert_int_equal(record(path, rows[i].codec), 0);
			play_back(path, &config, rows[i].codec);
			unlink(path);
		}
		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].refuses);
		assert_false(media_writer_takes(path, NULL, rows[i].codec));
		assert_int_equal(record(path, rows[i].codec), -EINVAL);
		assert_non_null(strstr(words.text, payload_name(rows[i].codec)));
		assert_int_not_equal(access(path, F_OK), 0); /* nothing was begun */
	}
}

/* A codec asked for is made of another. */
static void
files_are_encoded_anew(void **state)
{
	char path[64];
	const struct media_file_config same = {.path = path, .codec = PAYLOAD_VP8},
				       other = {.path = path, .codec = PAYLOAD_VP9},
				       never = {.path = path,
						.codec = PAYLOAD_VP9,
						.no_transcode = true};
	struct media_source *s;

	(void)state;
	snprintf(path, sizeof(path), "%s/a.webm", dir);
	assert_int_equal(record(path, PAYLOAD_VP8), 0);
	play_back(path, &same, PAYLOAD_VP8);
	play_back(path, &other, PAYLOAD_VP9);
	s = media_source_file(&other, &words);
	assert_string_equal(media_source_note(s), "vp8 re-encoded: to VP9");
	media_source_free(s);
	assert_null(media_source_file(&never, &words));
	assert_non_null(strstr(words.text, "to VP9"));
	unlink(path);
}

static int
make_dir(void **state)
{
	(void)state;
	media_init();
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pictures),
	    cmocka_unit_test(pictures_stay_readable),
	    cmocka_unit_test(recordings_play_back),
	    cmocka_unit_test(files_are_encoded_anew),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
