/* verdict.c - counting what arrives. */
#include "verdict.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

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

static void
see_picture(void *arg, const struct media_picture *p)
{
	struct verdict *v = arg;

	v->width = p->width;
	v->height = p->height;
	if (v->picture != NULL)
		v->picture(NULL, p);
	count_number(&v->card, testcard_read(p->luma, p->stride, p->width, p->height));
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

/* Keep at most VERDICT_LATENCIES_MAX samples, replaced evenly. */
static void
keep_latency(struct verdict *v, int64_t latency_us)
{
	size_t at;

	if (latency_us < 0 || latency_us > UINT32_MAX)
		return;
	at = v->latency_count < VERDICT_LATENCIES_MAX
		 ? v->latency_count++
		 : (size_t)(v->latency_seen * 2654435761u % VERDICT_LATENCIES_MAX);
	v->latency_seen++;
	v->latencies_us[at] = (uint32_t)latency_us;
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
	keep_latency(v, latency_us);
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
