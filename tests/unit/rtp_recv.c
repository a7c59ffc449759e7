/* Unit tests of the receiver's book-keeping: lib/rtp/rtp_recv.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/clock.h"
#include "base/random.h"
#include "rtp/rtp_recv.h"

enum { SECOND = 1000000, NOW = 5 * SECOND };

static enum rtp_recv_result
take(struct rtp_recv *r, uint64_t now_us, uint16_t seq, uint64_t *ext)
{
	return rtp_recv_packet(r, now_us, seq, (uint32_t)(now_us * 9 / 100), 100, ext);
}

static void
numbers_are_extended_over_the_wrap(void **state)
{
	struct rtp_recv r;
	uint64_t ext = 0;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(take(&r, NOW + i * 100, (uint16_t)(65530 + i), &ext),
				 RTP_RECV_NEW);
		assert_true(ext == 65536 + 65530 + (uint64_t)i);
	}
	assert_true(rtp_recv_lost(&r) == 0);
	assert_true(r.received == 200000);
	assert_true(r.octets == 200000 * 100);
	assert_int_equal(r.missing_count, 0);
}

static void
late_and_duplicate_are_told_apart(void **state)
{
	struct rtp_recv r;
	uint64_t ext = 0;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	take(&r, NOW, 65534, &ext);
	assert_int_equal(take(&r, NOW, 1, &ext), RTP_RECV_NEW); /* 65535 and 0 are missing */
	assert_true(rtp_recv_lost(&r) == 2);
	assert_int_equal(take(&r, NOW, 0, &ext), RTP_RECV_LATE);
	assert_true(ext == 2 * 65536);
	ext = 42;
	assert_int_equal(take(&r, NOW, 0, &ext), RTP_RECV_DUPLICATE);
	assert_int_equal(take(&r, NOW, 1, &ext), RTP_RECV_DUPLICATE);
	assert_true(ext == 42);
	assert_int_equal(take(&r, NOW, 65535, &ext), RTP_RECV_LATE);
	assert_true(rtp_recv_lost(&r) == 0);
	assert_int_equal(r.missing_count, 0);
	assert_int_equal(take(&r, NOW, 65533, &ext), RTP_RECV_LATE); /* precedes the first */
	assert_true(ext == 65536 + 65533);
	assert_true(rtp_recv_lost(&r) == 0);
	assert_true(r.duplicates == 2);
}

static void
the_history_is_bounded(void **state)
{
	struct rtp_recv r;
	uint64_t ext;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	take(&r, NOW, 0, &ext);
	take(&r, NOW, RTP_RECV_HISTORY + 1, &ext);
	assert_int_equal(take(&r, NOW, 1, &ext), RTP_RECV_DUPLICATE); /* too old to tell */
	assert_int_equal(take(&r, NOW, 2, &ext), RTP_RECV_LATE);
	assert_int_equal(take(&r, NOW, 2, &ext), RTP_RECV_DUPLICATE);
	assert_int_equal(take(&r, NOW, RTP_RECV_HISTORY, &ext), RTP_RECV_LATE);
}

static void
a_sender_that_begins_anew_is_followed(void **state)
{
	struct rtp_recv r;
	struct rtcp_report report;
	uint64_t ext, before;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	take(&r, NOW, 40000, &ext);
	take(&r, NOW, 40001, &before);
	ext = 1;
	assert_int_equal(take(&r, NOW, 500, &ext), RTP_RECV_DUPLICATE); /* one stray is dropped */
	assert_true(ext == 1);
	assert_int_equal(take(&r, NOW, 40002, &before), RTP_RECV_NEW);
	assert_int_equal(take(&r, NOW, 501, &ext), RTP_RECV_DUPLICATE); /* not in a row */
	assert_false(r.hole);
	assert_int_equal(take(&r, NOW, 502, &ext), RTP_RECV_RESTART);
	assert_true(r.hole); /* at least 501 is gone, which may have begun a keyframe */
	assert_int_equal(rtp_recv_nack_deadline(&r), 0);
	r.hole = false;
	assert_true(ext > before && (uint16_t)ext == 502);
	assert_int_equal(take(&r, NOW, 503, &ext), RTP_RECV_NEW);
	assert_true(rtp_recv_lost(&r) == 0);
	rtp_recv_report(&r, NOW, &report);
	assert_int_equal(report.lost, 0);
	assert_int_equal(report.highest_seq & 0xffff, 503);
	/* Up to 3000 ahead is loss, not a restart. */
	assert_int_equal(take(&r, NOW, 3503, &ext), RTP_RECV_NEW);
	assert_true(rtp_recv_lost(&r) == 2999);
}

/* RFC 3550 A.3 with numbers made by hand. */
static void
reports_count_by_interval(void **state)
{
	struct rtp_recv r;
	struct rtcp_report report;
	struct rtcp_sr sr = {.ssrc = 7, .ntp = 0x1111222233334444u};
	uint64_t ext;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	rtp_recv_report(&r, NOW, &report);
	assert_int_equal(report.ssrc, 7);
	assert_int_equal(report.highest_seq, 0);
	assert_int_equal(report.lsr, 0);
	for (uint16_t seq = 100; seq < 200; seq++)
		if (seq % 4 != 3) /* 199, the last, is among the lost: 74 expected losses seen */
			take(&r, NOW, seq, &ext);
	rtp_recv_report(&r, NOW, &report);
	assert_int_equal(report.highest_seq, 198);
	assert_int_equal(report.lost, 24);
	assert_int_equal(report.fraction_lost, 24 * 256 / 99);
	for (uint16_t seq = 199; seq < 300; seq++)
		take(&r, NOW, seq, &ext);
	rtp_recv_sender_report(&r, NOW, &sr);
	rtp_recv_report(&r, NOW + SECOND / 2, &report);
	assert_int_equal(report.lost, 24);
	assert_int_equal(report.fraction_lost, 0);
	assert_int_equal(report.lsr, 0x22223333);
	assert_int_equal(report.dlsr, 0x8000);
	/* Repaired packets make up for losses: the interval's loss is negative, so the fraction 0.
	 */
	take(&r, NOW, 103, &ext);
	rtp_recv_report(&r, NOW, &report);
	assert_int_equal(report.lost, 23);
	assert_int_equal(report.fraction_lost, 0);
}

/* RFC 3550 A.8: a constant deviation of D drives the estimate towards D. */
static void
jitter_follows_the_formula(void **state)
{
	struct rtp_recv r;
	struct rtcp_report report;
	uint64_t ext, now = NOW;
	double model = 0;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	for (uint32_t i = 0; i < 500; i++) {
		/* 20 ms apart in RTP time, alternately 15 and 25 ms apart in arrival. */
		rtp_recv_packet(&r, now, (uint16_t)i, 1800 * i, 100, &ext);
		now += i % 2 ? 25000 : 15000;
		if (i > 0)
			model += (450 - model) / 16;
	}
	rtp_recv_report(&r, now, &report);
	assert_in_range(report.jitter, (unsigned)model - 2, (unsigned)model + 2);
	/* A step of the timestamps is no jitter. */
	rtp_recv_packet(&r, now, 500, 4000000000u, 100, &ext);
	rtp_recv_report(&r, now, &report);
	assert_in_range(report.jitter, (unsigned)model - 2, (unsigned)model + 2);
}

static void
missing_packets_are_asked_for(void **state)
{
	struct rtp_recv r;
	uint16_t seqs[8];
	uint64_t ext, now = NOW;
	unsigned asks = 0;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	assert_true(rtp_recv_nack_deadline(&r) == CLOCK_NEVER);
	take(&r, now, 65534, &ext);
	take(&r, now, 2, &ext); /* 65535, 0 and 1 */
	assert_true(rtp_recv_nack_deadline(&r) == now + RTP_RECV_REORDER_US);
	assert_int_equal(rtp_recv_nack(&r, now, 0, seqs, 8), 0);
	now += RTP_RECV_REORDER_US;
	assert_int_equal(rtp_recv_nack(&r, now, 50000, seqs, 2), 2); /* cap leaves one due */
	assert_int_equal(seqs[0], 65535);
	assert_int_equal(seqs[1], 0);
	assert_true(rtp_recv_nack_deadline(&r) == now);
	assert_int_equal(rtp_recv_nack(&r, now, 50000, seqs, 8), 1);
	assert_int_equal(seqs[0], 1);
	assert_true(rtp_recv_nack_deadline(&r) == now + 50000);
	assert_int_equal(take(&r, now, 0, &ext), RTP_RECV_LATE);
	now += 50000;
	assert_int_equal(rtp_recv_nack(&r, now, 0, seqs, 8), 2);
	assert_int_equal(seqs[0], 65535);
	assert_int_equal(seqs[1], 1);
	assert_true(rtp_recv_nack_deadline(&r) == now + RTP_RECV_RETRY_US);
	for (asks = 2; !r.hole; asks++) {
		now = rtp_recv_nack_deadline(&r);
		if (rtp_recv_nack(&r, now, 0, seqs, 8) == 0)
			break;
	}
	assert_int_equal(asks, RTP_RECV_NACK_TRIES);
	assert_true(r.hole);
	assert_int_equal(r.missing_count, 0);
}

/* 2 is missing since NOW. */
static void
with_a_hole(struct rtp_recv *r)
{
	uint64_t ext;

	rtp_recv_init(r, 7, 90000);
	take(r, NOW, 1, &ext);
	take(r, NOW, 3, &ext);
}

/* A sender that took one ask for too soon after the last resend has half a second to think again.
 */
static void
asks_come_ever_less_often(void **state)
{
	static const uint64_t after_ms[RTP_RECV_NACK_TRIES] = {10,  30,	 50,  70,  90,
							       120, 165, 232, 333, 485};
	struct rtp_recv r;
	uint16_t seqs[8];

	(void)state;
	with_a_hole(&r);
	for (unsigned i = 0; i < RTP_RECV_NACK_TRIES; i++) {
		uint64_t now = rtp_recv_nack_deadline(&r);

		assert_in_range(now - NOW, after_ms[i] * 1000, after_ms[i] * 1000 + 1000);
		assert_int_equal(rtp_recv_nack(&r, now, 2000, seqs, 8), 1);
	}
	assert_true(rtp_recv_nack_deadline(&r) > NOW + 700000);
}

static void
age_ends_the_wait(void **state)
{
	struct rtp_recv r;
	uint16_t seqs[8];

	(void)state;
	with_a_hole(&r);
	assert_int_equal(rtp_recv_nack(&r, NOW + RTP_RECV_MAX_AGE_US - 1000, 0, seqs, 8), 1);
	assert_false(r.hole);
	assert_int_equal(rtp_recv_nack(&r, NOW + RTP_RECV_MAX_AGE_US, 0, seqs, 8), 0);
	assert_true(r.hole);
}

static void
large_holes_are_owned_up_to(void **state)
{
	struct rtp_recv r;
	uint64_t ext;

	(void)state;
	rtp_recv_init(&r, 7, 90000);
	take(&r, NOW, 0, &ext);
	take(&r, NOW, RTP_RECV_MISSING_MAX + 1, &ext); /* just fits */
	assert_false(r.hole);
	assert_int_equal(r.missing_count, RTP_RECV_MISSING_MAX);
	take(&r, NOW, RTP_RECV_MISSING_MAX + 4, &ext); /* two more: the oldest two give way */
	assert_true(r.hole);
	assert_int_equal(r.missing_count, RTP_RECV_MISSING_MAX);
	assert_true(r.missing[0].seq == 65536 + 3);
	r.hole = false;
	take(&r, NOW, 2 * RTP_RECV_MISSING_MAX + 6, &ext);
	assert_true(r.hole);
	assert_int_equal(r.missing_count, 0);
}

/* Random loss, reordering and duplication against a plain model. */
static void
random_networks_against_a_model(void **state)
{
	static uint8_t seen[4000];
	struct prng rng = {support_seed()};

	(void)state;
	for (unsigned run = 0; run < 20; run++) {
		uint16_t base = (uint16_t)prng_next(&rng);
		uint64_t ext, received = 0, highest = 0;
		struct rtp_recv r;

		memset(seen, 0, sizeof(seen));
		rtp_recv_init(&r, 7, 90000);
		for (uint32_t i = 0; i < 4000; i++) {
			uint32_t back = i < 100 ? 0 : prng_below(&rng, 60), at = i - back / 10 * 10;

			if (i > 0 && prng_below(&rng, 10) == 0)
				continue;
			assert_int_equal(take(&r, NOW, (uint16_t)(base + at), &ext) ==
					     RTP_RECV_DUPLICATE,
					 seen[at]);
			if (!seen[at])
				assert_true(ext == 65536u + base + at);
			received += !seen[at];
			seen[at] = 1;
			highest = at > highest ? at : highest;
		}
		assert_true(r.received == received);
		assert_true(r.max_seq == 65536u + base + highest);
		assert_true(rtp_recv_lost(&r) == highest + 1 - received);
		for (size_t i = 0; i < r.missing_count; i++) {
			assert_int_equal(seen[r.missing[i].seq - 65536u - base], 0);
			assert_true(i == 0 || r.missing[i - 1].seq < r.missing[i].seq);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_extended_over_the_wrap),
	    cmocka_unit_test(late_and_duplicate_are_told_apart),
	    cmocka_unit_test(the_history_is_bounded),
	    cmocka_unit_test(a_sender_that_begins_anew_is_followed),
	    cmocka_unit_test(reports_count_by_interval),
	    cmocka_unit_test(jitter_follows_the_formula),
	    cmocka_unit_test(missing_packets_are_asked_for),
	    cmocka_unit_test(asks_come_ever_less_often),
	    cmocka_unit_test(age_ends_the_wait),
	    cmocka_unit_test(large_holes_are_owned_up_to),
	    cmocka_unit_test(random_networks_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
