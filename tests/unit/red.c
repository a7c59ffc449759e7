/* Unit tests of lib/red. */
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
#include "red/red.h"

/* Two earlier blocks of 3 and 0 octets, 1920 and 960 units old, and a primary of 2. */
static const uint8_t three[] = {0xef, 0x1e, 0x00, 0x03, 0xef, 0x0f, 0x00,
				0x00, 0x6f, 'a',  'b',	'c',  'd',  'e'};

static void
blocks_are_found(void **state)
{
	struct red r;

	(void)state;
	assert_int_equal(red_parse(&r, three, sizeof(three)), 0);
	assert_int_equal(r.block_count, 3);
	assert_int_equal(r.header_size, 9);
	assert_int_equal(r.blocks[0].pt, 111);
	assert_int_equal(r.blocks[0].ts_before, 1920);
	assert_int_equal(r.blocks[0].size, 3);
	assert_memory_equal(r.blocks[0].data, "abc", 3);
	assert_int_equal(r.blocks[1].ts_before, 960);
	assert_int_equal(r.blocks[1].size, 0);
	assert_int_equal(r.blocks[2].ts_before, 0);
	assert_int_equal(r.blocks[2].size, 2);
	assert_memory_equal(r.blocks[2].data, "de", 2);
	assert_int_equal(red_parse(&r, (const uint8_t *)"\x6f\xfc", 2), 0);
	assert_int_equal(r.block_count, 1);
	assert_int_equal(r.blocks[0].size, 1);
}

/* The primary's size is what is left, so a cut within it is not one. */
static void
every_truncation_is_refused_or_shorter(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(three); n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);
		uint8_t out[sizeof(three)];
		struct red r = {.block_count = 99};
		int want = n > 12 ? 0 : -EBADMSG; /* 9 of headers, 3 of the first block */

		memcpy(exact, three, n);
		assert_int_equal(red_parse(&r, exact, n), want);
		assert_int_equal(r.block_count, want < 0 ? 99 : 3);
		assert_int_equal(red_copy(out, exact, n, 1), want < 0 ? want : (int)n);
		free(exact);
	}
}

static void
many_blocks_are_refused(void **state)
{
	uint8_t payload[RED_BLOCKS_MAX * 4 + 2] = {0};
	struct red r;

	(void)state;
	for (size_t count = 1; count <= RED_BLOCKS_MAX + 1; count++) {
		for (size_t i = 0; i + 1 < count; i++)
			payload[i * 4] = 0x80 | 111;
		payload[(count - 1) * 4] = 111;
		assert_int_equal(red_parse(&r, payload, (count - 1) * 4 + 2),
				 count <= RED_BLOCKS_MAX ? 0 : -EBADMSG);
	}
}

static void
a_copy_has_other_payload_types(void **state)
{
	uint8_t want[sizeof(three)], out[sizeof(three)];

	(void)state;
	memcpy(want, three, sizeof(three));
	want[0] = want[4] = 0x80 | 96;
	want[8] = 96;
	assert_int_equal(red_copy(out, three, sizeof(three), 96), sizeof(three));
	assert_memory_equal(out, want, sizeof(want));
}

static void
parameters_name_one_payload_type(void **state)
{
	static const struct {
		const char *fmtp;
		int want;
	} rows[] = {
	    {"111/111", 111},	  {"111", 111},	     {"96/96/96", 96},	   {"0/0", 0},
	    {"111/110", -EINVAL}, {"", -EINVAL},     {"111/", -EINVAL},	   {"/111", -EINVAL},
	    {"128/128", -EINVAL}, {"1110", -EINVAL}, {"111 111", -EINVAL}, {"-1", -EINVAL},
	    {"apt=111", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (red_fmtp_pt(rows[i].fmtp) != rows[i].want)
			fail_msg("%s: %d", rows[i].fmtp, red_fmtp_pt(rows[i].fmtp));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_are_found),
	    cmocka_unit_test(every_truncation_is_refused_or_shorter),
	    cmocka_unit_test(many_blocks_are_refused),
	    cmocka_unit_test(a_copy_has_other_payload_types),
	    cmocka_unit_test(parameters_name_one_payload_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
