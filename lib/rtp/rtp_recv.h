/*
 * rtp_recv.h - receiver's book-keeping of one SSRC: extended sequence numbers (RFC 3550 A.1), loss
 * and jitter for report blocks (A.3, A.8), duplicate detection, and the list of missing packets
 * with NACK timing (RFC 4585).  Also the sender's clock (SR) mapping.  The caller stores it; no
 * allocation.
 */
#ifndef RTCKIT_RTP_RTP_RECV_H
#define RTCKIT_RTP_RTP_RECV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtcp.h"

enum {
	RTP_RECV_MISSING_MAX = 256, /* packets waited for; a larger hole asks for a keyframe */
	RTP_RECV_NACK_TRIES = 10,
	RTP_RECV_NACK_EVEN = 4,	 /* the first ones are a round trip apart, then half as much more */
	RTP_RECV_HISTORY = 2048, /* packets back in which a duplicate is told from a late one */
	RTP_RECV_REORDER_US = 10000,	/* default of reorder_us: most reordering is over by then */
	RTP_RECV_MAX_AGE_US = 1000000,	/* default of max_age_us: later no player wants it */
	RTP_RECV_PLAIN_AGE_US = 250000, /* for max_age_us where NACK was not negotiated */
	RTP_RECV_RETRY_US = 20000	/* least time between two asks for the same packet */
};

struct rtp_recv_missing {
	uint64_t seq;
	uint64_t due_us;  /* when to ask (again) */
	uint32_t seen_ms; /* when the hole was seen, modulo 2^32 */
	uint8_t tries;
};

struct rtp_recv {
	uint32_t ssrc, clock_rate;	 /* Hz */
	uint32_t reorder_us, max_age_us; /* of NACK; the caller may set them after init */
	bool started;
	bool suspect; /* the last packet was too far off; next_suspect would follow it */
	uint16_t next_suspect;
	uint64_t base_seq, max_seq; /* extended; the first is seq + 65536 so that it can go back */
	uint64_t received, duplicates, octets;
	uint64_t expected_prior, received_prior;	       /* for the fraction lost */
	uint32_t transit;				       /* last; RTP units */
	uint32_t jitter_q4;				       /* jitter x 16, RTP units (A.8) */
	uint64_t seen[RTP_RECV_HISTORY / 64];		       /* bit per recent sequence number */
	struct rtp_recv_missing missing[RTP_RECV_MISSING_MAX]; /* ascending */
	uint16_t missing_count;
	bool hole;	   /* a loss that NACK cannot mend: read and cleared by the caller */
	struct rtcp_sr sr; /* last sender report; ntp 0 if none */
	uint64_t sr_us;	   /* when it arrived */
};

enum rtp_recv_result { RTP_RECV_NEW, RTP_RECV_LATE, RTP_RECV_DUPLICATE, RTP_RECV_RESTART };

void rtp_recv_init(struct rtp_recv *r, uint32_t ssrc, uint32_t clock_rate);
/*
 * One packet (not an RTX wrapper: unwrap first). *ext_seq gets the extended sequence number.
 * NEW: in order or ahead; LATE: fills a hole or precedes; DUPLICATE: drop it, *ext_seq is untouched
 * (also a packet beyond the history, and the first that is more than 3000 off: RFC 3550 A.1);
 * RESTART: the second in a row of those: history is forgotten, *ext_seq goes on above it, and hole
 * is set, for the first is lost with whatever was sent before it. Duplicates do not count as
 * received, so a cumulative loss is never hidden by resends.
 */
enum rtp_recv_result rtp_recv_packet(struct rtp_recv *r, uint64_t now_us, uint16_t seq, uint32_t ts,
				     size_t size, uint64_t *ext_seq);
void rtp_recv_sender_report(struct rtp_recv *r, uint64_t now_us, const struct rtcp_sr *sr);
/* Fill a report block and close the interval. */
void rtp_recv_report(struct rtp_recv *r, uint64_t now_us, struct rtcp_report *out);
/*
 * Sequence numbers to ask for now, at most cap, ascending. rtt_us spaces the retries
 * (RTP_RECV_RETRY_US at least), which come ever less often after RTP_RECV_NACK_EVEN: senders do not
 * resend within what they take for a round trip, and browsers may be far off in that. The first ask
 * comes reorder_us after the hole was seen. Gives up a packet one interval after
 * RTP_RECV_NACK_TRIES asks, or at max_age_us: then sets hole. Returns the count; what cap left out
 * stays due.
 */
size_t rtp_recv_nack(struct rtp_recv *r, uint64_t now_us, uint64_t rtt_us, uint16_t *seqs,
		     size_t cap);
/* 0: a hole is to be read; CLOCK_NEVER: nothing is missing */
uint64_t rtp_recv_nack_deadline(const struct rtp_recv *r);
uint64_t rtp_recv_lost(const struct rtp_recv *r); /* expected - received, not below 0 */

#endif
