/*
 * rtp_remb.h - what to tell a sender that knows no transport-wide feedback: an estimate for REMB
 * (draft-alvestrand-rmcat-remb) from the rate that arrives and from loss.  Pure; time is an
 * argument.
 *
 * What it does not do: see queues. Loss is all it backs off for.
 */
#ifndef RTCKIT_RTP_RTP_REMB_H
#define RTCKIT_RTP_RTP_REMB_H

#include <stdint.h>

enum {
	RTP_REMB_START_BPS = 1000000,
	RTP_REMB_MIN_BPS = 100000,
	RTP_REMB_MAX_BPS = 50000000,
	RTP_REMB_ROOM_BPS = 1000000,  /* allowed to who sends little, for its next keyframe */
	RTP_REMB_INTERVAL_US = 500000 /* shorter ones say too little */
};

struct rtp_remb {
	uint64_t since_us, octets;   /* of the present interval */
	uint64_t expected, received; /* packets, at its beginning */
	uint64_t estimate_bps;
};

void rtp_remb_init(struct rtp_remb *r, uint64_t now_us);
static inline void
rtp_remb_packet(struct rtp_remb *r, uint64_t octets)
{
	r->octets += octets;
}
/*
 * The estimate, bit/s. expected and received: packets of all the sender's SSRCs so far, resent ones
 * among the received. Below RTP_REMB_INTERVAL_US after the last it is the last.
 */
uint64_t rtp_remb_update(struct rtp_remb *r, uint64_t now_us, uint64_t expected, uint64_t received);

#endif
