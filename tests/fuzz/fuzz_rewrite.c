/*
 * The way of a publisher's packets through the relay, by their numbers alone: each four octets are
 * one packet: sequence number, timestamp, what it is, how long it is and how much time passes. What
 * a player gets has no number twice, and what it reports missing leads back to the same packet.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/rtp_recv.h"
#include "rtp/rtp_ring.h"
#include "rtp/rtp_rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { STEP = 5, SLOTS = 64, ARENA = 8192, CLOCK = 90000, NEW_SOURCE = 0x0f };

struct way {
	struct rtp_recv recv;
	struct rtp_rewrite rw;
	struct rtp_ring *ring;
	uint64_t now_us, newest; /* newest: the highest number that the player got */
	bool any;
};

static void
forward(struct way *w, uint64_t src, uint32_t ts)
{
	uint64_t out, again, back = 0;
	uint32_t out_ts;

	if (rtp_rewrite_map(&w->rw, src, ts, w->now_us, &out, &out_ts) != 0)
		return;
	assert(rtp_rewrite_map(&w->rw, src, ts, w->now_us, &again, &out_ts) == 0 && again == out);
	assert(rtp_rewrite_source(&w->rw, (uint16_t)out, &back) != 0 || back == src);
	assert(!w->any || out <= w->newest || out - w->newest < 65536);
	w->newest = w->any ? MAX_OF(w->newest, out) : out;
	w->any = true;
}

static void
keep(struct way *w, uint64_t src, uint32_t ts, size_t size, uint8_t what)
{
	static const uint8_t payload[2 * ARENA];
	const struct rtp_ring_slot meta = {.seq = src,
					   .ts = ts,
					   .arrival_us = w->now_us,
					   .payload_size = (uint16_t)size,
					   .flags = what & RTP_RING_KEYFRAME,
					   .marker = (what & 2) != 0};
	uint64_t before = rtp_ring_head(w->ring), at = rtp_ring_append(w->ring, &meta, payload);
	const uint8_t *got;
	const struct rtp_ring_slot *slot;

	if (at == 0)
		return;
	assert(at == before + 1 && rtp_ring_find(w->ring, src) == at);
	slot = rtp_ring_get(w->ring, at, &got);
	assert(slot != NULL && slot->seq == src && slot->payload_size == size);
	for (uint64_t p = rtp_ring_tail(w->ring); p < at; p++)
		assert(rtp_ring_get(w->ring, p, &got) != NULL);
	if ((what & 4) != 0)
		rtp_ring_equalise(w->ring, rtp_ring_tail(w->ring));
	assert(slot->pad <= RTP_RING_PAD_MAX);
}

static void
packet(struct way *w, const uint8_t *p)
{
	uint8_t what = p[3];
	uint64_t src;
	enum rtp_recv_result result;
	uint16_t asked[16];

	w->now_us += p[4] * 1000u;
	result = rtp_recv_packet(&w->recv, w->now_us, be16(p), p[2] * 3000u, 100, &src);
	(void)rtp_recv_nack(&w->recv, w->now_us, 50000, asked, ARRAY_COUNT(asked));
	if (result == RTP_RECV_DUPLICATE)
		return;
	keep(w, src, p[2] * 3000u, (what >> 4) * 700u, what);
	if ((what & NEW_SOURCE) == NEW_SOURCE)
		rtp_rewrite_switch(&w->rw, src, p[2] * 3000u, w->now_us, CLOCK);
	else if ((what & 8) != 0 && rtp_rewrite_drop(&w->rw, src) == 0)
		return;
	forward(w, src, p[2] * 3000u);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct way w = {.now_us = 1000000, .ring = rtp_ring_new(SLOTS, ARENA)};
	struct rtcp_report report;

	assert(w.ring != NULL);
	rtp_recv_init(&w.recv, 1, CLOCK);
	rtp_rewrite_init(&w.rw, 100, 0);
	rtp_rewrite_switch(&w.rw, 65536, 0, w.now_us, CLOCK);
	for (size_t at = 0; size - at >= STEP; at += STEP)
		packet(&w, buf + at);
	rtp_recv_report(&w.recv, w.now_us, &report);
	rtp_ring_free(w.ring);
	return 0;
}
