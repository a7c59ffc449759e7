/* Unit tests of lib/payload. */
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
#include "payload/payload.h"

enum { PAYLOADS_MAX = 512, PAYLOAD_CAP = 1500 };

static const struct sample {
	enum payload_codec codec;
	const char *key, *inter, *record, *fmtp;
	size_t slack; /* octets that payloads may differ by, but for the last */
} samples[] = {
    {PAYLOAD_H264, "h264/annexb-176x144.hex", NULL, NULL,
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c00a", 0},
    {PAYLOAD_H265, "h265/annexb-176x144.hex", "h265/annexb-trail.hex", "h265/hvcc-176x144.hex",
     "level-id=30;profile-id=1;tier-flag=0", 0},
    {PAYLOAD_VP8, "vp8/key-176x144.hex", "vp8/inter.hex", NULL, "", 0},
    {PAYLOAD_VP9, "vp9/key-176x144.hex", "vp9/inter.hex", "vp9/vpcc-176x144.hex", "profile-id=0",
     0},
    {PAYLOAD_AV1, "av1/key-176x144.hex", "av1/inter.hex", "av1/av1c-176x144.hex",
     "level-idx=0;profile=0;tier=0", 3},
};

static struct payloads {
	uint8_t buf[PAYLOADS_MAX][PAYLOAD_CAP];
	size_t size[PAYLOADS_MAX], count;
} sent;

static void
pack_all(struct payload_pack *p, const uint8_t *unit, size_t size, size_t max_payload)
{
	bool last = false;
	int n;

	assert_int_equal(payload_pack_start(p, unit, size, max_payload), 0);
	for (sent.count = 0;; sent.count++) {
		assert_in_range(sent.count, 0, PAYLOADS_MAX - 1);
		n = payload_pack_next(p, sent.buf[sent.count], PAYLOAD_CAP, &last);
		if (n <= 0)
			break;
		assert_in_range(n, 1, max_payload);
		sent.size[sent.count] = (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_true(last);
}

static void
names(void **state)
{
	(void)state;
	assert_int_equal(payload_codec_of("H264"), PAYLOAD_H264);
	assert_int_equal(payload_codec_of("h265"), PAYLOAD_H265);
	assert_int_equal(payload_codec_of("hevc"), PAYLOAD_H265);
	assert_int_equal(payload_codec_of("Vp8"), PAYLOAD_VP8);
	assert_int_equal(payload_codec_of("VP9"), PAYLOAD_VP9);
	assert_int_equal(payload_codec_of("av1"), PAYLOAD_AV1);
	assert_int_equal(payload_codec_of("opus"), PAYLOAD_NONE);
	assert_int_equal(payload_codec_of(""), PAYLOAD_NONE);
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS; i++)
		assert_int_equal(payload_codec_of(payload_name(i)), i);
	assert_string_equal(payload_name(PAYLOAD_NONE), "");
}

static void
nothing_of_none(void **state)
{
	static struct payload_pack p;
	struct payload_facts f;
	uint32_t width, height;
	uint8_t out[8];
	bool last;
	struct au au;

	(void)state;
	au_init(&au);
	payload_pack_init(&p, PAYLOAD_NONE);
	assert_int_equal(payload_pack_start(&p, out, 1, 1200), -EBADMSG);
	assert_int_equal(payload_pack_next(&p, out, 1, &last), 0);
	assert_int_equal(payload_depack_push(PAYLOAD_NONE, &au, out, 1), -EBADMSG);
	assert_false(payload_depack_end(PAYLOAD_NONE, &au));
	assert_true(payload_starts_keyframe(PAYLOAD_NONE, out, 0));
	assert_true(payload_picture_size(PAYLOAD_NONE, out, 1, &width, &height) < 0);
	assert_int_equal(payload_look(PAYLOAD_NONE, out, 1, &f), -EBADMSG);
	assert_int_equal(payload_headers(PAYLOAD_NONE, out, 8, out, 1), 0);
	assert_true(payload_config_headers(PAYLOAD_NONE, out, 8, out, 1, NULL) < 0);
	assert_int_equal(payload_config_make(PAYLOAD_NONE, out, 8, out, 1), -EINVAL);
	au_fini(&au);
}

/* All but the last are of one size, where a picture is one large piece. */
static void
assert_equal_sizes(const struct sample *s, size_t max)
{
	size_t first = 0;

	/* Parameter sets have a payload of their own. */
	if (s->codec == PAYLOAD_H264 || s->codec == PAYLOAD_H265)
		first = 1;
	for (size_t i = first; i + 1 < sent.count && max > 400; i++)
		assert_in_range(sent.size[first] + s->slack - sent.size[i], 0, 2 * s->slack);
}

/* Keyframes through every payload size come out octet for octet, and say what they are. */
static void
round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		static struct payload_pack p;
		uint32_t width, height;
		size_t size, delimiter = s->codec == PAYLOAD_AV1 ? 2 : 0;
		uint8_t *in = support_load(s->key, &size);
		struct au au;

		payload_pack_init(&p, s->codec);
		au_init(&au);
		for (size_t max = 20; max < PAYLOAD_CAP; max += 13) {
			pack_all(&p, in, size, max);
			assert_equal_sizes(s, max);
			assert_true(payload_starts_keyframe(s->codec, sent.buf[0], sent.size[0]));
			for (size_t k = 1;
			     k < sent.count && s->codec != PAYLOAD_H264 && s->codec != PAYLOAD_H265;
			     k++)
				assert_false(
				    payload_starts_keyframe(s->codec, sent.buf[k], sent.size[k]));
			au_reset(&au);
			for (size_t k = 0; k < sent.count; k++)
				assert_int_equal(
				    payload_depack_push(s->codec, &au, sent.buf[k], sent.size[k]),
				    0);
			assert_true(payload_depack_end(s->codec, &au));
			assert_true(au.keyframe);
			assert_int_equal(au.size, size - delimiter);
			assert_memory_equal(au.buf, in + delimiter, au.size);
		}
		pack_all(&p, in, size, 1200);
		assert_int_equal(
		    payload_picture_size(s->codec, sent.buf[0], sent.size[0], &width, &height), 0);
		assert_int_equal(width, 176);
		assert_int_equal(height, 144);
		au_fini(&au);
		free(in);
	}
}

/* Any one payload missing, of a whole that has several, is noticed; of VP8 the last one is only
 * missed by the RTP marker. */
static void
a_missing_payload_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		static struct payload_pack p;
		size_t size;
		uint8_t *in = support_load(s->key, &size);
		struct au au;

		payload_pack_init(&p, s->codec);
		pack_all(&p, in, size, 300);
		assert_true(sent.count >= 3);
		au_init(&au);
		for (size_t gone = 0; gone < sent.count; gone++) {
			bool middle = gone > 0 && gone + 1 < sent.count;

			au_reset(&au);
			for (size_t k = 0; k < sent.count; k++)
				if (k != gone)
					(void)payload_depack_push(s->codec, &au, sent.buf[k],
								  sent.size[k]);
			/* A missing middle leaves a fragment that looks whole: numbers tell. */
			if (gone == 0 && (s->codec == PAYLOAD_H264 || s->codec == PAYLOAD_H265))
				assert_true(au.keyframe); /* parameter sets only */
			else if (!middle && s->codec != PAYLOAD_VP8)
				assert_false(payload_depack_end(s->codec, &au));
		}
		au_fini(&au);
		free(in);
	}
}

static void
facts_of_units(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		char text[PAYLOAD_FMTP_SIZE];
		uint8_t headers[PAYLOAD_HEADERS_MAX];
		struct payload_facts f;
		uint32_t width, height;
		unsigned depth, chroma;
		size_t size;
		uint8_t *in = support_load(s->key, &size);
		int n;

		assert_int_equal(payload_look(s->codec, in, size, &f), 0);
		assert_true(f.picture && f.keyframe && f.headers && !f.disposable);
		assert_int_equal(payload_unit_size(s->codec, in, size, &width, &height), 0);
		assert_int_equal(width, 176);
		assert_int_equal(height, 144);
		assert_int_equal(payload_unit_samples(s->codec, in, size, &depth, &chroma), 0);
		assert_int_equal(depth, 8);
		assert_int_equal(chroma, 1);
		assert_string_equal(payload_fmtp(s->codec, text, in, size), s->fmtp);
		n = payload_headers(s->codec, headers, sizeof(headers), in, size);
		if (s->codec == PAYLOAD_VP8 || s->codec == PAYLOAD_VP9) {
			assert_int_equal(n, 0);
		} else {
			assert_true(n > 8);
			assert_int_equal(payload_look(s->codec, headers, (size_t)n, &f), 0);
			assert_true(f.headers && !f.picture && !f.keyframe);
			assert_string_equal(payload_fmtp(s->codec, text, headers, (size_t)n),
					    s->fmtp);
			assert_int_equal(payload_headers(s->codec, headers, 8, in, size), -ENOSPC);
		}
		free(in);
		if (s->inter == NULL)
			continue;
		in = support_load(s->inter, &size);
		assert_int_equal(payload_look(s->codec, in, size, &f), 0);
		assert_true(f.picture && !f.keyframe && !f.headers);
		assert_int_equal(payload_headers(s->codec, headers, sizeof(headers), in, size), 0);
		assert_string_equal(payload_fmtp(s->codec, text, in, size), "");
		free(in);
	}
}

static void
disposable_pictures(void **state)
{
	struct payload_facts f;

	(void)state;
	assert_int_equal(payload_look(PAYLOAD_H264, (const uint8_t *)"\0\0\1\x01\x9a", 5, &f), 0);
	assert_true(f.disposable);
	assert_int_equal(payload_look(PAYLOAD_H264, (const uint8_t *)"\0\0\1\x41\x9a", 5, &f), 0);
	assert_false(f.disposable);
	assert_int_equal(payload_look(PAYLOAD_H265, (const uint8_t *)"\0\0\1\x00\x01\xd0", 6, &f),
			 0); /* TRAIL_N */
	assert_true(f.disposable);
	assert_int_equal(payload_look(PAYLOAD_H265, (const uint8_t *)"\0\0\1\x12\x01\xd0", 6, &f),
			 0); /* RASL_R */
	assert_false(f.disposable);
	assert_int_equal(payload_look(PAYLOAD_H265, (const uint8_t *)"\0\0\1\x42\x01\xd0", 6, &f),
			 0);
	assert_false(f.disposable || f.picture);
}

/* A record of FFmpeg's tells the same headers as the keyframe itself, and so does ours. */
static void
records(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		uint8_t want[PAYLOAD_HEADERS_MAX], got[PAYLOAD_HEADERS_MAX];
		uint8_t record[PAYLOAD_CONFIG_MAX], *theirs;
		bool nalus = s->codec == PAYLOAD_H264 || s->codec == PAYLOAD_H265;
		unsigned length = 9;
		size_t size, theirs_size;
		uint8_t *in = support_load(s->key, &size);
		int n = payload_headers(s->codec, want, sizeof(want), in, size), r;

		r = payload_config_make(s->codec, record, sizeof(record), in, size);
		assert_true(r > 0);
		assert_int_equal(
		    payload_config_headers(s->codec, got, sizeof(got), record, (size_t)r, &length),
		    n);
		assert_memory_equal(got, want, (size_t)n);
		assert_int_equal(length, nalus ? 4 : 0);
		for (size_t k = 0; k < (size_t)r; k++) {
			uint8_t *exact = malloc(k > 0 ? k : 1);

			memcpy(exact, record, k);
			(void)payload_config_headers(s->codec, got, sizeof(got), exact, k, NULL);
			free(exact);
		}
		if (s->record != NULL) {
			theirs = support_load(s->record, &theirs_size);
			assert_int_equal(payload_config_headers(s->codec, got, sizeof(got), theirs,
								theirs_size, NULL),
					 n);
			assert_memory_equal(got, want, (size_t)n);
			free(theirs);
		}
		free(in);
	}
}

static void
stored_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		size_t size, delimiter = s->codec == PAYLOAD_AV1 ? 2 : 0;
		uint8_t *in = support_load(s->key, &size);
		uint8_t *stored = malloc(2 * size), *back = malloc(4 * size + 4);
		int n = payload_to_stored(s->codec, stored, 2 * size, in, size);

		assert_true(n > 0);
		assert_int_equal(
		    payload_from_stored(s->codec, back, 4 * size + 4, stored, (size_t)n, 4),
		    size - delimiter);
		assert_memory_equal(back, in + delimiter, size - delimiter);
		assert_int_equal(payload_to_stored(s->codec, stored, (size_t)n - 1, in, size),
				 -ENOSPC);
		assert_int_equal(
		    payload_from_stored(s->codec, back, size - delimiter - 1, stored, (size_t)n, 4),
		    -ENOSPC);
		free(in);
		free(stored);
		free(back);
	}
}

/* By RFC 6381. */
static void
mime_names(void **state)
{
	static const struct {
		enum payload_codec codec;
		const char *file, *name;
		size_t least; /* octets that tell it */
	} rows[] = {
	    {PAYLOAD_H265, "h265/hvcc-176x144.hex", "hvc1.1.6.L30.90", 23},
	    {PAYLOAD_AV1, "av1/av1c-176x144.hex", "av01.0.00M.08", 4},
	};
	static const struct {
		enum payload_codec codec;
		uint8_t record[24];
		const char *name;
	} made[] = {
	    {PAYLOAD_H264, {1, 0x42, 0xe0, 0x1f, 0xff, 0xe1, 0}, "avc1.42e01f"},
	    {PAYLOAD_H264, {1, 0x64, 0x00, 0x28, 0xff, 0xe1, 0}, "avc1.640028"},
	    /* Main 10 in the high tier, all constraints; another profile space without any. */
	    {PAYLOAD_H265,
	     {1, 0x22, 0x20, 0, 0, 0, 0xb0, 1, 2, 3, 4, 5, 153},
	     "hvc1.2.4.H153.B0.1.2.3.4.5"},
	    {PAYLOAD_H265, {1, 0x41, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93}, "hvc1.A1.6.L93"},
	    {PAYLOAD_VP9, {1, 0, 0, 0, 2, 51, 0xa2, 1, 1, 1}, "vp09.02.51.10"}, /* vpcC */
	    {PAYLOAD_VP9, {0, 10, 0x82, 2, 2, 2, 0, 0}, "vp09.00.10.08"}, /* without its head */
	    {PAYLOAD_AV1, {0x81, 0x0d, 0xcc, 0}, "av01.0.13H.10"},
	    {PAYLOAD_AV1, {0x81, 0x4d, 0x6c, 0}, "av01.2.13M.12"},
	    {PAYLOAD_VP8, {1, 0, 0, 0, 0, 10, 0x82}, ""},
	};
	char text[PAYLOAD_MIME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t size;
		uint8_t *record = support_load(rows[i].file, &size);

		assert_string_equal(payload_mime(rows[i].codec, text, record, size), rows[i].name);
		for (size_t n = 0; n <= size; n++) {
			uint8_t *part = malloc(n + 1); /* at its end: exact for a sanitizer */

			assert_non_null(part);
			memcpy(part + 1, record, n);
			payload_mime(rows[i].codec, text, part + 1, n);
			assert_string_equal(text, n < rows[i].least ? "" : rows[i].name);
			free(part);
		}
		free(record);
	}
	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		payload_mime(made[i].codec, text, made[i].record, sizeof(made[i].record));
		assert_string_equal(text, made[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),	      cmocka_unit_test(nothing_of_none),
	    cmocka_unit_test(round_trips),    cmocka_unit_test(a_missing_payload_is_noticed),
	    cmocka_unit_test(facts_of_units), cmocka_unit_test(disposable_pictures),
	    cmocka_unit_test(records),	      cmocka_unit_test(stored_form),
	    cmocka_unit_test(mime_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
