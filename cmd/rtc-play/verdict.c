/* verdict.c - counting what arrives. */
#include "verdict.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum {
	SECOND_US = 1000000,
	INTERVAL_WEIGHT = 16, /* of the smoothed mean interval */
	FREEZE_INTERVALS = 3,
	REORDER_MAX = 16, /* a number that goes back further begins anew */
	NUMBERS = 1 << TESTCARD_NUMBER_BITS,
	LOUD = 1000000 /* mean square of 16-bit samples: -30 dB of full scale */
};

int
verdict_init(struct verdict *v, uint64_t start_us)
{
	memset(v, 0, sizeof(*v));
	v->start_us = start_us;
	v->step_candidate = -1;
	v->card.first = v->card.last = -1;
	v->opus = media_opus_decoder_new();
	return v->opus != NULL ? 0 : -ENOMEM;
}

void
verdict_fini(struct verdict *v)
{
	media_decoder_free(v->decoder);
	media_opus_decoder_free(v->opus);
}

void
verdict_packet(struct verdict *v, uint64_t now_us)
{
	if (v->first_packet_us == 0)
		v->first_packet_us = now_us;
}

/* ---- video ---- */

static void
count_number(struct verdict_card *c, int number)
{
	int step;

	if (number < 0) {
		c->unreadable++;
		return;
	}
	c->count++;
	if (c->first < 0)
		c->first = number;
	step = c->last < 0 ? 1 : (number - (int)c->last + NUMBERS) % NUMBERS;
	if (step == 0) {
		c->repeated++;
	} else if (step >= NUMBERS - REORDER_MAX) {
		c->disordered++;
		return;
	} else if (step > NUMBERS / 2) {
		c->restarts++;
	} else {
		c->missing += step - 1;
	}
	c->last = number;
}

/* Keep at most VERDICT_LATENCIES_MAX samples, replaced evenly. */
static void
keep_sample(struct verdict_samples *s, int64_t us)
{
	size_t at;

	if (us < 0 || us > UINT32_MAX)
		return;
	at = s->count < VERDICT_LATENCIES_MAX
		 ? s->count++
		 : (size_t)(s->seen * 2654435761u % VERDICT_LATENCIES_MAX);
	s->seen++;
	s->us[at] = (uint32_t)us;
}

/* From the drawing of the card until now; nothing if it was recorded, or drawn by another clock. */
static void
read_clock(struct verdict *v, const struct media_picture *p)
{
	uint32_t drawn_ms, now_ms = (uint32_t)clock_unix_ms();

	if (testcard_read_clock(p->luma, p->stride, p->width, p->height, &drawn_ms) == 0 &&
	    now_ms - drawn_ms < VERDICT_LIVE_MS)
		keep_sample(&v->seeing, (int64_t)(now_ms - drawn_ms) * 1000);
}

static void
see_picture(void *arg, const struct media_picture *p)
{
	struct verdict *v = arg;
	int number;

	v->width = p->width;
	v->height = p->height;
	if (v->picture != NULL)
		v->picture(NULL, p);
	number = testcard_read(p->luma, p->stride, p->width, p->height);
	count_number(&v->card, number);
	if (number >= 0)
		read_clock(v, p);
}

/* A freeze as getStats() has it: longer than three mean intervals, and than the mean plus 150 ms.
 */
static void
watch_interval(struct verdict *v, uint64_t now_us)
{
	uint64_t gap_us = now_us - v->last_frame_us;
	double limit_us =
	    MAX_OF(FREEZE_INTERVALS * v->interval_us, v->interval_us + VERDICT_FREEZE_US);

	if (v->frames < 2) {
		v->interval_us = (double)gap_us;
		return;
	}
	if ((double)gap_us > limit_us) {
		v->freezes++;
		v->freeze_us += gap_us;
		v->freeze_max_us = MAX_OF(v->freeze_max_us, gap_us);
		return;
	}
	v->interval_us += ((double)gap_us - v->interval_us) / INTERVAL_WEIGHT;
}

/* A publisher may be followed by one of another codec. */
static bool
has_decoder(struct verdict *v, enum payload_codec codec)
{
	if (v->decoder != NULL && codec == v->codec)
		return true;
	media_decoder_free(v->decoder);
	v->decoder = media_decoder_of(codec);
	v->codec = codec;
	return v->decoder != NULL;
}

static void
see_frame(struct verdict *v, const struct receiver_unit *u, int64_t latency_us)
{
	if (!has_decoder(v, u->unit.codec) ||
	    media_decoder_push(v->decoder, u->unit.data, u->unit.size, u->unit.time_us, see_picture,
			       v) < 0) {
		v->undecodable++;
		return;
	}
	if (v->frames > 0)
		watch_interval(v, u->arrival_us);
	else
		v->first_frame_us = u->arrival_us;
	v->last_frame_us = u->arrival_us;
	v->frames++;
	v->keyframes += u->unit.keyframe;
	keep_sample(&v->arrival, latency_us);
}

/* ---- audio ---- */

/* A step is noted when two windows in a row agree on it. */
static void
note_step(struct verdict *v, int step)
{
	bool again = step >= 0 && step == v->step_candidate;

	v->step_candidate = step;
	if (!again || v->step_count == VERDICT_STEPS_MAX ||
	    (v->step_count > 0 && v->steps[v->step_count - 1] == step))
		return;
	v->steps[v->step_count++] = (uint8_t)step;
}

static void
see_audio(struct verdict *v, const struct receiver_unit *u)
{
	static int16_t pcm[MEDIA_OPUS_FRAME_MAX * MEDIA_AUDIO_CHANNELS];
	int n = media_opus_decode(v->opus, u->unit.data, u->unit.size, pcm);
	double energy = 0;

	if (n < 0) {
		v->undecodable++;
		return;
	}
	for (int i = 0; i < n * MEDIA_AUDIO_CHANNELS; i++)
		energy += (double)pcm[i] * pcm[i];
	v->audio_samples += (uint64_t)n;
	v->windows++;
	v->loud_windows += energy / n / MEDIA_AUDIO_CHANNELS > LOUD;
	note_step(v, testcard_tone_read(pcm, (size_t)n, MEDIA_AUDIO_CHANNELS, MEDIA_AUDIO_RATE));
}

void
verdict_unit(struct verdict *v, const struct receiver_unit *u, int64_t latency_us)
{
	if (u->unit.kind == MEDIA_VIDEO)
		see_frame(v, u, latency_us);
	else
		see_audio(v, u);
}
