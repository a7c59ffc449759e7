/* Unit tests of lib/av1. */
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
#include "av1/av1.h"
#include "base/bytes.h"

static void
sequence_headers(void **state)
{
	static const struct {
		const char *name;
		unsigned profile, depth, x, y, width, height;
		bool monochrome;
	} rows[] = {
	    {"av1/sequence-322x182-yuv420p10le.hex", 0, 10, 1, 1, 322, 182, false},
	    {"av1/sequence-640x360-yuv444p.hex", 1, 8, 0, 0, 640, 360, false},
	    {"av1/sequence-1920x1080-gray.hex", 0, 8, 1, 1, 1920, 1080, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct av1_sequence s;
		size_t size;
		uint8_t *body = support_load(rows[i].name, &size);

		assert_int_equal(av1_sequence_parse(&s, body, size), 0);
		assert_int_equal(s.profile, rows[i].profile);
		assert_int_equal(s.depth, rows[i].depth);
		assert_int_equal(s.subsampling_x, rows[i].x);
		assert_int_equal(s.subsampling_y, rows[i].y);
		assert_int_equal(s.width, rows[i].width);
		assert_int_equal(s.height, rows[i].height);
		assert_int_equal(s.monochrome, rows[i].monochrome);
		free(body);
	}
}

static void
truncated_sequence(void *arg, const uint8_t *buf, size_t size)
{
	struct av1_sequence s;
	int r = av1_sequence_parse(&s, buf, size);

	assert_true(r == 0 || r == -EBADMSG);
	assert_true(r != 0 || size + 1 >= *(size_t *)arg); /* trailing bits may fill an octet */
}

static void
sequence_is_refused_when_cut(void **state)
{
	struct av1_sequence s;
	size_t size;
	uint8_t *body = support_load("av1/sequence-640x360-yuv444p.hex", &size);

	(void)state;
	support_truncations(body, size, truncated_sequence, &size);
	assert_int_equal(av1_sequence_parse(&s, (const uint8_t *)"\xff\xff\xff\xff", 4), -EBADMSG);
	free(body);
}

static void
obus_are_walked(void **state)
{
	static const uint8_t unit[] = {0x12, 0,	   0x0e, 0x48, 2,    0xaa, 0xbb,
				       0x32, 0x81, 0,	 0xcc, 0x30, 1};
	static const struct {
		unsigned type, header, size;
	} want[] = {{2, 1, 0}, {1, 2, 2}, {6, 1, 1}, {6, 1, 1}};
	struct av1_obu obu;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		assert_int_equal(av1_obu_next(unit, sizeof(unit), &at, &obu), 1);
		assert_int_equal(obu.type, want[i].type);
		assert_int_equal(obu.header_size, want[i].header);
		assert_int_equal(obu.body_size, want[i].size);
		assert_int_equal(obu.header[0] & 2, 0);
	}
	assert_int_equal(av1_obu_next(unit, sizeof(unit), &at, &obu), 0);
	at = 0;
	assert_int_equal(av1_obu_next((const uint8_t *)"\x92\x00", 2, &at, &obu), -EBADMSG);
	assert_int_equal(av1_obu_next((const uint8_t *)"\x32\x02\x01", 3, &at, &obu), -EBADMSG);
	assert_int_equal(av1_obu_next((const uint8_t *)"\x32\x80", 2, &at, &obu), -EBADMSG);
	assert_int_equal(av1_obu_next((const uint8_t *)"\x36", 1, &at, &obu), -EBADMSG);
	assert_int_equal(at, 0);
	assert_int_equal(av1_leb128_size(127), 1);
	assert_int_equal(av1_leb128_size(128), 2);
	assert_int_equal(av1_leb128_size(16384), 3);
}

static void
keyframes_are_recognised(void **state)
{
	static const struct {
		bool want;
		size_t size;
		uint8_t payload[8];
	} rows[] = {
	    {true, 4, {0x18, 0x08, 0, 0}},  /* N, one element */
	    {true, 4, {0x10, 0x08, 0, 0}},  /* a sequence header without N */
	    {false, 4, {0x10, 0x30, 0, 0}}, /* a frame */
	    {true, 4, {0x18, 0x30, 0, 0}},  /* N says so */
	    {false, 4, {0x98, 0x08, 0, 0}}, /* goes on with an earlier OBU */
	    {true, 5, {0x28, 0x01, 0x08, 0x30, 0}},
	    {false, 3, {0x28, 0x09, 0x08}}, /* runs over its end */
	    {false, 1, {0x18}},
	    {false, 2, {0x08, 0}}, /* an empty element */
	    {false, 0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].size > 0 ? rows[i].size : 1);

		memcpy(exact, rows[i].payload, rows[i].size);
		assert_int_equal(av1_payload_starts_keyframe(exact, rows[i].size), rows[i].want);
		free(exact);
	}
}

static void
size_of_a_payload(void **state)
{
	uint8_t payload[32] = {0x28, 0, 0x08};
	uint32_t width = 0, height = 0;
	size_t size;
	uint8_t *body = support_load("av1/sequence-640x360-yuv444p.hex", &size);

	(void)state;
	payload[1] = (uint8_t)(size + 1);
	memcpy(payload + 3, body, size);
	payload[3 + size] = 0x30;
	assert_int_equal(av1_payload_size(payload, size + 5, &width, &height), 0);
	assert_int_equal(width, 640);
	assert_int_equal(height, 360);
	payload[0] |= 0x80;
	assert_int_equal(av1_payload_size(payload, size + 5, &width, &height), -ENOMSG);
	assert_int_equal(av1_payload_size((const uint8_t *)"\x10\x08\x00", 3, &width, &height),
			 -EBADMSG);
	free(body);
}

/* Payload format s.4.4: Z, Y, W, N; every element but the last has a length; no OBU has a size. */
static void
small_obus_share_a_packet(void **state)
{
	static const uint8_t unit[] = {0x12, 0, 0x0a, 2, 0xaa, 0xbb, 0x2a,
				       1,    9, 0x32, 3, 0x10, 0xcc, 0xdd};
	static const uint8_t want[] = {0x38, 3, 0x08, 0xaa, 0xbb, 2,
				       0x28, 9, 0x30, 0x10, 0xcc, 0xdd};
	static struct av1_pack p;
	uint8_t out[64];
	bool last = false;

	(void)state;
	assert_int_equal(av1_pack_start(&p, unit, sizeof(unit), 64), 0);
	assert_int_equal(av1_pack_next(&p, out, sizeof(want) - 1, &last), -ENOSPC);
	assert_int_equal(av1_pack_next(&p, out, sizeof(out), &last), sizeof(want));
	assert_memory_equal(out, want, sizeof(want));
	assert_true(last);
	assert_int_equal(av1_pack_next(&p, out, sizeof(out), &last), 0);
}

static void
fragments_are_equal(void **state)
{
	static uint8_t unit[3000], out[1200];
	static struct av1_pack p;
	size_t count = 0, first = 0, body = 0;
	bool last = false;
	int n;

	(void)state;
	memset(unit, 0xaa, sizeof(unit));
	memcpy(unit, "\x12\0\x0a\2\xaa\xbb\x30", 7); /* the frame has no size: it is the last */
	assert_int_equal(av1_pack_start(&p, unit, sizeof(unit), 1200), 0);
	for (; (n = av1_pack_next(&p, out, sizeof(out), &last)) > 0; count++) {
		assert_int_equal(out[0], count == 0 ? 0x68 : last ? 0x90 : 0xd0);
		first = count == 0 ? (size_t)n : first;
		assert_in_range(first - (size_t)n, 0, last ? 3 : 0);
		body += (size_t)n - 1;
	}
	assert_int_equal(count, 3);
	assert_int_equal(body, 1 + 3 + sizeof(unit) - 6); /* a length, the two OBUs */
}

static void
packing_has_limits(void **state)
{
	static uint8_t many[(AV1_UNIT_OBUS_MAX + 1) * 2];
	static struct av1_pack p;

	(void)state;
	for (size_t i = 0; i < sizeof(many); i += 2)
		memcpy(many + i, "\x2a\0", 2);
	assert_int_equal(av1_pack_start(&p, many, sizeof(many), 1200), -ENOSPC);
	assert_int_equal(av1_pack_start(&p, many, sizeof(many) - 2, 1200), 0);
	assert_int_equal(av1_pack_start(&p, many, 2, 15), -ENOSPC);
	assert_int_equal(av1_pack_start(&p, (const uint8_t *)"\x12\0", 2, 1200), -EBADMSG);
	assert_int_equal(av1_pack_start(&p, (const uint8_t *)"\x12\5", 2, 1200), -EBADMSG);
	assert_int_equal(av1_pack_start(&p, many, 0, 1200), -EBADMSG);
}

static void
losses_are_noticed(void **state)
{
	static const uint8_t start[] = {0x68, 2, 0x08, 0xaa, 0x30, 0x10}, middle[] = {0xd0, 1, 2};
	static const uint8_t end[] = {0x90, 3}, bad[] = {0x20, 9, 1}, empty[] = {0x10};
	static const uint8_t want[] = {0x0a, 1, 0xaa, 0x32, 4, 0x10, 1, 2, 3};
	static const uint8_t sized[] = {0x00, 2, 0x12, 0, 3, 0x2a, 1, 7}; /* W 0, sizes inside */
	struct au au;

	(void)state;
	au_init(&au);
	assert_int_equal(av1_depack_push(&au, middle, sizeof(middle)), -EBADMSG);
	assert_true(au.damaged);
	au_reset(&au);
	assert_int_equal(av1_depack_push(&au, start, sizeof(start)), 0);
	assert_true(au.in_fragment);
	assert_int_equal(av1_depack_push(&au, NULL, 0), 0);
	assert_int_equal(av1_depack_push(&au, middle, sizeof(middle)), 0);
	assert_int_equal(av1_depack_push(&au, end, sizeof(end)), 0);
	assert_false(au.in_fragment || au.damaged);
	assert_true(au.keyframe);
	assert_int_equal(au.size, sizeof(want));
	assert_memory_equal(au.buf, want, sizeof(want));
	assert_int_equal(av1_depack_push(&au, bad, sizeof(bad)), -EBADMSG);
	assert_int_equal(au.size, sizeof(want));
	assert_int_equal(av1_depack_push(&au, empty, sizeof(empty)), 0);
	au_reset(&au);
	assert_int_equal(av1_depack_push(&au, sized, sizeof(sized)), 0);
	assert_int_equal(au.size, 3); /* the delimiter went */
	assert_memory_equal(au.buf, "\x2a\1\7", 3);
	au_reset(&au);
	assert_int_equal(av1_depack_push(&au, start, sizeof(start)), 0);
	assert_int_equal(av1_depack_push(&au, sized, sizeof(sized)), -EBADMSG);
	assert_int_equal(au.size, 3); /* half an OBU went */
	assert_true(au.damaged);
	au_fini(&au);
}

static void
records(void **state)
{
	struct av1_config c;
	uint8_t out[64];
	size_t size, unit_size;
	uint8_t *record = support_load("av1/av1c-176x144.hex", &size);
	uint8_t *unit = support_load("av1/key-176x144.hex", &unit_size);

	(void)state;
	assert_int_equal(av1_config_parse(&c, record, size), 0);
	assert_int_equal(c.size, size - 4);
	assert_int_equal(av1_config_write(out, sizeof(out), unit, unit_size), size);
	assert_memory_equal(out, record, size);
	assert_int_equal(av1_config_write(out, size - 1, unit, unit_size), -ENOSPC);
	assert_int_equal(av1_config_write(out, sizeof(out), unit, 2), -EINVAL);
	for (size_t n = 0; n < size; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);

		memcpy(exact, record, n);
		assert_int_equal(av1_config_parse(&c, exact, n), n == 4 ? 0 : -EBADMSG);
		free(exact);
	}
	record[0] = 1;
	assert_int_equal(av1_config_parse(&c, record, size), -EBADMSG);
	free(record);
	free(unit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sequence_headers),	   cmocka_unit_test(sequence_is_refused_when_cut),
	    cmocka_unit_test(obus_are_walked),	   cmocka_unit_test(keyframes_are_recognised),
	    cmocka_unit_test(size_of_a_payload),   cmocka_unit_test(small_obus_share_a_packet),
	    cmocka_unit_test(fragments_are_equal), cmocka_unit_test(packing_has_limits),
	    cmocka_unit_test(losses_are_noticed),  cmocka_unit_test(records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
