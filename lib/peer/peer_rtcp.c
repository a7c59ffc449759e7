/* peer_rtcp.c - RTCP that we say: reports, NACK, PLI, FIR, TWCC feedback, REMB, BYE. */
#include "peer/peer_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { RTCP_ROOM = RTCP_COMPOUND_MAX + RTPSEC_OVERHEAD_MAX };

/* A compound being written. */
struct compound {
	struct rtcp_writer w;
	uint8_t buf[RTCP_ROOM];
};

uint64_t
peer_known_rtt(const struct peer *p)
{
	return p->rtts_us.count > 0 ? median_of(&p->rtts_us) : peer_ice_rtt(p);
}

uint64_t
peer_rtt(const struct peer *p)
{
	uint64_t rtt_us = peer_known_rtt(p);

	return rtt_us != 0 ? rtt_us : PEER_RTT_DEFAULT_US;
}

/* Protect and queue what was written; nothing happens if that is nothing. */
static void
flush(struct peer *p, struct compound *c)
{
	int size = rtcp_finish(&c->w);
	struct peer_out *o;

	if (size <= 0 || p->out_count >= PEER_QUEUE_MAX)
		return;
	size = rtpsec_protect_rtcp(p->send, c->buf, (size_t)size, sizeof(c->buf));
	o = size > 0 ? malloc(sizeof(*o) + (size_t)size) : NULL;
	if (o == NULL)
		return;
	o->next = NULL;
	o->size = (size_t)size;
	memcpy(o->buf, c->buf, (size_t)size);
	*p->out_tail = o;
	p->out_tail = &o->next;
	p->out_count++;
}

bool
peer_rtcp_poll(struct peer *p, struct peer_datagram *out)
{
	while (p->out_head != NULL) {
		struct peer_out *o = p->out_head;
		const struct ice_tuple *to = peer_ice_target(p, o->size);

		if (to != NULL) {
			out->to = *to;
			out->size = o->size;
			memcpy(out->buf, o->buf, o->size);
		}
		p->out_head = o->next;
		if (p->out_head == NULL)
			p->out_tail = &p->out_head;
		p->out_count--;
		free(o);
		if (to != NULL)
			return true;
	}
	return false;
}

void
peer_rtcp_clear(struct peer *p)
{
	while (p->out_head != NULL) {
		struct peer_out *o = p->out_head;

		p->out_head = o->next;
		free(o);
	}
	p->out_tail = &p->out_head;
	p->out_count = 0;
}

/* A compound starts with a report, if only an empty one (RFC 3550 s.6.1). */
static void
begin(struct peer *p, struct compound *c)
{
	rtcp_start(&c->w, c->buf, RTCP_COMPOUND_MAX);
	rtcp_add_rr(&c->w, p->rtcp_ssrc, NULL, 0);
}

/* The sender's clock: what RTP timestamp stands for now. */
static void
sr_fill(const struct peer *p, const struct peer_tx *tx, struct rtcp_sr *sr)
{
	int64_t age_us = (int64_t)(p->now_us - tx->last_capture_us);

	*sr = (struct rtcp_sr){.ssrc = tx->ssrc,
			       .ntp = p->config.ntp_base + clock_us_to_ntp(p->now_us),
			       .rtp_ts = tx->last_ts +
					 (uint32_t)(age_us * (int64_t)tx->clock_rate / 1000000),
			       .packets = (uint32_t)tx->packets,
			       .octets = (uint32_t)tx->octets};
}

static size_t
reports_fill(struct peer *p, struct rtcp_report *reports)
{
	size_t count = 0;

	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].rx != NULL && p->lines[i].rx->bound)
			rtp_recv_report(&p->lines[i].rx->recv, p->now_us, &reports[count++]);
	return count;
}

static void
add_remb(struct peer *p, struct compound *c)
{
	uint32_t ssrcs[PEER_TRACKS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].rx != NULL && p->lines[i].rx->bound && p->lines[i].remb)
			ssrcs[count++] = p->lines[i].rx->ssrc;
	if (p->remb_bps != 0 && count > 0)
		rtcp_add_remb(&c->w, p->rtcp_ssrc, ssrcs, count, p->remb_bps);
}

/* SR of every track that we send (the first carries the report blocks), else RR; SDES; REMB. */
static void
send_report(struct peer *p)
{
	struct rtcp_report reports[PEER_TRACKS_MAX];
	size_t count = reports_fill(p, reports);
	struct compound c;
	bool first = true;

	rtcp_start(&c.w, c.buf, RTCP_COMPOUND_MAX);
	for (size_t i = 0; i < p->line_count; i++) {
		struct peer_tx *tx = p->lines[i].tx;
		struct rtcp_sr sr;

		if (tx == NULL || tx->packets == 0)
			continue;
		sr_fill(p, tx, &sr);
		rtcp_add_sr(&c.w, &sr, reports, first ? count : 0);
		rtcp_add_sdes_cname(&c.w, tx->ssrc, p->cname);
		first = false;
	}
	if (first && count > 0) {
		rtcp_add_rr(&c.w, p->rtcp_ssrc, reports, count);
		rtcp_add_sdes_cname(&c.w, p->rtcp_ssrc, p->cname);
		first = false;
	}
	if (first)
		return;
	add_remb(p, &c);
	flush(p, &c);
	p->stats.reports_sent++;
}

void
peer_rtcp_keyframe(struct peer *p, struct peer_line *line)
{
	struct peer_rx *rx = line->rx;
	struct compound c;

	if (!rx->bound || (!line->pli && !line->fir) ||
	    (rx->keyframe_us != 0 && p->now_us < rx->keyframe_us + PEER_KEYFRAME_US)) {
		rx->keyframe_wanted = line->pli || line->fir;
		return;
	}
	begin(p, &c);
	if (line->pli)
		rtcp_add_pli(&c.w, p->rtcp_ssrc, rx->ssrc);
	else
		rtcp_add_fir(&c.w, p->rtcp_ssrc, rx->ssrc, ++rx->fir_seq);
	flush(p, &c);
	rx->keyframe_wanted = false;
	rx->keyframe_us = p->now_us;
	line->stats.plis_sent++;
}

static void
hole_found(struct peer *p, struct peer_line *line)
{
	line->rx->recv.hole = false;
	if (line->kind != PEER_VIDEO)
		return;
	peer_rtcp_keyframe(p, line);
	if (p->config.events->hole != NULL)
		p->config.events->hole(p->config.arg, (unsigned)(line - p->lines));
}

static void
nack_timeout(struct peer *p, struct peer_line *line)
{
	uint16_t seqs[RTP_RECV_MISSING_MAX];
	struct compound c;
	size_t count;

	if (rtp_recv_nack_deadline(&line->rx->recv) <= p->now_us) {
		count =
		    rtp_recv_nack(&line->rx->recv, p->now_us, peer_rtt(p), seqs, ARRAY_COUNT(seqs));
		if (count > 0 && line->nack) {
			begin(p, &c);
			rtcp_add_nack(&c.w, p->rtcp_ssrc, line->rx->ssrc, seqs, count);
			flush(p, &c);
			line->stats.nacks_sent += count;
		}
	}
	if (line->rx->recv.hole)
		hole_found(p, line);
}

static void
twcc_timeout(struct peer *p)
{
	struct compound c;

	if (p->twcc == NULL || p->twcc_due_us > p->now_us)
		return;
	for (int i = 0; i < PEER_QUEUE_MAX && rtp_twcc_pending(p->twcc); i++) {
		begin(p, &c);
		rtp_twcc_write(p->twcc, &c.w, p->rtcp_ssrc, p->twcc_media);
		flush(p, &c);
		p->stats.twcc_sent++;
	}
	p->twcc_due_us = CLOCK_NEVER;
}

/* From one report to the next. */
static uint64_t
interval(const struct peer *p)
{
	bool early = p->started_us != 0 && p->now_us - p->started_us < PEER_EARLY_FOR_US;

	return early ? MIN_OF(p->config.report_us, (uint64_t)PEER_EARLY_REPORT_US)
		     : p->config.report_us;
}

void
peer_rtcp_timeout(struct peer *p)
{
	for (size_t i = 0; i < p->line_count; i++) {
		struct peer_line *line = &p->lines[i];

		if (line->rx == NULL)
			continue;
		if (line->rx->bound)
			nack_timeout(p, line);
		if (line->rx->keyframe_wanted && line->rx->bound &&
		    p->now_us >= line->rx->keyframe_us + PEER_KEYFRAME_US)
			peer_rtcp_keyframe(p, line);
	}
	twcc_timeout(p);
	if (p->report_us <= p->now_us) {
		send_report(p);
		p->report_us = p->now_us + interval(p);
	}
}

uint64_t
peer_rtcp_deadline(const struct peer *p)
{
	uint64_t due = MIN_OF(p->report_us, p->twcc_due_us);

	for (size_t i = 0; i < p->line_count; i++) {
		const struct peer_rx *rx = p->lines[i].rx;

		if (rx == NULL || !rx->bound)
			continue;
		due = MIN_OF(due, rtp_recv_nack_deadline(&rx->recv));
		if (rx->recv.hole)
			due = p->now_us;
		if (rx->keyframe_wanted)
			due = MIN_OF(due, rx->keyframe_us + PEER_KEYFRAME_US);
	}
	return due;
}

void
peer_rtcp_bye(struct peer *p)
{
	struct compound c;

	begin(p, &c);
	rtcp_add_sdes_cname(&c.w, p->rtcp_ssrc, p->cname);
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].tx != NULL && p->lines[i].tx->started)
			rtcp_add_bye(&c.w, p->lines[i].tx->ssrc);
	flush(p, &c);
}
