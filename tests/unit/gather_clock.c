/* Unit tests of the one time line of sound and picture: lib/gather/gather.h. */
#include "gather.inc"

static void
report(unsigned track, uint64_t ntp_ms, uint32_t ts)
{
	uint8_t buf[RTCP_COMPOUND_MAX];
	struct rtcp_writer w;
	const struct rtcp_sr sr = {.ssrc = track + 1,
				   .ntp = clock_us_to_ntp((NTP_S * 1000ull + ntp_ms) * MS),
				   .rtp_ts = ts};

	rtcp_start(&w, buf, sizeof(buf));
	rtcp_add_sr(&w, &sr, NULL, 0);
	gather_packet(t.g, t.now_us, buf, (size_t)rtcp_finish(&w));
}

static void
assert_near(int64_t got_us, int64_t want_us)
{
	assert_in_range(got_us - want_us + 5, 0, 10);
}

/* Without reports the tracks begin where they arrived; no sound before the first is lost. */
static void
test_arrival_before_reports(void **state)
{
	(void)state;
	start(both);
	sound(1000);
	t.now_us += 60 * MS;
	keyframe(777);
	t.now_us += 10 * MS;
	sound(1000 + 960);
	assert_int_equal(t.count, 0);
	assert_int_equal(gather_deadline(t.g, t.now_us), 5000 * MS + GATHER_HOLD_US);
	t.now_us = 5000 * MS + GATHER_HOLD_US;
	gather_timeout(t.g, t.now_us);
	assert_int_equal(t.count, 2);
	assert_int_equal(gather_deadline(t.g, t.now_us), 5060 * MS + GATHER_HOLD_US);
	let_go();
	assert_int_equal(t.count, 3);
	assert_int_equal(t.units[0].pts_us, 0);
	assert_int_equal(t.units[0].duration_us, 20 * MS);
	assert_int_equal(t.units[1].pts_us, 20 * MS);
	assert_int_equal(t.units[2].pts_us, 60 * MS);
	assert_int_equal(t.units[2].kind, GATHER_VIDEO);
	assert_int_equal(t.wishes, 0); /* it was only kept */
	assert_int_equal(gather_deadline(t.g, t.now_us), CLOCK_NEVER);
}

static void
test_reports_before_packets(void **state)
{
	(void)state;
	start(both);
	report(0, 1000, 90000); /* video ts 90000 is second 1 */
	report(1, 1500, 48000); /* audio ts 48000 is second 1.5 */
	keyframe(90000);
	t.now_us += 300 * MS; /* late, but it belongs to 1.25 */
	sound(48000 - 12000);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.units[0].pts_us, 0);
	assert_in_range(t.units[1].pts_us, 250 * MS - 2, 250 * MS + 2);
}

/* The picture was under way for 700 ms, the sound for 20, when their first packets came; reports of
 * both come 300 ms later. What was kept comes in step from the first unit on, whichever report is
 * the first, and nothing jumps. */
static void
test_the_first_reports_are_waited_for(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		start(both);
		for (uint32_t i = 0; i < 10; i++) { /* i * 20 ms after the sound of ts 0 came */
			sound(i * 960);
			if (i == 2)
				keyframe(0);
			else if (i > 2 && i % 2 == 0)
				frame((i - 2) * 1800);
			t.now_us += 20 * MS;
		}
		t.now_us += 100 * MS;
		assert_int_equal(t.count, 0);
		for (unsigned k = 0; k < 2; k++) /* sound of ts 0 is second 10 */
			report(first ^ k, 10000, first ^ k ? 0 : 660 * 90);
		assert_int_equal(t.count, 14);
		for (size_t i = 0; i < t.count; i++) {
			size_t nth = i;
			bool video = t.units[i].kind == GATHER_VIDEO;
			int64_t line_us;

			for (size_t k = 0; k < i; k++)
				nth -= t.units[k].kind != t.units[i].kind;
			line_us = video ? 40 + (int64_t)nth * 40 : 700 + (int64_t)nth * 20;
			assert_near(t.units[i].pts_us, line_us * MS);
		}
		report(0, 10000, 660 * 90);
		sound(10 * 960);
		assert_near(t.units[t.count - 1].pts_us, 900 * MS);
		stop(NULL);
	}
}

/* So many packets that they cannot be kept for so long: none is lost. */
static void
test_more_than_can_be_kept(void **state)
{
	(void)state;
	start(both);
	sound(0);
	keyframe(0);
	t.now_us += 40 * MS;
	for (unsigned i = 3; i < GATHER_SLOTS + 8; i++)
		packet(0, VIDEO_PT, i == GATHER_SLOTS + 7, t.seq[0]++, 3600, -1, slice,
		       sizeof(slice));
	assert_int_equal(t.count, 2); /* the picture; the sound waits */
	assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->lost, 0);
	assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->damaged, 0);
}

/* The next publisher's picture was seen before its sound, and before the last one ended: time goes
 * on. */
static void
test_a_successor_does_not_go_back(void **state)
{
	(void)state;
	start(both);
	report(0, 1000, 0);
	report(1, 1000, 0);
	keyframe(0);
	sound(0);
	event("{\"event\":\"end\"}");
	event(both);
	t.seq[0] = t.seq[1] = 7000;
	report(0, 50000, 0);
	report(1, 50400, 0);
	sound(0);
	keyframe(0);
	assert_int_equal(t.count, 4);
	assert_true(t.units[2].pts_us >= 20 * MS);
	assert_true(t.units[3].pts_us >= t.units[0].pts_us);
	sound(960);
	frame(37800); /* of 50420, as the sound */
	assert_near(t.units[5].pts_us, t.units[4].pts_us);
}

/* What the reports then say moves a track forward, whichever is behind. */
static void
test_reports_after_packets(void **state)
{
	static const struct {
		int audio_ms;		    /* capture of audio ts 0, video ts 0 being 1000 */
		int64_t video_us, audio_us; /* of what comes 100 ms later */
	} rows[] = {{1000, 100 * MS, 100 * MS},
		    {1010, 100 * MS, 100 * MS}, /* below GATHER_SKEW_US */
		    {1200, 100 * MS, 300 * MS},
		    {800, 300 * MS, 100 * MS}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		start(both);
		keyframe(0);
		sound(0);
		let_go();
		report(0, 1000, 0);
		report(1, (uint64_t)rows[i].audio_ms, 0);
		t.now_us += 100 * MS;
		frame(9000);
		sound(4800);
		assert_int_equal(t.count, 4);
		/* NTP fractions round by a microsecond. */
		assert_in_range(t.units[2].pts_us, rows[i].video_us - 2, rows[i].video_us + 2);
		assert_in_range(t.units[3].pts_us, rows[i].audio_us - 2, rows[i].audio_us + 2);
		stop(NULL);
	}
}

/* Timestamps and numbers that leap: time goes on by arrival. */
static void
test_leap(void **state)
{
	(void)state;
	start(both);
	keyframe(0);
	sound(0);
	let_go();
	t.now_us = 6000 * MS;
	t.seq[0] += 30000;
	keyframe(3000000000u);
	assert_int_equal(t.count, 3);
	assert_in_range(t.units[2].pts_us, 1000 * MS, 1001 * MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_arrival_before_reports, stop),
	    cmocka_unit_test_teardown(test_reports_before_packets, stop),
	    cmocka_unit_test(test_the_first_reports_are_waited_for),
	    cmocka_unit_test_teardown(test_more_than_can_be_kept, stop),
	    cmocka_unit_test_teardown(test_a_successor_does_not_go_back, stop),
	    cmocka_unit_test(test_reports_after_packets),
	    cmocka_unit_test_teardown(test_leap, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
