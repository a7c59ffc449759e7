/* Unit tests of the reorder buffer: lib/rtp/rtp_reorder.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/median.h"
#include "base/random.h"
#include "rtp/rtp_reorder.h"

enum { WAIT = 100000, NOW = 1000000 };

static int
push(struct rtp_reorder *r, uint64_t now_us, uint64_t seq)
{
	uint8_t buf[8];

	put_be64(buf, seq);
	return rtp_reorder_push(r, now_us, seq, buf, sizeof(buf));
}

/* The next one released, 0 if none. */
static uint64_t
pop(struct rtp_reorder *r, uint64_t now_us, uint64_t *lost)
{
	const uint8_t *buf;
	size_t size = rtp_reorder_pop(r, now_us, &buf, lost);

	if (size == 0)
		return 0;
	assert_int_equal(size, 8);
	return be64(buf);
}

static void
order_is_restored(void **state)
{
	struct rtp_reorder *r = rtp_reorder_new(8, 1500, WAIT, WAIT);
	uint64_t lost;

	(void)state;
	assert_true(rtp_reorder_deadline(r) == CLOCK_NEVER);
	assert_true(pop(r, NOW, &lost) == 0);
	assert_int_equal(push(r, NOW, 100), 0);
	assert_true(pop(r, NOW, &lost) == 100 && lost == 0);
	assert_int_equal(push(r, NOW, 102), 0);
	assert_int_equal(push(r, NOW, 103), 0);
	assert_int_equal(push(r, NOW, 103), -EALREADY);
	assert_int_equal(push(r, NOW, 100), -EALREADY);
	assert_true(pop(r, NOW, &lost) == 0);
	assert_true(rtp_reorder_deadline(r) == NOW + WAIT);
	assert_int_equal(push(r, NOW + 10, 101), 0);
	assert_true(rtp_reorder_deadline(r) == CLOCK_NEVER);
	for (uint64_t seq = 101; seq <= 103; seq++)
		assert_true(pop(r, NOW + 10, &lost) == seq && lost == 0);
	assert_true(pop(r, NOW + 10, &lost) == 0);
	rtp_reorder_free(r);
	rtp_reorder_free(NULL);
}

static void
gaps_are_given_up_in_time(void **state)
{
	struct rtp_reorder *r = rtp_reorder_new(8, 1500, WAIT, WAIT);
	uint64_t lost;
	uint8_t big[1501] = {0};

	(void)state;
	push(r, NOW, 10);
	pop(r, NOW, &lost);
	push(r, NOW + 5, 13);
	push(r, NOW + 50, 15);
	assert_true(pop(r, NOW + WAIT, &lost) == 0);
	assert_true(pop(r, NOW + 5 + WAIT, &lost) == 13 && lost == 2);
	assert_true(pop(r, NOW + 5 + WAIT, &lost) == 0); /* the next gap has its own time */
	assert_true(rtp_reorder_deadline(r) == NOW + 50 + WAIT);
	assert_true(pop(r, NOW + 50 + WAIT, &lost) == 15 && lost == 1);
	assert_int_equal(push(r, NOW + WAIT, 14), -EALREADY);
	assert_int_equal(rtp_reorder_push(r, NOW, 16, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(rtp_reorder_push(r, NOW, 16, big, 0), -EMSGSIZE);
	rtp_reorder_free(r);
}

/* Resends take FAR: what is waited for then is several of them, and less than the most. */
static void
patience_follows_what_repairs_take(void **state)
{
	enum { FAR = 60000, MOST = 5 * FAR };
	struct rtp_reorder *r = rtp_reorder_new(64, 1500, WAIT, MOST);
	uint64_t lost, now = NOW, seq = 10;

	(void)state;
	rtp_reorder_expect(r, WAIT / RTP_REORDER_REPAIRS / 2);
	for (unsigned i = 0; i < 3; i++, seq += 2, now += 1000000) {
		push(r, now, seq);
		pop(r, now, &lost);
		push(r, now, seq + 2);
		assert_true(rtp_reorder_deadline(r) ==
			    now + (i < 2 ? WAIT : RTP_REORDER_REPAIRS * FAR));
		push(r, now + FAR, seq + 1);
		assert_true(pop(r, now + FAR, &lost) == seq + 1 && lost == 0);
		assert_true(pop(r, now + FAR, &lost) == seq + 2 && lost == 0);
	}
	/* They take longer than the patience at first: what comes too late is learned from. */
	for (unsigned i = 0; i < 3; i++, seq += 2, now += 1000000) {
		push(r, now, seq);
		push(r, now, seq + 2);
		while (pop(r, now + MOST, &lost) != seq + 2)
			continue;
		assert_true(lost == 1);
		assert_int_equal(push(r, now + MOST + 10, seq + 1), -EALREADY);
	}
	push(r, now, seq);
	push(r, now, seq + 2);
	pop(r, now, &lost);
	assert_true(rtp_reorder_deadline(r) == now + MOST);
	/* A copy of what came long ago says nothing. */
	for (unsigned i = 0; i < MEDIAN_VALUES; i++)
		push(r, now + 1, seq - 10);
	assert_true(rtp_reorder_deadline(r) == now + MOST);
	rtp_reorder_free(r);
}

static void
a_full_buffer_gives_up_the_gap(void **state)
{
	struct rtp_reorder *r = rtp_reorder_new(8, 1500, WAIT, WAIT);
	uint64_t lost;

	(void)state;
	push(r, NOW, 1);
	pop(r, NOW, &lost);
	for (uint64_t seq = 3; seq < 11; seq++)
		assert_int_equal(push(r, NOW, seq), 0);
	assert_int_equal(push(r, NOW, 11), -EAGAIN);
	assert_true(pop(r, NOW, &lost) == 3 && lost == 1);
	for (uint64_t seq = 4; seq < 11; seq++)
		assert_true(pop(r, NOW, &lost) == seq && lost == 0);
	assert_int_equal(push(r, NOW, 11), 0);
	assert_true(pop(r, NOW, &lost) == 11);
	assert_int_equal(push(r, NOW, 5000000), 0); /* a leap: waits like any gap */
	assert_true(pop(r, NOW, &lost) == 0);
	assert_int_equal(push(r, NOW, 12), -EALREADY); /* too far behind what is held */
	assert_true(pop(r, NOW + WAIT, &lost) == 5000000 && lost == 5000000 - 12);
	rtp_reorder_free(r);
}

struct drain {
	uint64_t next, losses, popped;
};

/* Release what may be released: ascending, every number either given or counted as lost. */
static void
drain(struct rtp_reorder *r, uint64_t now_us, struct drain *d)
{
	uint64_t lost, got;

	for (got = pop(r, now_us, &lost); got != 0; got = pop(r, now_us, &lost)) {
		assert_true(d->popped == 0 || got == d->next + lost);
		d->next = got + 1;
		d->losses += lost;
		d->popped++;
	}
}

static void
random_order_comes_out_sorted(void **state)
{
	struct prng rng = {support_seed()};
	struct rtp_reorder *r = rtp_reorder_new(64, 1500, WAIT, WAIT);
	struct drain d = {0};
	uint64_t pushed = 0, order[16];
	int rc;

	(void)state;
	for (unsigned block = 0; block < 2000; block++) {
		uint64_t now = NOW + block * 10000u;

		for (size_t i = 0; i < 16; i++)
			order[i] = 65536 + block * 16 + i;
		for (size_t i = 15; i > 0 && block > 0; i--) {
			size_t k = prng_below(&rng, (uint32_t)i + 1);
			uint64_t swap = order[i];

			order[i] = order[k];
			order[k] = swap;
		}
		for (size_t i = 0; i < 16; i++) {
			if (pushed > 0 && prng_below(&rng, 20) == 0)
				continue;
			rc = push(r, now, order[i]);
			if (rc == -EAGAIN) {
				drain(r, now, &d);
				rc = push(r, now, order[i]);
				assert_int_equal(rc, 0);
			}
			pushed += rc == 0;
			drain(r, now, &d);
		}
	}
	drain(r, UINT64_MAX / 2, &d);
	assert_true(pushed == d.popped);
	assert_in_range(d.losses, 1000, 2500); /* 1 in 20 of 32,000 */
	rtp_reorder_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_is_restored),
	    cmocka_unit_test(gaps_are_given_up_in_time),
	    cmocka_unit_test(patience_follows_what_repairs_take),
	    cmocka_unit_test(a_full_buffer_gives_up_the_gap),
	    cmocka_unit_test(random_order_comes_out_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
