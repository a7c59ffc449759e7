/*
 * rtp_rewrite.h - maps a source's sequence numbers and timestamps to a receiver's own continuous ones
 * and back: across sources (takeover, another codec or layer) and across packets dropped on purpose.
 * One per receiver and track; the caller stores it; no allocation.
 */
#ifndef RTCKIT_RTP_RTP_REWRITE_H
#define RTCKIT_RTP_RTP_REWRITE_H

#include <stdbool.h>
#include <stdint.h>

enum { RTP_REWRITE_DROPS = 16 };	/* runs of dropped packets remembered for the way back */

struct rtp_rewrite_drop {
	uint64_t src_seq;	/* first source number after the dropped run */
	uint64_t offset;	/* out = src + offset (modulo 2^64) from there on */
};

struct rtp_rewrite {
	uint64_t next_out;	/* highest extended outgoing sequence number + 1 */
	uint64_t first_src;	/* of the present source: earlier ones are not mapped */
	uint64_t max_src;
	uint64_t last_us;	/* when the highest was mapped */
	uint32_t ts_offset;	/* out_ts = src_ts + ts_offset */
	uint32_t last_out_ts;
	uint16_t drop_count;	/* used entries of drops[], ascending; drops[0] is the source's start */
	bool	 started;
	struct rtp_rewrite_drop drops[RTP_REWRITE_DROPS];
};

/* The first packet sent will have sequence number first_seq and timestamp first_ts. */
void rtp_rewrite_init(struct rtp_rewrite *r, uint16_t first_seq, uint32_t first_ts);

/*
 * From now on packets come from another source whose first packet is src_seq at src_ts: outgoing
 * sequence numbers go on without a gap, timestamps advance by the time since the last packet
 * (at least one tick), at clock_rate Hz. Also starts the first source.
 */
void rtp_rewrite_switch(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
    uint32_t clock_rate);

/* src_seq is not forwarded: later ones close the gap. In order only; a late one is ignored. */
void rtp_rewrite_drop(struct rtp_rewrite *r, uint64_t src_seq);

/* 0; -ESTALE if src_seq lies before the present source's start, was dropped on purpose, or lies
 * before the oldest remembered drop. *out_seq is extended. */
int rtp_rewrite_map(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
    uint64_t *out_seq, uint32_t *out_ts);

/* The way back, for NACK: 0, or -ENOENT (never sent, or of an earlier source). */
int rtp_rewrite_source(const struct rtp_rewrite *r, uint16_t out_seq, uint64_t *src_seq);

/* A source timestamp as the receiver sees it (sender reports). */
static inline uint32_t
rtp_rewrite_ts(const struct rtp_rewrite *r, uint32_t src_ts)
{
	return src_ts + r->ts_offset;
}

#endif
