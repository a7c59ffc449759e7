/* Unit tests of lib/h264. */
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
#include "base/random.h"
#include "h264/h264.h"

enum { PAYLOADS_MAX = 512, PAYLOAD_CAP = 1500 };

static struct payloads {
	uint8_t buf[PAYLOADS_MAX][PAYLOAD_CAP];
	size_t size[PAYLOADS_MAX], count;
	bool last[PAYLOADS_MAX];
} sent;

/* Pack a whole access unit into `sent`. */
static void
pack_all(const uint8_t *annexb, size_t size, size_t max_payload)
{
	static struct h264_pack p;
	int n;

	assert_int_equal(h264_pack_start(&p, annexb, size, max_payload), 0);
	for (sent.count = 0;; sent.count++) {
		assert_in_range(sent.count, 0, PAYLOADS_MAX - 1);
		n = h264_pack_next(&p, sent.buf[sent.count], PAYLOAD_CAP, &sent.last[sent.count]);
		if (n <= 0)
			break;
		assert_in_range(n, 1, max_payload);
		sent.size[sent.count] = (size_t)n;
	}
	assert_int_equal(n, 0);
	for (size_t i = 0; i < sent.count; i++)
		assert_int_equal(sent.last[i], i + 1 == sent.count);
}

static void
sps_of_x264(void **state)
{
	static const struct {
		const char *name;
		unsigned profile, width, height;
		double fps;
		int reorder_frames;
	} rows[] = {
	    {"176x144-baseline", 66, 176, 144, 15, 0},
	    {"176x144-high", 100, 176, 144, 15, 2},
	    {"322x182-baseline", 66, 322, 182, 30000 / 1001.0, 0},
	    {"322x182-high", 100, 322, 182, 30000 / 1001.0, 2},
	    {"640x360-baseline", 66, 640, 360, 25, 0},
	    {"640x360-high", 100, 640, 360, 25, 2},
	    {"1280x720-baseline", 66, 1280, 720, 60, 0},
	    {"1920x1080-baseline", 66, 1920, 1080, 30, 0},
	    {"1920x1080-high", 100, 1920, 1080, 30, 2},
	    {"642x362-high444", 244, 642, 362, 25, 2},
	    {"720x576-interlaced", 100, 720, 576, 25, 2},
	    {"640x360-leaves", 100, 640, 360, 25, 1},
	    {"640x360-hrd", 100, 640, 360, 25, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct h264_sps sps;
		char path[128];
		size_t size;
		uint8_t *nalu;

		snprintf(path, sizeof(path), "h264/sps-%s.hex", rows[i].name);
		nalu = support_load(path, &size);
		assert_int_equal(h264_sps_parse(&sps, nalu, size), 0);
		assert_int_equal(sps.profile_idc, rows[i].profile);
		assert_int_equal(sps.width, rows[i].width);
		assert_int_equal(sps.height, rows[i].height);
		assert_float_equal(sps.fps, rows[i].fps, 0.001);
		assert_int_equal(sps.reorder_frames, rows[i].reorder_frames);
		free(nalu);
	}
}

static void
truncated_sps(void *arg, const uint8_t *buf, size_t size)
{
	struct h264_sps sps;
	int r = h264_sps_parse(&sps, buf, size);

	(void)arg;
	assert_true(r == 0 || r == -EBADMSG || (size == 0 && r == -ENOMSG));
	assert_true(r != 0 || size > 10);
}

static void
truncated_payload_sps(void *arg, const uint8_t *buf, size_t size)
{
	struct h264_sps sps = {.width = 7};
	int r = h264_payload_sps(&sps, buf, size);

	(void)arg;
	assert_true(r == 0 ? sps.width == 640 : (r == -ENOMSG || r == -EBADMSG) && sps.width == 7);
}

/* The SPS of a payload: alone, second in a STAP-A, or none. */
static void
sps_of_payloads(void **state)
{
	static const uint8_t idr[] = {0x65, 0x88, 0x84}, sei[] = {0x06, 0x01, 0x80};
	struct h264_sps sps = {0};
	size_t size, at = 0;
	uint8_t *nalu = support_load("h264/sps-640x360-high.hex", &size), stap[512];

	(void)state;
	assert_true(size + 16 < sizeof(stap));
	assert_int_equal(h264_payload_sps(&sps, nalu, size), 0);
	assert_int_equal(sps.width, 640);
	assert_int_equal(h264_payload_sps(&sps, idr, sizeof(idr)), -ENOMSG);
	assert_int_equal(h264_payload_sps(&sps, idr, 0), -ENOMSG);
	stap[at++] = H264_STAP_A;
	stap[at++] = 0;
	stap[at++] = sizeof(sei);
	memcpy(stap + at, sei, sizeof(sei));
	at += sizeof(sei);
	assert_int_equal(h264_payload_sps(&sps, stap, at), -ENOMSG);
	stap[at++] = (uint8_t)(size >> 8);
	stap[at++] = (uint8_t)size;
	memcpy(stap + at, nalu, size);
	at += size;
	sps.width = 0;
	assert_int_equal(h264_payload_sps(&sps, stap, at), 0);
	assert_int_equal(sps.width, 640);
	support_truncations(stap, at, truncated_payload_sps, NULL);
	stap[2] = 200; /* a unit beyond the end */
	assert_int_equal(h264_payload_sps(&sps, stap, 60), -EBADMSG);
	free(nalu);
}

static void
sps_is_refused_when_malformed(void **state)
{
	static const uint8_t slice[] = {0x65, 0x88, 0x84, 0, 0x10};
	/* pic_width_in_mbs_minus1 of 32 bits of one */
	static const uint8_t huge[] = {0x67, 66, 0, 30, 0xf8, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	struct h264_sps sps = {.width = 7};
	size_t size;
	uint8_t *nalu = support_load("h264/sps-640x360-high.hex", &size);

	(void)state;
	assert_int_equal(h264_sps_parse(&sps, slice, sizeof(slice)), -ENOMSG);
	assert_int_equal(h264_sps_parse(&sps, huge, sizeof(huge)), -EBADMSG);
	assert_int_equal(sps.width, 7);
	support_truncations(nalu, size, truncated_sps, NULL);
	free(nalu);
}

static void
annexb_is_cut_at_start_codes(void **state)
{
	static const uint8_t in[] = {9, 9, 0, 0, 0, 1, 0x67, 1, 2,    0, 0, 1, 0x68, 3,
				     0, 0, 0, 0, 1, 0, 0,    1, 0x65, 0, 0, 2, 0,    0};
	static const struct {
		uint8_t type;
		size_t size;
	} want[] = {{0x67, 3}, {0x68, 2}, {0x65, 4}};
	const uint8_t *nalu;
	size_t at = 0, used, size;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(want); i++, at += used) {
		used = h264_annexb_next(in + at, sizeof(in) - at, &nalu, &size);
		assert_int_not_equal(used, 0);
		assert_int_equal(nalu[0], want[i].type);
		assert_int_equal(size, want[i].size);
	}
	assert_int_equal(h264_annexb_next(in + at, sizeof(in) - at, &nalu, &size), 0);
	assert_int_equal(h264_annexb_next(in, 5, &nalu, &size), 0);
}

static void
keyframes_are_recognised(void **state)
{
	static const struct {
		bool want;
		size_t size;
		uint8_t payload[12];
	} rows[] = {
	    {true, 5, {0x65, 0x88, 0x84, 0, 0x10}},  /* IDR alone, first_mb 0 */
	    {false, 5, {0x65, 0x48, 0x84, 0, 0x10}}, /* a later slice of an IDR picture */
	    {false, 5, {0x41, 0x9a, 2, 5, 1}},
	    {true, 5, {0x67, 0x42, 0xc0, 0x1e, 0xda}}, /* SPS alone */
	    {false, 4, {0x68, 0xce, 0x3c, 0x80}},      /* PPS */
	    {true, 12, {0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 3, 0x68, 0xce, 0x3c}},
	    {true, 12, {0x78, 0, 2, 0x06, 5, 0, 5, 0x65, 0x88, 0x84, 0, 1}},
	    {false, 8, {0x78, 0, 2, 0x06, 5, 0, 1, 0x68}},
	    {false, 8, {0x78, 0, 0, 0x67, 5, 0, 1, 0x67}}, /* empty NALU: malformed */
	    {false, 4, {0x78, 0, 9, 0x67}},
	    {true, 4, {0x7c, 0x85, 0x88, 0x84}},  /* FU-A start of an IDR */
	    {false, 4, {0x7c, 0x85, 0x48, 0x84}}, /* of its second slice */
	    {false, 4, {0x7c, 0x05, 0x88, 0x84}}, /* not the start */
	    {true, 3, {0x7c, 0x87, 0x42}},	  /* FU-A start of an SPS */
	    {false, 2, {0x7c, 0x85}},
	    {false, 1, {0x67}},
	    {false, 0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].size + 1);

		memcpy(exact, rows[i].payload, rows[i].size);
		exact = realloc(exact, rows[i].size > 0 ? rows[i].size : 1);
		assert_int_equal(h264_payload_starts_keyframe(exact, rows[i].size), rows[i].want);
		free(exact);
	}
}

/* RFC 6184 s.5.7.1: F NRI Type, then 16-bit sizes and NALUs; the NRI is the highest of them. */
static void
parameter_sets_share_a_stap(void **state)
{
	static const uint8_t in[] = {0,	   0,	 0,    1, 0x09, 0x10, 0,    0,	  0,	1,   0x67,
				     0x42, 0xc0, 0x1e, 0, 0,	1,    0x68, 0xce, 0x3c, 0,   0,
				     1,	   0x06, 5,    1, 0,	0,    1,    0x65, 0x88, 0x84};
	static const uint8_t stap[] = {0x78, 0,	   4,	 0x67, 0x42, 0xc0, 0x1e, 0, 3,
				       0x68, 0xce, 0x3c, 0,    3,    0x06, 5,	 1};
	static const uint8_t idr[] = {0x65, 0x88, 0x84};

	(void)state;
	pack_all(in, sizeof(in), 1200);
	assert_int_equal(sent.count, 2);
	assert_int_equal(sent.size[0], sizeof(stap));
	assert_memory_equal(sent.buf[0], stap, sizeof(stap));
	assert_int_equal(sent.size[1], sizeof(idr));
	assert_memory_equal(sent.buf[1], idr, sizeof(idr));
}

/* RFC 6184 s.5.8: indicator with the NALU's NRI, header with S, E and the type; equal pieces. */
static void
fragments_are_equal(void **state)
{
	static uint8_t in[40000];
	static const size_t sizes[] = {1201, 1202, 2400, 2397, 5000, 39990, 12001, 1300};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		size_t body = 0;

		memset(in, 0xaa, sizeof(in));
		memcpy(in, "\0\0\0\1\x65", 5);
		pack_all(in, sizes[i] + 4, 1200);
		assert_true(sent.count >= 2);
		for (size_t k = 0; k < sent.count; k++) {
			bool last = k + 1 == sent.count;

			assert_int_equal(sent.buf[k][0], 0x7c);
			assert_int_equal(sent.buf[k][1],
					 (k == 0 ? 0x80 : 0) | (last ? 0x40 : 0) | 5);
			body += sent.size[k] - 2;
			if (last)
				assert_in_range(sent.size[0] - sent.size[k], 0, sent.count - 1);
			else
				assert_int_equal(sent.size[k], sent.size[0]);
		}
		assert_int_equal(body, sizes[i] - 1);
		assert_int_equal(sent.count, (sizes[i] - 1 + 1197) / 1198);
	}
}

static void
packing_has_limits(void **state)
{
	static struct h264_pack p;
	static uint8_t many[(H264_AU_NALUS_MAX + 1) * 5];
	uint8_t out[8];
	bool last;

	(void)state;
	for (size_t i = 0; i < sizeof(many); i += 5)
		memcpy(many + i, "\0\0\1\x41\x9a", 5);
	assert_int_equal(h264_pack_start(&p, many, sizeof(many), 1200), -ENOSPC);
	assert_int_equal(h264_pack_start(&p, many, sizeof(many) - 5, 1200), 0);
	assert_int_equal(h264_pack_start(&p, (const uint8_t *)"\0\0\1\x7c\x85", 5, 1200), -EBADMSG);
	assert_int_equal(h264_pack_start(&p, many, 0, 1200), -EBADMSG);
	assert_int_equal(h264_pack_start(&p, (const uint8_t *)"\0\0\1\x09\x10", 5, 1200), -EBADMSG);
	assert_int_equal(h264_pack_start(&p, many, 5, 2), 0);
	assert_int_equal(h264_pack_next(&p, out, sizeof(out), &last), -ENOSPC);
	assert_int_equal(h264_pack_start(&p, many, 5, 1200), 0);
	assert_int_equal(h264_pack_next(&p, out, 1, &last), -ENOSPC);
}

/* Whole access units through every payload size come out octet for octet. */
static void
round_trip(void **state)
{
	size_t size;
	uint8_t *in = support_load("h264/annexb-176x144.hex", &size);
	struct au d;

	(void)state;
	au_init(&d);
	for (size_t max = 20; max < PAYLOAD_CAP; max += 13) {
		pack_all(in, size, max);
		au_reset(&d);
		for (size_t i = 0; i < sent.count; i++)
			assert_int_equal(h264_depack_push(&d, sent.buf[i], sent.size[i]), 0);
		assert_true(d.keyframe);
		assert_false(d.damaged);
		assert_false(d.in_fragment);
		assert_int_equal(d.size, size);
		assert_memory_equal(d.buf, in, size);
	}
	au_fini(&d);
	free(in);
}

static void
losses_are_noticed(void **state)
{
	static const uint8_t start[] = {0x7c, 0x85, 1}, middle[] = {0x7c, 0x05, 2};
	static const uint8_t end[] = {0x7c, 0x45, 3}, slice[] = {0x41, 0x9a};
	static const uint8_t fu_b[] = {0x7d, 0x85, 0, 0, 1}, stap[] = {0x78, 0, 5, 1};
	struct au d;

	(void)state;
	au_init(&d);
	assert_int_equal(h264_depack_push(&d, middle, 3), -EBADMSG);
	assert_true(d.damaged);
	au_reset(&d);
	assert_int_equal(h264_depack_push(&d, start, 3), 0);
	assert_true(d.in_fragment);
	assert_int_equal(h264_depack_push(&d, slice, 2), 0);
	assert_true(d.damaged);
	au_reset(&d);
	assert_int_equal(h264_depack_push(&d, start, 3), 0);
	assert_int_equal(h264_depack_push(&d, NULL, 0), 0);
	assert_int_equal(h264_depack_push(&d, end, 3), 0);
	assert_false(d.damaged);
	assert_int_equal(h264_depack_push(&d, fu_b, sizeof(fu_b)), -EBADMSG);
	assert_int_equal(h264_depack_push(&d, stap, sizeof(stap)), -EBADMSG);
	assert_int_equal(d.size, 7);
	au_fini(&d);
}

static void
a_unit_is_bounded(void **state)
{
	static uint8_t start[PAYLOAD_CAP] = {0x7c, 0x85}, middle[PAYLOAD_CAP] = {0x7c, 0x05};
	struct au d;
	int r = 0;

	(void)state;
	au_init(&d);
	assert_int_equal(h264_depack_push(&d, start, sizeof(start)), 0);
	for (size_t i = 0; i < H264_AU_MAX / PAYLOAD_CAP + 100 && r == 0; i++)
		r = h264_depack_push(&d, middle, sizeof(middle));
	assert_int_equal(r, -ENOSPC);
	assert_true(d.damaged);
	assert_in_range(d.size, H264_AU_MAX - 2 * PAYLOAD_CAP, H264_AU_MAX);
	au_fini(&d);
}

static void
depack_one(void *arg, const uint8_t *buf, size_t size)
{
	struct au d;

	(void)arg;
	au_init(&d);
	(void)h264_depack_push(&d, buf, size);
	(void)h264_payload_starts_keyframe(buf, size);
	au_fini(&d);
}

static void
every_truncation(void **state)
{
	size_t size;
	uint8_t *in = support_load("h264/annexb-176x144.hex", &size);

	(void)state;
	for (size_t max = 30; max < 1300; max += 600) {
		pack_all(in, size, max);
		for (size_t i = 0; i < sent.count && i < 8; i++)
			support_truncations(sent.buf[i], sent.size[i], depack_one, NULL);
	}
	free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sps_of_x264),
	    cmocka_unit_test(sps_is_refused_when_malformed),
	    cmocka_unit_test(sps_of_payloads),
	    cmocka_unit_test(annexb_is_cut_at_start_codes),
	    cmocka_unit_test(keyframes_are_recognised),
	    cmocka_unit_test(parameter_sets_share_a_stap),
	    cmocka_unit_test(fragments_are_equal),
	    cmocka_unit_test(packing_has_limits),
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(losses_are_noticed),
	    cmocka_unit_test(a_unit_is_bounded),
	    cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
