/* Unit tests of lib/h265. */
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
#include "h265/h265.h"

static void
sps_of_x265(void **state)
{
	static const struct {
		const char *name;
		unsigned profile, chroma, depth, width, height, level;
	} rows[] = {
	    {"h265/sps-322x182-yuv420p.hex", 1, 1, 8, 322, 182, 60},
	    {"h265/sps-1920x1080-yuv420p.hex", 1, 1, 8, 1920, 1080, 120},
	    {"h265/sps-640x360-yuv422p10le.hex", 4, 2, 10, 640, 360, 63},
	    {"h265/sps-640x360-yuv444p.hex", 4, 3, 8, 640, 360, 63},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct h265_sps sps;
		size_t size;
		uint8_t *nalu = support_load(rows[i].name, &size);

		assert_int_equal(h265_sps_parse(&sps, nalu, size), 0);
		assert_int_equal(sps.profile_idc, rows[i].profile);
		assert_int_equal(sps.chroma_format, rows[i].chroma);
		assert_int_equal(sps.luma_depth, rows[i].depth);
		assert_int_equal(sps.width, rows[i].width);
		assert_int_equal(sps.height, rows[i].height);
		assert_int_equal(sps.level_idc, rows[i].level);
		assert_int_equal(sps.tier, 0);
		assert_int_equal(sps.sub_layer_count, 1);
		free(nalu);
	}
}

static void
truncated_sps(void *arg, const uint8_t *buf, size_t size)
{
	struct h265_sps sps;
	int r = h265_sps_parse(&sps, buf, size);

	(void)arg;
	assert_true(r == 0 || r == -EBADMSG || (size < 2 && r == -ENOMSG));
	assert_true(r != 0 || size > 20);
}

static void
sps_is_refused_when_malformed(void **state)
{
	static const uint8_t slice[] = {0x26, 0x01, 0xac, 0x10};
	struct h265_sps sps = {.width = 7};
	size_t size;
	uint8_t *nalu = support_load("h265/sps-1920x1080-yuv420p.hex", &size);

	(void)state;
	assert_int_equal(h265_sps_parse(&sps, slice, sizeof(slice)), -ENOMSG);
	support_truncations(nalu, size, truncated_sps, NULL);
	nalu[0] |= 0x80; /* forbidden_zero_bit */
	assert_int_equal(h265_sps_parse(&sps, nalu, size), -EBADMSG);
	nalu[0] &= 0x7f;
	nalu[2] |= 0x0e; /* eight sub-layers */
	assert_int_equal(h265_sps_parse(&sps, nalu, size), -EBADMSG);
	assert_int_equal(sps.width, 7);
	free(nalu);
}

static void
keyframes_are_recognised(void **state)
{
	static const struct {
		bool want;
		size_t size;
		uint8_t payload[16];
	} rows[] = {
	    {true, 4, {0x26, 1, 0xac, 0x10}},  /* IDR_W_RADL, first slice segment */
	    {false, 4, {0x26, 1, 0x2c, 0x10}}, /* a later one */
	    {true, 4, {0x2a, 1, 0x80, 0x10}},  /* CRA */
	    {true, 4, {0x20, 1, 0x80, 0x10}},  /* BLA_W_LP */
	    {false, 4, {0x02, 1, 0xd0, 0x10}}, /* TRAIL_R */
	    {false, 4, {0x2c, 1, 0x80, 0x10}}, /* RSV_IRAP_VCL22 */
	    {true, 4, {0x40, 1, 0x0c, 1}},     /* VPS */
	    {true, 4, {0x42, 1, 1, 1}},	       /* SPS */
	    {false, 4, {0x44, 1, 0xc1, 1}},    /* PPS */
	    {false, 2, {0x42, 1}},
	    {false, 0, {0}},
	    {true, 4, {0x62, 1, 0x93, 0x80}},  /* FU, start of an IDR */
	    {false, 4, {0x62, 1, 0x93, 0x20}}, /* of its second segment */
	    {false, 4, {0x62, 1, 0x13, 0x80}}, /* a middle */
	    {false, 3, {0x62, 1, 0x93}},
	    {true, 3, {0x62, 1, 0xa1}},					  /* FU, start of an SPS */
	    {true, 13, {0x60, 1, 0, 3, 0x44, 1, 1, 0, 4, 0x42, 1, 1, 1}}, /* AP: PPS, SPS */
	    {false, 10, {0x60, 1, 0, 2, 0x44, 1, 0, 9, 0x42, 1}},	  /* runs over its end */
	    {false, 6, {0x60, 1, 0, 1, 0x42, 1}},			  /* NALU without header */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].size > 0 ? rows[i].size : 1);

		memcpy(exact, rows[i].payload, rows[i].size);
		assert_int_equal(h265_payload_starts_keyframe(exact, rows[i].size), rows[i].want);
		free(exact);
	}
}

/* RFC 7798 s.4.4.2: payload header of type 48, 16-bit sizes; LayerId and TID are the lowest. */
static void
parameter_sets_share_a_packet(void **state)
{
	static const uint8_t in[] = {0, 0, 1, 0x46, 1, 0x50,	   /* AUD: left out */
				     0, 0, 1, 0x40, 2, 0xaa,	   /* VPS with TID 1 */
				     0, 0, 1, 0x42, 1, 0xbb, 0xb1, /* SPS */
				     0, 0, 1, 0x44, 9, 0xcc,	   /* PPS with layer 1 */
				     0, 0, 1, 0x26, 1, 0xac, 0x10};
	static const uint8_t ap[] = {0x60, 1, 0,    3,	  0x40, 2, 0xaa, 0, 4,
				     0x42, 1, 0xbb, 0xb1, 0,	3, 0x44, 9, 0xcc};
	static struct h265_pack p;
	uint8_t out[100];
	bool last = false;

	(void)state;
	assert_int_equal(h265_pack_start(&p, in, sizeof(in), 1200), 0);
	assert_int_equal(h265_pack_next(&p, out, 10, &last), -ENOSPC);
	assert_int_equal(h265_pack_next(&p, out, sizeof(out), &last), sizeof(ap));
	assert_memory_equal(out, ap, sizeof(ap));
	assert_false(last);
	assert_int_equal(h265_pack_next(&p, out, sizeof(out), &last), 4);
	assert_memory_equal(out, in + sizeof(in) - 4, 4);
	assert_true(last);
	assert_int_equal(h265_pack_next(&p, out, sizeof(out), &last), 0);
}

/* RFC 7798 s.4.4.3: payload header of type 49, then S, E and the type of the NALU. */
static void
fragments_are_equal(void **state)
{
	static uint8_t in[5000], out[1200];
	static struct h265_pack p;
	size_t body = 0, count = 0, first = 0;
	bool last = false;
	int n;

	(void)state;
	memset(in, 0xaa, sizeof(in));
	memcpy(in, "\0\0\1\x26\x0b", 5); /* IDR, layer 1, TID 2 */
	assert_int_equal(h265_pack_start(&p, in, sizeof(in), 1200), 0);
	for (; (n = h265_pack_next(&p, out, sizeof(out), &last)) > 0; count++) {
		assert_int_equal(out[0], 0x62);
		assert_int_equal(out[1], 0x0b);
		assert_int_equal(out[2], (count == 0 ? 0x80 : 0) | (last ? 0x40 : 0) | 19);
		first = count == 0 ? (size_t)n : first;
		assert_in_range(first - (size_t)n, 0, last ? 4 : 0);
		body += (size_t)n - 3;
	}
	assert_int_equal(count, 5);
	assert_true(last);
	assert_int_equal(body, sizeof(in) - 5);
}

static void
packing_has_limits(void **state)
{
	static uint8_t many[(H265_AU_NALUS_MAX + 1) * 6];
	static struct h265_pack p;
	uint8_t out[8];
	bool last;

	(void)state;
	for (size_t i = 0; i < sizeof(many); i += 6)
		memcpy(many + i, "\0\0\1\x02\x01\xd0", 6);
	assert_int_equal(h265_pack_start(&p, many, sizeof(many), 1200), -ENOSPC);
	assert_int_equal(h265_pack_start(&p, many, 0, 1200), -EBADMSG);
	assert_int_equal(h265_pack_start(&p, (const uint8_t *)"\0\0\1\x62\x01\x93", 6, 1200),
			 -EBADMSG);
	assert_int_equal(h265_pack_start(&p, (const uint8_t *)"\0\0\1\x46\x01\x50", 6, 1200),
			 -EBADMSG);
	assert_int_equal(h265_pack_start(&p, many, 6, 3), 0);
	assert_int_equal(h265_pack_next(&p, out, sizeof(out), &last), -ENOSPC);
}

static void
losses_are_noticed(void **state)
{
	static const uint8_t start[] = {0x62, 1, 0x93, 0x80}, middle[] = {0x62, 1, 0x13, 1};
	static const uint8_t end[] = {0x62, 1, 0x53, 2}, slice[] = {0x02, 1, 0xd0};
	static const uint8_t paci[] = {0x64, 1, 0, 0}, ap[] = {0x60, 1, 0, 5, 1};
	static const uint8_t want[] = {0, 0, 0, 1, 0x26, 1, 0x80, 1, 2};
	struct au au;

	(void)state;
	au_init(&au);
	assert_int_equal(h265_depack_push(&au, middle, sizeof(middle)), -EBADMSG);
	assert_true(au.damaged);
	au_reset(&au);
	assert_int_equal(h265_depack_push(&au, start, sizeof(start)), 0);
	assert_true(au.in_fragment);
	assert_int_equal(h265_depack_push(&au, slice, sizeof(slice)), 0);
	assert_true(au.damaged);
	au_reset(&au);
	assert_int_equal(h265_depack_push(&au, start, sizeof(start)), 0);
	assert_int_equal(h265_depack_push(&au, NULL, 0), 0);
	assert_int_equal(h265_depack_push(&au, middle, sizeof(middle)), 0);
	assert_int_equal(h265_depack_push(&au, end, sizeof(end)), 0);
	assert_false(au.damaged || au.in_fragment);
	assert_true(au.keyframe);
	assert_int_equal(au.size, sizeof(want));
	assert_memory_equal(au.buf, want, sizeof(want));
	assert_int_equal(h265_depack_push(&au, paci, sizeof(paci)), -EBADMSG);
	assert_int_equal(h265_depack_push(&au, ap, sizeof(ap)), -EBADMSG);
	assert_int_equal(h265_depack_push(&au, ap, 2), -EBADMSG);
	assert_int_equal(au.size, sizeof(want));
	au_fini(&au);
}

/* What FFmpeg wrote, read, and written anew: the facts and the sets are the same. */
static void
records(void **state)
{
	struct h265_config c, again;
	uint8_t out[1024];
	size_t size;
	uint8_t *record = support_load("h265/hvcc-176x144.hex", &size);
	int n;

	(void)state;
	assert_int_equal(h265_config_parse(&c, record, size), 0);
	assert_int_equal(c.length_size, 4);
	assert_int_equal(c.set_count, 3);
	n = h265_config_write(out, sizeof(out), &c);
	assert_true(n > 0);
	assert_memory_equal(out, record, 13);	       /* version, profile, level */
	assert_memory_equal(out + 16, record + 16, 3); /* chroma, depths */
	assert_int_equal(h265_config_parse(&again, out, (size_t)n), 0);
	assert_int_equal(again.set_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(again.sets[i].size, c.sets[i].size);
		assert_memory_equal(again.sets[i].p, c.sets[i].p, c.sets[i].size);
	}
	for (size_t cap = 0; cap < (size_t)n; cap++)
		assert_int_equal(h265_config_write(out, cap, &c), -ENOSPC);
	c.set_count = 2; /* no PPS */
	assert_int_equal(h265_config_write(out, sizeof(out), &c), -EINVAL);
	free(record);
}

static void
truncated_record(void *arg, const uint8_t *buf, size_t size)
{
	struct h265_config c;

	assert_int_equal(h265_config_parse(&c, buf, size), size < *(size_t *)arg ? -EBADMSG : 0);
}

static void
push_one(void *arg, const uint8_t *buf, size_t size)
{
	struct h265_sps sps;
	struct au au;

	(void)arg;
	au_init(&au);
	(void)h265_depack_push(&au, buf, size);
	(void)h265_payload_starts_keyframe(buf, size);
	(void)h265_payload_sps(&sps, buf, size);
	au_fini(&au);
}

static void
every_truncation(void **state)
{
	size_t size;
	uint8_t *record = support_load("h265/hvcc-176x144.hex", &size);
	uint8_t *unit = support_load("h265/annexb-176x144.hex", &size), out[600];
	static struct h265_pack p;
	size_t record_size;
	bool last;
	int n;

	(void)state;
	free(record);
	record = support_load("h265/hvcc-176x144.hex", &record_size);
	support_truncations(record, record_size, truncated_record, &record_size);
	assert_int_equal(h265_pack_start(&p, unit, size, sizeof(out)), 0);
	while ((n = h265_pack_next(&p, out, sizeof(out), &last)) > 0)
		support_truncations(out, (size_t)n, push_one, NULL);
	free(record);
	free(unit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sps_of_x265),
	    cmocka_unit_test(sps_is_refused_when_malformed),
	    cmocka_unit_test(keyframes_are_recognised),
	    cmocka_unit_test(parameter_sets_share_a_packet),
	    cmocka_unit_test(fragments_are_equal),
	    cmocka_unit_test(packing_has_limits),
	    cmocka_unit_test(losses_are_noticed),
	    cmocka_unit_test(records),
	    cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
