#include "ends.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"

enum {
	DELTA_PACKETS = 2,
	KEY_INTERVAL_US = 300000, /* an encoder gives no keyframe sooner after another */
	BACKLOG_MAX = 100,	  /* packets; with more the encoder leaves frames out */
	FRAME_TS = 3600,
	TICK_US = 20000, /* of the viewer's NACK */
	NACK_TRIES = 10,
	NACKS_MAX = 100,	/* of one packet of RTCP */
	KEY_WAIT_US = 200000,	/* without a picture, where a keyframe is needed, */
	FRAME_WAIT_US = 3000000 /* and else: then a PLI goes out */
};

/* What the slices carry behind the FU header and an octet as a slice begins with (first_mb_in_slice
 * is 0): frame, index, count, size; then up to SPREAD - 1. */
enum { SLICE_AT = 2, MARK_AT = 3, MARK_SIZE = 7, SPREAD = 5, SETS_SIZE_AT = 8 };

/* STAP-A of SPS, PPS and SEI: 128 or 144 points wide. */
static const uint8_t sets[2][ENDS_SETS_SIZE] = {
    {0x78, 0, 8, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x08, 0x26,
     0x40, 0, 4, 0x68, 0xce, 0x38, 0x80, 0,    20,   0x06},
    {0x78, 0, 8, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x09, 0x26,
     0x40, 0, 4, 0x68, 0xce, 0x38, 0x80, 0,    20,   0x06}};

static struct rtpsec *
cipher(enum rtpsec_direction direction, const struct ends_keys *keys)
{
	struct rtpsec *s = rtpsec_new(DTLS_SRTP_AEAD_AES_128_GCM, direction, keys->key, keys->salt);

	if (s == NULL)
		abort();
	return s;
}

/* ---- the publisher ---- */

void
publisher_end_init(struct publisher_end *p, const struct ends_keys *send,
		   const struct ends_keys *receive, ends_send_fn *fn, void *arg)
{
	memset(p, 0, sizeof(*p));
	p->send = cipher(RTPSEC_SEND, send);
	p->receive = cipher(RTPSEC_RECEIVE, receive);
	p->fn = fn;
	p->arg = arg;
	p->next_seq = p->sent_seq = 65536 + 1000;
	p->pace_us = 1000;
	p->key_packets = 8;
	p->wanted = true;
}

void
publisher_end_fini(struct publisher_end *p)
{
	rtpsec_free(p->send);
	rtpsec_free(p->receive);
}

static void
queue(struct publisher_end *p, const uint8_t *payload, size_t size, bool marker)
{
	struct ends_packet *packet = &p->history[p->next_seq % ENDS_HISTORY];

	*packet = (struct ends_packet){.seq = p->next_seq++,
				       .ts = p->frame * FRAME_TS,
				       .size = (uint16_t)size,
				       .marker = marker};
	memcpy(packet->payload, payload, size);
}

static void
queue_frame(struct publisher_end *p, bool key)
{
	unsigned count = key ? p->key_packets : DELTA_PACKETS;

	if (key)
		queue(p, sets[p->size], sizeof(sets[0]), false);
	for (unsigned i = 0; i < count; i++) {
		uint8_t fu[MARK_AT + MARK_SIZE + SPREAD] = {key ? 0x7c : 0x5c, key ? 0x05 : 0x01};

		fu[SLICE_AT] = 0x88;
		fu[1] |= (uint8_t)((i == 0 ? 0x80 : 0) | (i == count - 1 ? 0x40 : 0));
		put_be32(fu + MARK_AT, p->frame);
		fu[MARK_AT + 4] = (uint8_t)i;
		fu[MARK_AT + 5] = (uint8_t)count;
		fu[MARK_AT + 6] = p->size;
		queue(p, fu, MARK_AT + MARK_SIZE + (p->frame + i) % SPREAD, i == count - 1);
	}
	p->frame++;
}

/* One packet as it is, or wrapped as RTX (RFC 4588). */
static void
transmit(struct publisher_end *p, const struct ends_packet *packet, bool rtx)
{
	uint8_t hdr[RTP_HEADER_SIZE], body[ENDS_PAYLOAD_MAX + 2], out[RTP_PACKET_MAX];
	size_t at = rtx ? 2 : 0;
	int n;

	put_be16(body, (uint16_t)packet->seq);
	memcpy(body + at, packet->payload, packet->size);
	rtp_write_header(hdr, rtx ? ENDS_RTX_PT : ENDS_PT, packet->marker, false,
			 rtx ? p->rtx_seq++ : (uint16_t)packet->seq, packet->ts, ENDS_SSRC + rtx);
	n = rtpsec_protect(p->send, hdr, sizeof(hdr), body, at + packet->size, out, sizeof(out));
	if (n > 0)
		p->fn(p->arg, out, (size_t)n);
}

void
publisher_end_step(struct publisher_end *p, uint64_t now_us)
{
	p->now_us = now_us;
	if (p->next_frame_us <= now_us) {
		bool key =
		    p->wanted && (p->keyframes == 0 || now_us - p->keyframe_us >= KEY_INTERVAL_US);

		p->next_frame_us = now_us + ENDS_FRAME_US;
		if (p->next_seq - p->sent_seq < BACKLOG_MAX) {
			queue_frame(p, key);
			p->wanted &= !key;
			p->keyframes += key;
			p->keyframe_us = key ? now_us : p->keyframe_us;
		}
	}
	while (p->sent_seq < p->next_seq && p->next_send_us <= now_us) {
		transmit(p, &p->history[p->sent_seq++ % ENDS_HISTORY], false);
		p->next_send_us = now_us + p->pace_us;
	}
}

static void
on_lost(void *arg, uint16_t seq)
{
	struct publisher_end *p = arg;
	uint64_t ext = rtp_seq_extend(p->sent_seq, seq);
	uint64_t *resent_us = &p->resent_us[ext % ENDS_HISTORY];

	if (ext >= p->sent_seq || p->history[ext % ENDS_HISTORY].seq != ext ||
	    (*resent_us > 0 && p->now_us < *resent_us + p->rtt_us))
		return;
	*resent_us = p->now_us;
	transmit(p, &p->history[ext % ENDS_HISTORY], true);
}

void
publisher_end_input(struct publisher_end *p, uint8_t *buf, size_t size)
{
	struct rtcp_packet packet;
	size_t offset = 0;
	int n = rtcp_accepts(buf, size) ? rtpsec_unprotect_rtcp(p->receive, buf, size) : -1;

	while (n > 0 && rtcp_next(buf, (size_t)n, &offset, &packet) > 0) {
		if (packet.type == RTCP_PSFB && packet.count == RTCP_FB_PLI) {
			p->plis++;
			p->wanted = true;
		}
		rtcp_get_nack(&packet, on_lost, p);
	}
}

void
publisher_end_resize(struct publisher_end *p)
{
	p->size ^= 1;
	p->wanted = true;
	p->keyframe_us = 0;
}

/* ---- the viewer ---- */

void
viewer_end_init(struct viewer_end *v, const struct ends_keys *send, const struct ends_keys *receive,
		ends_send_fn *fn, void *arg)
{
	memset(v, 0, sizeof(*v));
	v->send = cipher(RTPSEC_SEND, send);
	v->receive = cipher(RTPSEC_RECEIVE, receive);
	v->fn = fn;
	v->arg = arg;
	v->need_key = true;
	v->size = -1;
}

void
viewer_end_fini(struct viewer_end *v)
{
	rtpsec_free(v->send);
	rtpsec_free(v->receive);
}

static const struct ends_packet *
kept(const struct viewer_end *v, uint64_t seq)
{
	const struct ends_packet *p = &v->kept[seq % ENDS_HISTORY];

	return seq != 0 && p->seq == seq ? p : NULL;
}

static bool
is_sets(const struct ends_packet *p)
{
	return p->payload[0] == sets[0][0];
}

/* The packets from..to have no gap and are what came of a keyframe, or all of another frame. */
static void
show(struct viewer_end *v, uint64_t now_us, uint64_t from, uint64_t to, bool key)
{
	const struct ends_packet *first = kept(v, from);
	uint8_t own = kept(v, to)->payload[MARK_AT + 6];

	if (is_sets(first))
		v->size = first->payload[SETS_SIZE_AT] & 1;
	if (key && v->size < 0)
		return; /* no decoder yet */
	if (key)
		v->garbled = v->size != own;
	v->need_key = false;
	v->shown++;
	v->shown_seq = to;
	v->shown_us = now_us;
	if (v->garbled)
		return;
	v->shown_well++;
	v->well_us = now_us;
}

/* Shows what the frame whose last packet is at seq allows. True: another may follow. */
static bool
try_frame(struct viewer_end *v, uint64_t now_us, uint64_t last)
{
	const struct ends_packet *p = kept(v, last);
	uint64_t from = last;
	bool key, whole;

	if (p == NULL || !p->marker || last <= v->shown_seq)
		return false;
	while (kept(v, from - 1) != NULL && kept(v, from - 1)->ts == p->ts)
		from--;
	p = kept(v, from);
	key = is_sets(p) || p->payload[0] == 0x7c;
	whole = is_sets(p) ? from < last : (p->payload[1] & 0x80) != 0;
	if (!whole || (!key && (v->need_key || from != v->shown_seq + 1)))
		return false;
	show(v, now_us, from, last, key);
	return true;
}

static void
show_all(struct viewer_end *v, uint64_t now_us)
{
	uint64_t seq = v->newest > ENDS_HISTORY / 2 ? v->newest - ENDS_HISTORY / 2 : 1;

	for (seq = seq > v->shown_seq ? seq : v->shown_seq + 1; seq <= v->newest; seq++)
		try_frame(v, now_us, seq);
}

static void
add_missing(struct viewer_end *v, uint64_t now_us, uint64_t seq)
{
	if (v->missing_count == ENDS_HISTORY)
		return;
	v->missing[v->missing_count].seq = seq;
	v->missing[v->missing_count].next_us = now_us;
	v->missing[v->missing_count++].tries = 0;
}

static void
remove_missing(struct viewer_end *v, uint64_t seq)
{
	for (size_t i = 0; i < v->missing_count; i++)
		if (v->missing[i].seq == seq) {
			v->missing[i] = v->missing[--v->missing_count];
			return;
		}
}

void
viewer_end_input(struct viewer_end *v, uint64_t now_us, uint8_t *buf, size_t size)
{
	struct rtp_packet p;
	uint64_t seq;
	int n = rtp_accepts(buf, size) ? rtpsec_unprotect(v->receive, buf, size) : -1;

	if (n > 0 && (buf[1] & 0x7f) == ENDS_RTX_PT)
		n = rtp_rtx_unwrap(buf, (size_t)n, ENDS_PT, ENDS_OUT_SSRC);
	if (n <= 0 || rtp_parse(&p, buf, (size_t)n) < 0 || p.payload_size > ENDS_PAYLOAD_MAX)
		return;
	seq = v->newest != 0 ? rtp_seq_extend(v->newest, p.seq) : 65536u + p.seq;
	for (uint64_t s = v->newest + 1; v->newest != 0 && s < seq; s++)
		add_missing(v, now_us, s);
	remove_missing(v, seq);
	v->newest = seq > v->newest ? seq : v->newest;
	v->kept[seq % ENDS_HISTORY] = (struct ends_packet){
	    .seq = seq, .ts = p.ts, .size = (uint16_t)p.payload_size, .marker = p.marker};
	memcpy(v->kept[seq % ENDS_HISTORY].payload, p.payload, p.payload_size);
	show_all(v, now_us);
}

static int
by_number(const void *a, const void *b)
{
	return rtp_seq_diff(*(const uint16_t *)a, *(const uint16_t *)b);
}

static void
add_nacks(struct viewer_end *v, uint64_t now_us, struct rtcp_writer *w)
{
	uint16_t seqs[NACKS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < v->missing_count && count < NACKS_MAX;) {
		if (v->missing[i].next_us > now_us) {
			i++;
		} else if (v->missing[i].tries++ == NACK_TRIES) {
			v->missing[i] = v->missing[--v->missing_count];
		} else {
			seqs[count++] = (uint16_t)v->missing[i].seq;
			v->missing[i++].next_us = now_us + 2 * TICK_US;
		}
	}
	if (count == 0)
		return;
	qsort(seqs, count, sizeof(seqs[0]), by_number);
	rtcp_add_nack(w, 1, ENDS_OUT_SSRC, seqs, count);
	v->nacks += (unsigned)count;
}

void
viewer_end_step(struct viewer_end *v, uint64_t now_us)
{
	uint64_t wait_us = v->need_key ? KEY_WAIT_US : FRAME_WAIT_US, since = v->shown_us;
	bool report = v->report_us != 0 && v->next_report_us <= now_us;
	uint8_t buf[RTP_PACKET_MAX];
	struct rtcp_writer w;
	int n;

	if (v->next_tick_us > now_us)
		return;
	v->next_tick_us = now_us + TICK_US;
	rtcp_start(&w, buf, RTCP_COMPOUND_MAX);
	rtcp_add_rr(&w, 1, NULL, 0);
	add_nacks(v, now_us, &w);
	since = since > v->pli_us ? since : v->pli_us;
	if (!v->patient && now_us - since >= wait_us) {
		rtcp_add_pli(&w, 1, ENDS_OUT_SSRC);
		v->pli_us = now_us;
		v->plis++;
	}
	if (report)
		v->next_report_us = now_us + v->report_us;
	n = rtcp_finish(&w);
	if (n > 8 || report) /* more than the empty report */
		n = rtpsec_protect_rtcp(v->send, buf, (size_t)n, sizeof(buf));
	if (n > 8)
		v->fn(v->arg, buf, (size_t)n);
}
