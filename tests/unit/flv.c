/* Unit tests of lib/flv. */
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
#include "base/text.h"
#include "flv/flv.h"
#include "flv/flv_timeline.h"

/* A file of three tags. */
static size_t
make_file(uint8_t *buf, size_t cap)
{
	static const uint8_t body[][5] = {{0xaf, 0, 0x12, 0x10}, {0x17, 1, 0, 0, 0}, {9}};
	const struct flv_tag tags[] = {{FLV_AUDIO, 0, body[0], 4},
				       {FLV_VIDEO, 0x12345678, body[1], 5},
				       {FLV_SCRIPT, 40, body[2], 1}};
	size_t at = (size_t)flv_write_header(buf, cap, true, true);

	for (size_t i = 0; i < ARRAY_COUNT(tags); i++) {
		int n = flv_write_tag(buf + at, cap - at, &tags[i]);

		assert_true(n > 0);
		at += (size_t)n;
	}
	return at;
}

static void
tags_in_pieces(void **state)
{
	uint8_t file[256];
	size_t size = make_file(file, sizeof(file));

	(void)state;
	for (size_t piece = 1; piece <= size; piece++) {
		struct flv_reader r;
		struct flv_tag tag, last = {0};
		unsigned count = 0;

		flv_reader_init(&r);
		for (size_t at = 0; at < size; at += piece) {
			assert_int_equal(flv_reader_push(&r, file + at, MIN_OF(piece, size - at)),
					 0);
			while (flv_reader_next(&r, &tag) == 1) {
				count++;
				last = tag;
				if (tag.type == FLV_VIDEO)
					assert_int_equal(tag.ts_ms, 0x12345678);
			}
		}
		assert_int_equal(count, 3);
		assert_int_equal(last.type, FLV_SCRIPT);
		assert_int_equal(last.ts_ms, 40);
		assert_int_equal(r.has_flags, 5);
		flv_reader_fini(&r);
	}
}

static void
not_flv(void **state)
{
	static const char *const rows[] = {
	    "47",
	    "464c5602",
	    "464c560105ffffffff00000000",
	    "464c56010500000000aabbccdd",
	    "464c5601050000000900000000099000000000000000000000" /* over FLV_TAG_MAX */,
	    "464c5601050000000900000000290000010000000000000000", /* encrypted */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[64];
		size_t size = strlen(rows[i]) / 2;
		struct flv_reader r;
		struct flv_tag tag;

		text_unhex(buf, size, rows[i]);
		flv_reader_init(&r);
		assert_int_equal(flv_reader_push(&r, buf, size), 0);
		assert_int_equal(flv_reader_next(&r, &tag), -EBADMSG);
		flv_reader_fini(&r);
	}
}

static void
video_heads(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		struct flv_video v;
	} rows[] = {
	    {"170000000001", 0, {FLV_AVC, FLV_SEQUENCE_HEADER, true, false, 0, NULL, 1, false, ""}},
	    {"1701000050aabb", 0, {FLV_AVC, FLV_FRAME, true, false, 80, NULL, 2, false, ""}},
	    {"2701fffff6aa", 0, {FLV_AVC, FLV_FRAME, false, false, -10, NULL, 1, false, ""}},
	    {"1702000000", 0, {FLV_AVC, FLV_SEQUENCE_END, true, false, 0, NULL, 0, false, ""}},
	    {"1c0000000001",
	     0,
	     {FLV_HEVC, FLV_SEQUENCE_HEADER, true, false, 0, NULL, 1, false, ""}},
	    {"9068766331aa", 0, {FLV_HEVC, FLV_SEQUENCE_HEADER, true, true, 0, NULL, 1, false, ""}},
	    {"916176633100000aaa", 0, {FLV_AVC, FLV_FRAME, true, true, 10, NULL, 1, false, ""}},
	    {"a361766331aa", 0, {FLV_AVC, FLV_FRAME, false, true, 0, NULL, 1, false, ""}},
	    {"9161763031aabb", 0, {FLV_AV1, FLV_FRAME, true, true, 0, NULL, 2, false, ""}},
	    {"9276703039", 0, {FLV_VP9, FLV_SEQUENCE_END, true, true, 0, NULL, 0, false, ""}},
	    {"9468766331aa", 0, {FLV_HEVC, FLV_OTHER, true, true, 0, NULL, 0, false, ""}},
	    {"5700", 0, {FLV_AVC, FLV_OTHER, false, false, 0, NULL, 0, false, ""}},
	    {"12", -ENOMSG, {FLV_CODEC_NONE, FLV_OTHER, true, false, 0, NULL, 0, false, ""}},
	    {"9061626364",
	     -ENOMSG,
	     {FLV_CODEC_NONE, FLV_OTHER, true, true, 0, NULL, 0, false, "abcd"}},
	    {"", -EBADMSG, {0}},
	    {"17010000", -EBADMSG, {0}},
	    {"90687663", -EBADMSG, {0}},
	    {"91687663310000", -EBADMSG, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[32], again[FLV_BODY_HEAD_MAX];
		size_t size = strlen(rows[i].hex) / 2;
		struct flv_video v = {0};
		int n;

		text_unhex(buf, size, rows[i].hex);
		assert_int_equal(flv_video_parse(&v, buf, size), rows[i].rc);
		assert_int_equal(v.codec, rows[i].v.codec);
		assert_int_equal(v.cts_ms, rows[i].v.cts_ms);
		assert_int_equal(v.size, rows[i].v.size);
		if (rows[i].rc == -EBADMSG)
			continue;
		assert_int_equal(v.kind, rows[i].v.kind);
		assert_int_equal(v.keyframe, rows[i].v.keyframe);
		assert_int_equal(v.enhanced, rows[i].v.enhanced);
		assert_string_equal(v.fourcc, rows[i].v.fourcc);
		if (v.kind == FLV_OTHER || buf[0] == 0x1c || buf[0] == 0x92)
			continue;
		n = flv_write_video(again, sizeof(again), &v);
		assert_int_equal(n, size - v.size);
		assert_memory_equal(again, buf, (size_t)n);
		assert_true(flv_write_video(again, 1, &v) == -ENOSPC);
	}
}

static void
audio_heads(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		struct flv_audio a;
	} rows[] = {
	    {"af001210", 0, {FLV_AAC, FLV_SEQUENCE_HEADER, false, 44100, 2, NULL, 2, false, ""}},
	    {"af01aa", 0, {FLV_AAC, FLV_FRAME, false, 44100, 2, NULL, 1, false, ""}},
	    {"2faabb", 0, {FLV_MP3, FLV_FRAME, false, 44100, 2, NULL, 2, false, ""}},
	    {"2aaabb", 0, {FLV_MP3, FLV_FRAME, false, 22050, 1, NULL, 2, false, ""}},
	    {"72aa", 0, {FLV_PCMA, FLV_FRAME, false, 8000, 1, NULL, 1, false, ""}},
	    {"82aa", 0, {FLV_PCMU, FLV_FRAME, false, 8000, 1, NULL, 1, false, ""}},
	    {"904f707573aa", 0, {FLV_OPUS, FLV_SEQUENCE_HEADER, true, 0, 0, NULL, 1, false, ""}},
	    {"914f707573aabb", 0, {FLV_OPUS, FLV_FRAME, true, 0, 0, NULL, 2, false, ""}},
	    {"906d7034611210", 0, {FLV_AAC, FLV_SEQUENCE_HEADER, true, 0, 0, NULL, 2, false, ""}},
	    {"944f707573aa", 0, {FLV_OPUS, FLV_OTHER, true, 0, 0, NULL, 1, false, ""}},
	    {"b0", -ENOMSG, {0}},
	    {"9061626364", -ENOMSG, {0}},
	    {"", -EBADMSG, {0}},
	    {"af", -EBADMSG, {0}},
	    {"914f7075", -EBADMSG, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[32], again[FLV_BODY_HEAD_MAX];
		size_t size = strlen(rows[i].hex) / 2;
		struct flv_audio a = {0};
		int n;

		text_unhex(buf, size, rows[i].hex);
		assert_int_equal(flv_audio_parse(&a, buf, size), rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(a.codec, rows[i].a.codec);
		assert_int_equal(a.kind, rows[i].a.kind);
		assert_int_equal(a.rate_hz, rows[i].a.rate_hz);
		assert_int_equal(a.channel_count, rows[i].a.channel_count);
		assert_int_equal(a.size, rows[i].a.size);
		if (a.kind == FLV_OTHER)
			continue;
		n = flv_write_audio(again, sizeof(again), &a);
		assert_int_equal(n, size - a.size);
		assert_memory_equal(again, buf, (size_t)n);
	}
}

static const uint8_t sps[] = {0x67, 0x42, 0xc0, 0x1e, 0xd9}, pps[] = {0x68, 0xce, 0x3c, 0x80};

static void
read_bodies(void *arg, const uint8_t *buf, size_t size)
{
	struct flv_video v;
	struct flv_audio a;

	(void)arg;
	flv_video_parse(&v, buf, size);
	flv_audio_parse(&a, buf, size);
}

/* Track 0 out of packets that hold several, wherever it stands; nothing reads over the end. */
static void
multitrack(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		enum flv_codec codec;
		enum flv_kind kind;
		int32_t cts_ms;
		size_t size;
		uint8_t first;
	} video[] = {
	    /* one track; X: no composition time */
	    {"96036176633100aabb", 0, FLV_AVC, FLV_FRAME, 0, 2, 0xaa},
	    {"960061766331 00 01", 0, FLV_AVC, FLV_SEQUENCE_HEADER, 0, 1, 1},
	    {"96036176633101aabb", 0, FLV_CODEC_NONE, FLV_OTHER, 0, 0, 0},
	    /* many tracks, 0 the second: 40 ms */
	    {"961161766331 01000001cc 00000005000028ddee", 0, FLV_AVC, FLV_FRAME, 40, 2, 0xdd},
	    /* a codec each, 0 the second */
	    {"9623 68766331 01000001cc 76703039 00000001dd", 0, FLV_VP9, FLV_FRAME, 0, 1, 0xdd},
	    {"9611617663310000000200 01", -EBADMSG, 0, 0, 0, 0, 0}, /* shorter than a time */
	    {"961361766331 00ffffff01", -EBADMSG, 0, 0, 0, 0, 0},   /* runs over the end */
	    {"9616617663310001", -EBADMSG, 0, 0, 0, 0, 0},	    /* within itself */
	    {"963361766331000000 01", -EBADMSG, 0, 0, 0, 0, 0},	    /* no such arrangement */
	    {"96036162636400aa", -ENOMSG, FLV_CODEC_NONE, FLV_OTHER, 0, 0, 0},
	};
	uint8_t buf[64];
	struct flv_audio a;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(video); i++) {
		struct flv_video v = {0};
		char hex[128], *h = hex;
		int n;

		for (const char *p = video[i].hex; *p != '\0'; p++)
			if (*p != ' ')
				*h++ = *p;
		*h = '\0';
		n = (int)strlen(hex) / 2;
		assert_int_equal(text_unhex(buf, (size_t)n, hex), 0);
		assert_int_equal(flv_video_parse(&v, buf, (size_t)n), video[i].rc);
		support_truncations(buf, (size_t)n, read_bodies, NULL);
		if (video[i].rc == -EBADMSG)
			continue;
		assert_true(v.multitrack && v.enhanced);
		assert_int_equal(v.codec, video[i].codec);
		assert_int_equal(v.kind, video[i].kind);
		assert_int_equal(v.cts_ms, video[i].cts_ms);
		assert_int_equal(v.size, video[i].size);
		if (v.size > 0)
			assert_int_equal(v.data[0], video[i].first);
	}
	assert_int_equal(flv_audio_parse(&a, (const uint8_t *)"\x95\x01Opus\0\xfc", 8), 0);
	assert_int_equal(a.codec, FLV_OPUS);
	assert_true(a.multitrack && a.size == 1 && a.data[0] == 0xfc);
}

/* Modifiers before a packet ("ModEx": nanoseconds of the timestamp) are passed over. */
static void
modifiers(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		enum flv_codec codec;
		enum flv_kind kind;
		size_t size;
	} rows[] = {
	    {"97 02 000001 03 61766331 aabb", 0, FLV_AVC, FLV_FRAME, 2},
	    {"97 02 000001 07 00 ff 00 76703039", 0, FLV_VP9, FLV_SEQUENCE_HEADER, 0},
	    {"a7 ff 0002 010203 01 68766331 000028 ee", 0, FLV_HEVC, FLV_FRAME, 1},
	    {"97 02 000001 06 03 61766331 00 cc", 0, FLV_AVC, FLV_FRAME, 1}, /* and many tracks */
	    {"97 02 000001 06 07 61766331 00 cc", -EBADMSG, 0, 0, 0},	     /* within those */
	    {"97 02 000001", -EBADMSG, 0, 0, 0},
	    {"97 ff ffff 00", -EBADMSG, 0, 0, 0},
	    {"97", -EBADMSG, 0, 0, 0},
	    {"97 00 00 03 617663", -EBADMSG, 0, 0, 0},
	};
	uint8_t buf[64];
	struct flv_audio a;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct flv_video v = {0};
		char hex[128], *h = hex;
		int n;

		for (const char *p = rows[i].hex; *p != '\0'; p++)
			if (*p != ' ')
				*h++ = *p;
		*h = '\0';
		n = (int)strlen(hex) / 2;
		assert_int_equal(text_unhex(buf, (size_t)n, hex), 0);
		assert_int_equal(flv_video_parse(&v, buf, (size_t)n), rows[i].rc);
		support_truncations(buf, (size_t)n, read_bodies, NULL);
		if (rows[i].rc == -EBADMSG)
			continue;
		assert_int_equal(v.codec, rows[i].codec);
		assert_int_equal(v.kind, rows[i].kind);
		assert_int_equal(v.size, rows[i].size);
	}
	assert_int_equal(flv_audio_parse(&a, (const uint8_t *)"\x97\x00\x09\x01Opus\xfc", 9), 0);
	assert_int_equal(a.codec, FLV_OPUS);
	assert_true(a.kind == FLV_FRAME && a.size == 1 && a.data[0] == 0xfc);
}

static void
avc_config(void **state)
{
	struct flv_avc_config c = {.sps = {{sps, sizeof(sps)}},
				   .sps_count = 1,
				   .pps = {{pps, sizeof(pps)}},
				   .pps_count = 1},
			      d;
	uint8_t buf[64], annexb[64];
	int n = flv_avc_config_write(buf, sizeof(buf), &c);

	(void)state;
	assert_int_equal(n, 6 + 2 + 5 + 1 + 2 + 4);
	for (int i = 0; i < n; i++) { /* every truncation, in a block of its size */
		uint8_t *part = malloc((size_t)i + (i == 0));

		memcpy(part, buf, (size_t)i);
		assert_int_equal(flv_avc_config_parse(&d, part, (size_t)i), -EBADMSG);
		free(part);
		assert_int_equal(flv_avc_config_write(annexb, (size_t)i, &c), -ENOSPC);
	}
	assert_int_equal(flv_avc_config_parse(&d, buf, (size_t)n), 0);
	assert_int_equal(d.length_size, 4);
	assert_int_equal(d.profile_idc, 0x42);
	assert_int_equal(d.level_idc, 0x1e);
	assert_int_equal(d.sps_count, 1);
	assert_memory_equal(d.pps[0].p, pps, sizeof(pps));
	assert_int_equal(flv_avc_config_annexb(annexb, sizeof(annexb), &d), 4 + 5 + 4 + 4);
	assert_memory_equal(annexb + 4, sps, sizeof(sps));
	assert_int_equal(flv_avc_config_annexb(annexb, 16, &d), -ENOSPC);
	c.sps_count = 0;
	assert_int_equal(flv_avc_config_write(buf, sizeof(buf), &c), -EINVAL);
}

static void
convert(void *arg, const uint8_t *buf, size_t size)
{
	uint8_t out[256], back[256];
	int n = flv_avcc_to_annexb(out, sizeof(out), buf, size, 4);

	(void)arg;
	if (n < 0) {
		assert_int_equal(n, -EBADMSG);
		return;
	}
	assert_int_equal(flv_annexb_to_avcc(back, sizeof(back), out, (size_t)n), size);
	assert_memory_equal(back, buf, size);
}

static void
lengths_and_start_codes(void **state)
{
	static const uint8_t unit[] = {0, 0, 0, 2, 0x65, 0x88, 0, 0, 0, 1, 0x41};
	static const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 1, 0x41}, two[] = {0, 1, 0x41};
	uint8_t out[32];

	(void)state;
	support_truncations(unit, sizeof(unit), convert, NULL);
	assert_int_equal(flv_avcc_to_annexb(out, sizeof(out), empty, sizeof(empty), 4), 5);
	assert_int_equal(flv_avcc_to_annexb(out, sizeof(out), two, sizeof(two), 2), 5);
	assert_int_equal(flv_avcc_to_annexb(out, 4, two, sizeof(two), 2), -ENOSPC);
	assert_int_equal(flv_avcc_to_annexb(out, sizeof(out), sps, sizeof(sps), 1), -EBADMSG);
}

static void
read_metadata(void *arg, const uint8_t *buf, size_t size)
{
	struct flv_metadata m;

	(void)arg;
	(void)flv_metadata_parse(&m, buf, size);
}

static void
metadata(void **state)
{
	const struct flv_metadata m = {.width = 1280,
				       .height = 720,
				       .fps = 25,
				       .video_kbps = 900,
				       .audio_rate_hz = 44100,
				       .audio_channel_count = 2,
				       .video = FLV_AVC,
				       .audio = FLV_OPUS,
				       .encoder = "here"};
	struct flv_metadata d;
	uint8_t buf[512];
	int n = flv_metadata_write(buf, sizeof(buf), &m);

	(void)state;
	assert_true(n > 0);
	assert_int_equal(flv_metadata_parse(&d, buf, (size_t)n), 0);
	assert_float_equal(d.width, 1280, 0);
	assert_float_equal(d.fps, 25, 0);
	assert_int_equal(d.video, FLV_AVC);
	assert_int_equal(d.audio, FLV_OPUS);
	assert_int_equal(d.audio_channel_count, 2);
	assert_string_equal(d.encoder, "here");
	support_truncations(buf, (size_t)n, read_metadata, NULL);
	assert_int_equal(flv_metadata_write(buf, 30, &m), -ENOSPC);
	assert_int_equal(flv_metadata_parse(&d, (const uint8_t *)"\2\0\1x", 4), -ENOMSG);
	assert_int_equal(flv_metadata_parse(&d, (const uint8_t *)"\5", 1), -EBADMSG);
}

static void
timeline(void **state)
{
	static const struct {
		uint32_t ts_ms, now_ms;
		int64_t line_ms;
		bool jump;
	} rows[] = {
	    {0xffffffe0, 0, 0, false},	 /* the first is the origin */
	    {0x00000008, 40, 40, false}, /* wraps */
	    {0xfffffff0, 41, 16, false}, /* the other track, behind */
	    {0x00000030, 80, 80, false},
	    {0x00010030, 120, 100, true}, /* a minute ahead at once */
	    {0x00010058, 160, 140, false},
	    {0x00000010, 200, 160, true}, /* back to the beginning */
	    {0x00000038, 240, 200, false},
	    {0x00007568, 30240, 30200, false}, /* a pause that passed */
	    {0x80007568, 30280, 30220, true},  /* half way round */
	    {0x80007590, 30320, 30260, false},
	};
	struct flv_timeline t = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		bool jump = !rows[i].jump;

		assert_int_equal(
		    flv_timeline_map(&t, rows[i].ts_ms, rows[i].now_ms * 1000ull, &jump),
		    rows[i].line_ms);
		assert_int_equal(jump, rows[i].jump);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_in_pieces), cmocka_unit_test(not_flv),
	    cmocka_unit_test(video_heads),    cmocka_unit_test(audio_heads),
	    cmocka_unit_test(avc_config),     cmocka_unit_test(lengths_and_start_codes),
	    cmocka_unit_test(multitrack),     cmocka_unit_test(modifiers),
	    cmocka_unit_test(metadata),	      cmocka_unit_test(timeline),
	};

	return cmocka_run_group_tests_name("flv", tests, NULL, NULL);
}
