/* mix_sound.c - samples of sources at their places, added up. */
#include "mix/mix.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
	SLIP = MIX_SLIP_US * (MIX_RATE / 1000) / 1000, /* samples */
	DEAD_BAND = MIX_RATE / 500,		       /* 2 ms: not worth a stretch */
	BEGIN_ROOM = MIX_BLOCK
};
static const float LOUDEST = 32000.0f, RELEASE = 0.03f;

void
mix_ring_reset(struct mix_ring *r)
{
	r->begun = false;
	r->head = 0;
	memset(r->pcm, 0, sizeof(r->pcm));
}

static int16_t *
at_place(struct mix_ring *r, uint64_t at)
{
	return &r->pcm[at % MIX_RING * MIX_CHANNELS];
}

/* Silence between the head and a later place. */
static void
fill_gap(struct mix_ring *r, uint64_t to)
{
	uint64_t from = to - MIN_OF(to - r->head, (uint64_t)MIX_RING);

	for (uint64_t i = from; i < to; i++)
		memset(at_place(r, i), 0, MIX_CHANNELS * sizeof(int16_t));
	r->head = to;
}

/* in_count samples as out_count, by straight lines between them. */
static void
append(struct mix_ring *r, const int16_t *pcm, size_t in_count, size_t out_count)
{
	for (size_t i = 0; i < out_count; i++) {
		uint64_t pos =
		    out_count > 1 ? (uint64_t)i * (in_count - 1) * 256 / (out_count - 1) : 0;
		size_t left = (size_t)(pos / 256), right = MIN_OF(left + 1, in_count - 1);
		int32_t share = (int32_t)(pos % 256);
		int16_t *out = at_place(r, r->head + i);

		for (unsigned c = 0; c < MIX_CHANNELS; c++) {
			int32_t a = pcm[left * MIX_CHANNELS + c], b = pcm[right * MIX_CHANNELS + c];

			out[c] = (int16_t)(a + (b - a) * share / 256);
		}
	}
	r->head += out_count;
}

/* How many samples to make of count so that the next begin nearer to their place. */
static size_t
stretched(size_t count, int64_t off)
{
	int64_t step = MAX_OF((int64_t)count * MIX_GLIDE_PPM / 1000000, (int64_t)1);

	if (llabs(off) <= DEAD_BAND || count < 100)
		return count;
	return (size_t)((int64_t)count + (off > 0 ? step : -step));
}

void
mix_ring_write(struct mix_ring *r, uint64_t at, const int16_t *pcm, size_t count, uint64_t played)
{
	int64_t off = (int64_t)(at - r->head);
	size_t out_count = count;

	if (count == 0 || count > MIX_RING / 2)
		return;
	if (at + count <= played) {
		r->late++;
		return;
	}
	if (at + count + BEGIN_ROOM > played + MIX_RING) {
		r->early++;
		return;
	}
	if (!r->begun || llabs(off) > SLIP) {
		r->jumps += r->begun;
		if (!r->begun || off < 0)
			r->head = at;
		else
			fill_gap(r, at);
		r->begun = true;
	} else
		out_count = stretched(count, off);
	append(r, pcm, count, out_count);
}

bool
mix_ring_add(const struct mix_ring *r, uint64_t at, int32_t *sum, size_t count)
{
	uint64_t oldest = r->head > MIX_RING ? r->head - MIX_RING : 0;
	bool any = false;

	if (!r->begun)
		return false;
	for (size_t i = 0; i < count; i++) {
		const int16_t *in = &r->pcm[(at + i) % MIX_RING * MIX_CHANNELS];

		if (at + i < oldest || at + i >= r->head)
			continue;
		any = true;
		for (unsigned c = 0; c < MIX_CHANNELS; c++)
			sum[i * MIX_CHANNELS + c] += in[c];
	}
	return any;
}

void
mix_limit(struct mix_limiter *l, const int32_t *sum, int16_t *out, size_t count)
{
	float peak = 0, want, from = l->gain > 0 ? l->gain : 1, to;

	for (size_t i = 0; i < count * MIX_CHANNELS; i++)
		peak = MAX_OF(peak, (float)llabs(sum[i]));
	want = peak > LOUDEST ? LOUDEST / peak : 1;
	to = MIN_OF(from + RELEASE, want);
	from = MIN_OF(from, want); /* down at once, up along the block */
	for (size_t i = 0; i < count; i++) {
		float gain = from + (to - from) * (float)i / (float)count;

		for (unsigned c = 0; c < MIX_CHANNELS; c++)
			out[i * MIX_CHANNELS + c] =
			    (int16_t)((float)sum[i * MIX_CHANNELS + c] * gain);
	}
	l->gain = to;
}
