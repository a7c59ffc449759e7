/* worker_publish.c - a WebRTC publisher: its RTP into the stream's rings, its RTCP terminated. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "worker.h"

static bool
takes_remb(const struct session *s)
{
	for (size_t i = 0; i < s->tracks.count; i++) {
		const struct track *t = &s->tracks.list[i];

		for (size_t k = 0; k < t->codec_count && t->kind == TRACK_VIDEO; k++)
			if ((t->codecs[k].feedback & FEEDBACK_REMB) != 0 &&
			    (!s->twcc || t->ext_twcc == 0))
				return true;
	}
	return false;
}

int
pub_new(struct wsession *ws)
{
	ws->pub = calloc(1, sizeof(*ws->pub));
	if (ws->pub == NULL)
		return -ENOMEM;
	rtp_twcc_init(&ws->pub->twcc);
	rtp_remb_init(&ws->pub->remb, ws->worker->now_us);
	ws->pub->has_remb = takes_remb(ws->session);
	for (unsigned i = 0; i < ws->session->tracks.count; i++)
		for (unsigned k = 0; k == 0 || k < ws->session->tracks.list[i].rid_count; k++) {
			uint8_t lane = tracks_lane(&ws->session->tracks, i, k);

			if (lane != PT_NONE)
				ws->pub->lane_end = MAX_OF(ws->pub->lane_end, lane + 1u);
		}
	ws->pub->next_report_us = ws->worker->now_us + REPORT_TICK_US;
	return 0;
}

void
pub_free(struct wsession *ws)
{
	if (ws->pub == NULL)
		return;
	for (size_t i = 0; i < ws->pub->source_count; i++)
		free(ws->pub->sources[i]);
	for (size_t i = 0; i < ws->pub->early_count; i++)
		free(ws->pub->early[i].buf);
	free(ws->pub);
}

void
pub_keep_early(struct wsession *ws, const uint8_t *buf, size_t size)
{
	struct publisher *pub = ws->pub;
	uint8_t *copy;

	if (pub->early_count == EARLY_MAX)
		return;
	copy = malloc(size);
	if (copy == NULL)
		return;
	memcpy(copy, buf, size);
	pub->early[pub->early_count].buf = copy;
	pub->early[pub->early_count++].size = size;
}

/* Index of the codec that has the payload type, as itself or as its RTX; -1 if none. */
static int
codec_of(const struct track *t, uint8_t pt, bool *rtx)
{
	for (size_t i = 0; i < t->codec_count; i++) {
		*rtx = t->codecs[i].rtx_pt == pt;
		if (*rtx || t->codecs[i].pt == pt)
			return (int)i;
	}
	return -1;
}

static bool
has_ssrc(const uint32_t *list, size_t count, uint32_t ssrc)
{
	for (size_t i = 0; i < count && ssrc != 0; i++) /* 0 in a list stands for none */
		if (list[i] == ssrc)
			return true;
	return false;
}

static bool
ext_equals(const struct rtp_packet *p, uint8_t id, const char *text)
{
	struct rtp_ext e;

	return id != 0 && rtp_ext_find(p, id, &e) == 0 && e.size == strlen(text) &&
	       memcmp(e.data, text, e.size) == 0;
}

/* The media section of a new SSRC: by SDP, by MID, by payload type (RFC 8843 s.9.2). -1 if unknown.
 */
static int
track_of(const struct tracks *tracks, const struct rtp_packet *p)
{
	bool rtx;

	for (size_t i = 0; i < tracks->count; i++) {
		const struct track *t = &tracks->list[i];

		if (has_ssrc(t->ssrcs, t->ssrc_count, p->ssrc) ||
		    has_ssrc(t->rtx_ssrcs, t->rtx_ssrc_count, p->ssrc))
			return (int)i;
	}
	for (size_t i = 0; i < tracks->count; i++)
		if (ext_equals(p, tracks->list[i].ext_mid, tracks->list[i].mid))
			return (int)i;
	for (size_t i = 0; i < tracks->count; i++)
		if (codec_of(&tracks->list[i], p->pt, &rtx) >= 0)
			return (int)i;
	return -1;
}

/* The layer of a new SSRC: by RID, by SDP. -1: the packet does not say; a later one may. */
static int
layer_of(const struct track *t, const struct rtp_packet *p, bool rtx)
{
	for (size_t i = 0; i < t->rid_count; i++)
		if (ext_equals(p, rtx ? t->ext_repaired_rid : t->ext_rid, t->rids[i]))
			return (int)i;
	for (size_t i = 0; i < t->rid_count; i++)
		if ((i < t->ssrc_count && t->ssrcs[i] == p->ssrc) ||
		    (i < t->rtx_ssrc_count && t->rtx_ssrcs[i] == p->ssrc))
			return (int)i;
	return t->rid_count > 1 && (rtx ? t->ext_repaired_rid : t->ext_rid) != 0 ? -1 : 0;
}

/* What to add to the numbers of a source that begins at seq, so that they leap above top. */
static uint64_t
above(uint64_t top, uint16_t seq)
{
	return top + RTP_REWRITE_LEAP * 2 - (seq + (uint64_t)65536);
}

/*
 * The publisher changed the SSRC of a track (or collided with somebody, RFC 3550 s.8.2): the one
 * before is retired. The numbers of the new one leap above it, which every subscriber's rewriter
 * takes for a switch.
 */
static void
succeed(struct wsession *ws, struct source *fresh, uint16_t seq)
{
	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];

		if (s == fresh || s->rtx || s->retired || s->track != fresh->track ||
		    s->layer != fresh->layer)
			continue;
		s->retired = true;
		fresh->seq_offset = above(s->seq_offset + s->recv.max_seq, seq);
		if (ws->session->tracks.list[s->track].kind == TRACK_VIDEO)
			pub_ask_later(ws, s->lane);
		return;
	}
	if (fresh->lane != PT_NONE && ws->pub->lane_top[fresh->lane] != 0)
		fresh->seq_offset = above(ws->pub->lane_top[fresh->lane], seq);
}

/* The retired before the others, then the one that is silent for longest. */
static bool
is_deader(const struct source *a, const struct source *b)
{
	return a->retired != b->retired ? a->retired : a->last_us < b->last_us;
}

static void
bury(struct publisher *pub, struct source *dead)
{
	for (size_t i = 0; i < pub->source_count; i++)
		if (pub->sources[i]->primary == dead)
			pub->sources[i]->primary = NULL;
	if (!dead->rtx && !dead->retired && dead->lane != PT_NONE)
		pub->lane_top[dead->lane] = dead->seq_offset + dead->recv.max_seq;
	free(dead);
}

/* Room for one more: a dead one's, if all slots are taken. NULL: all of them live. */
static struct source **
source_slot(struct wsession *ws)
{
	struct publisher *pub = ws->pub;
	size_t at = 0;
	uint64_t silent_us;

	if (pub->source_count < SOURCES_MAX)
		return &pub->sources[pub->source_count++];
	for (size_t i = 1; i < pub->source_count; i++)
		if (is_deader(pub->sources[i], pub->sources[at]))
			at = i;
	silent_us = ws->worker->now_us - pub->sources[at]->last_us;
	if (silent_us < (pub->sources[at]->retired ? SOURCE_RETIRED_US : SOURCE_DEAD_US))
		return NULL;
	bury(pub, pub->sources[at]);
	return &pub->sources[at];
}

static struct source *
source_new(struct wsession *ws, const struct rtp_packet *p)
{
	const struct tracks *tracks = &ws->session->tracks;
	int track = track_of(tracks, p), codec, layer;
	struct source *s, **slot;
	bool rtx;

	if (track < 0)
		return NULL;
	codec = codec_of(&tracks->list[track], p->pt, &rtx);
	layer = codec >= 0 ? layer_of(&tracks->list[track], p, rtx) : -1;
	if (codec < 0 || layer < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	slot = s != NULL ? source_slot(ws) : NULL;
	if (slot == NULL) {
		free(s);
		return NULL;
	}
	s->ssrc = p->ssrc;
	s->last_us = ws->worker->now_us;
	s->track = (uint8_t)track;
	s->codec = (uint8_t)codec;
	s->rtx = rtx;
	s->layer = (uint8_t)layer;
	s->lane = tracks_lane(tracks, (unsigned)track, s->layer);
	rtp_recv_init(&s->recv, p->ssrc, tracks->list[track].codecs[codec].clock_rate);
	if (!ws->session->nack || (tracks->list[track].codecs[codec].feedback & FEEDBACK_NACK) == 0)
		s->recv.max_age_us = RTP_RECV_PLAIN_AGE_US;
	*slot = s;
	if (!rtx && s->lane != PT_NONE)
		ws->pub->keyframe_since_us[s->lane] = 0; /* who was asked was another */
	if (!rtx)
		succeed(ws, s, p->seq);
	return s;
}

static struct source *
source_find(struct wsession *ws, const struct rtp_packet *p)
{
	struct publisher *pub = ws->pub;

	for (size_t i = 0; i < pub->source_count; i++)
		if (pub->sources[i]->ssrc == p->ssrc)
			return pub->sources[i];
	return source_new(ws, p);
}

/* Whose packets an RTX source repeats: by SDP's pairs; one that SDP does not name, those of the
 * same media section and layer. */
static struct source *
primary_of(struct wsession *ws, struct source *rtx)
{
	const struct track *t = &ws->session->tracks.list[rtx->track];
	bool named = has_ssrc(t->rtx_ssrcs, t->rtx_ssrc_count, rtx->ssrc);

	if (rtx->primary != NULL && !rtx->primary->retired)
		return rtx->primary;
	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];

		if (s->rtx || s->retired || s->track != rtx->track)
			continue;
		if (!named && s->layer == rtx->layer)
			return rtx->primary = s;
		for (size_t k = 0; named && k < t->rtx_ssrc_count && k < t->ssrc_count; k++)
			if (t->rtx_ssrcs[k] == rtx->ssrc && t->ssrcs[k] == s->ssrc)
				return rtx->primary = s;
	}
	return NULL;
}

static void
note_twcc(struct wsession *ws, const struct source *s, const struct rtp_packet *p)
{
	uint8_t id = ws->session->tracks.list[s->track].ext_twcc;
	struct rtp_ext e;

	if (!ws->session->twcc || id == 0 || rtp_ext_find(p, id, &e) < 0 || e.size != 2)
		return;
	rtp_twcc_packet(&ws->pub->twcc, ws->worker->now_us, be16(e.data));
	if (ws->pub->next_twcc_us == 0)
		ws->pub->next_twcc_us = MAX_OF(ws->worker->now_us, ws->pub->twcc_us + TWCC_TICK_US);
}

/*
 * Is a keyframe an answer? Those that nobody asked for tell how far apart the source's own clock,
 * if it has one, puts them. One that was asked for answers if it comes soon, or later than that
 * clock explains. Whose the second of all is cannot be said: it counts as the clock's.
 */
static bool
is_answer(struct source *s, uint64_t now_us, bool asked, uint64_t since_us)
{
	uint64_t gop_us = s->key_us != 0 ? now_us - s->key_us : 0;
	uint64_t most_us = s->gop_us != 0 ? s->gop_us + s->gop_us / 8 : GOP_MAX_US;

	if ((!asked || s->gop_us == 0) && gop_us <= GOP_MAX_US)
		s->gop_us = MAX_OF(s->gop_us, gop_us);
	s->key_us = now_us;
	return asked && (gop_us > most_us || now_us - since_us < PERIODIC_US);
}

/* A keyframe begins: a wish for it is fulfilled. */
static void
note_keyframe(struct wsession *ws, struct source *s, enum payload_codec format)
{
	struct publisher *pub = ws->pub;
	uint64_t since_us;
	bool asked;

	if (s->lane == PT_NONE)
		return;
	since_us = pub->keyframe_since_us[s->lane];
	asked = pub->keyframe_wanted[s->lane] && since_us != 0;
	if (is_answer(s, ws->worker->now_us, asked, since_us) && ws->stream != NULL &&
	    !ws->session->periodic)
		stream_set_periodic(ws->stream, ws->worker, s->lane, false);
	pub->keyframe_wanted[s->lane] = false;
	if (format != PAYLOAD_NONE)
		STAT_ADD(ws->session->stats.keyframes, 1);
}

/*
 * It may say how large the picture is. Parameter sets that come when their frame's end has passed
 * were missing when browsers showed it (see worker_play_rtcp.c): another keyframe is due, whose
 * sets are news again.
 */
static void
note_size(struct wsession *ws, struct source *s, enum payload_codec format,
	  const struct rtp_packet *p, struct rtp_ring_slot *slot)
{
	bool late =
	    (slot->flags & RTP_RING_LATE) != 0 && (s->newest_ts != slot->ts || s->newest_marker);
	uint64_t size;

	if (s->lane == PT_NONE || s->retired)
		return;
	size = measure_keyframe(ws, s->lane, format, p, slot);
	if (size != 0 && ws->stream != NULL)
		stream_set_area(ws->stream, ws->worker, s->lane,
				(uint32_t)((size >> 32) * (uint32_t)size));
	if ((slot->flags & RTP_RING_SETS) == 0)
		return;
	if (s->sets_late)
		slot->flags |= RTP_RING_NEW_SETS;
	s->sets_late = late && (slot->flags & RTP_RING_NEW_SETS) != 0;
	if (late)
		pub_ask_keyframe(ws, s->lane);
}

static void
append(struct wsession *ws, struct source *s, const struct rtp_packet *p, uint64_t ext_seq,
       bool late)
{
	const struct codec *c = &ws->session->tracks.list[s->track].codecs[s->codec];
	struct rtp_ring_slot slot = {.seq = ext_seq + s->seq_offset,
				     .arrival_us = ws->worker->now_us,
				     .ts = p->ts,
				     .payload_size = (uint16_t)p->payload_size,
				     .pt = p->pt,
				     .marker = p->marker,
				     .tag = s->codec,
				     .flags = late ? RTP_RING_LATE : 0};

	if (p->payload_size > 0 &&
	    payload_starts_keyframe(c->format, p->payload, p->payload_size)) {
		if (!s->keyed || s->key_ts != p->ts || c->format == PAYLOAD_NONE) {
			slot.flags |= RTP_RING_KEYFRAME;
			s->keyed = true;
			s->key_ts = p->ts;
			note_keyframe(ws, s, c->format);
		}
		note_size(ws, s, c->format, p, &slot);
	}
	if (!late) {
		s->newest_ts = p->ts;
		s->newest_marker = p->marker;
	}
	measure_packet(ws, s->lane, s->track, s->codec, p);
	if (ws->stream != NULL && s->lane != PT_NONE && !s->retired)
		stream_append(ws->stream, ws->worker, s->lane, &slot, p->payload);
}

/* Its link stalled: what it was asked before it may not have heard. */
static void
note_silence(struct wsession *ws, const struct source *s)
{
	uint64_t now = ws->worker->now_us;

	if (now - s->last_us >= STALL_US && !s->rtx && s->lane != PT_NONE &&
	    ws->pub->keyframe_since_us[s->lane] != 0)
		ws->pub->keyframe_since_us[s->lane] = now;
}

void
pub_rtp(struct wsession *ws, uint8_t *buf, size_t size)
{
	struct rtp_packet p;
	struct source *s;
	const struct track *t;
	uint64_t ext_seq;
	bool rtx = false;
	int n, codec;
	enum rtp_recv_result result;

	if (rtp_parse(&p, buf, size) < 0)
		return;
	s = source_find(ws, &p);
	if (s == NULL)
		return;
	note_silence(ws, s);
	s->last_us = ws->worker->now_us;
	STAT_ADD(ws->session->stats.rx_packets, 1);
	STAT_ADD(ws->session->stats.rx_octets, size);
	note_twcc(ws, s, &p);
	rtp_remb_packet(&ws->pub->remb, size);
	t = &ws->session->tracks.list[s->track];
	if (s->rtx) {
		codec = codec_of(t, p.pt, &rtx);
		s = primary_of(ws, s);
		if (codec < 0 || !rtx || s == NULL)
			return;
		n = rtp_rtx_unwrap(buf, size, t->codecs[codec].pt, s->ssrc);
		if (n < 0 || rtp_parse(&p, buf, (size_t)n) < 0)
			return;
	}
	if (t->codecs[s->codec].pt !=
	    p.pt) { /* the publisher changed to another negotiated codec */
		codec = codec_of(t, p.pt, &rtx);
		if (codec < 0 || rtx)
			return;
		s->codec = (uint8_t)codec;
	}
	result = rtp_recv_packet(&s->recv, ws->worker->now_us, p.seq, p.ts, p.size, &ext_seq);
	if (result == RTP_RECV_DUPLICATE)
		STAT_ADD(ws->session->stats.rx_duplicates, 1);
	else if (result == RTP_RECV_LATE)
		STAT_ADD(ws->session->stats.rx_late, 1);
	if (result != RTP_RECV_DUPLICATE)
		append(ws, s, &p, ext_seq, result == RTP_RECV_LATE);
	ws_arm(ws);
}
