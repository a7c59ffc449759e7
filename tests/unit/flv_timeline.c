/* Unit tests of flv/flv_timeline.h on virtual time: wraps, jumps, gaps, steps back, two tracks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/random.h"
#include "flv/flv_timeline.h"

enum { FRAME_MS = 40, HOUR_MS = 3600000, STEPS = 20000 };

/* A source: its own clock in 32-bit milliseconds, and the server's. */
struct source {
	struct flv_timeline line;
	uint32_t ts_ms;
	uint64_t now_ms;
	bool jump;
};

/* A tag after ts_step on the source's clock and now_step on ours. Where it lies. */
static int64_t
step(struct source *s, int64_t ts_step, uint64_t now_step)
{
	s->ts_ms += (uint32_t)ts_step;
	s->now_ms += now_step;
	s->jump = false;
	return flv_timeline_map(&s->line, s->ts_ms, s->now_ms * 1000, &s->jump);
}

static struct source
begun_at(uint32_t ts_ms)
{
	struct source s = {.ts_ms = ts_ms, .now_ms = 1000000};

	assert_int_equal(step(&s, 0, 0), 0);
	assert_false(s.jump);
	return s;
}

/* Two days of pictures in steps of a minute and a frame cross 2^31 and 2^32 unseen. */
static void
wraps_are_followed(void **state)
{
	static const uint32_t begins[] = {0, 0x7fffff00, 0xffffff00, 0xffffffff, 0x80000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
		struct source s = begun_at(begins[i]);

		for (int64_t k = 1; k < STEPS; k++) {
			assert_int_equal(step(&s, FRAME_MS, FRAME_MS), k * FRAME_MS);
			assert_false(s.jump);
		}
	}
}

/* A wrap of 2^32 ms takes 49.7 days: minutes at a time. */
static void
a_whole_turn(void **state)
{
	struct source s = begun_at(12345);
	int64_t line = 0;

	(void)state;
	for (unsigned minute = 0; minute < 72000; minute++) {
		line += 60000;
		assert_int_equal(step(&s, 60000, 60000), line);
		assert_false(s.jump);
	}
	assert_true(line > (int64_t)UINT32_MAX);
}

static void
jumps_are_bridged(void **state)
{
	static const int64_t jumps[] = {FLV_TIMELINE_AHEAD_MS + 1 + 2 * FRAME_MS,
					HOUR_MS,
					24 * HOUR_MS,
					INT32_MAX,
					-FLV_TIMELINE_BACK_MS - 1,
					-HOUR_MS,
					-24 * HOUR_MS,
					INT32_MIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(jumps); i++) {
		struct source s = begun_at(5000);

		assert_int_equal(step(&s, FRAME_MS, FRAME_MS), FRAME_MS);
		assert_int_equal(step(&s, jumps[i], FRAME_MS), FRAME_MS + FLV_TIMELINE_BRIDGE_MS);
		assert_true(s.jump);
		assert_int_equal(step(&s, FRAME_MS, FRAME_MS),
				 2 * FRAME_MS + FLV_TIMELINE_BRIDGE_MS);
		assert_false(s.jump);
	}
}

/* What is within the bounds is no jump: it is kept as it is. */
static void
small_steps_are_kept(void **state)
{
	static const int64_t steps[] = {
	    0, 1, -1, FLV_TIMELINE_AHEAD_MS, -20, -FRAME_MS, -FLV_TIMELINE_BACK_MS};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
		struct source s = begun_at(5000);

		assert_int_equal(step(&s, steps[i], 0), steps[i]);
		assert_false(s.jump);
	}
}

/* A pause that really passed stays one, whatever its length; one that the clock does not bear out
 * does not. */
static void
gaps(void **state)
{
	struct source s = begun_at(0);
	int64_t line = 0;

	(void)state;
	for (int64_t gap = 1000; gap < 10 * HOUR_MS; gap *= 3) {
		line += gap;
		assert_int_equal(step(&s, gap, (uint64_t)gap), line);
		assert_false(s.jump);
		line += gap / 2; /* the clock was slow: a burst after a stall of the network */
		assert_int_equal(step(&s, gap / 2, (uint64_t)gap), line);
		assert_false(s.jump);
	}
	step(&s, HOUR_MS, 1000);
	assert_true(s.jump);
}

/* A stall and the burst after it: nothing moves on the line. */
static void
bursts_are_no_jumps(void **state)
{
	struct source s = begun_at(0);

	(void)state;
	for (int64_t k = 1; k <= 250; k++) {
		assert_int_equal(step(&s, FRAME_MS, k == 1 ? 10000 : 0), k * FRAME_MS);
		assert_false(s.jump);
	}
}

/* Sound up to 1.9 s before or after its picture, in any order: they stay as they are to each other.
 */
static void
two_tracks_stay_together(void **state)
{
	struct source s = begun_at(0xffffff80);
	struct prng random = {7};

	(void)state;
	for (int64_t k = 1; k < STEPS; k++) {
		int64_t offset = (int64_t)(prng_next(&random) % 3801) - 1900;

		assert_int_equal(step(&s, offset, 0), (k - 1) * FRAME_MS + offset);
		assert_false(s.jump);
		assert_int_equal(step(&s, FRAME_MS - offset, FRAME_MS), k * FRAME_MS);
		assert_false(s.jump);
	}
}

/* Whatever a source sends, the line never leaps: forward by 5 s and twice the clock at most, back
 * by 2 s. */
static void
bounded_whatever_comes(void **state)
{
	struct prng random = {11};
	struct source s = begun_at(0);
	int64_t before = 0;

	(void)state;
	for (unsigned k = 0; k < STEPS; k++) {
		uint64_t passed = prng_next(&random) % 100;
		int64_t at = step(&s, (int64_t)(uint32_t)prng_next(&random), passed);

		assert_in_range(at - before + FLV_TIMELINE_BACK_MS, 0,
				FLV_TIMELINE_BACK_MS + FLV_TIMELINE_AHEAD_MS + 2 * (int64_t)passed);
		before = at;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wraps_are_followed),
	    cmocka_unit_test(a_whole_turn),
	    cmocka_unit_test(jumps_are_bridged),
	    cmocka_unit_test(small_steps_are_kept),
	    cmocka_unit_test(gaps),
	    cmocka_unit_test(bursts_are_no_jumps),
	    cmocka_unit_test(two_tracks_stay_together),
	    cmocka_unit_test(bounded_whatever_comes),
	};

	return cmocka_run_group_tests_name("flv_timeline", tests, NULL, NULL);
}
