/* worker_publish.c - a WebRTC publisher: its RTP into the stream's rings, its RTCP terminated. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "h264/h264.h"
#include "worker.h"

enum {
	RTT_GUESS_US = 50000, /* until one was measured */
	NACKS_PER_REPORT = 128
};

int
pub_new(struct wsession *ws)
{
	ws->pub = calloc(1, sizeof(*ws->pub));
	if (ws->pub == NULL)
		return -ENOMEM;
	rtp_twcc_init(&ws->pub->twcc);
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

bool
codec_starts_keyframe(enum codec_format format, const uint8_t *payload, size_t size)
{
	size_t at = 1;

	if (format == FORMAT_H264)
		return h264_payload_starts_keyframe(payload, size);
	if (format != FORMAT_VP8)
		return true;
	/* RFC 7741 s.4.2: S set, partition 0; s.4.3: the P bit of the frame's first octet is 0. */
	if (size < 2 || (payload[0] & 0x1f) != 0x10)
		return false;
	if ((payload[0] & 0x80) != 0) {
		uint8_t x = payload[at++];

		if ((x & 0x80) != 0 && at < size)
			at += (payload[at] & 0x80) != 0 ? 2 : 1;
		at += (x & 0x40) != 0;
		at += (x & 0x30) != 0;
	}
	return at < size && (payload[at] & 1) == 0;
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
	for (size_t i = 0; i < count; i++)
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

/* As pub_ask_keyframe(), but the request is written at the next deadline. */
static void
pub_ask_later(struct wsession *ws, unsigned lane)
{
	if (lane == PT_NONE || ws->pub->keyframe_wanted[lane])
		return;
	ws->pub->keyframe_wanted[lane] = true;
	ws->pub->keyframe_since_us[lane] = ws->worker->now_us;
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

		if (s->rtx || s->retired || s->track != fresh->track || s->layer != fresh->layer)
			continue;
		s->retired = true;
		fresh->seq_offset = s->seq_offset + s->recv.max_seq + RTP_REWRITE_LEAP * 2 -
				    (seq + (uint64_t)65536);
		if (ws->session->tracks.list[s->track].kind == TRACK_VIDEO)
			pub_ask_later(ws, s->lane);
	}
}

static struct source *
source_new(struct wsession *ws, const struct rtp_packet *p)
{
	const struct tracks *tracks = &ws->session->tracks;
	int track = track_of(tracks, p), codec, layer;
	struct source *s;
	bool rtx;

	if (track < 0 || ws->pub->source_count == SOURCES_MAX)
		return NULL;
	codec = codec_of(&tracks->list[track], p->pt, &rtx);
	layer = codec >= 0 ? layer_of(&tracks->list[track], p, rtx) : -1;
	if (codec < 0 || layer < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->ssrc = p->ssrc;
	s->track = (uint8_t)track;
	s->codec = (uint8_t)codec;
	s->rtx = rtx;
	s->layer = (uint8_t)layer;
	s->lane = tracks_lane(tracks, (unsigned)track, s->layer);
	rtp_recv_init(&s->recv, p->ssrc, tracks->list[track].codecs[codec].clock_rate);
	if (!rtx)
		succeed(ws, s, p->seq);
	ws->pub->sources[ws->pub->source_count++] = s;
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

/* Whose packets an RTX source repeats: the same media section and layer; by SDP's pairs first. */
static struct source *
primary_of(struct wsession *ws, struct source *rtx)
{
	const struct track *t = &ws->session->tracks.list[rtx->track];

	if (rtx->primary != NULL && !rtx->primary->retired)
		return rtx->primary;
	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];

		if (s->rtx || s->retired || s->track != rtx->track)
			continue;
		for (size_t k = 0; k < t->rtx_ssrc_count && k < t->ssrc_count; k++)
			if (t->rtx_ssrcs[k] == rtx->ssrc && t->ssrcs[k] == s->ssrc)
				return rtx->primary = s;
		if (t->rtx_ssrc_count == 0 && s->layer == rtx->layer)
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
		ws->pub->next_twcc_us = ws->worker->now_us + TWCC_TICK_US;
}

/* A keyframe begins: a wish for it is fulfilled, and it may say how large the picture is. */
static void
note_keyframe(struct wsession *ws, const struct source *s, enum codec_format format,
	      const struct rtp_packet *p)
{
	struct publisher *pub = ws->pub;
	uint64_t size;

	if (s->lane == PT_NONE)
		return;
	if (pub->keyframe_wanted[s->lane] && ws->stream != NULL && !ws->session->periodic &&
	    ws->worker->now_us - pub->keyframe_since_us[s->lane] < PERIODIC_US)
		stream_set_periodic(ws->stream, ws->worker, s->lane, false);
	pub->keyframe_wanted[s->lane] = false;
	if (format != FORMAT_ANY)
		STAT_ADD(ws->session->stats.keyframes, 1);
	size = ws->session->tracks.list[s->track].rid_count > 1
		   ? codec_picture_size(format, p->payload, p->payload_size)
		   : 0;
	if (size == 0)
		return;
	if (ws->session->lanes != NULL)
		STAT_SET(ws->session->lanes[s->lane].size, size);
	if (ws->stream != NULL && !s->retired)
		stream_set_area(ws->stream, ws->worker, s->lane,
				(uint32_t)((size >> 32) * (uint32_t)size));
}

static void
note_lane(struct wsession *ws, struct lane_stats *lane, size_t octets)
{
	STAT_ADD(lane->packets, 1);
	STAT_ADD(lane->octets, octets);
	STAT_SET(lane->last_us, ws->worker->now_us);
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

	if (p->payload_size > 0 && codec_starts_keyframe(c->format, p->payload, p->payload_size) &&
	    (!s->keyed || s->key_ts != p->ts || c->format == FORMAT_ANY)) {
		slot.flags |= RTP_RING_KEYFRAME;
		s->keyed = true;
		s->key_ts = p->ts;
		note_keyframe(ws, s, c->format, p);
	}
	if (ws->session->lanes != NULL && s->lane != PT_NONE)
		note_lane(ws, &ws->session->lanes[s->lane], p->payload_size);
	if (ws->stream != NULL && s->lane != PT_NONE && !s->retired)
		stream_append(ws->stream, ws->worker, s->lane, &slot, p->payload);
}

void
pub_rtp(struct wsession *ws, uint8_t *buf, size_t size)
{
	struct rtp_packet p;
	struct source *s;
	const struct track *t;
	uint64_t ext_seq;
	bool rtx;
	int n, codec;
	enum rtp_recv_result result;

	if (rtp_parse(&p, buf, size) < 0)
		return;
	s = source_find(ws, &p);
	if (s == NULL)
		return;
	STAT_ADD(ws->session->stats.rx_packets, 1);
	STAT_ADD(ws->session->stats.rx_octets, size);
	note_twcc(ws, s, &p);
	t = &ws->session->tracks.list[s->track];
	if (s->rtx) {
		codec = codec_of(t, p.pt, &rtx);
		s = primary_of(ws, s);
		if (codec < 0 || s == NULL)
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
	if (result != RTP_RECV_DUPLICATE)
		append(ws, s, &p, ext_seq, result == RTP_RECV_LATE);
	ws_arm(ws);
}

void
pub_ask_keyframe(struct wsession *ws, unsigned lane)
{
	struct publisher *pub = ws->pub;

	if (lane >= LANES_MAX || pub->keyframe_wanted[lane])
		return;
	pub->keyframe_wanted[lane] = true;
	pub->keyframe_since_us[lane] = ws->worker->now_us;
	if (pub->keyframe_asked_us[lane] == 0 ||
	    ws->worker->now_us - pub->keyframe_asked_us[lane] >= KEYFRAME_REQUEST_US)
		pub_timeout(ws);
	ws_arm(ws);
}

static struct source *
source_of_lane(struct wsession *ws, unsigned lane)
{
	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];

		if (s->lane == lane && !s->rtx && !s->retired)
			return s;
	}
	return NULL;
}

/* A layer of simulcast that does not send. */
static bool
is_paused(const struct wsession *ws, unsigned lane)
{
	return ws->stream != NULL && ws->stream->layers[ws->stream->tracks[lane].track].count > 1 &&
	       ws->stream->tracks[lane].last_us + LAYER_SILENCE_US < ws->worker->now_us;
}

/* PLI (RFC 4585 s.6.3.1), or FIR (RFC 5104 s.4.3.1) to who knows only that. */
static void
write_keyframe_requests(struct wsession *ws, struct rtcp_writer *out)
{
	struct publisher *pub = ws->pub;
	uint64_t now = ws->worker->now_us;

	for (unsigned i = 0; i < pub->lane_end; i++) {
		struct source *s;
		uint8_t feedback;

		if (!pub->keyframe_wanted[i] ||
		    (pub->keyframe_asked_us[i] != 0 &&
		     now - pub->keyframe_asked_us[i] < KEYFRAME_REQUEST_US))
			continue;
		if (is_paused(ws, i)) { /* who wants it when it comes back says so then */
			pub->keyframe_wanted[i] = false;
			continue;
		}
		if (ws->stream != NULL && now - pub->keyframe_since_us[i] >= PERIODIC_US)
			stream_set_periodic(ws->stream, ws->worker, i, true);
		s = source_of_lane(ws, i);
		pub->keyframe_asked_us[i] = now;
		if (s == NULL)
			continue; /* nothing came yet: there is no SSRC to ask */
		feedback = ws->session->tracks.list[s->track].codecs[s->codec].feedback;
		if ((feedback & FEEDBACK_FIR) != 0 && (feedback & FEEDBACK_PLI) == 0)
			rtcp_add_fir(out, ws->report_ssrc, s->ssrc, pub->fir_seq++);
		else
			rtcp_add_pli(out, ws->report_ssrc, s->ssrc);
		STAT_ADD(ws->session->stats.plis_sent, 1);
	}
}

static void
write_nacks(struct wsession *ws, struct rtcp_writer *out)
{
	uint64_t rtt = STAT_GET(ws->session->stats.rtt_us);

	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];
		uint16_t seqs[NACKS_PER_REPORT];
		size_t count;

		if (s->rtx)
			continue;
		count = rtp_recv_nack(&s->recv, ws->worker->now_us, rtt != 0 ? rtt : RTT_GUESS_US,
				      seqs, ARRAY_COUNT(seqs));
		if (s->recv.hole) {
			s->recv.hole = false;
			if (ws->session->tracks.list[s->track].kind == TRACK_VIDEO)
				pub_ask_later(ws, s->lane);
		}
		if (count == 0 || !ws->session->nack)
			continue;
		rtcp_add_nack(out, ws->report_ssrc, s->ssrc, seqs, count);
		STAT_ADD(ws->session->stats.nacks_sent, count);
	}
}

/* Receiver report of every source, with our own reference time for the RTT (RFC 3611 s.4.4). */
static void
write_report(struct wsession *ws, struct rtcp_writer *out)
{
	struct rtcp_report reports[SOURCES_MAX];
	size_t count = 0;
	uint64_t lost = 0, ntp = clock_ntp();

	for (size_t i = 0; i < ws->pub->source_count; i++) {
		if (ws->pub->sources[i]->rtx)
			continue;
		rtp_recv_report(&ws->pub->sources[i]->recv, ws->worker->now_us, &reports[count++]);
		lost += rtp_recv_lost(&ws->pub->sources[i]->recv);
	}
	STAT_SET(ws->session->stats.rx_lost, lost);
	rtcp_add_rr(out, ws->report_ssrc, reports, count);
	rtcp_add_sdes_cname(out, ws->report_ssrc, ws->session->cname);
	rtcp_add_xr_rrtr(out, ws->report_ssrc, ntp);
	ws->pub->rrtr_ntp = ntp;
	ws->pub->next_report_us = ws->worker->now_us + REPORT_TICK_US;
}

void
pub_timeout(struct wsession *ws)
{
	struct publisher *pub = ws->pub;
	uint64_t now = ws->worker->now_us;
	uint8_t buf[RTP_PACKET_MAX];
	struct rtcp_writer out;
	bool report = pub->next_report_us <= now;
	size_t head;
	int n;

	if (ws->send == NULL)
		return;
	rtcp_start(&out, buf, RTCP_COMPOUND_MAX);
	if (report)
		write_report(ws, &out);
	else
		rtcp_add_rr(&out, ws->report_ssrc, NULL, 0);
	head = report ? 0 : out.size;
	if (pub->next_nack_us <= now) {
		write_nacks(ws, &out);
		pub->next_nack_us = now + NACK_TICK_US;
	}
	write_keyframe_requests(ws, &out);
	if (pub->next_twcc_us != 0 && pub->next_twcc_us <= now) {
		pub->next_twcc_us = 0;
		if (rtp_twcc_pending(&pub->twcc) && pub->source_count > 0)
			rtp_twcc_write(&pub->twcc, &out, ws->report_ssrc, pub->sources[0]->ssrc);
		if (rtp_twcc_pending(&pub->twcc))
			pub->next_twcc_us = now;
	}
	n = rtcp_finish(&out);
	if (n == -ENOSPC) /* several sources with many losses: what fitted is whole packets */
		n = (int)out.size;
	if (n > 0 && (size_t)n > head) /* an empty RR alone says nothing */
		ws_send_rtcp(ws, buf, (size_t)n, sizeof(buf));
}

uint64_t
pub_deadline(const struct wsession *ws)
{
	const struct publisher *pub = ws->pub;
	uint64_t at;

	if (ws->send == NULL)
		return CLOCK_NEVER;
	at = pub->next_report_us;
	if (pub->next_twcc_us != 0)
		at = MIN_OF(at, pub->next_twcc_us);
	for (size_t i = 0; i < pub->source_count; i++) {
		uint64_t due = pub->sources[i]->rtx
				   ? CLOCK_NEVER
				   : rtp_recv_nack_deadline(&pub->sources[i]->recv);

		if (due != CLOCK_NEVER)
			at = MIN_OF(at, MAX_OF(due, pub->next_nack_us));
	}
	for (size_t i = 0; i < pub->lane_end; i++)
		if (pub->keyframe_wanted[i])
			at = MIN_OF(at, pub->keyframe_asked_us[i] + KEYFRAME_REQUEST_US);
	return at;
}
