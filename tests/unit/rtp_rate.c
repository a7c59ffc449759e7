/* Unit tests of the sender's rate: lib/rtp/rtp_rate.h. A sender that obeys, a link with a queue, on
 * virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtp/rtp_rate.h"

enum { SECOND = 1000000, PACKET = 1000, STEP_US = 5000, FEEDBACK_US = 100000, DELAY_US = 20000 };

static struct sim {
	struct rtp_rate rate;
	struct prng rng;
	uint64_t now_us, feedback_us, busy_us; /* busy: until when the link has work */
	uint64_t capacity_bps, queue_max_us, want_bps;
	unsigned loss_percent;
	double owed; /* octets */
	uint16_t seq, told;
	int64_t arrival_us[65536]; /* 0: lost or not there yet */
	uint64_t octets_in;	   /* that arrived since the last look */
	uint64_t longest_us;	   /* in the queue */
} s;

static void
begin(uint64_t start_bps, uint64_t max_bps)
{
	memset(&s, 0, sizeof(s));
	s.now_us = 7 * SECOND;
	s.rng.state = support_seed();
	s.queue_max_us = SECOND / 2;
	s.capacity_bps = UINT64_C(100000000);
	s.want_bps = UINT64_C(100000000);
	rtp_rate_init(&s.rate, s.now_us, start_bps, 100000, max_bps);
}

static void
send_packet(void)
{
	uint64_t queued = s.busy_us > s.now_us ? s.busy_us - s.now_us : 0;
	bool lost = queued > s.queue_max_us || prng_below(&s.rng, 100) < s.loss_percent;

	rtp_rate_sent(&s.rate, s.now_us, s.seq, PACKET);
	s.arrival_us[s.seq] = 0;
	if (!lost) {
		s.busy_us =
		    MAX_OF(s.busy_us, s.now_us) + PACKET * 8 * UINT64_C(1000000) / s.capacity_bps;
		s.arrival_us[s.seq] = (int64_t)(s.busy_us + DELAY_US);
		s.longest_us = MAX_OF(s.longest_us, queued);
		s.octets_in += PACKET;
	}
	s.seq++;
}

/* What arrived by now, told by its receiver whose clock is another. */
static void
feedback(void)
{
	uint32_t reference = (uint32_t)(s.now_us / 64000) + 0xfffff0; /* wraps soon */
	int64_t base = (int64_t)(s.now_us / 64000 * 64000);

	rtp_rate_begin(&s.rate, reference & 0xffffff);
	for (; s.told != s.seq; s.told++) {
		int64_t at = s.arrival_us[s.told];

		if (at > (int64_t)s.now_us)
			break;
		rtp_rate_packet(&s.rate, s.told, at == 0 ? INT64_MIN : at - base);
	}
	rtp_rate_end(&s.rate, s.now_us);
}

static void
run(unsigned seconds)
{
	uint64_t end = s.now_us + (uint64_t)seconds * SECOND;

	s.octets_in = s.longest_us = 0;
	for (; s.now_us < end; s.now_us += STEP_US) {
		s.owed += (double)MIN_OF(s.rate.bps, s.want_bps) / 8 * STEP_US / SECOND;
		for (; s.owed >= PACKET; s.owed -= PACKET)
			send_packet();
		if (s.now_us >= s.feedback_us) {
			feedback();
			s.feedback_us = s.now_us + FEEDBACK_US;
		}
		assert_in_range(s.rate.bps, s.rate.min_bps, s.rate.max_bps);
	}
}

static void
grows_up_to_the_limit(void **state)
{
	(void)state;
	begin(500000, 2000000);
	run(20);
	assert_int_equal(s.rate.bps, 2000000);
}

static void
fits_a_narrow_link(void **state)
{
	(void)state;
	begin(3000000, 3000000);
	s.capacity_bps = 800000;
	run(5);
	assert_in_range(s.rate.bps, 300000, 1000000);
	run(30);
	/* Most of the link is used, and nothing waits long in it. */
	assert_in_range(s.octets_in * 8 / 30, 560000, 800000);
	assert_in_range(s.longest_us, 0, 350000);
	/* It widens: more is found within half a minute. */
	s.capacity_bps = 5000000;
	run(30);
	assert_int_equal(s.rate.bps, 3000000);
}

static void
backs_off_for_loss_alone(void **state)
{
	uint64_t before;

	(void)state;
	begin(2000000, 2000000);
	s.loss_percent = 1;
	run(10);
	assert_true(s.rate.bps > 1900000); /* a little loss is nothing */
	s.loss_percent = 25;
	before = s.rate.bps;
	run(5);
	assert_true(s.rate.bps < before / 2);
	s.loss_percent = 0;
	run(60);
	assert_int_equal(s.rate.bps, 2000000);
}

static void
what_is_not_used_is_not_given(void **state)
{
	(void)state;
	begin(500000, 10000000);
	s.want_bps = 300000;
	run(30);
	assert_in_range(s.rate.bps, 500000, 560000);
}

static void
nonsense_does_no_harm(void **state)
{
	(void)state;
	begin(500000, 1000000);
	for (unsigned i = 0; i < 100000; i++) {
		s.now_us += prng_below(&s.rng, 20000);
		rtp_rate_sent(&s.rate, s.now_us, (uint16_t)prng_next(&s.rng), 1200);
		rtp_rate_begin(&s.rate, (uint32_t)prng_next(&s.rng) & 0xffffff);
		for (unsigned k = 0; k < 4; k++)
			rtp_rate_packet(&s.rate, (uint16_t)prng_next(&s.rng),
					k == 0 ? INT64_MIN : (int64_t)prng_below(&s.rng, 1 << 30));
		assert_in_range(rtp_rate_end(&s.rate, s.now_us), 100000, 1000000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_up_to_the_limit),
	    cmocka_unit_test(fits_a_narrow_link),
	    cmocka_unit_test(backs_off_for_loss_alone),
	    cmocka_unit_test(what_is_not_used_is_not_given),
	    cmocka_unit_test(nonsense_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
