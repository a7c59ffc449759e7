/* Unit tests of the rewriting of sequence numbers and timestamps: lib/rtp/rtp_rewrite.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/random.h"
#include "rtp/rtp_rewrite.h"

enum { SECOND = 1000000, NOW = 7 * SECOND, SRC = 1000000 };

/* Map; the outgoing number, or 0. */
static uint64_t
map(struct rtp_rewrite *r, uint64_t seq)
{
	uint64_t out;
	uint32_t ts;

	return rtp_rewrite_map(r, seq, (uint32_t)seq, NOW, &out, &ts) == 0 ? out : 0;
}

/* The way back; 0 if unknown. */
static uint64_t
back(const struct rtp_rewrite *r, uint64_t out)
{
	uint64_t seq;

	return rtp_rewrite_source(r, (uint16_t)out, &seq) == 0 ? seq : 0;
}

static void
the_first_packet_has_the_seeds(void **state)
{
	struct rtp_rewrite r;
	uint64_t out, seq;
	uint32_t ts;

	(void)state;
	assert_true(sizeof(r) <= 64);
	rtp_rewrite_init(&r, 1234, 5678);
	assert_int_equal(rtp_rewrite_source(&r, 1234, &seq), -ENOENT);
	rtp_rewrite_switch(&r, SRC, 999, NOW, 90000);
	assert_int_equal(rtp_rewrite_source(&r, 1233, &seq), -ENOENT);
	assert_int_equal(rtp_rewrite_map(&r, SRC, 999, NOW, &out, &ts), 0);
	assert_true(out == 65536 + 1234);
	assert_int_equal(ts, 5678);
	assert_int_equal(rtp_rewrite_map(&r, SRC + 5, 1999, NOW, &out, &ts), 0); /* loss stays */
	assert_true(out == 65536 + 1239);
	assert_int_equal(ts, 6678);
	assert_int_equal(rtp_rewrite_ts(&r, 0), 5678 - 999);
	assert_true(back(&r, 1239) == SRC + 5);
	assert_true(back(&r, 1235) == SRC + 1); /* it may be in the ring: late */
	assert_true(map(&r, SRC + 1) == 65536 + 1235);
	assert_true(back(&r, 1240) == 0);
	assert_int_equal(rtp_rewrite_map(&r, SRC - 1, 0, NOW, &out, &ts), -ESTALE);
}

static void
another_source_goes_on(void **state)
{
	struct rtp_rewrite r;
	uint64_t out, last;
	uint32_t ts, last_ts;

	(void)state;
	rtp_rewrite_init(&r, 100, 0xfffff000); /* the timestamp wraps */
	rtp_rewrite_switch(&r, SRC, 5000000, NOW, 90000);
	rtp_rewrite_map(&r, SRC, 5000000, NOW, &out, &ts);
	rtp_rewrite_map(&r, SRC + 1, 5090000, NOW + SECOND, &last, &last_ts);
	/* An older frame's timestamp (B-frame) does not pull the clock back. */
	rtp_rewrite_map(&r, SRC + 2, 5080000, NOW + SECOND, &last, &ts);
	rtp_rewrite_switch(&r, 70000, 123, NOW + 3 * SECOND, 90000);
	assert_true(back(&r, last) == 0); /* another source's: gone */
	assert_int_equal(rtp_rewrite_map(&r, 70000, 123, NOW + 3 * SECOND, &out, &ts), 0);
	assert_true(out == last + 1);
	assert_int_equal(ts, (uint32_t)(last_ts + 2 * 90000));
	assert_true(back(&r, out) == 70000);
	assert_true(back(&r, last) == 0);
	/* Another codec with another clock; no time passed at all. */
	last = rtp_rewrite_newest(&r);
	rtp_rewrite_switch(&r, 80000, 0, NOW + 3 * SECOND, 48000);
	rtp_rewrite_map(&r, 80000, 0, NOW + 3 * SECOND, &out, &last_ts);
	assert_true(out == last + 1);
	assert_int_equal(last_ts, ts + 1);
	assert_int_equal(rtp_rewrite_newest(&r), out);
}

static void
dropped_packets_leave_no_gap(void **state)
{
	struct rtp_rewrite r;
	uint64_t base;

	(void)state;
	rtp_rewrite_init(&r, 100, 0);
	rtp_rewrite_switch(&r, SRC, 0, NOW, 90000);
	base = map(&r, SRC);
	assert_int_equal(rtp_rewrite_drop(&r, SRC + 1), 0);
	assert_int_equal(rtp_rewrite_drop(&r, SRC + 2), 0);
	assert_true(map(&r, SRC + 3) == base + 1);
	assert_true(map(&r, SRC + 5) == base + 3); /* SRC + 4 is late */
	assert_int_equal(rtp_rewrite_drop(&r, SRC + 4), -ESTALE);
	assert_true(map(&r, SRC + 4) == base + 2);
	assert_int_equal(rtp_rewrite_drop(&r, SRC + 6), 0);
	assert_true(rtp_rewrite_newest(&r) == base + 3);
	assert_true(back(&r, base) == SRC);
	assert_true(back(&r, base + 1) == SRC + 3);
	assert_true(back(&r, base + 2) == SRC + 4);
	assert_true(back(&r, base + 3) == SRC + 5);
	assert_true(back(&r, base + 4) == 0);
	assert_true(map(&r, SRC + 1) == 0); /* dropped is dropped */
	assert_true(map(&r, SRC + 6) == 0);
	assert_true(map(&r, SRC + 3) == base + 1); /* and what was mapped maps again alike */
	assert_true(map(&r, SRC + 7) == base + 4);
	assert_true(back(&r, base + 4) == SRC + 7);
}

static void
the_history_of_drops_is_bounded(void **state)
{
	struct rtp_rewrite r;
	uint64_t base, out = 0;

	(void)state;
	rtp_rewrite_init(&r, 100, 0);
	rtp_rewrite_switch(&r, SRC, 0, NOW, 90000);
	base = map(&r, SRC);
	for (uint64_t run = 0; run <= RTP_REWRITE_RUNS; run++) { /* one more than remembered */
		rtp_rewrite_drop(&r, SRC + 1 + 2 * run);
		out = map(&r, SRC + 2 + 2 * run);
		assert_true(out == base + run + 1);
	}
	assert_true(map(&r, SRC) == 0);
	assert_true(back(&r, base) == 0);
	assert_true(back(&r, base + 1) == SRC + 2); /* after the forgotten one */
	assert_true(back(&r, out) == SRC + 2 + 2 * RTP_REWRITE_RUNS);
	/* A long run takes several entries, and still maps. */
	for (uint64_t i = 0; i < 3 * RTP_REWRITE_RUN_MAX; i++)
		assert_int_equal(rtp_rewrite_drop(&r, SRC + 100 + i), 0);
	assert_true(map(&r, SRC + 100 + 3 * RTP_REWRITE_RUN_MAX) ==
		    out + 1 + 100 - 2 - 2 * RTP_REWRITE_RUNS - 1);
	assert_true(back(&r, out) == SRC + 2 + 2 * RTP_REWRITE_RUNS);
}

static void
old_runs_are_forgotten(void **state)
{
	struct rtp_rewrite r;
	uint64_t base, out;

	(void)state;
	rtp_rewrite_init(&r, 100, 0);
	rtp_rewrite_switch(&r, SRC, 0, NOW, 90000);
	base = map(&r, SRC);
	rtp_rewrite_drop(&r, SRC + 1);
	for (uint64_t i = 2; i < 300000; i++) {
		out = map(&r, SRC + i);
		assert_true(out == base + i - 1);
		assert_true(back(&r, out) == SRC + i);
		if (i > 1000)
			assert_true(back(&r, out - 900) == SRC + i - 900);
	}
	assert_int_equal(r.run_count, 0);
	rtp_rewrite_drop(&r, SRC + 300000);
	out = map(&r, SRC + 302000); /* loss */
	assert_true(out == base + 302000 - 2);
}

/* A source that begins anew without a word: its receiver must not see the jump. */
static void
a_leap_is_a_switch(void **state)
{
	struct rtp_rewrite r;
	uint64_t out, last;
	uint32_t ts, last_ts;

	(void)state;
	rtp_rewrite_init(&r, 100, 0);
	rtp_rewrite_switch(&r, SRC, 5000, NOW, 90000);
	rtp_rewrite_map(&r, SRC, 5000, NOW, &out, &ts);
	rtp_rewrite_map(&r, SRC + RTP_REWRITE_LEAP, 14000, NOW + SECOND / 10, &last, &last_ts);
	assert_true(last == out + RTP_REWRITE_LEAP); /* that much may have been lost */
	/* Numbers leap, the clock goes on: 0.5 s later. */
	rtp_rewrite_map(&r, SRC + 40000, 59000, NOW + SECOND * 6 / 10, &out, &ts);
	assert_true(out == last + 1);
	assert_int_equal(ts, (uint32_t)(last_ts + 45000));
	assert_true(back(&r, out) == SRC + 40000);
	assert_true(back(&r, last) == 0);
	/* Both leap. */
	last_ts = ts;
	rtp_rewrite_map(&r, SRC + 140000, 3000000000u, NOW + SECOND * 26 / 10, &last, &ts);
	assert_true(last == out + 1);
	assert_int_equal(ts, (uint32_t)(last_ts + 180000));
	assert_int_equal(rtp_rewrite_ts(&r, 3000000000u), ts);
	/* A leap onto a packet that is left out. */
	assert_int_equal(rtp_rewrite_drop(&r, SRC + 200000), 0);
	assert_true(rtp_rewrite_newest(&r) == last);
	assert_true(map(&r, SRC + 200001) == last + 1);
}

/*
 * Random loss, reordering, drops and switches: the numbers that leave are without gaps where the
 * source had none, never given twice, and each leads back to where it came from.
 */
static void
random_sources_against_a_model(void **state)
{
	static uint64_t given[65536]; /* source number + 1 by outgoing number's low half */
	struct prng rng = {support_seed()};
	struct rtp_rewrite r;
	uint64_t seq = SRC, newest = 0, resolved = 0, unresolved = 0;

	(void)state;
	memset(given, 0, sizeof(given));
	rtp_rewrite_init(&r, 30000, 1);
	rtp_rewrite_switch(&r, seq, 0, NOW, 90000);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t out = 0;
		uint32_t dice = prng_below(&rng, 1000);

		if (dice < 2) {
			seq = SRC + prng_next(&rng) % (1u << 30);
			rtp_rewrite_switch(&r, seq, 0, NOW, 90000);
			memset(given, 0, sizeof(given));
		}
		if (dice < 50) {
			assert_int_equal(rtp_rewrite_drop(&r, seq), 0);
		} else if (dice < 900) {
			out = map(&r, seq);
			assert_true(out > newest);
			newest = out;
			given[(uint16_t)out] = seq + 1;
		} else if (dice < 950) {
			uint64_t late =
			    seq - prng_below(&rng, 20); /* or repeated, dropped, stale */

			out = map(&r, late);
			assert_true(out == 0 || given[(uint16_t)out] == 0 ||
				    given[(uint16_t)out] == late + 1 || out > newest);
			if (out != 0)
				given[(uint16_t)out] = late + 1;
			newest = out > newest ? out : newest;
		} /* else lost */
		seq++;
		out = newest - prng_below(&rng, 40);
		if (given[(uint16_t)out] != 0 && back(&r, out) != 0) {
			assert_true(back(&r, out) == given[(uint16_t)out] - 1);
			resolved++;
		} else {
			unresolved += given[(uint16_t)out] != 0;
		}
	}
	assert_true(unresolved * 20 < resolved);
}

/* Found by fuzzing: what was left out before the first packet, of a source that leaps then. */
static void
a_leap_before_the_first_packet_forgets_what_was_left_out(void **state)
{
	struct rtp_rewrite r;

	(void)state;
	rtp_rewrite_init(&r, 1234, 0);
	rtp_rewrite_switch(&r, SRC, 0, NOW, 90000);
	for (uint64_t seq = SRC; seq < SRC + 12; seq += 2)
		assert_int_equal(rtp_rewrite_drop(&r, seq), 0);
	for (uint64_t seq = SRC + 40000; seq < SRC + 40000 + 65536; seq += 4099) {
		struct rtp_rewrite copy = r;

		assert_true(map(&copy, seq) == 65536 + 1239); /* five were lost */
		assert_true(map(&copy, seq) == 65536 + 1239);
		assert_true(map(&copy, seq + 1) == 65536 + 1240);
		assert_true(back(&copy, 1239) == seq);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_packet_has_the_seeds),
	    cmocka_unit_test(another_source_goes_on),
	    cmocka_unit_test(dropped_packets_leave_no_gap),
	    cmocka_unit_test(the_history_of_drops_is_bounded),
	    cmocka_unit_test(old_runs_are_forgotten),
	    cmocka_unit_test(a_leap_is_a_switch),
	    cmocka_unit_test(random_sources_against_a_model),
	    cmocka_unit_test(a_leap_before_the_first_packet_forgets_what_was_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
