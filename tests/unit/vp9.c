/* Unit tests of lib/vp9. */
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
#include "vp9/vp9.h"

/* A descriptor, then one octet of a frame; every shorter prefix is malformed. */
static void
descriptors(void **state)
{
	static const struct {
		size_t size;
		uint8_t payload[24];
		int picture_id, tid, sid, tl0, layers;
	} rows[] = {
	    {2, {0x0c, 0}, -1, -1, -1, -1, 0},
	    {3, {0x8c, 0x11, 0}, 0x11, -1, -1, -1, 0},
	    {4, {0x8c, 0x92, 0x34, 0}, 0x1234, -1, -1, -1, 0},
	    {6, {0xac, 0x81, 0x02, 0x42, 0x77, 0}, 0x102, 2, 1, 0x77, 0}, /* I L, not flexible */
	    {7, {0xfc, 0x05, 0x24, 0x03, 0x05, 0x06, 0}, 5, 1, 2, -1, 0}, /* three of them */
	    /* a structure: two layers with sizes, a group of two pictures, the second with a
	     * reference */
	    {15,
	     {0x0a, 0x38, 1, 0x40, 0, 0xf0, 2, 0x80, 1, 0xe0, 2, 0x00, 0x24, 1, 0},
	     -1,
	     -1,
	     -1,
	     -1,
	     2},
	};
	struct vp9_descriptor d;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(vp9_descriptor_parse(&d, rows[i].payload, rows[i].size), 0);
		assert_int_equal(d.size, rows[i].size - 1);
		assert_true(d.begins);
		assert_int_equal(d.picture_id, rows[i].picture_id);
		assert_int_equal(d.tid, rows[i].tid);
		assert_int_equal(d.sid, rows[i].sid);
		assert_int_equal(d.tl0_index, rows[i].tl0);
		assert_int_equal(d.layer_count, rows[i].layers);
		for (size_t n = 0; n < rows[i].size; n++) {
			uint8_t *exact = malloc(n > 0 ? n : 1);

			memcpy(exact, rows[i].payload, n);
			assert_int_equal(vp9_descriptor_parse(&d, exact, n), -EBADMSG);
			free(exact);
		}
	}
	assert_int_equal(d.width[1], 0x280);
	assert_int_equal(vp9_descriptor_parse(&d, (const uint8_t *)"\xbc\x05\x24\x00", 4), 0);
	assert_int_equal(d.size, 3); /* without P no reference follows */
	assert_true(d.flexible && !d.inter);
	/* four references */
	assert_int_equal(vp9_descriptor_parse(&d, (const uint8_t *)"\x50\x03\x05\x07\x08\x00", 6),
			 -EBADMSG);
}

static void
frames_of_libvpx(void **state)
{
	struct vp9_frame f;
	size_t size;
	uint8_t *key = support_load("vp9/key-176x144.hex", &size);

	(void)state;
	assert_int_equal(vp9_frame_parse(&f, key, size), 0);
	assert_true(f.key && f.shown);
	assert_int_equal(f.profile, 0);
	assert_int_equal(f.width, 176);
	assert_int_equal(f.height, 144);
	assert_int_equal(f.depth, 8);
	free(key);
	key = support_load("vp9/key-322x182-422p10.hex", &size);
	assert_int_equal(vp9_frame_parse(&f, key, size), 0);
	assert_int_equal(f.profile, 3);
	assert_int_equal(f.depth, 10);
	assert_int_equal(f.subsampling_x, 1);
	assert_int_equal(f.subsampling_y, 0);
	assert_int_equal(f.width, 322);
	assert_int_equal(f.height, 182);
	free(key);
	key = support_load("vp9/inter.hex", &size);
	assert_int_equal(vp9_frame_parse(&f, key, size), 0);
	assert_false(f.key);
	assert_int_equal(vp9_frame_parse(&f, key, 0), -EBADMSG);
	free(key);
	assert_int_equal(vp9_frame_parse(&f, (const uint8_t *)"\x42\x00", 2), -EBADMSG);
	assert_int_equal(vp9_frame_parse(&f, (const uint8_t *)"\x88", 1), 0);
	assert_true(f.shows_existing && !f.key);
}

static void
keyframes_are_recognised(void **state)
{
	uint32_t width = 0, height = 0;
	size_t size;
	uint8_t *key = support_load("vp9/key-176x144.hex", &size), payload[64] = {0x8c, 1};

	(void)state;
	memcpy(payload + 2, key, 32);
	assert_true(vp9_payload_starts_keyframe(payload, 34));
	assert_int_equal(vp9_payload_size(payload, 34, &width, &height), 0);
	assert_int_equal(width, 176);
	assert_int_equal(height, 144);
	payload[0] = 0xcc; /* P */
	assert_false(vp9_payload_starts_keyframe(payload, 34));
	payload[0] = 0x84; /* not B */
	assert_false(vp9_payload_starts_keyframe(payload, 34));
	assert_int_equal(vp9_payload_size(payload, 34, &width, &height), -ENOMSG);
	payload[0] = 0xac; /* layers: a first spatial one, then a second */
	payload[2] = 0;
	payload[3] = 7;
	memcpy(payload + 4, key, 32);
	assert_true(vp9_payload_starts_keyframe(payload, 36));
	payload[2] = 0x02;
	assert_false(vp9_payload_starts_keyframe(payload, 36));
	/* The largest layer of a structure. */
	assert_int_equal(
	    vp9_payload_size((const uint8_t *)"\x0a\x30\x01\x40\x00\xf0\x02\x80\x01\xe0"
					      "\x82",
			     11, &width, &height),
	    0);
	assert_int_equal(width, 640);
	assert_int_equal(height, 480);
	free(key);
}

static void
fragments_are_equal(void **state)
{
	static uint8_t out[600];
	struct vp9_pack p = {.picture_id = 0x7ffe};
	size_t size, count = 0, first = 0;
	uint8_t *key = support_load("vp9/key-176x144.hex", &size);
	bool last = false;
	int n;

	(void)state;
	assert_int_equal(vp9_pack_start(&p, key, size, 600), 0);
	for (; (n = vp9_pack_next(&p, out, sizeof(out), &last)) > 0; count++) {
		static const uint8_t structure[] = {0x10, 0, 176, 0, 144};

		assert_int_equal(out[0], 0x80 | (count == 0 ? 0x0a : 0) | (last ? 0x04 : 0));
		assert_int_equal(be16(out + 1), 0xffff);
		if (count == 0)
			assert_memory_equal(out + 3, structure, sizeof(structure));
		first = count == 0 ? (size_t)n : first;
		assert_in_range(first - (size_t)n, 0, last ? 8 : 0);
	}
	assert_int_equal(count, 5);
	free(key);
	key = support_load("vp9/inter.hex", &size);
	assert_int_equal(vp9_pack_start(&p, key, size, 600), 0);
	n = vp9_pack_next(&p, out, sizeof(out), &last);
	assert_int_equal(n, size + 3);
	assert_memory_equal(out, "\xcc\x80\x00", 3); /* P; the number wrapped */
	assert_int_equal(vp9_pack_start(&p, key, size, 8), 0);
	assert_int_equal(vp9_pack_next(&p, out, sizeof(out), &last), -ENOSPC);
	assert_int_equal(vp9_pack_start(&p, (const uint8_t *)"\0", 1, 600), -EBADMSG);
	free(key);
}

/* Two spatial layers become a superframe: their octets, then an index (annex B). */
static void
layers_become_a_superframe(void **state)
{
	static const uint8_t low[] = {0xae, 1, 0, 7, 0x82, 0x49, 0x83, 0x42, 0, 0, 0, 0, 0, 0};
	static const uint8_t high1[] = {0xa8, 1, 2, 7, 0x86}, high2[] = {0xa4, 1, 2, 7, 0x11};
	static const uint8_t index[] = {0xd9, 10, 0, 0, 0, 2, 0, 0, 0, 0xd9};
	uint8_t first[sizeof(low)];
	struct au au;

	(void)state;
	memcpy(first, low, sizeof(low));
	first[0] = 0xac; /* B and E, no structure */
	au_init(&au);
	assert_int_equal(vp9_depack_push(&au, first, sizeof(first)), 0);
	assert_int_equal(vp9_depack_push(&au, high1, sizeof(high1)), 0);
	assert_true(au.in_fragment);
	assert_int_equal(vp9_depack_push(&au, high2, sizeof(high2)), 0);
	assert_false(au.in_fragment || au.damaged);
	assert_true(au.keyframe);
	assert_int_equal(au.size, 12);
	assert_int_equal(vp9_depack_end(&au), 0);
	assert_int_equal(au.size, 12 + sizeof(index));
	assert_memory_equal(au.buf + 12, index, sizeof(index));
	assert_int_equal(vp9_depack_end(&au), 0);
	assert_int_equal(au.size, 12 + sizeof(index));
	au_fini(&au);
}

static void
losses_are_noticed(void **state)
{
	static const uint8_t begin[] = {0x08, 0x86}, middle[] = {0x00, 1}, end[] = {0x04, 2};
	struct au au;

	(void)state;
	au_init(&au);
	assert_int_equal(vp9_depack_push(&au, middle, 2), -EBADMSG);
	assert_true(au.damaged);
	au_reset(&au);
	assert_int_equal(vp9_depack_push(&au, begin, 2), 0);
	assert_int_equal(vp9_depack_push(&au, NULL, 0), 0);
	assert_int_equal(vp9_depack_push(&au, middle, 2), 0);
	assert_int_equal(vp9_depack_push(&au, end, 2), 0);
	assert_false(au.damaged || au.in_fragment || au.keyframe);
	assert_int_equal(au.size, 3);
	assert_int_equal(vp9_depack_push(&au, end, 2), -EBADMSG);
	au_reset(&au);
	assert_int_equal(vp9_depack_push(&au, begin, 2), 0);
	assert_int_equal(vp9_depack_push(&au, begin, 2), 0); /* the first had no end */
	assert_true(au.damaged);
	au_reset(&au);
	for (int i = 0; i < AU_LAYERS_MAX; i++)
		assert_int_equal(vp9_depack_push(&au, (const uint8_t *)"\x0c\x86", 2), 0);
	assert_int_equal(vp9_depack_push(&au, (const uint8_t *)"\x0c\x86", 2), -EBADMSG);
	au_fini(&au);
}

static void
records(void **state)
{
	struct vp9_config c;
	struct vp9_frame f;
	uint8_t out[VP9_CONFIG_SIZE];
	size_t size, key_size;
	uint8_t *record = support_load("vp9/vpcc-176x144.hex", &size);
	uint8_t *key = support_load("vp9/key-176x144.hex", &key_size);

	(void)state;
	assert_int_equal(size, 4 + VP9_CONFIG_SIZE);
	assert_int_equal(vp9_config_parse(&c, record, size), 0);
	assert_int_equal(c.profile, 0);
	assert_int_equal(c.level, 10);
	assert_int_equal(c.depth, 8);
	assert_int_equal(vp9_frame_parse(&f, key, key_size), 0);
	assert_int_equal(vp9_config_write(out, sizeof(out), &f), VP9_CONFIG_SIZE);
	assert_int_equal(out[0],
			 record[4]); /* profile, level, depth and range as FFmpeg has them */
	assert_int_equal(out[1], record[5]);
	assert_int_equal(out[2] >> 4, record[6] >> 4);
	assert_int_equal(out[2] & 1, record[6] & 1);
	assert_int_equal(vp9_config_parse(&c, out, sizeof(out)), 0);
	assert_int_equal(c.chroma, 1);
	assert_int_equal(vp9_config_write(out, sizeof(out) - 1, &f), -ENOSPC);
	f.key = false;
	assert_int_equal(vp9_config_write(out, sizeof(out), &f), -EINVAL);
	for (size_t n = 0; n < VP9_CONFIG_SIZE; n++)
		assert_int_equal(vp9_config_parse(&c, record, n), -EBADMSG);
	free(record);
	free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors),
	    cmocka_unit_test(frames_of_libvpx),
	    cmocka_unit_test(keyframes_are_recognised),
	    cmocka_unit_test(fragments_are_equal),
	    cmocka_unit_test(layers_become_a_superframe),
	    cmocka_unit_test(losses_are_noticed),
	    cmocka_unit_test(records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
