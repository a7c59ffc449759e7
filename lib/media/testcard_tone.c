/* testcard_tone.c - making and recognising the stepping tone of docs/testcard.md. */
#include "media/testcard.h"

#include <errno.h>
#include <math.h>

static const double AMPLITUDE = 0.25, SILENCE = 1e-4, DOMINANT = 0.5, FULL_SCALE = 32767.0;

static double
step_hz(unsigned step)
{
	return TESTCARD_TONE_BASE_HZ + TESTCARD_TONE_STEP_HZ * (double)step;
}

void
testcard_tone(struct testcard_tone *t, int16_t *out, size_t frame_count, unsigned channels,
	      unsigned sample_rate, uint64_t first)
{
	for (size_t i = 0; i < frame_count; i++) {
		unsigned step = (unsigned)((first + i) / sample_rate % TESTCARD_TONES);
		int16_t v = (int16_t)lrint(sin(t->phase) * AMPLITUDE * FULL_SCALE);

		for (unsigned c = 0; c < channels; c++)
			out[i * channels + c] = v;
		t->phase = fmod(t->phase + 2 * M_PI * step_hz(step) / sample_rate, 2 * M_PI);
	}
}

/* Energy of one frequency (Goertzel) as the share of a window's whole energy it would explain. */
static double
share_of(const int16_t *samples, size_t count, size_t stride, double w, double energy)
{
	double s1 = 0, s2 = 0, k = 2 * cos(w);

	for (size_t i = 0; i < count; i++) {
		double s0 = samples[i * stride] / FULL_SCALE + k * s1 - s2;

		s2 = s1;
		s1 = s0;
	}
	return 2 * (s1 * s1 + s2 * s2 - k * s1 * s2) / ((double)count * energy);
}

int
testcard_tone_read(const int16_t *samples, size_t count, size_t stride, unsigned sample_rate)
{
	double energy = 0, best = 0;
	int found = -ENODATA;

	for (size_t i = 0; i < count; i++)
		energy += samples[i * stride] / FULL_SCALE * (samples[i * stride] / FULL_SCALE);
	if (count == 0 || energy / (double)count < SILENCE)
		return -ENODATA;
	for (unsigned step = 0; step < TESTCARD_TONES; step++) {
		double share = share_of(samples, count, stride,
					2 * M_PI * step_hz(step) / sample_rate, energy);

		if (share > best) {
			best = share;
			found = (int)step;
		}
	}
	return best >= DOMINANT ? found : -ENODATA;
}
