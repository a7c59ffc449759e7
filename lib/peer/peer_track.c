/* peer_track.c - tracks: what was negotiated, SSRCs, and which track a packet belongs to. */
#include "peer/peer_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

enum { VIDEO_HISTORY = 1024, PACKET_SHARE = 1280 }; /* octets of the arena per packet kept */

static uint32_t
ssrc_make(struct peer *p, uint32_t given)
{
	uint32_t ssrc = given;

	while (ssrc == 0)
		ssrc = (uint32_t)(prng_next(&p->rng) >> 32);
	return ssrc;
}

static struct peer_tx *
tx_make(struct peer *p, const struct peer_track *t)
{
	struct peer_tx *tx = calloc(1, sizeof(*tx));
	size_t want = t->kind == PEER_AUDIO	    ? PEER_AUDIO_HISTORY
		      : p->config.history_count > 0 ? p->config.history_count
						    : VIDEO_HISTORY;
	uint16_t first = t->first_seq;

	if (tx == NULL)
		return NULL;
	for (tx->sent_count = 1; tx->sent_count < want; tx->sent_count *= 2)
		continue;
	if (first == 0) /* RFC 3711 s.3.3.1 is easier on receivers that miss the first packets */
		first = (uint16_t)(prng_next(&p->rng) >> 49);
	tx->next_seq = 65536u + first;
	tx->rtx_seq = (uint16_t)(prng_next(&p->rng) >> 49);
	tx->next_position = 1;
	tx->ssrc = ssrc_make(p, t->ssrc);
	for (size_t i = 0; i < t->codec_count; i++)
		if (t->codecs[i].rtx_pt != 0 && tx->rtx_ssrc == 0)
			tx->rtx_ssrc = ssrc_make(p, t->rtx_ssrc);
	tx->ring =
	    rtp_ring_new(tx->sent_count, tx->sent_count * (t->kind == PEER_AUDIO ? PACKET_SHARE / 4
										 : PACKET_SHARE));
	tx->sent = calloc(tx->sent_count, sizeof(*tx->sent));
	tx->resends = calloc(PEER_RESEND_MAX, sizeof(*tx->resends));
	return tx;
}

static void
tx_free(struct peer_tx *tx)
{
	if (tx == NULL)
		return;
	rtp_ring_free(tx->ring);
	free(tx->sent);
	free(tx->resends);
	free(tx);
}

/* Each payload type has one meaning within a track. */
static int
pts_take(struct peer_line *line, const struct peer_track *t)
{
	uint8_t used[16] = {0}; /* a bit for each payload type */

	if (t->codec_count > PEER_CODECS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < t->codec_count; i++) {
		const struct peer_codec *c = &t->codecs[i];
		const uint8_t both[2] = {c->pt, c->rtx_pt};

		for (size_t j = 0; j < 2; j++) {
			if (j == 1 && c->rtx_pt == 0)
				continue;
			if (both[j] > 127 || (used[both[j] / 8] >> both[j] % 8 & 1) != 0)
				return -EINVAL;
			used[both[j] / 8] |= (uint8_t)(1 << both[j] % 8);
		}
		line->pts[i] = (struct peer_pt){c->pt, c->rtx_pt, c->clock_rate};
	}
	line->pt_count = (uint8_t)t->codec_count;
	return 0;
}

static int
line_make(struct peer *p, struct peer_line *line, const struct peer_track *t)
{
	int rc = pts_take(line, t);

	if (rc != 0)
		return rc;
	text_copy(line->mid, sizeof(line->mid), t->mid);
	text_copy(line->rid, sizeof(line->rid), t->rid);
	line->kind = (uint8_t)t->kind;
	line->direction = (uint8_t)t->direction;
	line->ext = t->ext;
	line->nack = t->nack;
	line->pli = t->pli;
	line->fir = t->fir;
	line->remb = t->remb;
	if ((t->direction & PEER_SEND) != 0) {
		line->tx = tx_make(p, t);
		if (line->tx == NULL || line->tx->ring == NULL || line->tx->sent == NULL ||
		    line->tx->resends == NULL)
			return -ENOMEM;
	}
	if ((t->direction & PEER_RECEIVE) != 0) {
		line->rx = calloc(1, sizeof(*line->rx));
		if (line->rx == NULL)
			return -ENOMEM;
		line->rx->ssrc = t->remote_ssrc;
		line->rx->rtx_ssrc = t->remote_rtx_ssrc;
	}
	return 0;
}

/* What transport-wide feedback takes, on either side. */
static int
feedback_make(struct peer *p, const struct peer_line *line)
{
	if (line->tx != NULL && p->rate == NULL && p->config.rate_max_bps != 0) {
		p->rate = malloc(sizeof(*p->rate));
		if (p->rate == NULL)
			return -ENOMEM;
		rtp_rate_init(p->rate, p->now_us, p->config.rate_start_bps, PEER_RATE_MIN_BPS,
			      p->config.rate_max_bps);
	}
	if (line->rx != NULL && p->twcc == NULL) {
		p->twcc = malloc(sizeof(*p->twcc));
		if (p->twcc == NULL)
			return -ENOMEM;
		rtp_twcc_init(p->twcc);
	}
	return 0;
}

int
peer_lines_make(struct peer *p, const struct peer_track *tracks, size_t count)
{
	int rc = 0;

	if (count > PEER_TRACKS_MAX)
		return -EINVAL;
	p->lines = calloc(count > 0 ? count : 1, sizeof(*p->lines));
	if (p->lines == NULL)
		return -ENOMEM;
	p->line_count = count;
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct peer_line *line = &p->lines[i];

		rc = line_make(p, line, &tracks[i]);
		if (rc == 0 && line->ext.twcc != 0)
			rc = feedback_make(p, line);
		if (rc == 0 && line->tx != NULL && p->rtcp_ssrc == 0)
			p->rtcp_ssrc = line->tx->ssrc;
	}
	if (p->rtcp_ssrc == 0)
		p->rtcp_ssrc = ssrc_make(p, 0);
	if (rc != 0)
		peer_lines_free(p);
	return rc;
}

void
peer_lines_free(struct peer *p)
{
	for (size_t i = 0; i < p->line_count; i++) {
		tx_free(p->lines[i].tx);
		free(p->lines[i].rx);
	}
	free(p->lines);
	free(p->rate);
	free(p->twcc);
	p->lines = NULL;
	p->rate = NULL;
	p->twcc = NULL;
	p->line_count = 0;
}

const struct peer_pt *
peer_line_pt(const struct peer_line *line, uint8_t pt, bool *rtx)
{
	for (size_t i = 0; i < line->pt_count; i++) {
		const struct peer_pt *c = &line->pts[i];

		if (c->pt != pt && (c->rtx_pt != pt || pt == 0))
			continue;
		*rtx = c->pt != pt;
		return c;
	}
	return NULL;
}

struct peer_line *
peer_line_by_tx(struct peer *p, uint32_t ssrc)
{
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].tx != NULL && p->lines[i].tx->ssrc == ssrc)
			return &p->lines[i];
	return NULL;
}

struct peer_line *
peer_line_by_rx(struct peer *p, uint32_t ssrc)
{
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].rx != NULL && p->lines[i].rx->bound && p->lines[i].rx->ssrc == ssrc)
			return &p->lines[i];
	return NULL;
}

static bool
mid_matches(const struct peer_line *line, const struct rtp_packet *packet)
{
	struct rtp_ext ext;

	return line->ext.mid != 0 && rtp_ext_find(packet, line->ext.mid, &ext) == 0 &&
	       ext.size == strlen(line->mid) && memcmp(ext.data, line->mid, ext.size) == 0;
}

/* RFC 8843 s.9.2: by SSRC, else by MID, else by a payload type that only one track has. */
static struct peer_line *
line_search(struct peer *p, const struct rtp_packet *packet)
{
	struct peer_line *by_pt = NULL;
	unsigned count = 0;
	bool rtx;

	for (size_t i = 0; i < p->line_count; i++) {
		struct peer_rx *rx = p->lines[i].rx;

		if (rx != NULL && packet->ssrc != 0 &&
		    (rx->ssrc == packet->ssrc || rx->rtx_ssrc == packet->ssrc))
			return &p->lines[i];
	}
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].rx != NULL && mid_matches(&p->lines[i], packet))
			return &p->lines[i];
	for (size_t i = 0; i < p->line_count; i++) {
		if (p->lines[i].rx == NULL || peer_line_pt(&p->lines[i], packet->pt, &rtx) == NULL)
			continue;
		by_pt = &p->lines[i];
		count++;
	}
	return count == 1 ? by_pt : NULL;
}

static void
rx_bind(struct peer *p, struct peer_line *line, uint32_t ssrc, uint32_t clock_rate)
{
	struct peer_rx *rx = line->rx;

	if (rx->bound) {
		rx->lost_before += rtp_recv_lost(&rx->recv);
		rx->restarted = true;
	}
	rtp_recv_init(&rx->recv, ssrc, clock_rate);
	if (!line->nack)
		rx->recv.max_age_us = RTP_RECV_PLAIN_AGE_US;
	if (p->config.reorder_us != 0)
		rx->recv.reorder_us = (uint32_t)p->config.reorder_us;
	rx->ssrc = ssrc;
	rx->bound = true;
}

struct peer_line *
peer_line_of(struct peer *p, const struct rtp_packet *packet, bool *rtx)
{
	struct peer_line *line = line_search(p, packet);
	const struct peer_pt *pt = line != NULL ? peer_line_pt(line, packet->pt, rtx) : NULL;

	if (pt == NULL)
		return NULL;
	if (*rtx)
		line->rx->rtx_ssrc = packet->ssrc;
	else if (!line->rx->bound || line->rx->ssrc != packet->ssrc)
		rx_bind(p, line, packet->ssrc, pt->clock_rate);
	return line;
}

uint32_t
peer_track_ssrc(const struct peer *p, unsigned track, bool rtx)
{
	const struct peer_tx *tx = track < p->line_count ? p->lines[track].tx : NULL;

	if (tx == NULL)
		return 0;
	return rtx ? tx->rtx_ssrc : tx->ssrc;
}
