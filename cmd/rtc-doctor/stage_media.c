/* stage_media.c - media: the test picture out, or what comes in, and what the reports say. */
#include "stage_media.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "h264/h264.h"
#include "media/media_source.h"
#include "client/plan.h"
#include "stage_dtls.h"

enum {
	WIDTH = 320,
	HEIGHT = 180,
	FPS = 15,
	VIDEO_BPS = 200000,
	AUDIO_BPS = 32000,
	REPORT_WAIT_US = 2500000, /* a receiver report comes each second or so */
	LOSS_PERCENT = 5,
	TICK_US = 10000
};

struct media_run {
	struct media_source *source; /* publishing */
	int track[MEDIA_KINDS];	     /* m-line; -1: not agreed */
	uint8_t pt[MEDIA_KINDS];
	uint32_t ts_base[MEDIA_KINDS];
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
	if (m->source != NULL)
		media_source_keyframe(m->source);
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

/* ---- sending ---- */

static void
send_packet(struct exam *x, const struct media_unit *u, const uint8_t *payload, size_t size,
	    bool marker, bool first)
{
	static const int64_t rates[MEDIA_KINDS] = {
	    [MEDIA_VIDEO] = MEDIA_VIDEO_RATE, [MEDIA_AUDIO] = MEDIA_AUDIO_RATE};
	struct media_run *m = x->media;
	const struct peer_media out = {.pt = m->pt[u->kind],
				       .marker = marker,
				       .keyframe = first && u->kind == MEDIA_VIDEO && u->keyframe,
				       .ts = m->ts_base[u->kind] +
					     (uint32_t)(u->time_us * rates[u->kind] / 1000000),
				       .capture_us = m->start_us + (uint64_t)u->time_us,
				       .payload = payload,
				       .payload_size = size};

	if (peer_send(x->peer, clock_now_us(), (unsigned)m->track[u->kind], &out) < 0)
		return;
	if (u->kind == MEDIA_VIDEO)
		m->video_packets++;
	else
		m->audio_packets++;
}

static void
send_unit(struct exam *x, const struct media_unit *u)
{
	uint8_t payload[PEER_PAYLOAD_MAX];
	struct h264_pack pack;
	bool last = false, first = true;

	if (x->media->track[u->kind] < 0)
		return;
	if (u->kind == MEDIA_AUDIO) {
		if (u->size <= PEER_PAYLOAD_MAX)
			send_packet(x, u, u->data, u->size, false, true);
		return;
	}
	if (h264_pack_start(&pack, u->data, u->size, sizeof(payload)) < 0)
		return;
	x->media->frames++;
	x->media->keyframes += u->keyframe;
	while (!last) {
		int n = h264_pack_next(&pack, payload, sizeof(payload), &last);

		if (n <= 0)
			return;
		send_packet(x, u, payload, (size_t)n, last, first);
		first = false;
	}
}

static void
send_due(struct exam *x)
{
	struct media_run *m = x->media;
	int64_t now_us = (int64_t)(clock_now_us() - m->start_us);
	struct media_words words;
	struct media_unit u;

	while (media_source_due_us(m->source) <= now_us &&
	       media_source_next(m->source, &u, &words) == 1)
		send_unit(x, &u);
}

/* ---- both ---- */

/* A tick of the stage: true ends this round of dtls_work(). */
static bool
tick(struct exam *x)
{
	struct media_run *m = x->media;
	struct peer_stats s;

	if (m->source != NULL && clock_now_us() < m->until_us)
		send_due(x);
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
	doctor_say(f, "%u frames in %ju packets sent, %ju of sound", m->frames,
		   (uintmax_t)m->video_packets, (uintmax_t)m->audio_packets);
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
choose_tracks(const struct exam *x, struct media_run *m)
{
	m->track[MEDIA_VIDEO] = m->track[MEDIA_AUDIO] = -1;
	for (size_t i = 0; i < x->plan->track_count; i++) {
		const struct sdp_track *t = &x->plan->tracks[i];
		enum media_kind kind = t->kind == SDP_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO;
		const char *codec = kind == MEDIA_VIDEO ? "H264" : "opus";

		m->ts_base[kind] = random_u32();
		if (!t->accepted || (t->direction & SDP_SENDONLY) == 0 || m->track[kind] >= 0)
			continue;
		for (size_t k = 0; k < t->codec_count; k++) {
			if (!sdp_codec_is(&t->codecs[k], codec))
				continue;
			m->track[kind] = (int)i;
			m->pt[kind] = t->codecs[k].pt;
			break;
		}
	}
}

static void
publish(struct exam *x, struct doctor_finding *f)
{
	static const struct media_test_config card = {.width = WIDTH,
						      .height = HEIGHT,
						      .fps = FPS,
						      .video_bps = VIDEO_BPS,
						      .audio_bps = AUDIO_BPS};
	struct media_run *m = x->media;
	struct media_words words = {""};

	choose_tracks(x, m);
	m->source = media_source_test(&card, &words);
	if (m->source == NULL) {
		doctor_say(f, "%s", words.text);
		doctor_blame(f, DOCTOR_INTERNAL);
		return;
	}
	work(x, m->until_us);
	if (!was_reported(x) && !x->ended)
		work(x, m->until_us + REPORT_WAIT_US);
	judge_sent(x, f);
	media_source_free(m->source);
	m->source = NULL;
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
		work(x, run.until_us);
		judge_received(x, f);
	}
	x->media = NULL;
}
