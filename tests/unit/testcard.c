/* Unit tests of lib/media/testcard.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "media/testcard.h"

enum { RATE = 48000, WINDOW = RATE / 25 };

struct canvas {
	struct testcard_picture p;
	uint8_t *memory;
};

static void
canvas_new(struct canvas *c, unsigned width, unsigned height)
{
	size_t size = (size_t)width * height;

	c->memory = calloc(1, size * 3 / 2);
	assert_non_null(c->memory);
	c->p = (struct testcard_picture){width,
					 height,
					 {c->memory, c->memory + size, c->memory + size * 5 / 4},
					 {(int)width, (int)width / 2, (int)width / 2}};
}

static int
canvas_read(const struct canvas *c)
{
	return testcard_read(c->p.plane[0], c->p.stride[0], c->p.width, c->p.height);
}

static void
numbers_are_read_at_every_size(void **state)
{
	static const struct {
		unsigned width, height;
	} sizes[] = {{160, 90}, {320, 180}, {322, 182}, {640, 360}, {854, 480}, {1280, 720}};
	static const uint16_t numbers[] = {0, 1, 2, 0x1234, 0x7fff, 0x8000, 0xaaaa, 0xffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct canvas c;

		canvas_new(&c, sizes[i].width, sizes[i].height);
		assert_int_equal(canvas_read(&c), -ENODATA);
		for (size_t k = 0; k < ARRAY_COUNT(numbers); k++) {
			testcard_draw(&c.p, numbers[k], k * 700000);
			assert_int_equal(canvas_read(&c), numbers[k]);
		}
		free(c.memory);
	}
}

static int
clock_of(const struct canvas *c, uint32_t *unix_ms)
{
	return testcard_read_clock(c->p.plane[0], c->p.stride[0], c->p.width, c->p.height, unix_ms);
}

static void
the_clock_is_read_at_every_size(void **state)
{
	static const struct {
		unsigned width, height;
	} sizes[] = {{160, 90}, {320, 180}, {322, 182}, {640, 360}, {854, 480}, {1280, 720}};
	static const uint32_t times[] = {0, 1, 0xffff, 0x10000, 0xdeadbeef, 0xffffffff};
	uint32_t got = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct canvas c;

		canvas_new(&c, sizes[i].width, sizes[i].height);
		testcard_draw(&c.p, 9, 0); /* a card without a clock has none */
		assert_int_equal(clock_of(&c, &got), -ENODATA);
		assert_int_equal(got, 77);
		for (size_t k = 0; k < ARRAY_COUNT(times); k++) {
			testcard_draw(&c.p, 0x1234, k * 700000);
			testcard_draw_clock(&c.p, times[k]);
			assert_int_equal(clock_of(&c, &got), 0);
			assert_int_equal(got, times[k]);
			assert_int_equal(canvas_read(&c), 0x1234);
		}
		got = 77;
		free(c.memory);
	}
}

/* docs/testcard.md: 0x0123abcd has checks a^0^1^2^3 = a and 5^a^b^c^d = 5. */
static void
the_clock_is_as_documented(void **state)
{
	static const char high[] = "00000001001000111010", low[] = "10101011110011010101";
	struct canvas c;

	(void)state;
	canvas_new(&c, 640, 360);
	testcard_draw(&c.p, 0, 0);
	testcard_draw_clock(&c.p, 0x0123abcd);
	for (unsigned i = 0; i < TESTCARD_COLUMNS; i++) {
		const uint8_t *at = c.p.plane[0] + i * 32 + 16;

		assert_int_equal(at[100 * 640] > 128, high[i] == '1');
		assert_int_equal(at[124 * 640] > 128, high[i] == '0');
		assert_int_equal(at[145 * 640] > 128, low[i] == '1');
		assert_int_equal(at[170 * 640] > 128, low[i] == '0');
	}
	free(c.memory);
}

/* docs/testcard.md: number 0x1234 has check 1, row A 0001 0010 0011 0100 0001. */
static void
layout_is_as_documented(void **state)
{
	static const char rows[] = "00010010001101000001";
	struct canvas c;

	(void)state;
	canvas_new(&c, 640, 360);
	testcard_draw(&c.p, 0x1234, 0);
	for (unsigned i = 0; i < TESTCARD_COLUMNS; i++) {
		assert_int_equal(c.p.plane[0][10 * 640 + i * 32 + 16] > 128, rows[i] == '1');
		assert_int_equal(c.p.plane[0][60 * 640 + i * 32 + 16] > 128, rows[i] == '0');
	}
	free(c.memory);
}

static void
damage_is_refused(void **state)
{
	struct canvas a, b;

	(void)state;
	canvas_new(&a, 640, 360);
	canvas_new(&b, 640, 360);
	testcard_draw(&a.p, 100, 0);
	testcard_draw(&b.p, 101, 0);
	memcpy(a.p.plane[0], b.p.plane[0], 45 * 640); /* torn between two frames */
	assert_int_equal(canvas_read(&a), -ENODATA);
	testcard_draw(&a.p, 100, 0);
	for (unsigned y = 0; y < 90; y++) /* a bit flipped in both rows: the check disagrees */
		for (unsigned x = 0; x < 32; x++)
			a.p.plane[0][y * 640 + x] = (uint8_t)(y < 45 ? 235 : 16);
	assert_int_equal(canvas_read(&a), -ENODATA);
	memset(a.p.plane[0], 128, 640 * 360);
	assert_int_equal(canvas_read(&a), -ENODATA);
	assert_int_equal(testcard_read(b.p.plane[0], 640, 100, 80), -ENODATA);
	free(a.memory);
	free(b.memory);
}

static void
noise_and_scaling_do_no_harm(void **state)
{
	struct prng rng = {support_seed()};
	struct canvas big, small;

	(void)state;
	canvas_new(&big, 1280, 720);
	canvas_new(&small, 426, 240);
	for (unsigned n = 0; n < 50; n++) {
		uint16_t number = (uint16_t)prng_next(&rng);

		testcard_draw(&big.p, number, n * 40000);
		for (unsigned y = 0; y < 240;
		     y++) /* nearest neighbour, contrast halved, noise of 32 */
			for (unsigned x = 0; x < 426; x++)
				small.p.plane[0][y * 426 + x] =
				    (uint8_t)(64 + prng_below(&rng, 32) +
					      big.p.plane[0][y * 3 * 1280 + x * 1280 / 426] / 3);
		assert_int_equal(canvas_read(&small), number);
	}
	free(big.memory);
	free(small.memory);
}

static void
tone_steps_each_second(void **state)
{
	struct testcard_tone t = {0};
	static int16_t pcm[RATE * 2];
	struct prng rng = {support_seed()};

	(void)state;
	for (unsigned second = 0; second < 10; second++) {
		testcard_tone(&t, pcm, RATE, 2, RATE, (uint64_t)second * RATE);
		for (unsigned w = 0; w < 25; w++) {
			assert_int_equal(testcard_tone_read(pcm + w * WINDOW * 2, WINDOW, 2, RATE),
					 second % 8);
			assert_int_equal(
			    testcard_tone_read(pcm + w * WINDOW * 2 + 1, WINDOW, 2, RATE),
			    second % 8);
		}
	}
	for (size_t i = 0; i < RATE; i++)
		pcm[i] = (int16_t)(prng_below(&rng, 20000) - 10000);
	assert_int_equal(testcard_tone_read(pcm, WINDOW, 1, RATE), -ENODATA);
	memset(pcm, 0, sizeof(pcm));
	assert_int_equal(testcard_tone_read(pcm, WINDOW, 1, RATE), -ENODATA);
	assert_int_equal(testcard_tone_read(pcm, 0, 1, RATE), -ENODATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_read_at_every_size),
	    cmocka_unit_test(the_clock_is_read_at_every_size),
	    cmocka_unit_test(the_clock_is_as_documented),
	    cmocka_unit_test(layout_is_as_documented),
	    cmocka_unit_test(damage_is_refused),
	    cmocka_unit_test(noise_and_scaling_do_no_harm),
	    cmocka_unit_test(tone_steps_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
