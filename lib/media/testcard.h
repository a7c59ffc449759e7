/*
 * testcard.h - the test card of docs/testcard.md: a picture that carries its number and the time as
 * large blocks and a tone that steps each second; drawn and read.  Pure; knows no codec.
 */
#ifndef RTCKIT_MEDIA_TESTCARD_H
#define RTCKIT_MEDIA_TESTCARD_H

#include <stddef.h>
#include <stdint.h>

enum {
	TESTCARD_COLUMNS = 20,
	TESTCARD_NUMBER_BITS = 16,
	TESTCARD_CONTRAST_MIN = 48, /* luma between a block and its inverse, 0..255 */
	TESTCARD_TONES = 8,
	TESTCARD_TONE_BASE_HZ = 400,
	TESTCARD_TONE_STEP_HZ = 100,
	TESTCARD_WIDTH_MIN = 160,
	TESTCARD_HEIGHT_MIN = 90
};

/* A planar 4:2:0 picture; the planes are borrowed. Width and height are even. */
struct testcard_picture {
	unsigned width, height;
	uint8_t *plane[3]; /* Y, U, V */
	int stride[3];	   /* octets */
};

/*
 * Draw frame number `number` with what moves in it; time_us is the media time that the moving hand
 * shows (one turn in 4 s). Luma is full range inside 16..235.
 */
void testcard_draw(const struct testcard_picture *p, uint16_t number, uint64_t time_us);

/* Put the wall clock into it: Unix time in ms, modulo 2^32. After testcard_draw(). */
void testcard_draw_clock(const struct testcard_picture *p, uint32_t unix_ms);

/* Read the number of a luma plane of any size: 0..65535, -ENODATA if there is no readable code. */
int testcard_read(const uint8_t *luma, int stride, unsigned width, unsigned height);
/* Its clock. 0, or -ENODATA (a card without one, or not readable): *unix_ms untouched. */
int testcard_read_clock(const uint8_t *luma, int stride, unsigned width, unsigned height,
			uint32_t *unix_ms);

/*
 * Fill frame_count samples of an interleaved 16-bit tone that starts at sample `first` of the
 * media. Phase goes on across the calls that continue each other; state is 0 before the first.
 */
struct testcard_tone {
	double phase; /* radians */
};
void testcard_tone(struct testcard_tone *t, int16_t *out, size_t frame_count, unsigned channels,
		   unsigned sample_rate, uint64_t first);

/*
 * Which step (0..7) the window of one channel carries; stride: samples from one to the next of the
 * channel. -ENODATA if it is silent or no step dominates.
 */
int testcard_tone_read(const int16_t *samples, size_t count, size_t stride, unsigned sample_rate);

#endif
