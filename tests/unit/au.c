/* Unit tests of lib/au. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "au/au.h"

static void
grows_and_begins_anew(void **state)
{
	static uint8_t block[100000];
	struct au au;

	(void)state;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)i;
	au_init(&au);
	assert_int_equal(au_append(&au, block, 10), 0);
	assert_int_equal(au_append(&au, NULL, 0), 0);
	assert_int_equal(au_append(&au, block, sizeof(block)), 0);
	assert_int_equal(au.size, sizeof(block) + 10);
	assert_memory_equal(au.buf, block, 10);
	assert_memory_equal(au.buf + 10, block, sizeof(block));
	assert_int_equal(au_damage(&au), -EBADMSG);
	assert_true(au.damaged);
	au.keyframe = au.in_fragment = true;
	au.layer_count = 3;
	au_reset(&au);
	assert_false(au.damaged || au.keyframe || au.in_fragment);
	assert_int_equal(au.size, 0);
	assert_int_equal(au.layer_count, 0);
	assert_true(au.cap > sizeof(block)); /* the block is kept */
	au_fini(&au);
	assert_null(au.buf);
}

static void
has_a_ceiling(void **state)
{
	static uint8_t block[1 << 20];
	struct au au;
	int r = 0;

	(void)state;
	au_init(&au);
	for (int i = 0; i < 9 && r == 0; i++)
		r = au_append(&au, block, sizeof(block));
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(au.size, AU_OCTETS_MAX);
	assert_int_equal(au_reserve(&au, 1), -ENOSPC);
	assert_int_equal(au_reserve(&au, SIZE_MAX), -ENOSPC);
	assert_int_equal(au_reserve(&au, 0), 0);
	au_fini(&au);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_begins_anew),
	    cmocka_unit_test(has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
