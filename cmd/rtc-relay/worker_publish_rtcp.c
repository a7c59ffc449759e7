/*
 * worker_publish_rtcp.c - what a publisher reports: its clock and the round trip.  A BYE is not the
 * end of the session: browsers send one when an encoding is paused.
 */
#include "base/clock.h"
#include "worker.h"

static struct source *
source_by_ssrc(struct wsession *ws, uint32_t ssrc)
{
	for (size_t i = 0; i < ws->pub->source_count; i++)
		if (ws->pub->sources[i]->ssrc == ssrc)
			return ws->pub->sources[i];
	return NULL;
}

static void
on_sr(struct wsession *ws, const struct rtcp_packet *p)
{
	struct rtcp_sr sr;
	struct source *s;

	if (rtcp_get_sr(p, &sr) < 0)
		return;
	s = source_by_ssrc(ws, sr.ssrc);
	if (s == NULL || s->rtx || sr.ntp == 0)
		return;
	rtp_recv_sender_report(&s->recv, ws->worker->now_us, &sr);
	if (ws->stream != NULL && s->lane != PT_NONE && !s->retired)
		stream_set_clock(ws->stream, ws->worker, s->lane, &sr);
}

/* RFC 3611 s.4.5: RTT = now - LRR - DLRR, in 1/65536 s. */
static void
on_xr(struct wsession *ws, const struct rtcp_packet *p)
{
	uint32_t ssrc, lrr, dlrr, now = (uint32_t)(clock_ntp() >> 16), rtt;

	for (size_t i = 0; rtcp_get_xr_dlrr(p, i, &ssrc, &lrr, &dlrr) == 0; i++) {
		if (ssrc != ws->report_ssrc || lrr == 0)
			continue;
		rtt = now - lrr - dlrr;
		if (rtt < 10 << 16) /* more than 10 s is nonsense */
			STAT_SET(ws->session->stats.rtt_us, (uint64_t)rtt * 1000000 >> 16);
	}
}

typedef void rtcp_fn(struct wsession *ws, const struct rtcp_packet *p);

static rtcp_fn *const dispatch[256] = {
    [RTCP_SR] = on_sr,
    [RTCP_XR] = on_xr,
};

void
pub_rtcp(struct wsession *ws, const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	size_t offset = 0;

	while (rtcp_next(buf, size, &offset, &p) > 0)
		if (dispatch[p.type] != NULL)
			dispatch[p.type](ws, &p);
}
