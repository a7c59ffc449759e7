/* Unit tests of the meter: windows of the rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/meter.h"

enum { SECOND_US = 1000000 };

static void
nothing_noted_is_zero(void **state)
{
	struct meter m = {0};
	struct meter_rates r = meter_read(&m, 5 * SECOND_US, 1000, 10);

	(void)state;
	assert_true(r.now[0] == 0 && r.now[1] == 0 && r.long_term[0] == 0);
	meter_note(&m, 5 * SECOND_US, 1000, 10);
	r = meter_read(&m, 5 * SECOND_US, 1000, 10);
	assert_true(r.now[0] == 0 && r.long_term[1] == 0);
}

static void
a_young_one_is_measured_since_its_beginning(void **state)
{
	struct meter m = {0};
	struct meter_rates r;

	(void)state;
	meter_note(&m, 10 * SECOND_US, 100, 0);
	r = meter_read(&m, 10 * SECOND_US + SECOND_US / 2, 600, 5);
	assert_float_equal(r.now[0], 1000, 0.1);
	assert_float_equal(r.now[1], 10, 0.1);
	assert_float_equal(r.long_term[0], 1000, 0.1);
}

/* 1000 a second for a minute, then 100: "now" follows within 7 s, the long term within 35. */
static void
a_change_shows_soon_and_then_in_the_long_term(void **state)
{
	struct meter m = {0};
	uint64_t now = SECOND_US, value = 0;

	(void)state;
	for (int i = 0; i < 60; i++, now += SECOND_US, value += 1000)
		meter_note(&m, now, value, 0);
	assert_float_equal(meter_read(&m, now, value, 0).now[0], 1000, 0.1);
	assert_float_equal(meter_read(&m, now, value, 0).long_term[0], 1000, 0.1);
	for (int i = 0; i < 7; i++, now += SECOND_US, value += 100)
		meter_note(&m, now, value, 0);
	assert_float_equal(meter_read(&m, now, value, 0).now[0], 100, 0.1);
	assert_true(meter_read(&m, now, value, 0).long_term[0] > 700);
	for (int i = 0; i < 28; i++, now += SECOND_US, value += 100)
		meter_note(&m, now, value, 0);
	assert_float_equal(meter_read(&m, now, value, 0).long_term[0], 100, 0.1);
}

/* Whenever it is asked, "now" is over 2 s at least once it is that old, and 7 s at most. */
static void
windows_are_as_long_as_promised(void **state)
{
	struct meter m = {0};
	uint64_t now = 0;

	(void)state;
	meter_note(&m, 0, 0, 0);
	for (int tick = 1; tick < 100; tick++) {
		now += SECOND_US;
		meter_note(&m, now, now, 0);
		for (uint64_t at = now; at < now + SECOND_US; at += SECOND_US / 10) {
			/* A leap just now, over the window's length, tells how long that is. */
			struct meter_rates r = meter_read(&m, at, at + SECOND_US, 0);
			double seconds = 1 / (r.now[0] / SECOND_US - 1);
			double long_seconds = 1 / (r.long_term[0] / SECOND_US - 1);

			assert_true(seconds >= 1.99 || seconds >= (double)at / SECOND_US - 0.01);
			assert_true(seconds < 8.01);
			assert_true(tick < 40 || (long_seconds > 29.9 && long_seconds < 36.1));
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_noted_is_zero),
	    cmocka_unit_test(a_young_one_is_measured_since_its_beginning),
	    cmocka_unit_test(a_change_shows_soon_and_then_in_the_long_term),
	    cmocka_unit_test(windows_are_as_long_as_promised),
	};

	return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
