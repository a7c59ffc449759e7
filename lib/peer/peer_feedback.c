/* peer_feedback.c - RTCP that arrives: the clock of senders, losses, requests. */
#include "peer/peer_impl.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"

/* RFC 3550 s.6.4.1: round trip = now - LSR - DLSR, in 1/65536 s; nonsense is ignored. */
static void
note_report(struct peer *p, const struct rtcp_report *r)
{
	struct peer_line *line = peer_line_by_tx(p, r->ssrc);
	uint64_t ntp = p->config.ntp_base + clock_us_to_ntp(p->now_us);
	uint32_t rtt;

	if (line == NULL)
		return;
	line->stats.remote_loss = r->fraction_lost;
	if (r->lsr == 0)
		return;
	rtt = (uint32_t)(ntp >> 16) - r->lsr - r->dlsr;
	if (rtt < 60u << 16)
		median_add(&p->rtts_us, MAX_OF((uint64_t)rtt * 1000000 >> 16, 1u));
}

static void
note_reports(struct peer *p, const struct rtcp_packet *packet)
{
	struct rtcp_report r;

	p->stats.reports_received++;
	for (size_t i = 0; rtcp_get_report(packet, i, &r) == 0; i++)
		note_report(p, &r);
}

static void
on_sr(struct peer *p, const struct rtcp_packet *packet)
{
	struct rtcp_sr sr;
	struct peer_line *line;

	if (rtcp_get_sr(packet, &sr) != 0)
		return;
	line = peer_line_by_rx(p, sr.ssrc);
	if (line != NULL) {
		rtp_recv_sender_report(&line->rx->recv, p->now_us, &sr);
		if (p->config.events->sender_report != NULL)
			p->config.events->sender_report(p->config.arg, (unsigned)(line - p->lines),
							p->now_us, &sr);
	}
	note_reports(p, packet);
}

static void
on_bye(struct peer *p, const struct rtcp_packet *packet)
{
	uint32_t ssrc;

	for (size_t i = 0; rtcp_get_bye(packet, i, &ssrc) == 0; i++) {
		struct peer_line *line = peer_line_by_rx(p, ssrc);

		if (line != NULL && p->config.events->bye != NULL)
			p->config.events->bye(p->config.arg, (unsigned)(line - p->lines));
	}
}

struct nack {
	struct peer *peer;
	struct peer_line *line;
};

static void
on_lost(void *arg, uint16_t seq)
{
	struct nack *n = arg;

	n->line->stats.nacks_received++;
	peer_resend(n->peer, n->line, seq);
}

struct twcc {
	struct peer *peer;
	struct rtcp_twcc_head head;
	bool begun;
};

static void
on_twcc_status(void *arg, uint16_t seq, int64_t delta_us)
{
	struct twcc *t = arg;

	t->peer->stats.twcc_lost += delta_us == INT64_MIN;
	if (t->peer->rate == NULL)
		return;
	if (!t->begun)
		rtp_rate_begin(t->peer->rate, t->head.reference_64ms);
	t->begun = true;
	rtp_rate_packet(t->peer->rate, seq, delta_us);
}

static void
on_twcc(struct peer *p, const struct rtcp_packet *packet)
{
	struct twcc t = {.peer = p};
	uint64_t bps;

	if (rtcp_get_twcc(packet, &t.head, on_twcc_status, &t) < 0)
		return;
	p->stats.twcc_received++;
	if (p->rate == NULL)
		return;
	bps = rtp_rate_end(p->rate, p->now_us);
	if (p->config.events->bitrate != NULL)
		p->config.events->bitrate(p->config.arg, bps);
}

static void
on_rtpfb(struct peer *p, const struct rtcp_packet *packet)
{
	struct nack n = {p, NULL};
	uint32_t sender, media;

	if (rtcp_get_feedback(packet, &sender, &media) != 0)
		return;
	n.line = peer_line_by_tx(p, media);
	if (packet->count == RTCP_FB_NACK && n.line != NULL)
		rtcp_get_nack(packet, on_lost, &n);
	if (packet->count == RTCP_FB_TWCC)
		on_twcc(p, packet);
}

static void
keyframe_asked(struct peer *p, uint32_t ssrc)
{
	struct peer_line *line = peer_line_by_tx(p, ssrc);

	if (line == NULL)
		return;
	line->stats.plis_received++;
	if (p->config.events->keyframe != NULL)
		p->config.events->keyframe(p->config.arg, (unsigned)(line - p->lines));
}

static void
on_psfb(struct peer *p, const struct rtcp_packet *packet)
{
	uint32_t sender, media;
	uint64_t bitrate;
	uint8_t seq;

	if (rtcp_get_feedback(packet, &sender, &media) != 0)
		return;
	if (packet->count == RTCP_FB_PLI)
		keyframe_asked(p, media);
	for (size_t i = 0;
	     packet->count == RTCP_FB_FIR && rtcp_get_fir(packet, i, &media, &seq) == 0; i++)
		keyframe_asked(p, media);
	if (packet->count == RTCP_FB_AFB && rtcp_get_remb(packet, &bitrate) == 0) {
		p->remb_heard_bps = bitrate;
		if (p->config.events->bitrate != NULL)
			p->config.events->bitrate(p->config.arg, bitrate);
	}
}

int
peer_rtcp_input(struct peer *p, uint8_t *buf, size_t size)
{
	static void (*const handlers[])(struct peer *, const struct rtcp_packet *) = {
	    [RTCP_SR - RTCP_SR] = on_sr,
	    [RTCP_RR - RTCP_SR] = note_reports,
	    [RTCP_BYE - RTCP_SR] = on_bye,
	    [RTCP_RTPFB - RTCP_SR] = on_rtpfb,
	    [RTCP_PSFB - RTCP_SR] = on_psfb};
	struct rtcp_packet packet;
	size_t offset = 0;
	int n = rtpsec_unprotect_rtcp(p->receive, buf, size), rc;

	if (n < 0) {
		p->stats.rx_auth_failed += n != -EALREADY && n != -ESTALE;
		return n == -ESTALE ? -EALREADY : n;
	}
	for (rc = rtcp_next(buf, (size_t)n, &offset, &packet); rc > 0;
	     rc = rtcp_next(buf, (size_t)n, &offset, &packet)) {
		unsigned index = (unsigned)packet.type - RTCP_SR;

		if (packet.type >= RTCP_SR && index < ARRAY_COUNT(handlers) &&
		    handlers[index] != NULL)
			handlers[index](p, &packet);
	}
	return rc;
}
