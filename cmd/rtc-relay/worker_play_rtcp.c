/* worker_play_rtcp.c - a player's RTCP: what it asks is answered, what it needs to know is told. */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "worker.h"

static struct sink *
sink_by_ssrc(struct wsession *ws, uint32_t ssrc)
{
	for (size_t i = 0; i < ws->play->sink_count; i++)
		if (ws->play->sinks[i].ssrc == ssrc)
			return &ws->play->sinks[i];
	return NULL;
}

/* A token per packet asked for: a NACK storm multiplies neither what we send nor what we search. */
static bool
may_resend(struct wsession *ws)
{
	return bucket_take(&ws->play->resends, ws->worker->now_us, RESEND_RATE, RESEND_RATE);
}

struct resend {
	struct wsession *ws;
	struct sink *sink;
	struct wout out;
};

/*
 * Browsers show a keyframe of H264 as soon as its slices are there, and do not miss the parameter
 * sets before them: by those of another picture size they see rubbish, and ask for nothing. Who has
 * the right ones, or was sent the last ones whole, needs no keyframe for the loss of what he knows.
 */
static void
note_sets(struct wsession *ws, struct sink *sink, const struct rtp_ring_slot *slot)
{
	uint64_t now = ws->worker->now_us;

	if ((slot->flags & RTP_RING_SETS) == 0 ||
	    ((slot->flags & RTP_RING_NEW_SETS) == 0 && now - sink->doubt_us > DOUBT_US))
		return;
	sink->doubt_us = now;
	stream_want_keyframe(ws->stream, ws->worker, sink->source);
}

/* RFC 4588 where negotiated; otherwise the identical octets again (the index is used up already).
 */
static void
resend_packet(void *arg, uint16_t seq)
{
	struct resend *r = arg;
	struct sink *sink = r->sink;
	const struct wtrack *t = &r->ws->stream->tracks[sink->source];
	const struct rtp_rewrite *rw = &sink->rw;
	uint64_t same_from = sink->same_from;
	uint8_t hdr[RTP_HEADER_SIZE + EXT_BLOCK_MAX], wrapped[RTP_PACKET_MAX];
	const uint8_t *payload;
	const struct rtp_ring_slot *slot;
	struct sink_part part;
	uint64_t src_seq, position;
	uint32_t ts;
	size_t n;

	STAT_ADD(r->ws->session->stats.nacks_received, 1);
	if (!may_resend(r->ws))
		return;
	if (rtp_rewrite_source(rw, seq, &src_seq) < 0) { /* sent before the last change of layer? */
		if (sink->prev.source == PT_NONE ||
		    rtp_rewrite_source(&sink->prev.rw, seq, &src_seq) < 0)
			return;
		t = &r->ws->stream->tracks[sink->prev.source];
		rw = &sink->prev.rw;
		same_from = sink->prev.same_from;
	}
	position = t->ring != NULL ? rtp_ring_find(t->ring, src_seq) : 0;
	/* Its padding is decided, and if it was to be sent it was. */
	slot = position != 0 && position <= (rw == &sink->rw ? sink->cursor : t->equalised)
		   ? rtp_ring_get(t->ring, position, &payload)
		   : NULL;
	if (slot == NULL || slot->tag >= CODECS_MAX || sink->pt[slot->tag] == PT_NONE ||
	    slot->payload_size > RTP_PACKET_MAX - 2)
		return;
	play_take(r->ws, sink, slot, payload, &part);
	if (rw == &sink->rw)
		note_sets(r->ws, sink, slot);
	ts = rtp_rewrite_ts(rw, rw == &sink->rw ? sink_ts(sink, slot) : sink_prev_ts(sink, slot));
	if (sink->rtx_pt[slot->tag] != PT_NONE && sink->rtx_ssrc != 0) {
		n = play_write_header(r->ws->play, sink, hdr, sink->rtx_pt[slot->tag], slot,
				      sink->rtx_seq++, ts, sink->rtx_ssrc);
		put_be16(wrapped, seq);
		if (part.size > 0)
			memcpy(wrapped + 2, part.payload, part.size);
		play_transmit(r->ws, &r->out, hdr, n, wrapped, part.size + 2);
	} else if (!sink->has_twcc && src_seq >= same_from) {
		n = play_write_header(r->ws->play, sink, hdr, sink->pt[slot->tag], slot, seq, ts,
				      sink->ssrc);
		play_send_part(r->ws, &r->out, hdr, n, slot, &part);
	}
	STAT_ADD(r->ws->session->stats.resent, 1);
}

static void
on_nack(struct wsession *ws, struct sink *sink, const struct rtcp_packet *p)
{
	struct resend r = {ws, sink, {NULL, NULL}};

	if (ws->has_path)
		r.out = worker_out(ws->worker, &ws->path);
	/* What TCP carries is not lost; what does not fit is left out for good. */
	if (r.out.tcp != NULL && tcp_conn_queued(r.out.tcp) > 0)
		return;
	if (ws->session->nack && !sink->waiting && wout_is_open(&r.out) && ws->stream != NULL &&
	    ws->play->epoch == ws->stream->epoch && sink->source < ws->stream->lane_end &&
	    ws->stream->tracks[sink->source].ring != NULL)
		rtcp_get_nack(p, resend_packet, &r);
}

static void
on_keyframe_request(struct wsession *ws, struct sink *sink)
{
	STAT_ADD(ws->session->stats.plis_received, 1);
	if (ws->stream != NULL && ws->play->epoch == ws->stream->epoch && !sink->starved)
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
	if (p->type == RTCP_RTPFB && p->count == RTCP_FB_TWCC) {
		layers_feedback(ws, p);
		return;
	}
	sink = sink_by_ssrc(ws, media);
	if (p->type == RTCP_RTPFB && p->count == RTCP_FB_NACK && sink != NULL)
		on_nack(ws, sink, p);
	else if (p->type == RTCP_PSFB && p->count == RTCP_FB_PLI && sink != NULL)
		on_keyframe_request(ws, sink);
	else if (p->type == RTCP_PSFB && p->count == RTCP_FB_FIR) {
		for (size_t i = 0; rtcp_get_fir(p, i, &ssrc, &seq) == 0; i++)
			if (sink_by_ssrc(ws, ssrc) != NULL)
				on_keyframe_request(ws, sink_by_ssrc(ws, ssrc));
	} else if (p->type == RTCP_PSFB && rtcp_get_remb(p, &bps) == 0) {
		STAT_SET(ws->session->stats.remb_bps, bps);
		rtp_fit_estimate(&ws->play->fit, ws->worker->now_us, bps);
	}
}

/* What the player says of one SSRC; the worst of a packet's stays. */
static void
note_loss(struct wsession *ws, const struct sink *sink, const struct rtcp_report *r, bool first)
{
	struct session_stats *stats = &ws->session->stats;
	uint64_t jitter_us =
	    (uint64_t)r->jitter * 1000000 / MAX_OF(ws->stream->tracks[sink->source].clock_rate, 1u);
	uint64_t loss = (uint64_t)r->fraction_lost * 1000 / 256;

	STAT_SET(stats->jitter_us, first ? jitter_us : MAX_OF(stats->jitter_us, jitter_us));
	STAT_SET(stats->loss_permille, first ? loss : MAX_OF(stats->loss_permille, loss));
	if (ws->play->epoch == ws->stream->epoch && !sink->has_twcc)
		layers_report(ws, sink, r->fraction_lost, STAT_GET(ws->session->stats.rtt_us));
}

/* RFC 3550 s.6.4.1: RTT = now - LSR - DLSR. */
static void
on_report(struct wsession *ws, const struct rtcp_packet *p)
{
	struct rtcp_report r;
	bool first = true;

	for (size_t i = 0; rtcp_get_report(p, i, &r) == 0; i++) {
		struct sink *sink = sink_by_ssrc(ws, r.ssrc);
		uint32_t now, rtt;

		if (sink == NULL || ws->stream == NULL || sink->source >= ws->stream->lane_end)
			continue;
		note_loss(ws, sink, &r, first);
		first = false;
		if (r.lsr == 0)
			continue;
		now = (uint32_t)(stream_clock_ntp(ws->stream, sink->source, ws->worker->now_us) >>
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
	struct rtcp_sr sr = {.ssrc = sink->ssrc, .packets = sink->packets, .octets = sink->octets};

	if (!stream_clock_report(ws->stream, sink->source, ws->worker->now_us, &sr))
		return;
	sr.rtp_ts = rtp_rewrite_ts(&sink->rw, sr.rtp_ts);
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

	if (play->next_burst_us != 0 && play->next_burst_us <= ws->worker->now_us) {
		play->next_burst_us = 0;
		if (ws->stream != NULL)
			play_fanout(ws, ws->stream);
	}
	if (ws->send == NULL || play->next_report_us == 0 ||
	    play->next_report_us > ws->worker->now_us)
		return;
	play->next_report_us =
	    ws->worker->now_us + (ws->worker->now_us - play->joined_us < REPORT_EARLY_FOR_US
				      ? REPORT_EARLY_US
				      : REPORT_TICK_US);
	if (ws->stream == NULL || ws->stream->epoch != play->epoch)
		return;
	rtcp_start(&out, buf, RTCP_COMPOUND_MAX);
	for (size_t i = 0; i < play->sink_count; i++) {
		const struct sink *sink = &play->sinks[i];

		if (sink->source < ws->stream->lane_end && !sink->waiting && sink->packets > 0)
			write_sender_report(ws, sink, &out);
	}
	n = rtcp_finish(&out);
	if (n > 0)
		ws_send_rtcp(ws, buf, (size_t)n, sizeof(buf));
}

uint64_t
play_deadline(const struct wsession *ws)
{
	uint64_t at = CLOCK_NEVER;

	if (ws->send != NULL && ws->play->next_report_us != 0)
		at = ws->play->next_report_us;
	if (ws->play->next_burst_us != 0)
		at = MIN_OF(at, ws->play->next_burst_us);
	return at;
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
