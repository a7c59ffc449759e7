/* Unit tests of the timer wheel: order, horizon, time that stood still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/wheel.h"

enum { START_US = 123456789, SECOND_US = 1000000 };

static struct wheel wheel;

static void
nothing_set_is_never(void **state)
{
	struct wheel_entry e = {0};

	(void)state;
	wheel_init(&wheel, START_US);
	assert_true(wheel_next(&wheel) == CLOCK_NEVER);
	assert_null(wheel_due(&wheel, START_US + SECOND_US));
	wheel_clear(&wheel, &e); /* not set: no harm */
	wheel_set(&wheel, &e, START_US, START_US + SECOND_US);
	wheel_clear(&wheel, &e);
	assert_true(wheel_next(&wheel) == CLOCK_NEVER);
	assert_null(wheel_due(&wheel, START_US + 3 * SECOND_US));
}

/* An entry fires within a slot after its time, never before. */
static void
it_fires_in_its_slot(void **state)
{
	static const uint64_t after[] = {0,	 1,	  9999,	   10000,   10001,
					 500000, 5000000, 5110000, 5120000, 30000000};
	struct wheel_entry e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		uint64_t now = START_US, at = START_US + after[i];

		wheel_init(&wheel, now);
		wheel_set(&wheel, &e, now, at);
		for (;;) {
			uint64_t next = wheel_next(&wheel);

			assert_true(next > now && next != CLOCK_NEVER);
			now = next;
			if (wheel_due(&wheel, now) == &e)
				break;
			assert_true(now <= at + WHEEL_SLOT_US);
		}
		assert_true(now >= at);
		assert_true(now <= at + 2 * WHEEL_SLOT_US);
		assert_null(wheel_due(&wheel, now));
	}
}

static void
the_past_fires_at_the_next_turn_once(void **state)
{
	struct wheel_entry e = {0};
	uint64_t now = START_US + 10 * SECOND_US;

	(void)state;
	wheel_init(&wheel, now);
	wheel_set(&wheel, &e, now, START_US);
	assert_true(wheel_next(&wheel) <= now + WHEEL_SLOT_US);
	assert_ptr_equal(wheel_due(&wheel, now + WHEEL_SLOT_US), &e);
	/* Set again in the past by who handles it: the same turn does not hand it out for ever. */
	wheel_set(&wheel, &e, now + WHEEL_SLOT_US, START_US);
	assert_null(wheel_due(&wheel, now + WHEEL_SLOT_US));
	assert_ptr_equal(wheel_due(&wheel, now + 3 * WHEEL_SLOT_US), &e);
}

/* After an idle month the first entry is placed by the present time, and nothing is caught up. */
static void
idle_time_costs_nothing(void **state)
{
	struct wheel_entry e = {0};
	uint64_t now = START_US + 30ull * 86400 * SECOND_US;

	(void)state;
	wheel_init(&wheel, START_US);
	wheel_set(&wheel, &e, now, now + SECOND_US);
	assert_true(wheel_next(&wheel) >= now + SECOND_US);
	assert_null(wheel_due(&wheel, now + SECOND_US / 2));
	assert_ptr_equal(wheel_due(&wheel, now + 2 * SECOND_US), &e);
}

/* Against the plain truth: many entries set, moved and cleared at random. */
static void
random_use_agrees_with_a_list(void **state)
{
	enum { ENTRIES = 200, STEPS = 20000 };
	static struct wheel_entry entries[ENTRIES];
	static uint64_t at[ENTRIES];
	struct prng rng = {support_seed()};
	uint64_t now = START_US;

	(void)state;
	memset(entries, 0, sizeof(entries));
	for (size_t i = 0; i < ENTRIES; i++)
		at[i] = CLOCK_NEVER;
	wheel_init(&wheel, now);
	for (int step = 0; step < STEPS; step++) {
		size_t i = prng_below(&rng, ENTRIES);
		struct wheel_entry *e;

		switch (prng_below(&rng, 4)) {
		case 0:
			wheel_clear(&wheel, &entries[i]);
			at[i] = CLOCK_NEVER;
			break;
		case 1:
			now +=
			    prng_below(&rng, 100) == 0 ? 20 * SECOND_US : prng_below(&rng, 20000);
			while ((e = wheel_due(&wheel, now)) != NULL) {
				size_t k = (size_t)(e - entries);

				if (at[k] > now)
					fail_msg("seed %llu: early",
						 (unsigned long long)support_seed());
				at[k] = CLOCK_NEVER;
			}
			for (size_t k = 0; k < ENTRIES; k++)
				if (at[k] != CLOCK_NEVER && at[k] + 2 * WHEEL_SLOT_US < now)
					fail_msg("seed %llu: overdue by %llu us",
						 (unsigned long long)support_seed(),
						 (unsigned long long)(now - at[k]));
			break;
		default:
			at[i] = now + prng_below(&rng, 12 * SECOND_US);
			wheel_set(&wheel, &entries[i], now, at[i]);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_set_is_never),
	    cmocka_unit_test(it_fires_in_its_slot),
	    cmocka_unit_test(the_past_fires_at_the_next_turn_once),
	    cmocka_unit_test(idle_time_costs_nothing),
	    cmocka_unit_test(random_use_agrees_with_a_list),
	};

	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
