/* Unit tests of the choice of layers by a receiver's reports: lib/rtp/rtp_fit.h. On virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtp/rtp_fit.h"

enum { SECOND = 1000000, TICK = SECOND / 2, RTT = 40000, LAYERS = 3 };

static const uint64_t rates[LAYERS] = {1200000, 400000, 150000};

struct link {
	struct rtp_fit fit;
	uint64_t now_us, capacity_bps, queue_us;
	unsigned random_loss_q8, changes, layers;
	bool remb, deep; /* deep: a buffer that grows instead of dropping */
};

static struct link
new_link(uint64_t capacity_bps)
{
	struct link l = {.now_us = 1000 * SECOND, .capacity_bps = capacity_bps, .layers = LAYERS};

	rtp_fit_init(&l.fit);
	return l;
}

/* Let time pass: reports each half second of what the link did to the present layer. */
static void
run(struct link *l, unsigned seconds)
{
	for (unsigned i = 0; i < 2 * seconds; i++) {
		uint64_t rate = rates[l->fit.skip];
		uint64_t next = l->fit.skip > 0 ? rates[l->fit.skip - 1] : 0;
		bool over = rate > l->capacity_bps;
		unsigned loss = l->random_loss_q8;

		l->now_us += TICK;
		if (over && !l->deep)
			loss = (unsigned)((rate - l->capacity_bps) * 256 / rate);
		l->queue_us = over && l->deep ? l->queue_us + 200000 : 0;
		if (l->remb)
			rtp_fit_estimate(&l->fit, l->now_us, MIN_OF(l->capacity_bps, rate * 3 / 2));
		l->changes += rtp_fit_report(&l->fit, l->now_us, loss, RTT + l->queue_us, rate,
					     next, l->layers);
		assert_true(l->fit.skip < l->layers);
	}
}

static void
a_link_with_room_keeps_the_best(void **state)
{
	struct link l = new_link(5000000);

	(void)state;
	run(&l, 600);
	assert_int_equal(l.fit.skip, 0);
	assert_int_equal(l.changes, 0);
}

static void
a_narrow_link_gets_what_fits_within_seconds(void **state)
{
	struct link l = new_link(500000);

	(void)state;
	run(&l, 2);
	assert_int_equal(l.fit.skip, 1);
	l = new_link(200000);
	run(&l, 7);
	assert_int_equal(l.fit.skip, 2);
	l = new_link(50000); /* too narrow for all: the least */
	run(&l, 60);
	assert_int_equal(l.fit.skip, 2);
	assert_int_equal(l.changes, 2);
}

static void
queues_and_the_receivers_estimate_tell_it_too(void **state)
{
	struct link l = new_link(500000);

	(void)state;
	run(&l, 0);
	l.deep = true;
	l.capacity_bps = 5000000;
	run(&l, 2); /* the least round trip is known */
	l.capacity_bps = 500000;
	run(&l, 4);
	assert_int_equal(l.fit.skip, 1);
	l = new_link(5000000);
	l.remb = true;
	run(&l, 10);
	assert_int_equal(l.fit.skip, 0);
	rtp_fit_estimate(&l.fit, l.now_us, 300000);
	for (int i = 0; i < 4; i++) {
		l.now_us += TICK;
		l.changes += rtp_fit_report(&l.fit, l.now_us, 0, RTT, rates[0], 0, LAYERS);
	}
	assert_int_equal(l.fit.skip, 1);
}

static void
room_that_comes_back_is_used(void **state)
{
	struct link l = new_link(200000);

	(void)state;
	for (int remb = 0; remb < 2; remb++) {
		l = new_link(200000);
		l.remb = remb;
		run(&l, 8);
		assert_int_equal(l.fit.skip, 2);
		l.capacity_bps = 5000000;
		run(&l, 40);
		assert_int_equal(l.fit.skip, 0);
	}
}

/* A link that takes the middle layer and not the best: tries become rare. */
static void
it_does_not_flap(void **state)
{
	struct link l = new_link(700000);
	unsigned before;

	(void)state;
	run(&l, 600);
	print_message("# %u changes in ten minutes\n", l.changes);
	/* Down, and tries after 5, 10, 20, 40, 80, 160 and 160 s, each taken back. */
	assert_true(l.changes <= 1 + 2 * 7);
	before = l.changes;
	run(&l, 600);
	assert_true(l.changes - before <= 8);
	/* And for most of the time it was where it belongs. */
	assert_int_equal(l.fit.skip, 1);
}

static void
loss_that_is_no_congestion_changes_nothing(void **state)
{
	struct link l = new_link(5000000);
	struct prng rng = {42};

	(void)state;
	l.random_loss_q8 = 13; /* 5 % */
	run(&l, 300);
	assert_int_equal(l.changes, 0);
	l.random_loss_q8 = 0;
	for (int i = 0; i < 100; i++) { /* bursts of half a second */
		rtp_fit_report(&l.fit, l.now_us += TICK, 200, RTT, rates[0], 0, LAYERS);
		run(&l, 1 + prng_below(&rng, 4));
	}
	assert_int_equal(l.changes, 0);
	assert_int_equal(l.fit.skip, 0);
}

static void
there_is_no_layer_below_the_last(void **state)
{
	struct link l = new_link(1);

	(void)state;
	l.layers = 1;
	run(&l, 60);
	assert_int_equal(l.fit.skip, 0);
	assert_int_equal(l.changes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_link_with_room_keeps_the_best),
	    cmocka_unit_test(a_narrow_link_gets_what_fits_within_seconds),
	    cmocka_unit_test(queues_and_the_receivers_estimate_tell_it_too),
	    cmocka_unit_test(room_that_comes_back_is_used),
	    cmocka_unit_test(it_does_not_flap),
	    cmocka_unit_test(loss_that_is_no_congestion_changes_nothing),
	    cmocka_unit_test(there_is_no_layer_below_the_last),
	};

	return cmocka_run_group_tests_name("rtp_fit", tests, NULL, NULL);
}
