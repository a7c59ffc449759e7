/* Unit tests of lib/media/media_flv.h: what FLV of H265, VP9, AV1 and Opus a reader of enhanced
 * RTMP gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "flv/flv.h"
#include "media/media_flv.h"
#include "media/media_writer.h"

enum { TAGS_MAX = 32 };

static const struct row {
	enum payload_codec codec;
	enum flv_codec flv;
	const char *key, *inter;
	uint32_t width, height;
} rows[] = {
    {PAYLOAD_H265, FLV_HEVC, "h265/annexb-176x144.hex", "h265/annexb-trail.hex", 176, 144},
    {PAYLOAD_VP9, FLV_VP9, "vp9/key-176x144.hex", "vp9/inter.hex", 176, 144},
    {PAYLOAD_AV1, FLV_AV1, "av1/key-176x144.hex", "av1/inter.hex", 176, 144},
};

static const uint8_t aac_config[] = {0x11, 0x90}, aac_frame[] = {0x21, 0x10, 0x45, 0x00};
static const struct media_aac_format aac = {aac_config, sizeof(aac_config), 48000, 2};

/* What came out, as a reader sees it. */
static struct seen {
	struct flv_reader reader;
	struct tag {
		uint8_t type;
		uint32_t ts_ms;
		struct flv_video v;
		struct flv_audio a;
		uint8_t *body;
		size_t size;
	} tags[TAGS_MAX];
	size_t count;
} seen;

static int
see(void *arg, const uint8_t *buf, size_t size)
{
	struct flv_tag tag;
	int r;

	(void)arg;
	assert_int_equal(flv_reader_push(&seen.reader, buf, size), 0);
	while ((r = flv_reader_next(&seen.reader, &tag)) == 1) {
		struct tag *t = &seen.tags[seen.count++];

		assert_in_range(seen.count, 1, TAGS_MAX);
		*t = (struct tag){.type = tag.type, .ts_ms = tag.ts_ms, .size = tag.size};
		t->body = malloc(tag.size + 1);
		assert_non_null(t->body);
		memcpy(t->body, tag.data, tag.size);
		if (tag.type == FLV_VIDEO)
			assert_int_equal(flv_video_parse(&t->v, t->body, t->size), 0);
		if (tag.type == FLV_AUDIO)
			assert_int_equal(flv_audio_parse(&t->a, t->body, t->size), 0);
	}
	assert_int_equal(r, 0);
	return 0;
}

static void
forget(void)
{
	for (size_t i = 0; i < seen.count; i++)
		free(seen.tags[i].body);
	flv_reader_fini(&seen.reader);
	memset(&seen, 0, sizeof(seen));
	flv_reader_init(&seen.reader);
}

static struct media_writer *
open_flv(enum payload_codec codec, const uint8_t *key, size_t size)
{
	struct media_words words = {""};

	return media_writer_open(
	    &(struct media_writer_config){.path = "-",
					  .format = "flv",
					  .has = {[MEDIA_VIDEO] = true, [MEDIA_AUDIO] = true},
					  .codec = codec,
					  .keyframe = key,
					  .keyframe_size = size,
					  .aac = &aac,
					  .sink = see,
					  .live = true},
	    &words);
}

static void
put(struct media_writer *w, enum media_kind kind, int64_t time_ms, bool keyframe,
    const uint8_t *data, size_t size)
{
	struct media_words words = {""};
	const struct media_unit u = {.kind = kind,
				     .keyframe = keyframe,
				     .time_us = time_ms * 1000,
				     .lead_us = kind == MEDIA_VIDEO ? 40000 : 0,
				     .data = data,
				     .size = size};

	assert_int_equal(media_writer_write(w, &u, &words), 0);
}

/* The picture of a tag is the unit's, put into the form of files. */
static void
assert_is_picture(const struct tag *t, const struct row *row, const uint8_t *unit, size_t size)
{
	uint8_t *stored = malloc(2 * size);
	int n = payload_to_stored(row->codec, stored, 2 * size, unit, size);

	assert_non_null(stored);
	assert_int_equal(t->type, FLV_VIDEO);
	assert_int_equal(t->v.codec, row->flv);
	assert_int_equal(t->v.kind, FLV_FRAME);
	assert_int_equal(t->v.size, n);
	assert_memory_equal(t->v.data, stored, (size_t)n);
	free(stored);
}

static void
assert_is_header(const struct tag *t, const struct row *row, const uint8_t *key, size_t size)
{
	uint8_t record[PAYLOAD_CONFIG_MAX];
	int n = payload_config_make(row->codec, record, sizeof(record), key, size);

	assert_true(n > 0);
	assert_int_equal(t->type, FLV_VIDEO);
	assert_int_equal(t->v.codec, row->flv);
	assert_int_equal(t->v.kind, FLV_SEQUENCE_HEADER);
	assert_int_equal(t->v.size, n);
	assert_memory_equal(t->v.data, record, (size_t)n);
}

static void
one_codec(const struct row *row)
{
	size_t key_size, inter_size;
	uint8_t *key = support_load(row->key, &key_size);
	uint8_t *inter = support_load(row->inter, &inter_size);
	struct media_writer *w = open_flv(row->codec, key, key_size);
	struct flv_metadata m;

	assert_non_null(w);
	put(w, MEDIA_VIDEO, 40, true, key, key_size);
	put(w, MEDIA_AUDIO, 10, true, aac_frame, sizeof(aac_frame));
	put(w, MEDIA_VIDEO, 80, false, inter, inter_size);
	put(w, MEDIA_VIDEO, 60, true, key, key_size); /* times do not go back, no new header */
	assert_int_equal(seen.count, 7);
	assert_int_equal(seen.tags[0].type, FLV_SCRIPT);
	assert_int_equal(flv_metadata_parse(&m, seen.tags[0].body, seen.tags[0].size), 0);
	assert_int_equal(m.width, row->width);
	assert_int_equal(m.height, row->height);
	assert_int_equal(m.video, row->flv);
	assert_is_header(&seen.tags[1], row, key, key_size);
	assert_int_equal(seen.tags[2].a.kind, FLV_SEQUENCE_HEADER);
	assert_memory_equal(seen.tags[2].a.data, aac_config, sizeof(aac_config));
	assert_is_picture(&seen.tags[3], row, key, key_size);
	assert_true(seen.tags[3].v.keyframe);
	if (row->codec == PAYLOAD_H265) /* the others have no time of composition */
		assert_int_equal(seen.tags[3].v.cts_ms, 40);
	assert_int_equal(seen.tags[4].ts_ms, 10);
	assert_memory_equal(seen.tags[4].a.data, aac_frame, sizeof(aac_frame));
	assert_is_picture(&seen.tags[5], row, inter, inter_size);
	assert_false(seen.tags[5].v.keyframe);
	assert_int_equal(seen.tags[5].ts_ms, 40);
	assert_int_equal(seen.tags[6].ts_ms, 40);
	assert_int_equal(media_writer_close(w, &(struct media_words){""}), 0);
	forget();
	free(key);
	free(inter);
}

static void
what_a_reader_gets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		one_codec(&rows[i]);
}

static void
which_codecs(void **state)
{
	struct media_writer_config with_aac = {.has = {true, true}, .aac = &aac};
	struct media_writer_config with_opus = {.has = {true, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_true(media_flv_takes(rows[i].codec));
		assert_true(media_flv_is_own(&with_aac, rows[i].codec));
		assert_true(media_flv_is_own(&with_opus, rows[i].codec));
	}
	assert_true(media_flv_takes(PAYLOAD_H264));
	assert_false(media_flv_is_own(&with_aac, PAYLOAD_H264)); /* FFmpeg's muxer knows these */
	assert_true(media_flv_is_own(&with_opus, PAYLOAD_H264));
	assert_false(media_flv_takes(PAYLOAD_VP8));
}

/* Opus beside H264 in its old form, and beside the others. */
static void
opus(void **state)
{
	static const uint8_t packet[] = {0xfc, 0xff, 0xfe};
	static const struct row h264 = {.codec = PAYLOAD_H264, .flv = FLV_AVC};
	size_t size;
	uint8_t *key = support_load("h264/annexb-176x144.hex", &size);
	struct media_words words = {""};
	struct media_writer *w;

	(void)state;
	w = media_writer_open(
	    &(struct media_writer_config){.path = "-",
					  .format = "flv",
					  .has = {[MEDIA_VIDEO] = true, [MEDIA_AUDIO] = true},
					  .codec = PAYLOAD_H264,
					  .keyframe = key,
					  .keyframe_size = size,
					  .sink = see,
					  .live = true},
	    &words);
	assert_non_null(w);
	put(w, MEDIA_VIDEO, 40, true, key, size);
	put(w, MEDIA_AUDIO, 20, true, packet, sizeof(packet));
	assert_int_equal(seen.count, 5);
	assert_is_header(&seen.tags[1], &h264, key, size);
	assert_false(seen.tags[1].v.enhanced);
	assert_int_equal(seen.tags[2].a.codec, FLV_OPUS);
	assert_int_equal(seen.tags[2].a.kind, FLV_SEQUENCE_HEADER);
	assert_memory_equal(seen.tags[2].a.data, "OpusHead", 8);
	assert_is_picture(&seen.tags[3], &h264, key, size);
	assert_int_equal(seen.tags[4].a.codec, FLV_OPUS);
	assert_memory_equal(seen.tags[4].a.data, packet, sizeof(packet));
	media_writer_close(w, &words);
	forget();
	free(key);
}

/* Another size in the stream: its configuration comes before its picture. */
static void
a_configuration_that_changes(void **state)
{
	static const uint8_t start[] = {0, 0, 0, 1};
	size_t key_size, sps_size;
	uint8_t *key = support_load("h265/annexb-176x144.hex", &key_size);
	uint8_t *sps = support_load("h265/sps-1920x1080-yuv420p.hex", &sps_size), *other;
	struct media_writer *w = open_flv(PAYLOAD_H265, key, key_size);
	size_t at = 4; /* where the SPS begins, and ends */
	size_t end;

	(void)state;
	assert_non_null(w);
	while (memcmp(key + at, start, 4) != 0)
		at++;
	for (end = at + 4; memcmp(key + end, start, 4) != 0;)
		end++;
	if (memcmp(sps, start, 4) == 0) {
		memmove(sps, sps + 4, sps_size - 4);
		sps_size -= 4;
	}
	other = malloc(key_size + sps_size + 4);
	assert_non_null(other);
	memcpy(other, key, at + 4);
	memcpy(other + at + 4, sps, sps_size);
	memcpy(other + at + 4 + sps_size, key + end, key_size - end);
	put(w, MEDIA_VIDEO, 40, true, key, key_size);
	put(w, MEDIA_VIDEO, 80, true, other, at + 4 + sps_size + key_size - end);
	assert_int_equal(seen.count, 6);
	assert_is_picture(&seen.tags[3], &rows[0], key, key_size);
	assert_is_header(&seen.tags[4], &rows[0], other, at + 4 + sps_size + key_size - end);
	assert_int_equal(seen.tags[5].v.kind, FLV_FRAME);
	media_writer_close(w, &(struct media_words){""});
	forget();
	free(other);
	free(sps);
	free(key);
}

/* A first keyframe that is cut: a beginning that a reader takes, or none at all. */
static void
open_prefix(void *arg, const uint8_t *buf, size_t size)
{
	const struct row *row = arg;
	struct media_writer *w = open_flv(row->codec, buf, size);

	if (w != NULL)
		assert_int_equal(seen.tags[1].v.kind, FLV_SEQUENCE_HEADER);
	media_writer_close(w, &(struct media_words){""});
	forget();
}

static struct media_writer *writer;

/* A later one: it is written, left out, or refused. */
static void
write_prefix(void *arg, const uint8_t *buf, size_t size)
{
	const struct media_unit u = {
	    .kind = MEDIA_VIDEO, .keyframe = *(const bool *)arg, .data = buf, .size = size};
	size_t before = seen.count;

	(void)media_writer_write(writer, &u, &(struct media_words){""});
	assert_in_range(seen.count, before, before + 2);
	for (; seen.count > before; seen.count--)
		free(seen.tags[seen.count - 1].body);
}

static void
every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t key_size, inter_size;
		uint8_t *key = support_load(rows[i].key, &key_size);
		uint8_t *inter = support_load(rows[i].inter, &inter_size);
		bool yes = true, no = false;

		support_truncations(key, MIN_OF(key_size, (size_t)400), open_prefix,
				    (void *)(uintptr_t)&rows[i]);
		writer = open_flv(rows[i].codec, key, key_size);
		assert_non_null(writer);
		support_truncations(key, MIN_OF(key_size, (size_t)400), write_prefix, &yes);
		support_truncations(inter, inter_size, write_prefix, &no);
		put(writer, MEDIA_VIDEO, 1000, true, key, key_size);
		assert_is_picture(&seen.tags[seen.count - 1], &rows[i], key, key_size);
		media_writer_close(writer, &(struct media_words){""});
		forget();
		free(key);
		free(inter);
	}
}

static int
set_up(void **state)
{
	(void)state;
	media_init();
	flv_reader_init(&seen.reader);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which_codecs),
	    cmocka_unit_test(what_a_reader_gets),
	    cmocka_unit_test(opus),
	    cmocka_unit_test(a_configuration_that_changes),
	    cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests_name("media_flv", tests, set_up, NULL);
}
