/* peer_stats.c - what a peer can be asked. */
#include "peer/peer.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "dtls/dtls.h"
#include "peer/peer_impl.h"

/* The counters of a line with what its book-keeping knows. */
static void
line_stats(const struct peer_line *line, struct peer_stats *out)
{
	*out = line->stats;
	if (line->rx == NULL || !line->rx->bound)
		return;
	out->rx_lost = line->rx->lost_before + rtp_recv_lost(&line->rx->recv);
	if (line->rx->recv.clock_rate != 0)
		out->jitter_us =
		    (uint64_t)(line->rx->recv.jitter_q4 >> 4) * 1000000 / line->rx->recv.clock_rate;
}

static void
add(struct peer_stats *sum, const struct peer_stats *s)
{
	sum->rx_packets += s->rx_packets;
	sum->rx_octets += s->rx_octets;
	sum->tx_packets += s->tx_packets;
	sum->tx_octets += s->tx_octets;
	sum->rx_lost += s->rx_lost;
	sum->rx_repaired += s->rx_repaired;
	sum->rx_duplicates += s->rx_duplicates;
	sum->tx_dropped += s->tx_dropped;
	sum->tx_resent += s->tx_resent;
	sum->tx_not_found += s->tx_not_found;
	sum->nacks_sent += s->nacks_sent;
	sum->nacks_received += s->nacks_received;
	sum->plis_sent += s->plis_sent;
	sum->plis_received += s->plis_received;
	sum->jitter_us = sum->jitter_us != 0 ? sum->jitter_us : s->jitter_us;
	sum->remote_loss = sum->remote_loss > s->remote_loss ? sum->remote_loss : s->remote_loss;
}

static void
common_stats(const struct peer *p, struct peer_stats *out)
{
	out->rtt_us = peer_known_rtt(p);
	out->remb_bps = p->remb_heard_bps;
	out->twcc_sent = p->stats.twcc_sent;
	out->twcc_received = p->stats.twcc_received;
	out->twcc_lost = p->stats.twcc_lost;
}

void
peer_stats(const struct peer *p, struct peer_stats *out)
{
	struct peer_stats line;

	*out = p->stats;
	for (size_t i = 0; i < p->line_count; i++) {
		line_stats(&p->lines[i], &line);
		add(out, &line);
	}
	common_stats(p, out);
}

int
peer_track_stats(const struct peer *p, unsigned track, struct peer_stats *out)
{
	if (track >= p->line_count)
		return -EINVAL;
	line_stats(&p->lines[track], out);
	common_stats(p, out);
	return 0;
}

int
peer_get_info(const struct peer *p, struct peer_info *out)
{
	if (p->dtls_us == 0)
		return -EAGAIN;
	*out = (struct peer_info){.profile = p->profile,
				  .profile_name = dtls_profile_name(p->profile),
				  .cipher = p->cipher,
				  .group = p->group,
				  .dtls_version = p->dtls_version,
				  .ice_us = p->ice_us - p->start_us,
				  .dtls_us = p->dtls_us - p->start_us,
				  .rtt_us = peer_ice_rtt(p),
				  .path = p->path};
	return 0;
}

void
peer_explain(const struct peer *p, char *text, size_t size)
{
	switch (p->state) {
	case PEER_NEW:
		snprintf(text, size, "not started: waiting for the answer");
		break;
	case PEER_CHECKING:
		peer_ice_explain(p, text, size);
		break;
	case PEER_HANDSHAKE:
		snprintf(text, size, "DTLS: ICE has a path, the handshake is not finished");
		break;
	case PEER_CONNECTED:
		snprintf(text, size, "connected: %s, %s", p->cipher, dtls_profile_name(p->profile));
		break;
	case PEER_CLOSED:
	case PEER_FAILED:
		snprintf(text, size, "%s", p->words);
		break;
	}
}

int
peer_track_ntp(const struct peer *p, unsigned track, uint32_t ts, uint64_t *ntp)
{
	const struct peer_rx *rx = track < p->line_count ? p->lines[track].rx : NULL;
	const struct rtcp_sr *sr;
	int64_t units;

	if (rx == NULL || !rx->bound || rx->recv.sr.ntp == 0 || rx->recv.clock_rate == 0)
		return -EAGAIN;
	sr = &rx->recv.sr;
	units = rtp_ts_diff(ts, sr->rtp_ts);
	*ntp = sr->ntp + (uint64_t)(units * ((int64_t)1 << 32) / (int64_t)rx->recv.clock_rate);
	return 0;
}
