/* stage_media.c - media: the test picture out, or what comes in, and what the reports say. */
#include "stage_media.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "h264/h264.h"
#include "card.h"
#include "client/plan.h"
#include "stage_dtls.h"

enum {
	REPORT_WAIT_US = 2500000, /* a receiver report comes each second or so */
	LOSS_PERCENT = 5,
	TICK_US = 10000
};

struct media_run {
	struct card card; /* publishing */
	uint64_t start_us, until_us;
	unsigned keyframes_asked, keyframes, frames;
	uint64_t video_packets, audio_packets;
	uint64_t first_us; /* clock at the first packet; 0: none */
	uint8_t loss_max;  /* 1/256 */
};

void
media_keyframe_asked(struct exam *x)
{
	struct media_run *m = x->media;

	if (m == NULL)
		return;
	m->keyframes_asked++;
	card_keyframe(&m->card);
}

/* A keyframe begins here, as far as the codec is known; others count as joined. */
static bool
begins_keyframe(const struct peer_track *t, const struct peer_packet *p)
{
	const char *name = "";

	for (size_t i = 0; i < t->codec_count; i++)
		if (t->codecs[i].pt == p->pt)
			name = t->codecs[i].name;
	if (strcasecmp(name, "H264") == 0)
		return p->payload != NULL &&
		       h264_payload_starts_keyframe(p->payload, p->payload_size);
	return true;
}

void
media_packet(struct exam *x, const struct peer_packet *p)
{
	struct media_run *m = x->media;
	struct peer_track t;

	if (m == NULL || p->track >= x->plan->track_count)
		return;
	if (m->first_us == 0)
		m->first_us = clock_now_us();
	if (x->plan->tracks[p->track].kind != SDP_VIDEO) {
		m->audio_packets++;
		return;
	}
	client_plan_track(&t, &x->plan->tracks[p->track]);
	m->video_packets++;
	m->frames += p->marker;
	m->keyframes += begins_keyframe(&t, p);
}

/* ---- both ---- */

/* A tick of the stage: true ends this round of dtls_work(). */
static bool
tick(struct exam *x)
{
	struct media_run *m = x->media;
	struct peer_stats s;

	if (m->card.source != NULL && clock_now_us() < m->until_us)
		card_send(&m->card, x->peer, clock_now_us());
	peer_stats(x->peer, &s);
	m->loss_max = MAX_OF(m->loss_max, s.remote_loss);
	return x->ended;
}

static void
work(struct exam *x, uint64_t until_us)
{
	int r = 0;

	while (r == 0 && clock_now_us() < until_us) /* the source sets the pace */
		r = dtls_work(x, MIN_OF(clock_now_us() + TICK_US, until_us), tick);
}

static bool
was_reported(const struct exam *x)
{
	struct peer_stats s;

	peer_stats(x->peer, &s);
	return s.reports_received + s.twcc_received > 0;
}

static void
judge_sent(struct exam *x, struct doctor_finding *f)
{
	const struct media_run *m = x->media;
	double loss = m->loss_max * 100.0 / 256;
	struct peer_stats s;

	peer_stats(x->peer, &s);
	doctor_say(f, "%u frames in %ju packets sent, %ju of sound", m->card.frames,
		   (uintmax_t)m->card.video_packets, (uintmax_t)m->card.audio_packets);
	if (x->ended) {
		doctor_say(f, "%s", x->ended_words);
		doctor_blame(f, DOCTOR_MEDIA_ENDED);
		return;
	}
	if (!was_reported(x)) {
		doctor_say(f, "no receiver report came");
		doctor_blame(f, DOCTOR_MEDIA_UNREPORTED);
		return;
	}
	doctor_say(f,
		   "%ju reports back, at most %.1f %% lost, %ju asked for again, keyframe asked "
		   "for %u times",
		   (uintmax_t)(s.reports_received + s.twcc_received), loss,
		   (uintmax_t)s.nacks_received, m->keyframes_asked);
	if (loss > LOSS_PERCENT)
		doctor_blame(f, DOCTOR_MEDIA_LOSS);
}

static void
judge_received(struct exam *x, struct doctor_finding *f)
{
	const struct media_run *m = x->media;
	uint64_t all;
	struct peer_stats s;
	double loss;

	peer_stats(x->peer, &s);
	all = s.rx_packets + s.rx_lost;
	loss = all > 0 ? 100.0 * (double)s.rx_lost / (double)all : 0;
	doctor_say(f, "%ju packets of video (%u frames, %u keyframes), %ju of sound, %.1f %% lost",
		   (uintmax_t)m->video_packets, m->frames, m->keyframes,
		   (uintmax_t)m->audio_packets, loss);
	if (x->ended) {
		doctor_say(f, "%s", x->ended_words);
		doctor_blame(f, DOCTOR_MEDIA_ENDED);
	} else if (m->first_us == 0) {
		doctor_blame(f, s.rx_auth_failed > 0 ? DOCTOR_MEDIA_SRTP : DOCTOR_MEDIA_NONE);
	} else {
		doctor_say(f, "the first after %.0f ms", (double)(m->first_us - m->start_us) / 1e3);
		if (m->video_packets > 0 && m->keyframes == 0)
			doctor_blame(f, DOCTOR_MEDIA_KEYFRAME);
		if (loss > LOSS_PERCENT)
			doctor_blame(f, DOCTOR_MEDIA_LOSS);
	}
}

static void
publish(struct exam *x, struct doctor_finding *f)
{
	struct media_run *m = x->media;
	struct media_words words = {""};

	if (card_init(&m->card, x->plan, m->start_us, &words) < 0) {
		doctor_say(f, "%s", words.text);
		doctor_blame(f, DOCTOR_INTERNAL);
		return;
	}
	work(x, m->until_us);
	if (!was_reported(x) && !x->ended)
		work(x, m->until_us + REPORT_WAIT_US);
	judge_sent(x, f);
	card_fini(&m->card);
}

/* As browsers do: the one that came with the handshake was not looked at. */
static void
ask_keyframes(struct exam *x)
{
	for (size_t i = 0; i < x->plan->track_count; i++)
		if (x->plan->tracks[i].kind == SDP_VIDEO)
			(void)peer_request_keyframe(x->peer, clock_now_us(), (unsigned)i);
}

void
stage_media(struct exam *x, struct doctor_finding *f)
{
	static struct media_run run;

	run = (struct media_run){.start_us = clock_now_us()};
	run.until_us = run.start_us + (uint64_t)(x->o.media_s * 1e6);
	x->media = &run;
	if (x->o.action == WHIP_PUBLISH) {
		publish(x, f);
	} else {
		ask_keyframes(x);
		work(x, run.until_us);
		judge_received(x, f);
	}
	x->media = NULL;
}
