#include "publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "h264/h264.h"

enum {
	WAKE_MS = 5, /* of the pacer, as browsers do */
	FRAME_US = 40000,
	AUDIO_US = 20000,
	GOP_FRAMES = 50,
	KEYFRAME_FRAGMENTS = 26,
	FRAGMENT = 1100, /* octets of a NALU in one packet */
	AUDIO_SIZE = 130,
	STAMPED_MIN = 100,	      /* octets: no parameter sets */
	PACING_BPS = 1090000 / 2 * 5, /* 2.5 times the stream's rate */
	VIDEO_CLOCK = 90000,
	AUDIO_CLOCK = 48000,
	TRACK_VIDEO = 0,
	TRACK_AUDIO = 1,
	AU_MAX = KEYFRAME_FRAGMENTS * FRAGMENT + 64
};

/* Constrained Baseline 3.1, 640 x 360; a PPS for it. */
static const uint8_t sps[] = {0,    0,	  0,	1,    0x67, 0x42, 0xe0,
			      0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40};
static const uint8_t pps[] = {0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80};

/* ---- pictures ---- */

/* A slice of whole fragments; its octets have the high bit set, so no start code comes about. */
static size_t
put_slice(struct publisher *p, uint8_t *out, bool idr, size_t fragments)
{
	size_t size = fragments * FRAGMENT + 1; /* the NALU's header travels in the FU header */

	memcpy(out, "\0\0\0\1", 4);
	out[4] = idr ? 0x65 : 0x41;
	for (size_t i = 1; i < size; i += 8) {
		uint64_t r = prng_next(&p->rng) | 0x8080808080808080u;

		memcpy(out + 4 + i, &r, MIN_OF(size - i, sizeof(r)));
	}
	return 4 + size;
}

static void
enqueue(struct publisher *p, const struct publisher_packet *packet)
{
	if (p->count == PUBLISHER_QUEUE)
		return; /* the loop stood still for a second: a source under overload drops, too */
	p->queue[(p->head + p->count++) % PUBLISHER_QUEUE] = *packet;
}

static void
pack_frame(struct publisher *p, const uint8_t *au, size_t size, bool keyframe, uint64_t capture_us)
{
	struct h264_pack pack;
	struct publisher_packet packet = {
	    .capture_us = capture_us,
	    .keyframe = keyframe,
	    .ts = (uint32_t)((capture_us - p->begin_us) * 9 / 100),
	};
	bool last = false;
	int n;

	if (h264_pack_start(&pack, au, size, PUBLISHER_PAYLOAD_MAX) != 0)
		return;
	for (;;) {
		n = h264_pack_next(&pack, packet.payload, sizeof(packet.payload), &last);
		if (n <= 0)
			break;
		packet.size = (size_t)n;
		packet.marker = last;
		enqueue(p, &packet);
		packet.keyframe = false;
	}
}

static void
make_frame(struct publisher *p, uint64_t capture_us)
{
	static uint8_t au[AU_MAX];
	bool idr = p->gop_index % GOP_FRAMES == 0 || p->want_keyframe;
	/* 35 frames of 4 fragments, 14 of 5. */
	size_t size = 0, fragments = idr ? KEYFRAME_FRAGMENTS : p->gop_index % 7 < 2 ? 5 : 4;

	if (idr) {
		p->gop_index = 0;
		p->want_keyframe = false;
		memcpy(au, sps, sizeof(sps));
		memcpy(au + sizeof(sps), pps, sizeof(pps));
		size = sizeof(sps) + sizeof(pps);
	}
	size += put_slice(p, au + size, idr, fragments);
	p->gop_index++;
	pack_frame(p, au, size, idr, capture_us);
}

/* ---- sending ---- */

/* Seven bits an octet: the high bit is set, so no start code comes about. */
static void
stamp(uint8_t *payload, size_t size, uint64_t now_us)
{
	for (unsigned i = 0; i < PUBLISHER_STAMP; i++)
		payload[size - 1 - i] = (uint8_t)(0x80 | (now_us >> 7 * i & 127));
}

uint64_t
publisher_sent_us(const uint8_t *payload, size_t size)
{
	uint64_t us = 0;

	if (size < PUBLISHER_STAMP + 2)
		return 0;
	for (unsigned i = PUBLISHER_STAMP; i > 0; i--) {
		if ((payload[size - i] & 0x80) == 0)
			return 0; /* parameter sets: too short for a stamp */
		us = us << 7 | (payload[size - i] & 127u);
	}
	return us;
}

static bool
send_packet(struct publisher *p, unsigned track, struct publisher_packet *packet)
{
	const struct peer_track *t = client_session_track(p->session, track);
	struct peer_media media = {.marker = packet->marker,
				   .keyframe = packet->keyframe,
				   .ts = packet->ts,
				   .capture_us = packet->capture_us,
				   .payload = packet->payload,
				   .payload_size = packet->size};

	if (t == NULL || t->codec_count == 0 || (t->direction & PEER_SEND) == 0)
		return false;
	media.pt = t->codecs[0].pt;
	if (p->file == NULL && packet->size > STAMPED_MIN)
		stamp(packet->payload, packet->size, clock_now_us());
	if (client_session_send(p->session, track, &media) != 0)
		return false;
	p->sent.packets++;
	p->sent.octets += packet->size + 12;
	return true;
}

static bool
send_audio(struct publisher *p, const uint8_t *frame, size_t size, uint64_t capture_us)
{
	struct publisher_packet packet = {.size = size,
					  .capture_us = capture_us,
					  .ts = (uint32_t)((capture_us - p->begin_us) * 6 / 125)};

	memcpy(packet.payload, frame, size);
	return send_packet(p, TRACK_AUDIO, &packet);
}

static bool
make_audio(struct publisher *p, uint64_t capture_us)
{
	uint8_t frame[AUDIO_SIZE];

	frame[0] = 0xfc; /* RFC 6716 s.3.1: CELT, 20 ms, stereo, one frame */
	for (size_t i = 1; i < AUDIO_SIZE; i++)
		frame[i] = (uint8_t)prng_next(&p->rng);
	return send_audio(p, frame, sizeof(frame), capture_us);
}

/* What is due is made: pictures wait for the pacer, sound goes at once. True if any went. */
static bool
make_due(struct publisher *p, uint64_t now_us)
{
	bool any = false;

	for (; p->next_video_us <= now_us; p->next_video_us += FRAME_US)
		make_frame(p, p->next_video_us);
	for (; p->next_audio_us <= now_us; p->next_audio_us += AUDIO_US)
		any |= make_audio(p, p->next_audio_us);
	return any;
}

/* The same of a file. */
static bool
take_due(struct publisher *p, uint64_t now_us)
{
	const struct prepared *file = p->file;
	bool any = false;

	while (p->file_us + file->frames[p->file_index].time_us <= now_us) {
		const struct prepared_frame *f = &file->frames[p->file_index++];
		const uint8_t *octets = file->octets + f->at;
		uint64_t due_us = p->file_us + f->time_us;

		if (f->kind == MEDIA_VIDEO)
			pack_frame(p, octets, f->size, f->keyframe, due_us);
		else
			any |= send_audio(p, octets, f->size, due_us);
		if (p->file_index == file->count) {
			p->file_index = 0;
			p->file_us += file->duration_us;
		}
	}
	return any;
}

/* Bits a second: 2.5 times the picture's rate. */
static uint64_t
pacing_bps(const struct publisher *p)
{
	return p->file == NULL ? PACING_BPS
			       : p->file->video_octets * 20 * 1000000 / p->file->duration_us + 1;
}

static void
on_wake(uv_timer_t *timer)
{
	struct publisher *p = timer->data;
	uint64_t now_us = clock_now_us();
	bool any = p->file != NULL ? take_due(p, now_us) : make_due(p, now_us);

	p->budget += (int64_t)((now_us - p->last_us) * pacing_bps(p) / 8 / 1000000);
	p->last_us = now_us;
	while (p->count > 0 && p->budget > 0) {
		struct publisher_packet *packet = &p->queue[p->head];

		any |= send_packet(p, TRACK_VIDEO, packet);
		p->budget -= (int64_t)packet->size;
		p->head = (p->head + 1) % PUBLISHER_QUEUE;
		p->count--;
	}
	if (p->count == 0) {
		p->budget = MIN_OF(p->budget, 0); /* idle time is not saved up */
		p->head = 0;			  /* the same memory again */
	}
	p->sent.wakes += any;
	if (any)
		client_session_flush(p->session);
}

/* ---- the session ---- */

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct publisher *p = arg;

	(void)info;
	p->connected = true;
	p->begin_us = p->next_video_us = p->next_audio_us = p->last_us = clock_now_us();
	p->file_us = p->begin_us;
	uv_timer_start(&p->timer, on_wake, 0, WAKE_MS);
}

static void
on_ended(void *arg, enum client_code code, const char *words)
{
	struct publisher *p = arg;

	p->ended = true;
	p->code = code;
	text_copy(p->words, sizeof(p->words), words);
	uv_timer_stop(&p->timer);
}

static void
on_keyframe(void *arg, unsigned track)
{
	struct publisher *p = arg;

	p->want_keyframe |= track == TRACK_VIDEO;
}

static const struct client_session_events events = {
    .connected = on_connected, .ended = on_ended, .keyframe = on_keyframe};

int
publisher_start(struct publisher *p, uv_loop_t *loop, struct whip_http *http, struct dtls_ctx *dtls,
		const struct whip_options *whip, const char *url, const struct prepared *file)
{
	struct sdp_codec video[1], audio[1];
	struct sdp_ext exts[SDP_TRACK_EXTS_MAX];
	size_t ext_count = sdp_default_exts(true, exts, SDP_TRACK_EXTS_MAX);
	struct sdp_offer_track tracks[] = {
	    [TRACK_VIDEO] = {.kind = SDP_VIDEO,
			     .direction = SDP_SENDONLY,
			     .codecs = video,
			     .codec_count = sdp_default_codecs(SDP_VIDEO, true, video, 1),
			     .exts = exts,
			     .ext_count = ext_count},
	    [TRACK_AUDIO] = {.kind = SDP_AUDIO,
			     .direction = SDP_SENDONLY,
			     .codecs = audio,
			     .codec_count = sdp_default_codecs(SDP_AUDIO, false, audio, 1),
			     .exts = exts,
			     .ext_count = ext_count},
	};
	struct client_session_config config = {.loop = loop,
					       .http = http,
					       .dtls = dtls,
					       .whip = whip,
					       .url = url,
					       .tracks = tracks,
					       .track_count = ARRAY_COUNT(tracks),
					       .events = &events,
					       .arg = p,
					       .no_candidates = true};

	memset(p, 0, sizeof(*p));
	p->file = file;
	p->rng.state = random_u64();
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	p->session = client_session_start(&config);
	return p->session != NULL ? 0 : -errno;
}

void
publisher_stop(struct publisher *p,
	       void (*stopped)(void *arg, enum client_code code, const char *words))
{
	uv_timer_stop(&p->timer);
	client_session_stop(p->session, stopped);
}

/* ---- all of them ---- */

int
publishers_init(struct publishers *ps, unsigned count)
{
	*ps = (struct publishers){.all = calloc(count, sizeof(*ps->all)), .count = count};
	return ps->all != NULL ? 0 : -ENOMEM;
}

unsigned
publishers_connected(const struct publishers *ps)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ps->started; i++)
		n += ps->all[i].connected && !ps->all[i].ended;
	return n;
}

const struct publisher *
publishers_ended(const struct publishers *ps)
{
	for (unsigned i = 0; i < ps->started; i++)
		if (ps->all[i].ended)
			return &ps->all[i];
	return NULL;
}

void
publishers_sum(const struct publishers *ps, struct publisher_count *out)
{
	*out = (struct publisher_count){0};
	for (unsigned i = 0; i < ps->started; i++) {
		out->packets += ps->all[i].sent.packets;
		out->octets += ps->all[i].sent.octets;
		out->wakes += ps->all[i].sent.wakes;
	}
}

double
publishers_loss(const struct publishers *ps)
{
	uint8_t worst = 0;

	for (unsigned i = 0; i < ps->started; i++) {
		const struct peer *peer =
		    ps->all[i].session != NULL ? client_session_peer(ps->all[i].session) : NULL;
		struct peer_stats stats;

		if (peer == NULL)
			continue;
		peer_stats(peer, &stats);
		worst = MAX_OF(worst, stats.remote_loss);
	}
	return worst * 100.0 / 256;
}

static void
on_stopped(void *arg, enum client_code code, const char *words)
{
	struct publisher *p = arg;

	(void)code;
	(void)words;
	client_session_free(p->session);
	p->session = NULL;
}

void
publishers_stop(struct publishers *ps)
{
	if (ps->stopping)
		return;
	ps->stopping = true;
	for (unsigned i = 0; i < ps->started; i++)
		if (ps->all[i].session != NULL)
			publisher_stop(&ps->all[i], on_stopped);
}

bool
publishers_stopped(const struct publishers *ps)
{
	for (unsigned i = 0; i < ps->started; i++)
		if (ps->all[i].session != NULL)
			return false;
	return true;
}

void
publishers_free(struct publishers *ps)
{
	for (unsigned i = 0; i < ps->started; i++)
		client_session_free(ps->all[i].session);
}
