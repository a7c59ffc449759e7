/*
 * worker_publish_rtcp.c - RTCP with a publisher: what it reports, its clock and the round trip;
 * what it is told, losses, wishes for keyframes, arrivals.  A BYE is not the end of the session:
 * browsers send one when an encoding is paused.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "worker.h"

enum {
	RTT_GUESS_US = 50000, /* until one was measured */
	NACKS_PER_REPORT = 128
};

static struct source *
source_by_ssrc(const struct wsession *ws, uint32_t ssrc)
{
	for (size_t i = 0; i < ws->pub->source_count; i++)
		if (ws->pub->sources[i]->ssrc == ssrc)
			return ws->pub->sources[i];
	return NULL;
}

bool
pub_has_ssrc(const struct wsession *ws, uint32_t ssrc)
{
	return ws->pub != NULL && source_by_ssrc(ws, ssrc) != NULL;
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
		if (rtt >= 10 << 16) /* more than 10 s is nonsense */
			continue;
		STAT_SET(ws->session->stats.rtt_us, (uint64_t)rtt * 1000000 >> 16);
		median_add(&ws->pub->rtts_us, (uint64_t)rtt * 1000000 >> 16);
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

void
pub_ask_later(struct wsession *ws, unsigned lane)
{
	if (lane == PT_NONE || ws->pub->keyframe_wanted[lane])
		return;
	ws->pub->keyframe_wanted[lane] = true;
	ws->pub->keyframe_since_us[lane] = 0;
}

void
pub_ask_keyframe(struct wsession *ws, unsigned lane)
{
	struct publisher *pub = ws->pub;

	if (lane >= LANES_MAX || pub->keyframe_wanted[lane])
		return;
	pub->keyframe_wanted[lane] = true;
	pub->keyframe_since_us[lane] = 0;
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

/*
 * It was asked, sends since, and gives no keyframe: it makes them by its own clock. Whether it
 * ignores what it is asked, or a slow link makes it late, note_keyframe() sees.
 */
static bool
is_deaf(const struct wsession *ws, const struct source *s)
{
	uint64_t now = ws->worker->now_us, since = ws->pub->keyframe_since_us[s->lane];

	return since != 0 && now - since >= PERIODIC_US && now - s->last_us < STALL_US;
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
		s = source_of_lane(ws, i);
		pub->keyframe_asked_us[i] = now;
		if (s == NULL)
			continue; /* nothing came yet: there is no SSRC to ask */
		if (ws->stream != NULL && is_deaf(ws, s))
			stream_set_periodic(ws->stream, ws->worker, i, true);
		if (pub->keyframe_since_us[i] == 0)
			pub->keyframe_since_us[i] = now;
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
	const struct median *rtts_us = &ws->pub->rtts_us;
	uint64_t rtt_us = rtts_us->count > 0 ? median_of(rtts_us) : RTT_GUESS_US;

	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct source *s = ws->pub->sources[i];
		uint16_t seqs[NACKS_PER_REPORT];
		size_t count;

		if (s->rtx)
			continue;
		count =
		    rtp_recv_nack(&s->recv, ws->worker->now_us, rtt_us, seqs, ARRAY_COUNT(seqs));
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

static void
write_remb(struct wsession *ws, struct rtcp_writer *out)
{
	struct publisher *pub = ws->pub;
	uint64_t expected = 0, received = 0, bps;
	uint32_t ssrcs[SOURCES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < pub->source_count; i++) {
		const struct source *s = pub->sources[i];

		if (s->rtx || s->retired || !s->recv.started)
			continue;
		expected += s->recv.max_seq - s->recv.base_seq + 1;
		received += s->recv.received;
		if (ws->session->tracks.list[s->track].kind == TRACK_VIDEO)
			ssrcs[count++] = s->ssrc;
	}
	bps = rtp_remb_update(&pub->remb, ws->worker->now_us, expected, received);
	if (count == 0)
		return;
	rtcp_add_remb(out, ws->report_ssrc, ssrcs, count, bps);
	STAT_SET(ws->session->stats.remb_bps, bps);
}

/* Receiver report of every source, with our own reference time for the RTT (RFC 3611 s.4.4). */
static void
write_report(struct wsession *ws, struct rtcp_writer *out)
{
	struct rtcp_report reports[SOURCES_MAX];
	size_t count = 0;
	uint64_t jitter_us = 0, loss_q8 = 0, lost = 0, ntp = clock_ntp();

	for (size_t i = 0; i < ws->pub->source_count; i++) {
		struct rtp_recv *recv = &ws->pub->sources[i]->recv;
		struct rtcp_report *r = &reports[count];

		if (ws->pub->sources[i]->rtx)
			continue;
		rtp_recv_report(recv, ws->worker->now_us, r);
		count++;
		lost += rtp_recv_lost(recv);
		jitter_us = MAX_OF(jitter_us, (uint64_t)r->jitter * 1000000 / recv->clock_rate);
		loss_q8 = MAX_OF(loss_q8, (uint64_t)r->fraction_lost);
	}
	STAT_SET(ws->session->stats.jitter_us, jitter_us);
	STAT_SET(ws->session->stats.loss_permille, loss_q8 * 1000 / 256);
	STAT_SET(ws->session->stats.rx_lost, lost);
	rtcp_add_rr(out, ws->report_ssrc, reports, count);
	rtcp_add_sdes_cname(out, ws->report_ssrc, ws->session->cname);
	rtcp_add_xr_rrtr(out, ws->report_ssrc, ntp);
	if (ws->pub->has_remb)
		write_remb(ws, out);
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
		pub->twcc_us = now;
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
