/* testcard.c - drawing and reading the picture of docs/testcard.md. */
#include "media/testcard.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

enum {
	LUMA_BLACK = 16,
	LUMA_WHITE = 235,
	LUMA_FACE = 70,
	LUMA_HAND = 220,
	CHROMA_NONE = 128,
	CODE_BITS = TESTCARD_COLUMNS,
	CHECK_BITS = CODE_BITS - TESTCARD_NUMBER_BITS,
	CHECK_SALT = 5, /* so that number 0 is not all black */
	ROWS = 16,	/* of the height of the clock's rows; the number's are two each */
	CLOCK_ROW = 4,	/* the clock begins below the number */
	CLOCK_SALT = 10,
	BARS = 8,
	HAND_TURN_US = 4000000,
	BOX_STEP = 4 /* luma samples per frame */
};

/* A code of 20 blocks, each above its inverse: a row of it is from first to first + rows. */
struct band {
	unsigned first, rows; /* in sixteenths of the height */
	uint32_t salt;
};
static const struct band number_band = {0, 2, CHECK_SALT};
/* The upper 16 bits of the time, the lower. */
static const struct band clock_bands[] = {
    {CLOCK_ROW, 1, CLOCK_SALT},
    {CLOCK_ROW + 2, 1, CLOCK_SALT ^ 0xfu},
};

/* The 20 bits of the code: number, then check (docs/testcard.md). */
static uint32_t
code_of(const struct band *band, uint16_t number)
{
	uint32_t check = band->salt;

	for (unsigned i = 0; i < TESTCARD_NUMBER_BITS; i += 4)
		check ^= number >> i & 0xfu;
	return (uint32_t)number << CHECK_BITS | check;
}

static void
fill(uint8_t *plane, int stride, unsigned x0, unsigned y0, unsigned x1, unsigned y1, uint8_t value)
{
	for (unsigned y = y0; y < y1; y++)
		memset(plane + (ptrdiff_t)y * stride + x0, value, x1 - x0);
}

static void
draw_code(const struct testcard_picture *p, const struct band *band, uint16_t number)
{
	uint32_t code = code_of(band, number);
	unsigned top = band->first * p->height / ROWS;
	unsigned middle = (band->first + band->rows) * p->height / ROWS;
	unsigned bottom = (band->first + 2 * band->rows) * p->height / ROWS;

	for (unsigned c = 0; c < TESTCARD_COLUMNS; c++) {
		bool bit = (code >> (CODE_BITS - 1 - c) & 1u) != 0;
		unsigned x0 = c * p->width / TESTCARD_COLUMNS,
			 x1 = (c + 1) * p->width / TESTCARD_COLUMNS;

		fill(p->plane[0], p->stride[0], x0, top, x1, middle, bit ? LUMA_WHITE : LUMA_BLACK);
		fill(p->plane[0], p->stride[0], x0, middle, x1, bottom,
		     bit ? LUMA_BLACK : LUMA_WHITE);
	}
}

/* Coloured bars below the band, so that a broken chroma plane is seen. */
static void
draw_bars(const struct testcard_picture *p)
{
	static const struct {
		uint8_t y, u, v;
	} bars[BARS] = {
	    {180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
	    {84, 184, 198},  {65, 100, 212}, {50, 212, 114}, {40, 128, 128},
	};
	unsigned top = p->height / 4;

	for (unsigned i = 1; i < 3; i++)
		fill(p->plane[i], p->stride[i], 0, 0, p->width / 2, top / 2, CHROMA_NONE);
	for (unsigned b = 0; b < BARS; b++) {
		unsigned x0 = b * p->width / BARS, x1 = (b + 1) * p->width / BARS;

		fill(p->plane[0], p->stride[0], x0, top, x1, p->height, bars[b].y);
		fill(p->plane[1], p->stride[1], x0 / 2, top / 2, x1 / 2, p->height / 2, bars[b].u);
		fill(p->plane[2], p->stride[2], x0 / 2, top / 2, x1 / 2, p->height / 2, bars[b].v);
	}
}

/* A clock face with one hand: where the media time stands inside a turn. */
static void
draw_hand(const struct testcard_picture *p, uint64_t time_us)
{
	double angle = 2 * M_PI * (double)(time_us % HAND_TURN_US) / HAND_TURN_US;
	double ux = sin(angle), uy = -cos(angle);
	int radius = (int)p->height / 5, cx = (int)p->width / 2, cy = (int)p->height * 5 / 8;
	double thick = radius * 0.08 + 1;

	for (int dy = -radius; dy <= radius; dy++) {
		uint8_t *line = p->plane[0] + (ptrdiff_t)(cy + dy) * p->stride[0] + cx;

		for (int dx = -radius; dx <= radius; dx++) {
			double along = dx * ux + dy * uy, across = fabs(dx * uy - dy * ux);

			if (dx * dx + dy * dy > radius * radius)
				continue;
			line[dx] = along >= 0 && across < thick ? LUMA_HAND : LUMA_FACE;
		}
	}
}

/* A white box that runs to and fro along the lower edge. */
static void
draw_box(const struct testcard_picture *p, uint16_t number)
{
	unsigned side = p->height / 10, span = p->width - side, at = number * BOX_STEP % (2 * span);
	unsigned x = at < span ? at : 2 * span - at;

	fill(p->plane[0], p->stride[0], x, p->height - side, x + side, p->height, LUMA_WHITE);
}

void
testcard_draw(const struct testcard_picture *p, uint16_t number, uint64_t time_us)
{
	draw_bars(p);
	draw_code(p, &number_band, number);
	draw_hand(p, time_us);
	draw_box(p, number);
}

/* Black and white whatever was there before. */
void
testcard_draw_clock(const struct testcard_picture *p, uint32_t unix_ms)
{
	unsigned top = CLOCK_ROW * p->height / ROWS / 2;
	unsigned bottom = (CLOCK_ROW + 4) * p->height / ROWS / 2;

	for (unsigned i = 1; i < 3; i++)
		fill(p->plane[i], p->stride[i], 0, top, p->width / 2, bottom, CHROMA_NONE);
	draw_code(p, &clock_bands[0], (uint16_t)(unix_ms >> 16));
	draw_code(p, &clock_bands[1], (uint16_t)unix_ms);
}

/* Mean of the samples in [x0,x1) x [y0,y1), which has at least one. */
static unsigned
mean_of(const uint8_t *luma, int stride, unsigned x0, unsigned y0, unsigned x1, unsigned y1)
{
	uint64_t sum = 0;

	for (unsigned y = y0; y < y1; y++)
		for (unsigned x = x0; x < x1; x++)
			sum += luma[(ptrdiff_t)y * stride + x];
	return (unsigned)(sum / ((uint64_t)(x1 - x0) * (y1 - y0)));
}

/* The number of a band, or -ENODATA. */
static int
read_code(const uint8_t *luma, int stride, unsigned width, unsigned height, const struct band *band)
{
	/* The middle half of a row, in 64ths of the height. */
	unsigned row = 4 * band->rows, at = 4 * band->first;
	unsigned a0 = at + band->rows, a1 = at + 3 * band->rows;
	uint32_t code = 0;

	if (width < TESTCARD_WIDTH_MIN || height < TESTCARD_HEIGHT_MIN)
		return -ENODATA;
	for (unsigned c = 0; c < TESTCARD_COLUMNS; c++) {
		unsigned x0 = (4 * c + 1) * width / (4 * TESTCARD_COLUMNS);
		unsigned x1 = (4 * c + 3) * width / (4 * TESTCARD_COLUMNS);
		unsigned a = mean_of(luma, stride, x0, a0 * height / 64, x1, a1 * height / 64);
		unsigned b = mean_of(luma, stride, x0, (a0 + row) * height / 64, x1,
				     (a1 + row) * height / 64);

		if ((a > b ? a - b : b - a) < TESTCARD_CONTRAST_MIN)
			return -ENODATA;
		code = code << 1 | (a > b);
	}
	if (code_of(band, (uint16_t)(code >> CHECK_BITS)) != code)
		return -ENODATA;
	return (int)(code >> CHECK_BITS);
}

int
testcard_read(const uint8_t *luma, int stride, unsigned width, unsigned height)
{
	return read_code(luma, stride, width, height, &number_band);
}

int
testcard_read_clock(const uint8_t *luma, int stride, unsigned width, unsigned height,
		    uint32_t *unix_ms)
{
	int high = read_code(luma, stride, width, height, &clock_bands[0]);
	int low = read_code(luma, stride, width, height, &clock_bands[1]);

	if (high < 0 || low < 0)
		return -ENODATA;
	*unix_ms = (uint32_t)high << 16 | (uint32_t)low;
	return 0;
}
