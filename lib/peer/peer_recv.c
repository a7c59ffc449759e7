/* peer_recv.c - RTP that arrives: decryption, book-keeping, repair, delivery. */
#include "peer/peer_impl.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { SAMPLE_DEFAULT = 100, PADDING_BIT = 0x20 };

/* One packet on its way to the callback. */
struct arrival {
	struct peer_line *line;
	struct rtp_packet packet;
	bool decrypted, repaired;
};

/* Was this sequence number asked for? Then the sender repaired it by a plain resend. */
static bool
was_asked(const struct rtp_recv *r, uint16_t seq)
{
	for (size_t i = 0; i < r->missing_count; i++)
		if ((uint16_t)r->missing[i].seq == seq)
			return r->missing[i].tries > 0;
	return false;
}

static void
deliver(struct peer *p, const struct arrival *a, uint64_t ext_seq, bool late, bool restarted)
{
	const struct rtp_packet *r = &a->packet;
	struct peer_packet out = {.track = (unsigned)(a->line - p->lines),
				  .ext_seq = ext_seq,
				  .ts = r->ts,
				  .ssrc = r->ssrc,
				  .seq = r->seq,
				  .pt = r->pt,
				  .marker = r->marker,
				  .late = late,
				  .repaired = a->repaired,
				  .restarted = restarted,
				  .buf = r->buf,
				  .size = r->size,
				  .payload = a->decrypted ? r->payload : NULL,
				  .payload_size = a->decrypted ? r->payload_size : 0,
				  .decrypted = a->decrypted};

	if (p->config.events->packet != NULL)
		p->config.events->packet(p->config.arg, &out);
}

static int
take(struct peer *p, struct arrival *a)
{
	struct peer_rx *rx = a->line->rx;
	bool asked = was_asked(&rx->recv, a->packet.seq), restarted;
	uint64_t ext_seq = 0;
	enum rtp_recv_result result;

	result = rtp_recv_packet(&rx->recv, p->now_us, a->packet.seq, a->packet.ts, a->packet.size,
				 &ext_seq);
	if (result == RTP_RECV_DUPLICATE) {
		a->line->stats.rx_duplicates++;
		return 0;
	}
	if (p->report_us == CLOCK_NEVER)
		p->report_us = p->now_us + p->config.report_us;
	a->repaired = a->repaired || asked;
	if (a->repaired)
		a->line->stats.rx_repaired++;
	restarted = rx->restarted || result == RTP_RECV_RESTART;
	rx->restarted = false;
	deliver(p, a, ext_seq, result == RTP_RECV_LATE, restarted);
	return 0;
}

/* RFC 4588: the original packet comes out, if it is of a stream that we know. */
static int
take_rtx(struct peer *p, struct arrival *a, uint8_t *buf, size_t size)
{
	struct peer_line *line = a->line;
	bool rtx;
	const struct peer_pt *pt = peer_line_pt(line, a->packet.pt, &rtx);
	int n;

	if (!line->rx->bound || pt == NULL)
		return 0;
	n = rtp_rtx_unwrap(buf, size, pt->pt, line->rx->ssrc);
	if (n == -ENODATA)
		return 0; /* a bandwidth probe */
	if (n < 0 || rtp_parse(&a->packet, buf, (size_t)n) != 0)
		return -EBADMSG;
	a->repaired = true;
	return take(p, a);
}

static void
twcc_note(struct peer *p, const struct arrival *a)
{
	struct rtp_ext ext;

	if (p->twcc == NULL || a->line->ext.twcc == 0 ||
	    rtp_ext_find(&a->packet, a->line->ext.twcc, &ext) != 0 || ext.size != 2)
		return;
	rtp_twcc_packet(p->twcc, p->now_us, be16(ext.data));
	p->twcc_media = a->packet.ssrc;
	if (p->twcc_due_us == CLOCK_NEVER)
		p->twcc_due_us = p->now_us + p->config.twcc_us;
}

/* Read the header of a packet whose padding is still encrypted. */
static int
parse_clear(struct rtp_packet *packet, uint8_t *buf, size_t size)
{
	uint8_t first = size > 0 ? buf[0] : 0;
	int rc;

	if (size == 0)
		return -EBADMSG;
	buf[0] &= (uint8_t)~PADDING_BIT;
	rc = rtp_parse(packet, buf, size);
	buf[0] = first;
	return rc;
}

static bool
wants_decryption(struct peer *p)
{
	unsigned every = p->config.sample > 0 ? p->config.sample : SAMPLE_DEFAULT;

	if (p->config.decrypt == PEER_DECRYPT_SAMPLE)
		return p->sample_count++ % every == 0;
	return p->config.decrypt == PEER_DECRYPT_ALL;
}

/* Is this one to be read by its clear header alone? Then *a is filled. */
static bool
clear_only(struct peer *p, struct arrival *a, uint8_t *buf, size_t size)
{
	bool rtx = false;

	if (p->config.decrypt == PEER_DECRYPT_ALL || parse_clear(&a->packet, buf, size) != 0)
		return false;
	a->line = peer_line_of(p, &a->packet, &rtx);
	return a->line != NULL && !rtx && !wants_decryption(p);
}

static int
decrypt(struct peer *p, struct arrival *a, uint8_t *buf, size_t size, bool *rtx)
{
	int n = rtpsec_unprotect(p->receive, buf, size);

	if (n < 0) {
		if (n == -EALREADY)
			p->stats.rx_duplicates++;
		else
			p->stats.rx_auth_failed++;
		return n == -ESTALE ? -EALREADY : n;
	}
	if (rtp_parse(&a->packet, buf, (size_t)n) != 0)
		return -EBADMSG;
	a->decrypted = true;
	a->line = peer_line_of(p, &a->packet, rtx);
	if (a->line == NULL)
		p->stats.rx_unknown++;
	return a->line != NULL ? n : -ENOMSG;
}

int
peer_rtp_input(struct peer *p, uint8_t *buf, size_t size)
{
	struct arrival a = {0};
	bool rtx = false;
	int n = (int)size;

	if (!clear_only(p, &a, buf, size)) {
		n = decrypt(p, &a, buf, size, &rtx);
		if (n < 0)
			return n;
	}
	a.line->stats.rx_packets++;
	a.line->stats.rx_octets += (uint64_t)n;
	twcc_note(p, &a);
	return rtx ? take_rtx(p, &a, buf, (size_t)n) : take(p, &a);
}
