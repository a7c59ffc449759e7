/* Unit tests of lib/vp8. */
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
#include "vp8/vp8.h"

static void
descriptors(void **state)
{
	static const struct {
		size_t size, want;
		uint8_t payload[8];
		int picture_id, tl0, tid, key_index;
	} rows[] = {
	    {2, 1, {0x10, 0}, -1, -1, -1, -1},
	    {4, 3, {0x90, 0x80, 0x11, 0}, 0x11, -1, -1, -1},
	    {5, 4, {0x90, 0x80, 0x92, 0x34, 0}, 0x1234, -1, -1, -1},
	    {7, 6, {0x90, 0xf0, 0x81, 0x02, 0x77, 0x9f, 0}, 0x102, 0x77, 2, 31},
	    {4, 3, {0x90, 0x10, 0x05, 0}, -1, -1, -1, 5},
	    {3, 2, {0x90, 0, 0}, -1, -1, -1, -1},
	};
	struct vp8_descriptor d;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(vp8_descriptor_parse(&d, rows[i].payload, rows[i].size), 0);
		assert_int_equal(d.size, rows[i].want);
		assert_true(d.starts && d.partition == 0 && d.reference);
		assert_int_equal(d.picture_id, rows[i].picture_id);
		assert_int_equal(d.tl0_index, rows[i].tl0);
		assert_int_equal(d.tid, rows[i].tid);
		assert_int_equal(d.key_index, rows[i].key_index);
		for (size_t n = 0; n <= rows[i].want; n++) { /* nothing follows: malformed */
			uint8_t *exact = malloc(n > 0 ? n : 1);

			memcpy(exact, rows[i].payload, n);
			assert_int_equal(vp8_descriptor_parse(&d, exact, n), -EBADMSG);
			free(exact);
		}
	}
	assert_int_equal(vp8_descriptor_parse(&d, (const uint8_t *)"\x27\x00", 2), 0);
	assert_false(d.starts || d.reference);
	assert_int_equal(d.partition, 7);
}

static void
keyframes_are_recognised(void **state)
{
	static const uint8_t key[] = {0x90, 0x80, 1,	0x30, 1,    0,	 0x9d,
				      0x01, 0x2a, 0x40, 0x41, 0xf0, 0x80};
	static const uint8_t inter[] = {0x90, 0x80, 1, 0x31, 1, 0};
	uint32_t width = 0, height = 0;
	uint8_t other[sizeof(key)];

	(void)state;
	assert_true(vp8_payload_starts_keyframe(key, sizeof(key)));
	assert_false(vp8_payload_starts_keyframe(inter, sizeof(inter)));
	assert_false(vp8_payload_starts_keyframe(key, 3));
	assert_int_equal(vp8_payload_size(key, sizeof(key), &width, &height), 0);
	assert_int_equal(width, 0x140); /* without the scaling bits */
	assert_int_equal(height, 0xf0);
	assert_int_equal(vp8_payload_size(key, sizeof(key) - 1, &width, &height), -EBADMSG);
	assert_int_equal(vp8_payload_size(inter, sizeof(inter), &width, &height), -ENOMSG);
	memcpy(other, key, sizeof(key));
	other[0] = 0x91; /* another partition */
	assert_false(vp8_payload_starts_keyframe(other, sizeof(other)));
	other[0] = 0x80; /* not its beginning */
	assert_false(vp8_payload_starts_keyframe(other, sizeof(other)));
	assert_int_equal(vp8_payload_size(other, sizeof(other), &width, &height), -ENOMSG);
}

static void
fragments_are_equal(void **state)
{
	static uint8_t frame[3000], out[1200];
	struct vp8_pack p = {.picture_id = 0x7fff};
	size_t body = 0, count = 0, first = 0;
	bool last = false;
	int n;

	(void)state;
	assert_int_equal(vp8_pack_start(&p, frame, 0, 1200), -EBADMSG);
	assert_int_equal(vp8_pack_start(&p, frame, sizeof(frame), 1200), 0);
	for (; (n = vp8_pack_next(&p, out, sizeof(out), &last)) > 0; count++) {
		const uint8_t want[] = {count == 0 ? 0x90 : 0x80, 0x80, 0x80, 0};

		assert_memory_equal(out, want, 4);
		first = count == 0 ? (size_t)n : first;
		assert_in_range(first - (size_t)n, 0, last ? 2 : 0);
		body += (size_t)n - 4;
	}
	assert_int_equal(count, 3);
	assert_int_equal(body, sizeof(frame));
	assert_int_equal(vp8_pack_start(&p, frame, 10, 1200), 0);
	assert_int_equal(vp8_pack_next(&p, out, 13, &last), -ENOSPC);
	assert_int_equal(vp8_pack_next(&p, out, 14, &last), 14);
	assert_int_equal(be16(out + 2), 0x8001);
	assert_int_equal(vp8_pack_start(&p, frame, 10, 4), 0);
	assert_int_equal(vp8_pack_next(&p, out, 14, &last), -ENOSPC);
}

static void
losses_are_noticed(void **state)
{
	static const uint8_t start[] = {0x10, 0x30, 1}, more[] = {0x00, 2}, second[] = {0x11, 3};
	struct au au;

	(void)state;
	au_init(&au);
	assert_int_equal(vp8_depack_push(&au, more, sizeof(more)), -EBADMSG);
	assert_true(au.damaged);
	au_reset(&au);
	assert_int_equal(vp8_depack_push(&au, start, sizeof(start)), 0);
	assert_int_equal(vp8_depack_push(&au, NULL, 0), 0);
	assert_int_equal(vp8_depack_push(&au, more, sizeof(more)), 0);
	assert_int_equal(vp8_depack_push(&au, second, sizeof(second)), 0);
	assert_false(au.damaged);
	assert_true(au.keyframe);
	assert_int_equal(au.size, 4);
	assert_memory_equal(au.buf, "\x30\1\2\3", 4);
	assert_int_equal(vp8_depack_push(&au, start, sizeof(start)), -EBADMSG);
	assert_true(au.damaged);
	au_fini(&au);
}

static void
frames_of_libvpx(void **state)
{
	uint32_t width, height;
	size_t size;
	uint8_t *key = support_load("vp8/key-176x144.hex", &size);

	(void)state;
	assert_true(vp8_frame_is_key(key, size));
	assert_int_equal(vp8_frame_size(key, size, &width, &height), 0);
	assert_int_equal(width, 176);
	assert_int_equal(height, 144);
	free(key);
	key = support_load("vp8/inter.hex", &size);
	assert_int_equal(vp8_frame_size(key, size, &width, &height), -ENOMSG);
	free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors),	   cmocka_unit_test(keyframes_are_recognised),
	    cmocka_unit_test(fragments_are_equal), cmocka_unit_test(losses_are_noticed),
	    cmocka_unit_test(frames_of_libvpx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
