/* Unit tests of the estimate for REMB: lib/rtp/rtp_remb.h. A sender that obeys, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "rtp/rtp_remb.h"

enum { SECOND = 1000000, PACKET = 1200 };

struct sim {
	struct rtp_remb remb;
	uint64_t now_us, expected, received, told_bps;
};

/* A second of a sender that wants want_bps and sends at most what it was told. */
static void
second(struct sim *s, uint64_t want_bps, uint64_t capacity_bps)
{
	uint64_t bps = MIN_OF(want_bps, s->told_bps), came = MIN_OF(bps, capacity_bps);

	s->now_us += SECOND;
	s->expected += bps / 8 / PACKET;
	s->received += came / 8 / PACKET;
	rtp_remb_packet(&s->remb, came / 8);
	s->told_bps = rtp_remb_update(&s->remb, s->now_us, s->expected, s->received);
	assert_in_range(s->told_bps, RTP_REMB_MIN_BPS, RTP_REMB_MAX_BPS);
}

static struct sim
begin(void)
{
	struct sim s = {.now_us = 5 * SECOND, .told_bps = RTP_REMB_START_BPS};

	rtp_remb_init(&s.remb, s.now_us);
	return s;
}

static void
it_lets_a_sender_grow_to_what_it_wants(void **state)
{
	struct sim s = begin();

	(void)state;
	for (int i = 0; i < 20; i++)
		second(&s, 4000000, 100000000);
	assert_in_range(s.told_bps, 4000000, 8000000);
	for (int i = 0; i < 60; i++) /* and no further */
		second(&s, 4000000, 100000000);
	assert_in_range(s.told_bps, 4000000, 8000000);
	for (int i = 0; i < 5; i++) /* a still picture keeps room for the next keyframe */
		second(&s, 20000, 100000000);
	assert_in_range(s.told_bps, RTP_REMB_ROOM_BPS / 2, RTP_REMB_ROOM_BPS);
}

static void
it_settles_below_a_narrow_link(void **state)
{
	struct sim s = begin();
	uint64_t most = 0, least = UINT64_MAX;

	(void)state;
	for (int i = 0; i < 30; i++)
		second(&s, 4000000, 1500000);
	for (int i = 0; i < 60; i++) {
		second(&s, 4000000, 1500000);
		most = MAX_OF(most, s.told_bps);
		least = MIN_OF(least, s.told_bps);
	}
	print_message("# %llu..%llu of 1500000\n", (unsigned long long)least,
		      (unsigned long long)most);
	assert_true(least > 1000000 && most < 2000000);
}

static void
it_backs_off_and_comes_back(void **state)
{
	struct sim s = begin();

	(void)state;
	for (int i = 0; i < 20; i++)
		second(&s, 4000000, 100000000);
	second(&s, 4000000, 400000); /* the link broke down */
	second(&s, 4000000, 400000);
	second(&s, 4000000, 400000);
	assert_true(s.told_bps < 600000);
	for (int i = 0; i < 25; i++)
		second(&s, 4000000, 100000000);
	assert_true(s.told_bps > 3000000);
}

static void
odd_input_does_no_harm(void **state)
{
	struct sim s = begin();

	(void)state;
	assert_int_equal(rtp_remb_update(&s.remb, s.now_us + 1, 5, 5), RTP_REMB_START_BPS);
	assert_int_equal(rtp_remb_update(&s.remb, s.now_us + SECOND, 1000, 0), RTP_REMB_MIN_BPS);
	/* A source went: totals go back. */
	assert_in_range(rtp_remb_update(&s.remb, s.now_us + 2 * SECOND, 10, 10), RTP_REMB_MIN_BPS,
			2 * RTP_REMB_MIN_BPS);
	rtp_remb_packet(&s.remb, (uint64_t)1 << 36);
	for (int i = 3; i < 200; i++) {
		rtp_remb_packet(&s.remb, (uint64_t)1 << 36);
		s.told_bps = rtp_remb_update(&s.remb, s.now_us + (uint64_t)i * SECOND, 10, 10);
	}
	assert_int_equal(s.told_bps, RTP_REMB_MAX_BPS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_lets_a_sender_grow_to_what_it_wants),
	    cmocka_unit_test(it_settles_below_a_narrow_link),
	    cmocka_unit_test(it_backs_off_and_comes_back),
	    cmocka_unit_test(odd_input_does_no_harm),
	};

	return cmocka_run_group_tests_name("rtp_remb", tests, NULL, NULL);
}
