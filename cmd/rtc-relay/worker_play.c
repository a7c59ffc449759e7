/* worker_play.c - a WebRTC player: the fan-out of its streams, with its own numbers and keys. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "worker.h"

enum {
	FIRST_REPORT_US = 200000, /* after joining: audio and video are in step soon */
	CLOCK_GUESS_US = 2000000, /* how long a publisher's first sender report is waited for */
	PACKET_ROOM = RTP_PACKET_MAX + 64 /* octets of a protected packet at most */
};

/*
 * A TWCC number changes with every sending, so a packet that carries one can be resent by RTX only
 * (one index, one plaintext): without RTX, NACK wins and there are no numbers.
 */
static bool
may_number(const struct track *t)
{
	bool twcc = false;

	for (size_t i = 0; i < t->codec_count; i++) {
		const struct codec *c = &t->codecs[i];

		twcc |= (c->feedback & FEEDBACK_TWCC) != 0;
		if ((c->feedback & FEEDBACK_NACK) != 0 && c->rtx_pt == PT_NONE)
			return false;
	}
	return twcc && t->ext_twcc != 0;
}

int
play_new(struct wsession *ws)
{
	const struct tracks *tracks = &ws->session->tracks;
	struct player *play = calloc(1, sizeof(*play));

	if (play == NULL)
		return -ENOMEM;
	play->sinks = calloc(tracks->count, sizeof(*play->sinks));
	if (play->sinks == NULL) {
		free(play);
		return -ENOMEM;
	}
	play->sink_count = tracks->count;
	play->resend_tokens = RESEND_RATE;
	play->resend_us = ws->worker->now_us;
	for (size_t i = 0; i < tracks->count; i++) {
		const struct track *t = &tracks->list[i];
		struct sink *sink = &play->sinks[i];

		sink->source = PT_NONE;
		sink->waiting = true;
		sink->ssrc = t->out_ssrc;
		sink->rtx_ssrc = t->out_rtx_ssrc;
		sink->rtx_seq = (uint16_t)random_u32();
		sink->ext_twcc = t->ext_twcc;
		sink->has_twcc = ws->session->twcc && may_number(t);
		/* Below 2^15: no receiver mistakes an early wrap (RFC 3711 s.3.3.1). */
		rtp_rewrite_init(&sink->rw, (uint16_t)(random_u32() & 0x7fff), random_u32());
	}
	ws->play = play;
	return 0;
}

void
play_free(struct wsession *ws)
{
	if (ws->play == NULL)
		return;
	free(ws->play->sinks);
	free(ws->play);
}

void
play_bind(struct wsession *ws, const struct msg_bind *bind)
{
	struct player *play = ws->play;

	for (size_t i = 0; i < play->sink_count; i++) {
		play->sinks[i].source = bind->binding.tracks[i].source;
		memcpy(play->sinks[i].pt, bind->binding.tracks[i].pt, CODECS_MAX);
		memcpy(play->sinks[i].rtx_pt, bind->binding.tracks[i].rtx_pt, CODECS_MAX);
	}
	play->epoch = bind->epoch;
	if (ws->stream != NULL)
		play_join(ws);
}

void
play_join(struct wsession *ws)
{
	struct player *play = ws->play;
	struct wstream *s = ws->stream;

	if (s->epoch != play->epoch || !s->live)
		return;
	for (size_t i = 0; i < play->sink_count; i++) {
		struct sink *sink = &play->sinks[i];

		sink->waiting = true;
		sink->cursor = 0;
		if (sink->source >= s->track_count)
			continue;
		if (s->tracks[sink->source].ring != NULL)
			sink->cursor = rtp_ring_head(s->tracks[sink->source].ring);
		stream_want_keyframe(s, ws->worker, sink->source);
	}
	play->next_report_us = ws->worker->now_us + FIRST_REPORT_US;
	ws_arm(ws);
}

/* Fixed header and, with TWCC, an extension block of fixed size. Returns the octets. */
static size_t
write_header(struct player *play, struct sink *sink, uint8_t *out, uint8_t pt, bool marker,
	     uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	uint8_t *ext = out + RTP_HEADER_SIZE;

	rtp_write_header(out, pt, marker, sink->has_twcc, seq, ts, ssrc);
	if (!sink->has_twcc)
		return RTP_HEADER_SIZE;
	memset(ext, 0, EXT_BLOCK_SIZE);
	put_be16(ext + 2, 1); /* one word follows */
	if (sink->ext_twcc <= 14) {
		put_be16(ext, RTP_EXT_PROFILE_ONE_BYTE);
		ext[4] = (uint8_t)(sink->ext_twcc << 4 | 1);
		put_be16(ext + 5, play->twcc_seq++);
	} else {
		put_be16(ext, RTP_EXT_PROFILE_TWO_BYTE);
		ext[4] = sink->ext_twcc;
		ext[5] = 2;
		put_be16(ext + 6, play->twcc_seq++);
	}
	return RTP_HEADER_SIZE + EXT_BLOCK_SIZE;
}

static void
transmit(struct wsession *ws, struct udp *u, const uint8_t *hdr, size_t hdr_size,
	 const uint8_t *payload, size_t payload_size)
{
	uint8_t *out = udp_reserve(u, PACKET_ROOM);
	int n = rtpsec_protect(ws->send, hdr, hdr_size, payload, payload_size, out, PACKET_ROOM);

	if (n <= 0) {
		STAT_ADD(ws->session->stats.tx_dropped, 1);
		return;
	}
	udp_commit(u, &ws->path, (size_t)n);
	STAT_ADD(ws->session->stats.tx_packets, 1);
	STAT_ADD(ws->session->stats.tx_octets, n);
}

/* One packet of the ring to this player. */
static void
forward_packet(struct wsession *ws, struct udp *u, struct sink *sink, const struct wtrack *t,
	       const struct rtp_ring_slot *slot, const uint8_t *payload)
{
	uint8_t hdr[RTP_HEADER_SIZE + EXT_BLOCK_SIZE];
	uint64_t out_seq, now = ws->worker->now_us;
	uint32_t out_ts;
	size_t n;

	if (slot->tag >= CODECS_MAX || sink->pt[slot->tag] == PT_NONE)
		return;
	if (sink->waiting) {
		if (slot->payload_size == 0 ||
		    (t->kind == TRACK_VIDEO && (slot->flags & RTP_RING_KEYFRAME) == 0))
			return;
		sink->waiting = false;
		rtp_rewrite_switch(&sink->rw, slot->seq, slot->ts, now, t->clock_rate);
	}
	if (slot->payload_size == 0 ||
	    ((slot->flags & RTP_RING_DISPOSABLE) != 0 && !ws->session->keep_bframe)) {
		rtp_rewrite_drop(&sink->rw, slot->seq);
		return;
	}
	if (rtp_rewrite_map(&sink->rw, slot->seq, slot->ts, now, &out_seq, &out_ts) < 0)
		return;
	n = write_header(ws->play, sink, hdr, sink->pt[slot->tag], slot->marker, (uint16_t)out_seq,
			 out_ts, sink->ssrc);
	sink->packets++;
	sink->octets += slot->payload_size;
	transmit(ws, u, hdr, n, payload, slot->payload_size);
}

void
play_fanout(struct wsession *ws, const struct wstream *s)
{
	struct player *play = ws->play;
	struct udp *u = ws->has_path ? worker_udp(ws->worker, &ws->path) : NULL;

	if (u == NULL || play->epoch != s->epoch)
		return;
	for (size_t i = 0; i < play->sink_count; i++) {
		struct sink *sink = &play->sinks[i];
		const struct wtrack *t;
		uint64_t head;

		if (sink->source >= s->track_count || s->tracks[sink->source].ring == NULL)
			continue;
		t = &s->tracks[sink->source];
		head = rtp_ring_head(t->ring);
		while (sink->cursor < head) {
			const uint8_t *payload;
			const struct rtp_ring_slot *slot =
			    rtp_ring_get(t->ring, ++sink->cursor, &payload);

			if (slot != NULL)
				forward_packet(ws, u, sink, t, slot, payload);
		}
	}
}

static struct sink *
sink_by_ssrc(struct wsession *ws, uint32_t ssrc)
{
	for (size_t i = 0; i < ws->play->sink_count; i++)
		if (ws->play->sinks[i].ssrc == ssrc)
			return &ws->play->sinks[i];
	return NULL;
}

/* A token per packet resent, RESEND_RATE a second: a NACK storm does not multiply what we send. */
static bool
may_resend(struct wsession *ws)
{
	struct player *play = ws->play;
	uint64_t add = (ws->worker->now_us - play->resend_us) * RESEND_RATE / 1000000;

	if (add > 0) {
		play->resend_tokens = (uint32_t)MIN_OF(play->resend_tokens + add, RESEND_RATE);
		play->resend_us = ws->worker->now_us;
	}
	if (play->resend_tokens == 0)
		return false;
	play->resend_tokens--;
	return true;
}

struct resend {
	struct wsession *ws;
	struct sink *sink;
	struct udp *udp;
};

/* RFC 4588 where negotiated; otherwise the identical octets again (the index is used up already).
 */
static void
resend_packet(void *arg, uint16_t seq)
{
	struct resend *r = arg;
	struct sink *sink = r->sink;
	const struct wtrack *t = &r->ws->stream->tracks[sink->source];
	uint8_t hdr[RTP_HEADER_SIZE + EXT_BLOCK_SIZE], wrapped[RTP_PACKET_MAX];
	const uint8_t *payload;
	const struct rtp_ring_slot *slot;
	uint64_t src_seq, position;
	uint32_t ts;
	size_t n;

	STAT_ADD(r->ws->session->stats.nacks_received, 1);
	if (rtp_rewrite_source(&sink->rw, seq, &src_seq) < 0)
		return;
	position = rtp_ring_find(t->ring, src_seq);
	slot = position != 0 && position <= sink->cursor ? rtp_ring_get(t->ring, position, &payload)
							 : NULL;
	if (slot == NULL || slot->tag >= CODECS_MAX || sink->pt[slot->tag] == PT_NONE ||
	    slot->payload_size > RTP_PACKET_MAX - 2 || !may_resend(r->ws))
		return;
	ts = rtp_rewrite_ts(&sink->rw, slot->ts);
	if (sink->rtx_pt[slot->tag] != PT_NONE && sink->rtx_ssrc != 0) {
		n = write_header(r->ws->play, sink, hdr, sink->rtx_pt[slot->tag], slot->marker,
				 sink->rtx_seq++, ts, sink->rtx_ssrc);
		put_be16(wrapped, seq);
		memcpy(wrapped + 2, payload, slot->payload_size);
		transmit(r->ws, r->udp, hdr, n, wrapped, slot->payload_size + 2u);
	} else if (!sink->has_twcc) {
		n = write_header(r->ws->play, sink, hdr, sink->pt[slot->tag], slot->marker, seq, ts,
				 sink->ssrc);
		transmit(r->ws, r->udp, hdr, n, payload, slot->payload_size);
	}
	STAT_ADD(r->ws->session->stats.resent, 1);
}

static void
on_nack(struct wsession *ws, struct sink *sink, const struct rtcp_packet *p)
{
	struct resend r = {ws, sink, ws->has_path ? worker_udp(ws->worker, &ws->path) : NULL};

	if (ws->session->nack && !sink->waiting && r.udp != NULL && ws->stream != NULL &&
	    ws->play->epoch == ws->stream->epoch && sink->source < ws->stream->track_count &&
	    ws->stream->tracks[sink->source].ring != NULL)
		rtcp_get_nack(p, resend_packet, &r);
}

static void
on_keyframe_request(struct wsession *ws, struct sink *sink)
{
	STAT_ADD(ws->session->stats.plis_received, 1);
	if (ws->stream != NULL && ws->play->epoch == ws->stream->epoch)
		stream_want_keyframe(ws->stream, ws->worker, sink->source);
}

static void
on_feedback(struct wsession *ws, const struct rtcp_packet *p)
{
	uint32_t sender, media, ssrc;
	uint8_t seq;
	struct sink *sink;
	uint64_t bps;

	if (rtcp_get_feedback(p, &sender, &media) < 0)
		return;
	sink = sink_by_ssrc(ws, media);
	if (p->type == RTCP_RTPFB && p->count == RTCP_FB_NACK && sink != NULL)
		on_nack(ws, sink, p);
	else if (p->type == RTCP_PSFB && p->count == RTCP_FB_PLI && sink != NULL)
		on_keyframe_request(ws, sink);
	else if (p->type == RTCP_PSFB && p->count == RTCP_FB_FIR) {
		for (size_t i = 0; rtcp_get_fir(p, i, &ssrc, &seq) == 0; i++)
			if (sink_by_ssrc(ws, ssrc) != NULL)
				on_keyframe_request(ws, sink_by_ssrc(ws, ssrc));
	} else if (p->type == RTCP_PSFB && rtcp_get_remb(p, &bps) == 0)
		STAT_SET(ws->session->stats.remb_bps, bps);
}

/* NTP time of now on the clock that the track's sender reports carry. */
static uint64_t
ntp_now(const struct wclock *c, uint64_t now_us)
{
	return c->ntp + clock_us_to_ntp(now_us - c->at_us);
}

/* RFC 3550 s.6.4.1: RTT = now - LSR - DLSR. */
static void
on_report(struct wsession *ws, const struct rtcp_packet *p)
{
	struct rtcp_report r;

	for (size_t i = 0; rtcp_get_report(p, i, &r) == 0; i++) {
		struct sink *sink = sink_by_ssrc(ws, r.ssrc);
		uint32_t now, rtt;

		if (sink == NULL || r.lsr == 0 || ws->stream == NULL ||
		    sink->source >= ws->stream->track_count)
			continue;
		now = (uint32_t)(ntp_now(&ws->stream->tracks[sink->source].clock,
					 ws->worker->now_us) >>
				 16);
		rtt = now - r.lsr - r.dlsr;
		if (rtt < 10 << 16)
			STAT_SET(ws->session->stats.rtt_us, (uint64_t)rtt * 1000000 >> 16);
	}
}

typedef void rtcp_fn(struct wsession *ws, const struct rtcp_packet *p);

static rtcp_fn *const dispatch[256] = {
    [RTCP_SR] = on_report,
    [RTCP_RR] = on_report,
    [RTCP_RTPFB] = on_feedback,
    [RTCP_PSFB] = on_feedback,
};

void
play_rtcp(struct wsession *ws, const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	size_t offset = 0;

	while (rtcp_next(buf, size, &offset, &p) > 0)
		if (dispatch[p.type] != NULL)
			dispatch[p.type](ws, &p);
}

/* A sender report made from the publisher's clock, moved on to now. */
static void
write_sender_report(struct wsession *ws, const struct sink *sink, struct rtcp_writer *out)
{
	const struct wtrack *t = &ws->stream->tracks[sink->source];
	uint64_t now = ws->worker->now_us, since = now - t->clock.at_us;
	struct rtcp_sr sr = {.ssrc = sink->ssrc, .packets = sink->packets, .octets = sink->octets};

	if (t->clock.ntp == 0 || (!t->clock.from_source && now - t->first_us < CLOCK_GUESS_US))
		return;
	sr.ntp = ntp_now(&t->clock, now);
	sr.rtp_ts =
	    rtp_rewrite_ts(&sink->rw, t->clock.ts + (uint32_t)(since * t->clock_rate / 1000000));
	rtcp_add_sr(out, &sr, NULL, 0);
	rtcp_add_sdes_cname(out, sink->ssrc, ws->session->cname);
}

void
play_timeout(struct wsession *ws)
{
	struct player *play = ws->play;
	uint8_t buf[RTP_PACKET_MAX];
	struct rtcp_writer out;
	int n;

	if (ws->send == NULL || play->next_report_us == 0 ||
	    play->next_report_us > ws->worker->now_us)
		return;
	play->next_report_us = ws->worker->now_us + REPORT_TICK_US;
	if (ws->stream == NULL || ws->stream->epoch != play->epoch)
		return;
	rtcp_start(&out, buf, RTCP_COMPOUND_MAX);
	for (size_t i = 0; i < play->sink_count; i++) {
		const struct sink *sink = &play->sinks[i];

		if (sink->source < ws->stream->track_count && !sink->waiting && sink->packets > 0)
			write_sender_report(ws, sink, &out);
	}
	n = rtcp_finish(&out);
	if (n > 0)
		ws_send_rtcp(ws, buf, (size_t)n, sizeof(buf));
}

uint64_t
play_deadline(const struct wsession *ws)
{
	return ws->send != NULL && ws->play->next_report_us != 0 ? ws->play->next_report_us
								 : CLOCK_NEVER;
}

void
play_bye(struct wsession *ws)
{
	uint8_t buf[RTP_PACKET_MAX];
	struct rtcp_writer out;
	int n;

	rtcp_start(&out, buf, RTCP_COMPOUND_MAX);
	rtcp_add_rr(&out, ws->report_ssrc, NULL, 0);
	for (size_t i = 0; i < ws->play->sink_count; i++)
		if (ws->play->sinks[i].packets > 0)
			rtcp_add_bye(&out, ws->play->sinks[i].ssrc);
	n = rtcp_finish(&out);
	if (n > 0)
		ws_send_rtcp(ws, buf, (size_t)n, sizeof(buf));
}
