/* peer_send.c - RTP that leaves: numbering, header extensions, history, resends. */
#include "peer/peer_impl.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum {
	EXT_MAX = 4,
	OSN_SIZE = 2,
	/* No packet is resent twice within half a round trip; the other side knows better how long
	 * one is now, and asks no sooner: what was measured here may be of a bad moment. */
	RESEND_MIN_US = 10000,
	RESEND_MAX_US = 50000
};

int
peer_send(struct peer *p, uint64_t now_us, unsigned track, const struct peer_media *media)
{
	struct peer_tx *tx = track < p->line_count ? p->lines[track].tx : NULL;
	const struct peer_pt *pt;
	struct rtp_ring_slot slot = {.arrival_us = now_us,
				     .ts = media->ts,
				     .pt = media->pt,
				     .marker = media->marker,
				     .flags = media->keyframe ? RTP_RING_KEYFRAME : 0};
	bool rtx = false;

	if (p->state != PEER_CONNECTED)
		return -ENOTCONN;
	pt = tx != NULL ? peer_line_pt(&p->lines[track], media->pt, &rtx) : NULL;
	if (pt == NULL || rtx)
		return -EINVAL;
	if (media->payload_size > PEER_PAYLOAD_MAX)
		return -EMSGSIZE;
	p->now_us = MAX_OF(p->now_us, now_us);
	slot.seq = tx->next_seq;
	slot.payload_size = (uint16_t)media->payload_size;
	if (rtp_ring_append(tx->ring, &slot, media->payload) == 0)
		return -EMSGSIZE;
	tx->next_seq++;
	tx->last_ts = media->ts;
	tx->last_capture_us = media->capture_us;
	tx->clock_rate = pt->clock_rate;
	if (!tx->started) {
		p->report_us = MIN_OF(p->report_us, p->now_us + PEER_FIRST_REPORT_US);
		p->started_us = p->now_us;
	}
	tx->started = true;
	return 0;
}

static struct peer_sent *
sent_of(struct peer_tx *tx, uint64_t position)
{
	return &tx->sent[position & (tx->sent_count - 1)];
}

/* Write the whole header of a packet; its size. What changes from packet to packet is in *sent. */
static size_t
header_write(const struct peer_line *line, const struct peer_sent *sent, bool rtx, uint8_t *out,
	     size_t cap)
{
	uint8_t rid = rtx ? line->ext.repaired_rid : line->ext.rid;
	struct rtp_ext exts[EXT_MAX];
	uint8_t twcc[2], abs_send[3];
	size_t count = 0;
	int size;

	put_be16(twcc, sent->twcc);
	put_be24(abs_send, sent->abs_send_time);
	if (line->ext.mid != 0 && line->mid[0] != '\0')
		exts[count++] =
		    (struct rtp_ext){line->ext.mid, (const uint8_t *)line->mid, strlen(line->mid)};
	if (rid != 0 && line->rid[0] != '\0') /* RFC 8852 s.3 */
		exts[count++] =
		    (struct rtp_ext){rid, (const uint8_t *)line->rid, strlen(line->rid)};
	if (line->ext.twcc != 0)
		exts[count++] = (struct rtp_ext){line->ext.twcc, twcc, sizeof(twcc)};
	if (line->ext.abs_send_time != 0)
		exts[count++] =
		    (struct rtp_ext){line->ext.abs_send_time, abs_send, sizeof(abs_send)};
	size = count > 0 ? rtp_ext_write(out + RTP_HEADER_SIZE, cap - RTP_HEADER_SIZE, exts, count)
			 : 0;
	return RTP_HEADER_SIZE + (size > 0 ? (size_t)size : 0);
}

/* Number a packet that leaves now: transport-wide sequence and 6.18 fixed-point time. */
static void
sent_stamp(struct peer *p, const struct peer_line *line, struct peer_sent *sent)
{
	uint64_t ntp = p->config.ntp_base + clock_us_to_ntp(p->now_us);

	sent->twcc = line->ext.twcc != 0 ? p->twcc_seq++ : 0;
	sent->abs_send_time = (uint32_t)(ntp >> 14) & 0xffffff;
	sent->resent_ms = 0;
	p->stamped = line->ext.twcc != 0;
}

struct outgoing {
	uint8_t pt;
	uint16_t seq;
	uint32_t ssrc;
	const uint8_t *payload;
	size_t payload_size;
};

static bool
emit(struct peer *p, struct peer_line *line, const struct rtp_ring_slot *slot,
     const struct peer_sent *sent, const struct outgoing *o, struct peer_datagram *out)
{
	const struct ice_tuple *to;
	bool rtx = o->ssrc == line->tx->rtx_ssrc && line->tx->rtx_ssrc != 0;
	size_t hdr_size = header_write(line, sent, rtx, out->buf, sizeof(out->buf));
	int size;

	rtp_write_header(out->buf, o->pt, slot->marker, hdr_size > RTP_HEADER_SIZE, o->seq,
			 slot->ts, o->ssrc);
	size = rtpsec_protect(p->send, out->buf, hdr_size, o->payload, o->payload_size, out->buf,
			      sizeof(out->buf));
	to = size > 0 ? peer_ice_target(p, (size_t)size) : NULL;
	if (to == NULL)
		return false;
	out->to = *to;
	out->size = (size_t)size;
	if (p->rate != NULL && p->stamped) /* not of what is sent again under its old number */
		rtp_rate_sent(p->rate, p->now_us, sent->twcc, (uint16_t)size);
	p->stamped = false;
	line->stats.tx_packets++;
	line->stats.tx_octets += (uint64_t)size;
	return true;
}

/* Send what the history holds at a position: first time, or the identical octets again. */
static bool
emit_plain(struct peer *p, struct peer_line *line, uint64_t position, struct peer_datagram *out)
{
	const uint8_t *payload;
	const struct rtp_ring_slot *slot = rtp_ring_get(line->tx->ring, position, &payload);
	struct outgoing o;

	if (slot == NULL)
		return false;
	o = (struct outgoing){slot->pt, (uint16_t)slot->seq, line->tx->ssrc, payload,
			      slot->payload_size};
	return emit(p, line, slot, sent_of(line->tx, position), &o, out);
}

static bool
emit_rtx(struct peer *p, struct peer_line *line, uint64_t position, uint8_t rtx_pt,
	 struct peer_datagram *out)
{
	const uint8_t *payload;
	const struct rtp_ring_slot *slot = rtp_ring_get(line->tx->ring, position, &payload);
	uint8_t wrapped[OSN_SIZE + PEER_PAYLOAD_MAX];
	struct peer_sent stamp;
	struct outgoing o;

	if (slot == NULL)
		return false;
	put_be16(wrapped, (uint16_t)slot->seq);
	memcpy(wrapped + OSN_SIZE, payload, slot->payload_size);
	sent_stamp(p, line, &stamp);
	o = (struct outgoing){rtx_pt, line->tx->rtx_seq++, line->tx->rtx_ssrc, wrapped,
			      (size_t)OSN_SIZE + slot->payload_size};
	return emit(p, line, slot, &stamp, &o, out);
}

/*
 * Queue a packet that the other side misses. One that was sent again within a round trip is on its
 * way already.
 */
void
peer_resend(struct peer *p, struct peer_line *line, uint16_t seq)
{
	struct peer_tx *tx = line->tx;
	uint64_t position = rtp_ring_find(tx->ring, rtp_seq_extend(tx->next_seq - 1, seq));
	uint32_t now_ms = (uint32_t)(p->now_us / 1000);
	uint64_t apart_us =
	    MIN_OF(MAX_OF(peer_rtt(p) / 2, (uint64_t)RESEND_MIN_US), (uint64_t)RESEND_MAX_US);
	struct peer_sent *sent;

	if (position == 0) {
		line->stats.tx_not_found++;
		return;
	}
	sent = sent_of(tx, position);
	if (position >= tx->next_position || tx->resend_count == PEER_RESEND_MAX ||
	    (sent->resent_ms != 0 && now_ms - sent->resent_ms < apart_us / 1000))
		return;
	sent->resent_ms = now_ms | 1;
	tx->resends[(tx->resend_first + tx->resend_count++) % PEER_RESEND_MAX] = position;
}

static bool
resend_poll(struct peer *p, struct peer_line *line, struct peer_datagram *out)
{
	struct peer_tx *tx = line->tx;

	while (tx->resend_count > 0) {
		uint64_t position = tx->resends[tx->resend_first];
		const struct rtp_ring_slot *slot;
		const struct peer_pt *pt;
		const uint8_t *payload;
		bool rtx = false, done;

		tx->resend_first = (tx->resend_first + 1) % PEER_RESEND_MAX;
		tx->resend_count--;
		slot = rtp_ring_get(tx->ring, position, &payload);
		pt = slot != NULL ? peer_line_pt(line, slot->pt, &rtx) : NULL;
		if (pt == NULL)
			continue;
		done = pt->rtx_pt != 0 ? emit_rtx(p, line, position, pt->rtx_pt, out)
				       : emit_plain(p, line, position, out);
		if (!done)
			continue;
		line->stats.tx_resent++;
		return true;
	}
	return false;
}

/* The first packet of a track that was not sent; what was overwritten before is counted. */
static const struct rtp_ring_slot *
pending_slot(struct peer_line *line)
{
	struct peer_tx *tx = line->tx;
	uint64_t tail;
	const uint8_t *payload;

	if (tx == NULL || tx->next_position > rtp_ring_head(tx->ring))
		return NULL;
	tail = rtp_ring_tail(tx->ring);
	if (tx->next_position < tail) {
		line->stats.tx_dropped += tail - tx->next_position;
		tx->next_position = tail;
	}
	return rtp_ring_get(tx->ring, tx->next_position, &payload);
}

static struct peer_line *
next_line(struct peer *p)
{
	struct peer_line *line = NULL;
	uint64_t first_us = CLOCK_NEVER;

	for (size_t i = 0; i < p->line_count; i++) {
		const struct rtp_ring_slot *slot = pending_slot(&p->lines[i]);

		if (slot != NULL && slot->arrival_us < first_us) {
			first_us = slot->arrival_us;
			line = &p->lines[i];
		}
	}
	return line;
}

bool
peer_media_poll(struct peer *p, struct peer_datagram *out)
{
	struct peer_line *line;

	if (p->state != PEER_CONNECTED)
		return false;
	for (size_t i = 0; i < p->line_count; i++)
		if (p->lines[i].tx != NULL && resend_poll(p, &p->lines[i], out))
			return true;
	for (line = next_line(p); line != NULL; line = next_line(p)) {
		struct peer_tx *tx = line->tx;
		uint64_t position = tx->next_position++;

		sent_stamp(p, line, sent_of(tx, position));
		if (emit_plain(p, line, position, out)) {
			const uint8_t *payload;

			tx->packets++;
			tx->octets += rtp_ring_get(tx->ring, position, &payload)->payload_size;
			return true;
		}
		line->stats.tx_dropped++;
	}
	return false;
}
