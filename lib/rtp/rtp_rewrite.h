/*
 * rtp_rewrite.h - sequence numbers and timestamps of one track as one subscriber sees them: one
 * unbroken stream whatever happens to the source (another publisher, another codec, packets left
 * out on purpose).  Also the way back, from a sequence number that the subscriber reports missing
 * to the source's.  The caller stores it (64 octets); no allocation, constant time.
 *
 * It does not keep what was sent: a resend must carry the same octets as the first time, so the
 * caller asks rtp_rewrite_source() for the packet and writes the number it was asked for.
 */
#ifndef RTCKIT_RTP_RTP_REWRITE_H
#define RTCKIT_RTP_RTP_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/*
	 * Runs of dropped packets remembered. Beyond the oldest (or RTP_REWRITE_BACK packets back,
	 * or before the last switch) numbers map neither way: nine disposable frames are some 0.4 s
	 * of a stream with B-frames, more than a resend is worth waiting for.
	 */
	RTP_REWRITE_RUNS = 9,
	RTP_REWRITE_RUN_MAX = 255, /* packets of one run; a longer one takes several */
	RTP_REWRITE_BACK = 16384,
	RTP_REWRITE_LEAP = 3000 /* a source that jumps by more begins anew (RFC 3550 A.1) */
};

struct rtp_rewrite {
	uint64_t delta;	   /* outgoing - source, of the newest; modulo 2^64 */
	uint64_t max_seq;  /* newest source number mapped or dropped */
	uint32_t floor;	   /* low half of the source number up to which nothing is known */
	uint32_t last_ms;  /* when the newest was mapped, modulo 2^32 */
	uint32_t ts_delta; /* outgoing - source */
	uint32_t last_ts;  /* highest outgoing timestamp */
	uint16_t run_seq[RTP_REWRITE_RUNS]; /* low half of a run's first source number */
	uint8_t run_size[RTP_REWRITE_RUNS];
	uint8_t run_head, run_count; /* ring: the oldest, how many */
	bool started;		     /* something was mapped: timestamps must go on */
	uint16_t clock_100hz;	     /* of the present source */
};

/*
 * The first packet mapped after the first rtp_rewrite_switch() gets exactly first_seq and
 * first_ts. first_seq should be random and below 32768 (the roll-over counter of RFC 3711 s.3.3.1
 * starts at 0: a wrap among the first packets, if lost, is not seen), first_ts random.
 */
void rtp_rewrite_init(struct rtp_rewrite *r, uint16_t first_seq, uint32_t first_ts);

/*
 * A source begins, or another one takes its place: its packet src_seq (extended, above 0) follows
 * the newest outgoing one without a gap, and its timestamp src_ts goes on from the last outgoing
 * one by the time that passed at clock_rate (Hz, above 0), by one tick at least. Numbers before
 * src_seq no longer map.
 */
void rtp_rewrite_switch(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
			uint32_t clock_rate);

/*
 * The source packet src_seq is left out on purpose: those after it close the gap. 0; -ESTALE if a
 * later one was mapped already, so that its number is spent: forward it, or leave a hole.
 */
int rtp_rewrite_drop(struct rtp_rewrite *r, uint64_t src_seq);

/*
 * Outgoing number (extended; its low 16 bits go into the packet) and timestamp of a source packet,
 * in any order; a repeated packet maps to the same. now_us is when it came. A source that leaps by
 * more than RTP_REWRITE_LEAP (RTP_RECV_RESTART) is taken for a switch: a receiver's roll-over
 * counter could not follow; its timestamps go on as they are if they fit the time that passed.
 * 0; -ESTALE: before the switch, beyond the history, or dropped on purpose.
 */
int rtp_rewrite_map(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
		    uint64_t *out_seq, uint32_t *out_ts);

/* The way back, for NACK: 0, or -ENOENT (never sent, of an earlier source, no longer known). */
int rtp_rewrite_source(const struct rtp_rewrite *r, uint16_t out_seq, uint64_t *src_seq);

/* A source timestamp as the receiver sees it (sender reports). */
static inline uint32_t
rtp_rewrite_ts(const struct rtp_rewrite *r, uint32_t src_ts)
{
	return src_ts + r->ts_delta;
}

/* Extended number of the newest outgoing packet. */
static inline uint64_t
rtp_rewrite_newest(const struct rtp_rewrite *r)
{
	return r->max_seq + r->delta;
}

#endif
