/* Unit tests of transport-wide feedback: written by lib/rtp/rtp_twcc.h, read by rtcp_get_twcc(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtp/rtp_twcc.h"

enum { NOW = 987654321 }; /* us */

/* What feedback said of each sequence number. */
struct told {
	uint64_t reference_us;
	int64_t arrival_us[65536]; /* INT64_MIN: not received; 0: not told */
	size_t statuses;
};
static struct told told;

static void
note(void *arg, uint16_t seq, int64_t delta_us)
{
	struct told *t = arg;

	t->arrival_us[seq] = delta_us == INT64_MIN ? delta_us : (int64_t)t->reference_us + delta_us;
	t->statuses++;
}

/* Write one feedback of at most cap octets, read it into `told`. Returns the octets. */
static size_t
feedback(struct rtp_twcc *t, size_t cap)
{
	struct rtcp_writer w;
	struct rtcp_packet p;
	struct rtcp_twcc_head head;
	uint8_t buf[RTCP_COMPOUND_MAX];
	size_t at = 0, count;
	int size;

	rtcp_start(&w, buf, cap);
	count = rtp_twcc_write(t, &w, 1, 2);
	size = rtcp_finish(&w);
	if (count == 0)
		return 0;
	assert_in_range(size, 4, (int)cap);
	assert_int_equal(rtcp_next(buf, (size_t)size, &at, &p), 1);
	assert_int_equal(at, size);
	told.reference_us = (uint64_t)(((uint32_t)p.body[12] << 16) | be16(p.body + 13)) * 64000;
	assert_int_equal(rtcp_get_twcc(&p, &head, note, &told), count);
	return (size_t)size;
}

static void
feedback_all(struct rtp_twcc *t, size_t cap)
{
	while (rtp_twcc_pending(t))
		assert_true(feedback(t, cap) > 0);
}

static void
expect(uint16_t seq, uint64_t arrival_us)
{
	int64_t off = told.arrival_us[seq] - (int64_t)arrival_us;

	assert_true(off <= 0 && off > -250); /* cut to the unit, errors do not add up */
}

static void
a_steady_stream_is_cheap(void **state)
{
	struct rtp_twcc t;
	size_t size;

	(void)state;
	memset(&told, 0, sizeof(told));
	rtp_twcc_init(&t);
	assert_false(rtp_twcc_pending(&t));
	assert_int_equal(feedback(&t, 1200), 0);
	for (uint16_t i = 0; i < 100; i++)
		rtp_twcc_packet(&t, NOW + i * 600u, (uint16_t)(65500 + i)); /* over the wrap */
	size = feedback(&t, 1200);
	assert_int_equal(size, 4 + 16 + 2 + 100 + 2); /* one run, a delta of an octet each */
	assert_false(rtp_twcc_pending(&t));
	for (uint16_t i = 0; i < 100; i++)
		expect((uint16_t)(65500 + i), NOW + i * 600u);
	assert_int_equal(t.feedback_count, 1);
}

static void
gaps_large_and_negative_deltas(void **state)
{
	static const struct {
		uint16_t seq;
		uint64_t us;
	} rows[] = {{10, NOW},	       {12, NOW + 70000},   {11, NOW + 90000},	{13, NOW + 90100},
		    {40, NOW + 90200}, {41, NOW + 9000000}, {42, NOW + 9000500}};
	struct rtp_twcc t;

	(void)state;
	memset(&told, 0, sizeof(told));
	rtp_twcc_init(&t);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		rtp_twcc_packet(&t, rows[i].us, rows[i].seq);
	rtp_twcc_packet(&t, NOW + 9000600, 12); /* a duplicate: the first arrival stands */
	feedback(&t, 1200);
	assert_true(rtp_twcc_pending(&t)); /* 8.9 s do not fit a delta: a second feedback */
	assert_int_equal(told.statuses, 31);
	feedback(&t, 1200);
	assert_false(rtp_twcc_pending(&t));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		expect(rows[i].seq, rows[i].us);
	for (uint16_t seq = 14; seq < 40; seq++)
		assert_true(told.arrival_us[seq] == INT64_MIN);
}

static void
a_late_packet_is_reported_after_all(void **state)
{
	struct rtp_twcc t;

	(void)state;
	memset(&told, 0, sizeof(told));
	rtp_twcc_init(&t);
	rtp_twcc_packet(&t, NOW, 1);
	rtp_twcc_packet(&t, NOW + 1000, 3);
	feedback_all(&t, 1200);
	assert_true(told.arrival_us[2] == INT64_MIN);
	rtp_twcc_packet(&t, NOW + 2000, 2);
	assert_true(rtp_twcc_pending(&t));
	feedback_all(&t, 1200);
	expect(2, NOW + 2000);
	expect(3, NOW + 1000);
}

static void
jumps_are_bounded(void **state)
{
	struct rtp_twcc t;

	(void)state;
	memset(&told, 0, sizeof(told));
	rtp_twcc_init(&t);
	rtp_twcc_packet(&t, NOW, 1);
	rtp_twcc_packet(&t, NOW, 30000); /* whatever lies between is given up */
	feedback_all(&t, 1200);
	assert_int_equal(told.statuses, 1);
	rtp_twcc_packet(&t, NOW, 30001);
	rtp_twcc_packet(&t, NOW + 100, (uint16_t)(30001 + RTP_TWCC_WINDOW - 1));
	rtp_twcc_packet(&t, NOW + 200, (uint16_t)(30001 + RTP_TWCC_WINDOW));
	told.statuses = 0;
	feedback_all(&t, 1200);
	assert_int_equal(told.statuses, RTP_TWCC_WINDOW); /* 30001 fell out of the window */
	/* From far behind: ignored until it lasts. */
	told.statuses = 0;
	rtp_twcc_packet(&t, NOW, 5);
	rtp_twcc_packet(&t, NOW, 6);
	assert_false(rtp_twcc_pending(&t));
	rtp_twcc_packet(&t, NOW, 7);
	rtp_twcc_packet(&t, NOW, 8);
	feedback_all(&t, 1200);
	assert_int_equal(told.statuses, 2);
	expect(7, NOW);
	expect(8, NOW);
}

static void
little_room_takes_several(void **state)
{
	struct rtp_twcc t;
	struct rtcp_writer w;
	uint8_t buf[64];

	(void)state;
	memset(&told, 0, sizeof(told));
	rtp_twcc_init(&t);
	for (uint16_t i = 0; i < 200; i++)
		rtp_twcc_packet(&t, NOW + i * 1000u, (uint16_t)(i * 2));
	rtcp_start(&w, buf, 24);
	assert_int_equal(rtp_twcc_write(&t, &w, 1, 2), 0);
	assert_true(w.overflow);
	assert_true(rtp_twcc_pending(&t));
	feedback_all(&t, 64);
	for (uint16_t i = 0; i < 200; i++)
		expect((uint16_t)(i * 2), NOW + i * 1000u);
}

/* Random arrivals, feedback of random sizes: everything is told, and rightly. */
static void
random_arrivals_round_trip(void **state)
{
	static uint64_t sent_us[65536];
	struct prng rng = {support_seed()};

	(void)state;
	for (unsigned run = 0; run < 60; run++) {
		uint16_t seq = (uint16_t)prng_next(&rng);
		uint64_t now = NOW + prng_below(&rng, 1u << 30);
		uint32_t spread = 1u << prng_below(&rng, 20), loss = prng_below(&rng, 90);
		struct rtp_twcc t;

		memset(&told, 0, sizeof(told));
		memset(sent_us, 0, sizeof(sent_us));
		rtp_twcc_init(&t);
		for (unsigned i = 0; i < 2000; i++, seq++) {
			now += prng_below(&rng, spread);
			if (i == 0 || prng_below(&rng, 100) >= loss) {
				sent_us[seq] = now;
				rtp_twcc_packet(&t, now, seq);
			}
			/* Within the window, beyond which packets are given up. */
			if (prng_below(&rng, 40) == 0 || i % (RTP_TWCC_WINDOW / 2) == 0)
				feedback_all(&t, 48 + prng_below(&rng, 1100));
		}
		feedback_all(&t, 1200);
		for (unsigned s = 0; s < 65536; s++) {
			if (sent_us[s] != 0)
				expect((uint16_t)s, sent_us[s]);
			else
				assert_true(told.arrival_us[s] == INT64_MIN ||
					    told.arrival_us[s] == 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_steady_stream_is_cheap),
	    cmocka_unit_test(gaps_large_and_negative_deltas),
	    cmocka_unit_test(a_late_packet_is_reported_after_all),
	    cmocka_unit_test(jumps_are_bounded),
	    cmocka_unit_test(little_room_takes_several),
	    cmocka_unit_test(random_arrivals_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
