/* Unit tests of lib/base/histogram.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/histogram.h"

static void
empty_has_no_percentile(void **state)
{
	static struct histogram h;

	(void)state;
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_percentile(&h, 100), 0);
}

/* One value alone is every percentile, itself. */
static void
one_value(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < UINT64_C(1) << 39; v = v * 2 + 1) {
		struct histogram h = {0};

		histogram_add(&h, v);
		assert_true(histogram_percentile(&h, 1) == v);
		assert_true(histogram_percentile(&h, 100) == v);
	}
}

/* Small values are exact; larger ones never too small, and at most a sixteenth too large. */
static void
within_a_sixteenth(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 3000000; v += 1 + v / 100) {
		struct histogram h = {0};
		uint64_t p;

		histogram_add(&h, v);
		histogram_add(&h, UINT64_C(1) << 62); /* not the largest: the class decides */
		p = histogram_percentile(&h, 50);
		assert_true(p >= v);
		assert_true(v < 32 ? p == v : p - v <= v / 16);
	}
}

static void
ranks(void **state)
{
	static struct histogram h;

	(void)state;
	for (unsigned i = 1; i <= 20; i++)
		histogram_add(&h, i);
	assert_int_equal(h.count, 20);
	assert_int_equal(histogram_percentile(&h, 5), 1);
	assert_int_equal(histogram_percentile(&h, 50), 10);
	assert_int_equal(histogram_percentile(&h, 95), 19);
	assert_int_equal(histogram_percentile(&h, 99), 20);
	assert_int_equal(h.max_us, 20);
}

/* What is above the last class counts as that, and the maximum stays true. */
static void
above_the_last_class(void **state)
{
	static struct histogram h;

	(void)state;
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.classes[HISTOGRAM_CLASSES - 1], 1);
	assert_true(h.max_us == UINT64_MAX);
	assert_true(histogram_percentile(&h, 50) > UINT64_C(1) << 35);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_has_no_percentile), cmocka_unit_test(one_value),
	    cmocka_unit_test(within_a_sixteenth),      cmocka_unit_test(ranks),
	    cmocka_unit_test(above_the_last_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
