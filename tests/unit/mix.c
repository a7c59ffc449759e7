/* Unit tests of the mixer's arithmetic: lib/mix/mix.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/random.h"
#include "mix/mix.h"

enum { SECOND = 1000000, MS = 1000 };

/* ---- layout ---- */

static void
check_rect(const struct mix_rect *r, unsigned width, unsigned height)
{
	assert_int_equal((r->x | r->y | r->width | r->height) & 1, 0);
	assert_true(r->width > 0 && r->height > 0);
	assert_true(r->x + r->width <= width && r->y + r->height <= height);
}

static bool
overlap(const struct mix_rect *a, const struct mix_rect *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
	       b->y < a->y + a->height;
}

static void
test_grid(void **state)
{
	static const struct {
		unsigned count, columns, rows;
	} rows[] = {{1, 1, 1}, {2, 2, 1}, {3, 2, 2}, {4, 2, 2},	 {5, 3, 2},
		    {6, 3, 2}, {7, 3, 3}, {9, 3, 3}, {10, 4, 3}, {16, 4, 4}};
	struct mix_rect r[MIX_MEMBERS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(mix_places(MIX_GRID, rows[i].count, 1280, 720, r), rows[i].count);
		assert_int_equal(r[0].width, (1280 / rows[i].columns) & ~1u);
		assert_int_equal(r[0].height, (720 / rows[i].rows) & ~1u);
	}
	assert_int_equal(mix_places(MIX_GRID, 3, 1280, 720, r), 3);
	assert_int_equal(r[2].x, 320); /* the last row is centred */
	assert_int_equal(r[2].y, 360);
}

static void
test_every_layout_fits(void **state)
{
	static const unsigned sizes[][2] = {{1280, 720}, {720, 1280}, {64, 64},	  {4096, 64},
					    {642, 362},	 {322, 242},  {98, 4096}, {1920, 1080}};
	struct mix_rect r[MIX_MEMBERS_MAX];
	unsigned laid = 0;

	(void)state;
	for (size_t s = 0; s < ARRAY_COUNT(sizes); s++) {
		unsigned w = sizes[s][0], h = sizes[s][1];

		for (unsigned n = 1; n <= MIX_MEMBERS_MAX; n++) {
			unsigned got = mix_places(MIX_GRID, n, w, h, r);

			for (unsigned i = 0; i < got; i++) {
				check_rect(&r[i], w, h);
				for (unsigned k = 0; k < i; k++)
					assert_false(overlap(&r[i], &r[k]));
			}
			laid += got;
			got = mix_places(MIX_PIP, n, w, h, r);
			for (unsigned i = 0; i < got; i++) {
				check_rect(&r[i], w, h);
				for (unsigned k = 1; k < i; k++)
					assert_false(overlap(&r[i], &r[k]));
			}
			laid += got;
		}
	}
	assert_true(laid > 1500);
}

static void
test_bad_counts(void **state)
{
	struct mix_rect r[MIX_MEMBERS_MAX] = {{1, 2, 3, 4}};

	(void)state;
	assert_int_equal(mix_places(MIX_GRID, 0, 1280, 720, r), 0);
	assert_int_equal(mix_places(MIX_GRID, MIX_MEMBERS_MAX + 1, 1280, 720, r), 0);
	assert_int_equal(mix_places(MIX_GRID, 16, 60, 720, r), 0);
	assert_int_equal(mix_places(MIX_PIP, 2, 1280, 40, r), 0);
	assert_int_equal(r[0].x, 1); /* untouched */
}

static void
test_pip(void **state)
{
	struct mix_rect r[MIX_MEMBERS_MAX];

	(void)state;
	assert_int_equal(mix_places(MIX_PIP, 5, 1280, 720, r), 5);
	assert_int_equal(r[0].width, 1280);
	assert_int_equal(r[1].width, 320);
	assert_int_equal(r[1].x, 1280 - 320 - 18); /* lower right */
	assert_int_equal(r[1].y, 720 - 180 - 18);
	assert_true(r[2].x < r[1].x && r[2].y == r[1].y);
	assert_true(r[4].x == r[1].x && r[4].y < r[1].y); /* a row higher */
}

static void
test_fit(void **state)
{
	const struct mix_rect cell = {640, 0, 640, 720};
	struct prng p = {.state = 5};
	struct mix_rect r = mix_fit(&cell, 640, 360);

	(void)state;
	assert_int_equal(r.width, 640);
	assert_int_equal(r.height, 360);
	assert_int_equal(r.x, 640);
	assert_int_equal(r.y, 180);
	r = mix_fit(&cell, 100, 1000);
	assert_int_equal(r.height, 720);
	assert_int_equal(r.width, 72);
	assert_int_equal(r.x, 640 + 284);
	r = mix_fit(&cell, 0, 0);
	assert_int_equal(r.width, 640);
	for (unsigned i = 0; i < 2000; i++) {
		r = mix_fit(&cell, 1 + prng_below(&p, 8192), 1 + prng_below(&p, 8192));
		check_rect(&r, 1280, 720);
		assert_true(r.x >= cell.x && r.width <= cell.width && r.height <= cell.height);
	}
}

/* ---- when is it due ---- */

static void
test_sync_first(void **state)
{
	struct mix_sync s = {0};

	(void)state;
	assert_int_equal(mix_sync_due(&s, 5 * SECOND, 0), 0);
	mix_sync_arrived(&s, 100 * SECOND, 5 * SECOND);
	assert_int_equal(mix_sync_due(&s, 5 * SECOND, 200 * MS), 100 * SECOND + 200 * MS);
	assert_int_equal(mix_sync_due(&s, 5 * SECOND + 40 * MS, 200 * MS), 100 * SECOND + 240 * MS);
}

/* Jitter above the fastest does not move it; sound that comes later than pictures neither. */
static void
test_sync_jitter(void **state)
{
	struct mix_sync s = {0};
	struct prng p = {.state = 7};
	uint64_t due = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		int64_t time_us = (int64_t)i * 40 * MS;
		uint64_t sent = 50 * SECOND + (uint64_t)time_us;

		mix_sync_arrived(&s, sent + 10 * MS + (i % 5 ? prng_below(&p, 80 * MS) : 0),
				 time_us);
		due = mix_sync_due(&s, time_us, 200 * MS);
		assert_in_range(due, sent + 210 * MS - 3 * MS, sent + 210 * MS + 3 * MS);
	}
	assert_int_equal(s.resyncs, 0);
}

/* A first unit that came late: a burst of the past shows where the line is. */
static void
test_sync_burst(void **state)
{
	struct mix_sync s = {0};

	(void)state;
	for (unsigned i = 0; i <= 50; i++)
		mix_sync_arrived(&s, 90 * SECOND, (int64_t)i * 40 * MS);
	assert_in_range(mix_sync_due(&s, 2 * SECOND, 0), 90 * SECOND, 90 * SECOND + MIX_RESYNC_US);
	assert_true(s.resyncs > 0);
}

/* A source whose clock is 200 ppm slow is followed, without a jump. */
static void
test_sync_drift(void **state)
{
	struct mix_sync s = {0};

	(void)state;
	for (uint64_t i = 0; i < 30000; i++) {
		int64_t time_us = (int64_t)i * 20 * MS;
		uint64_t now = SECOND + i * 20004;

		mix_sync_arrived(&s, now, time_us);
		assert_in_range(mix_sync_due(&s, time_us, 0), now - 5 * MS, now + 5 * MS);
	}
	assert_int_equal(s.resyncs, 0);
}

/* Silence of a minute, then another line. */
static void
test_sync_gap(void **state)
{
	struct mix_sync s = {0};

	(void)state;
	mix_sync_arrived(&s, 10 * SECOND, 0);
	mix_sync_arrived(&s, 70 * SECOND, 1 * SECOND);
	assert_int_equal(mix_sync_due(&s, 1 * SECOND, 0), 70 * SECOND);
	mix_sync_reset(&s);
	assert_int_equal(mix_sync_due(&s, 1 * SECOND, 0), 0);
}

/* ---- ticks ---- */

static void
test_ticks(void **state)
{
	struct mix_ticks t = {.start_us = 7 * SECOND, .rate = 30, .late_max = 2};
	uint64_t n = 99;

	(void)state;
	assert_false(mix_ticks_take(&t, 7 * SECOND - 1, &n));
	assert_int_equal(n, 99);
	for (uint64_t i = 0; i < 3000; i++) {
		uint64_t due = mix_ticks_deadline(&t);

		assert_false(mix_ticks_take(&t, due - 1, &n));
		assert_true(mix_ticks_take(&t, due, &n));
		assert_int_equal(n, i);
		assert_in_range(due, 7 * SECOND + i * SECOND / 30 - 1,
				7 * SECOND + i * SECOND / 30);
	}
	assert_int_equal(t.skipped, 0);
}

static void
test_ticks_late(void **state)
{
	struct mix_ticks t = {.start_us = SECOND, .rate = 25, .late_max = 2};
	uint64_t n;

	(void)state;
	/* 80 ms late: made up for. */
	assert_true(mix_ticks_take(&t, SECOND + 80 * MS, &n) && n == 0);
	assert_true(mix_ticks_take(&t, SECOND + 80 * MS, &n) && n == 1);
	assert_true(mix_ticks_take(&t, SECOND + 80 * MS, &n) && n == 2);
	assert_false(mix_ticks_take(&t, SECOND + 80 * MS, &n));
	/* A second late: left out, and on time again. */
	assert_true(mix_ticks_take(&t, 2 * SECOND + 120 * MS, &n) && n == 28);
	assert_int_equal(t.skipped, 25);
	assert_int_equal(mix_ticks_deadline(&t), 2 * SECOND + 160 * MS);
	/* Hours without a call cost nothing. */
	assert_true(mix_ticks_take(&t, 10000ull * SECOND, &n));
	assert_false(mix_ticks_take(&t, 10000ull * SECOND, &n));
}

/* ---- sound ---- */

static struct mix_ring ring;
static int16_t pcm[MIX_RING * MIX_CHANNELS];

static const int16_t *
constant(int16_t v, size_t count)
{
	for (size_t i = 0; i < count * MIX_CHANNELS; i++)
		pcm[i] = v;
	return pcm;
}

static int32_t
sample(uint64_t at)
{
	int32_t sum[MIX_CHANNELS] = {0};

	mix_ring_add(&ring, at, sum, 1);
	assert_int_equal(sum[0], sum[1]);
	return sum[0];
}

static void
test_ring(void **state)
{
	int32_t sum[20 * MIX_CHANNELS] = {[0] = 5};

	(void)state;
	mix_ring_reset(&ring);
	assert_false(mix_ring_add(&ring, 0, sum, 20));
	mix_ring_write(&ring, 1000, constant(70, MIX_BLOCK), MIX_BLOCK, 0);
	assert_int_equal(sample(999), 0);
	assert_int_equal(sample(1000), 70);
	assert_int_equal(sample(1959), 70);
	assert_int_equal(sample(1960), 0);
	assert_true(mix_ring_add(&ring, 1950, sum, 20));
	assert_int_equal(sum[0], 75); /* added */
	assert_int_equal(sum[19 * MIX_CHANNELS], 0);
	/* A hole of 100 ms is silence, also where older samples were. */
	mix_ring_write(&ring, 1960 + 4800, constant(90, MIX_BLOCK), MIX_BLOCK, 0);
	assert_int_equal(sample(1960 + 4799), 0);
	assert_int_equal(sample(1960 + 4800), 90);
	assert_int_equal(ring.jumps, 1);
}

static void
test_ring_bounds(void **state)
{
	(void)state;
	mix_ring_reset(&ring);
	mix_ring_write(&ring, 100, constant(1, 50), 50, 150);
	assert_int_equal(ring.late, 1);
	mix_ring_write(&ring, 100 + MIX_RING, constant(1, 50), 50, 100);
	assert_int_equal(ring.early, 1);
	mix_ring_write(&ring, UINT64_MAX - 10, constant(1, 50), 50, 100);
	mix_ring_write(&ring, 0, pcm, MIX_RING, 0);
	mix_ring_write(&ring, 0, pcm, 0, 0);
	assert_false(ring.begun);
	/* Far behind: what a later place overwrites is not heard again. */
	for (uint64_t at = 0; at < 10 * MIX_RING; at += MIX_BLOCK)
		mix_ring_write(&ring, at, constant(3, MIX_BLOCK), MIX_BLOCK, at);
	assert_int_equal(sample(MIX_RING), 0);
	mix_ring_write(&ring, 20 * MIX_RING, constant(4, MIX_BLOCK), MIX_BLOCK, 20 * MIX_RING);
	for (uint64_t i = 1; i < MIX_RING - MIX_BLOCK; i++)
		assert_int_equal(sample(20 * MIX_RING - i), 0);
	/* A line that goes back begins there. */
	mix_ring_write(&ring, 20 * MIX_RING - 9600, constant(5, MIX_BLOCK), MIX_BLOCK,
		       20 * MIX_RING - 9600);
	assert_int_equal(sample(20 * MIX_RING - 9600), 5);
	assert_int_equal(sample(20 * MIX_RING), 0);
}

/* Times that are rounded to milliseconds make no seam; an offset of 20 ms is made up for slowly. */
static void
test_ring_seams(void **state)
{
	uint64_t at = 0, jumps = ring.jumps;

	(void)state;
	mix_ring_reset(&ring);
	for (unsigned i = 0; i < 100; i++, at += MIX_BLOCK)
		mix_ring_write(&ring, at + (i % 2 ? 48 : 0), constant(9, MIX_BLOCK), MIX_BLOCK, at);
	assert_int_equal(ring.head, at);
	for (unsigned i = 0; i < 400; i++, at += MIX_BLOCK)
		mix_ring_write(&ring, at + MIX_BLOCK, constant(9, MIX_BLOCK), MIX_BLOCK, at);
	assert_int_equal(ring.jumps, jumps);
	assert_in_range(ring.head, at + MIX_BLOCK - 96, at + MIX_BLOCK);
	for (uint64_t i = 0; i < MIX_RING; i++)
		assert_int_equal(sample(ring.head - 1 - i), 9);
}

static void
test_limiter(void **state)
{
	static int32_t sum[MIX_BLOCK * MIX_CHANNELS];
	static int16_t out[MIX_BLOCK * MIX_CHANNELS];
	struct mix_limiter l = {0};
	unsigned blocks;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sum); i++)
		sum[i] = i % 4 < 2 ? 20000 : -20000;
	mix_limit(&l, sum, out, MIX_BLOCK);
	assert_int_equal(out[0], 20000); /* as it is */
	for (size_t i = 0; i < ARRAY_COUNT(sum); i++)
		sum[i] *= 16;
	mix_limit(&l, sum, out, MIX_BLOCK);
	for (size_t i = 0; i < ARRAY_COUNT(out); i++)
		assert_in_range(abs(out[i]), 31990, 32001);
	for (size_t i = 0; i < ARRAY_COUNT(sum); i++)
		sum[i] /= 16;
	mix_limit(&l, sum, out, MIX_BLOCK);
	assert_true(out[0] < 3000 && out[ARRAY_COUNT(out) - 1] < 0);
	for (blocks = 0; out[0] < 19990; blocks++)
		mix_limit(&l, sum, out, MIX_BLOCK);
	assert_in_range(blocks, 20, 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grid),	cmocka_unit_test(test_every_layout_fits),
	    cmocka_unit_test(test_bad_counts),	cmocka_unit_test(test_pip),
	    cmocka_unit_test(test_fit),		cmocka_unit_test(test_sync_first),
	    cmocka_unit_test(test_sync_jitter), cmocka_unit_test(test_sync_burst),
	    cmocka_unit_test(test_sync_drift),	cmocka_unit_test(test_sync_gap),
	    cmocka_unit_test(test_ticks),	cmocka_unit_test(test_ticks_late),
	    cmocka_unit_test(test_ring),	cmocka_unit_test(test_ring_bounds),
	    cmocka_unit_test(test_ring_seams),	cmocka_unit_test(test_limiter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
