#include "receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "media/media_opus.h"
#include "rtp/rtp.h"

enum { SECOND_US = 1000000, JUMP_SECONDS = 10 };

static const unsigned clock_rate[MEDIA_KINDS] = {
    [MEDIA_VIDEO] = MEDIA_VIDEO_RATE,
    [MEDIA_AUDIO] = MEDIA_AUDIO_RATE,
};

void
receiver_init(struct receiver *r, const struct receiver_events *events, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->events = events;
	r->arg = arg;
	r->need_keyframe = true;
	au_init(&r->au);
}

void
receiver_fini(struct receiver *r)
{
	for (unsigned k = 0; k < MEDIA_KINDS; k++)
		rtp_reorder_free(r->tracks[k].reorder);
	au_fini(&r->au);
}

void
receiver_codec(struct receiver *r, uint8_t pt, enum payload_codec codec)
{
	if (pt < ARRAY_COUNT(r->codecs))
		r->codecs[pt] = (uint8_t)codec;
}

int
receiver_expect(struct receiver *r, enum media_kind kind, unsigned track, bool nack)
{
	uint64_t wait_us = nack ? RECEIVER_WAIT_US : RECEIVER_WAIT_PLAIN_US;

	r->tracks[kind].reorder =
	    rtp_reorder_new(RECEIVER_SLOTS, RTP_PACKET_MAX, wait_us, RECEIVER_WAIT_MAX_US);
	r->tracks[kind].index = track;
	r->tracks[kind].nack = nack;
	return r->tracks[kind].reorder != NULL ? 0 : -ENOMEM;
}

void
receiver_round_trip(struct receiver *r, uint64_t rtt_us)
{
	for (unsigned k = 0; k < MEDIA_KINDS; k++)
		if (r->tracks[k].reorder != NULL && r->tracks[k].nack)
			rtp_reorder_expect(r->tracks[k].reorder, RTP_RECV_REORDER_US + rtt_us);
}

void
receiver_packet(struct receiver *r, uint64_t now_us, const struct peer_packet *packet)
{
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		struct receiver_track *t = &r->tracks[k];

		if (t->reorder == NULL || t->index != packet->track || !packet->decrypted)
			continue;
		t->counts.packets++;
		/* One that comes after it was given up, or is too large for RTP, is of no use. */
		(void)rtp_reorder_push(t->reorder, now_us, packet->ext_seq, packet->buf,
				       packet->size);
	}
}

/* Follow the track's timestamps; a jump (another sender) goes on by the time that passed. */
static int64_t
time_of(struct receiver *r, enum media_kind kind, uint32_t ts, uint64_t now_us)
{
	struct receiver_track *t = &r->tracks[kind];
	int64_t step = t->started ? rtp_ts_diff(ts, t->last_ts) : 0;

	if (llabs(step) > (int64_t)JUMP_SECONDS * clock_rate[kind])
		step = (int64_t)(now_us - t->arrival_us) * clock_rate[kind] / SECOND_US;
	t->started = true;
	t->ts += step;
	t->last_ts = ts;
	t->arrival_us = now_us;
	return t->ts * SECOND_US / clock_rate[kind];
}

static void
give(struct receiver *r, uint32_t ts, uint64_t now_us, const struct media_unit *u)
{
	const struct receiver_unit out = {*u, ts, now_us};

	if (out.unit.time_us >= 0)
		r->events->unit(r->arg, &out);
}

/* ---- audio ---- */

static void
take_audio(struct receiver *r, const struct rtp_packet *p, uint64_t now_us)
{
	int samples = media_opus_samples(p->payload, p->payload_size);
	struct media_unit u = {
	    .kind = MEDIA_AUDIO, .keyframe = true, .data = p->payload, .size = p->payload_size};

	u.time_us = time_of(r, MEDIA_AUDIO, p->ts, now_us);
	if (samples < 0) {
		r->tracks[MEDIA_AUDIO].counts.damaged++;
		return;
	}
	u.duration_us = (int64_t)samples * SECOND_US / MEDIA_AUDIO_RATE;
	give(r, p->ts, now_us, &u);
}

/* ---- video ---- */

/*
 * Can decoding begin with it? What arrived first may be a keyframe whose beginning, with the
 * headers, was lost: nobody knows of packets before the first.
 */
static bool
joins(struct receiver *r, const struct media_unit *u)
{
	struct payload_facts f;

	if (!u->keyframe || payload_look(r->codec, u->data, u->size, &f) < 0)
		return false;
	r->has_headers |= f.headers;
	return r->has_headers;
}

static void
finish_frame(struct receiver *r, uint64_t now_us)
{
	struct receiver_counts *c = &r->tracks[MEDIA_VIDEO].counts;
	struct media_unit u = {.kind = MEDIA_VIDEO, .codec = r->codec};

	r->frame_open = false;
	u.time_us = time_of(r, MEDIA_VIDEO, r->frame_ts, now_us);
	if (r->au.size == 0 && !r->au.damaged)
		return;
	if (!payload_depack_end(r->codec, &r->au)) {
		c->damaged++;
		r->need_keyframe = true;
		return;
	}
	u.keyframe = r->au.keyframe;
	u.data = r->au.buf;
	u.size = r->au.size;
	if (r->need_keyframe && !joins(r, &u)) {
		c->skipped++;
		return;
	}
	r->need_keyframe = false;
	give(r, r->frame_ts, now_us, &u);
}

static void
begin_frame(struct receiver *r, const struct rtp_packet *p, bool gap)
{
	enum payload_codec codec = (enum payload_codec)r->codecs[p->pt];

	au_reset(&r->au);
	r->frame_open = true;
	r->frame_ts = p->ts;
	/* What is missing may be this frame's beginning, or a frame that it refers to. */
	r->need_keyframe |= gap || codec != r->codec;
	r->has_headers &= codec == r->codec;
	r->codec = codec;
	r->au.damaged = gap && !payload_starts_keyframe(codec, p->payload, p->payload_size);
}

static void
take_video(struct receiver *r, const struct rtp_packet *p, bool gap, uint64_t now_us)
{
	if (gap && r->frame_open)
		r->au.damaged = true;
	if (r->frame_open && p->ts != r->frame_ts)
		finish_frame(r, now_us);
	if (r->codecs[p->pt] == PAYLOAD_NONE)
		return;
	if (!r->frame_open)
		begin_frame(r, p, gap);
	(void)payload_depack_push(r->codec, &r->au, p->payload, p->payload_size); /* marks damage */
	if (p->marker)
		finish_frame(r, now_us);
}

/* ---- both ---- */

static void
take(struct receiver *r, enum media_kind kind, const uint8_t *buf, size_t size, uint64_t lost,
     uint64_t now_us)
{
	struct receiver_counts *c = &r->tracks[kind].counts;
	struct rtp_packet p;

	c->gaps += lost > 0;
	c->lost += lost;
	if (rtp_parse(&p, buf, size) < 0)
		return;
	if (kind == MEDIA_AUDIO && p.payload_size > 0)
		take_audio(r, &p, now_us);
	else if (kind == MEDIA_VIDEO && (p.payload_size > 0 || lost > 0))
		take_video(r, &p, lost > 0, now_us);
}

static void
ask_for_keyframe(struct receiver *r, uint64_t now_us)
{
	const struct receiver_track *t = &r->tracks[MEDIA_VIDEO];

	if (!r->need_keyframe || t->counts.packets == 0 || now_us - r->asked_us < RECEIVER_ASK_US)
		return;
	r->asked_us = now_us;
	r->events->keyframe_wanted(r->arg, t->index);
}

void
receiver_poll(struct receiver *r, uint64_t now_us)
{
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		const uint8_t *buf;
		uint64_t lost;
		size_t size;

		if (r->tracks[k].reorder == NULL)
			continue;
		while ((size = rtp_reorder_pop(r->tracks[k].reorder, now_us, &buf, &lost)) > 0)
			take(r, k, buf, size, lost, now_us);
	}
	ask_for_keyframe(r, now_us);
}
