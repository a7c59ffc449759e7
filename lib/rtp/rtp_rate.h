/*
 * rtp_rate.h - how much a sender may send, by transport-wide feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions): less when packets wait in a queue on the way
 * or get lost, slowly more while neither is the case.  Pure; time is an argument.
 *
 * What it does not do: pacing, probing.  A sender that sends less than it may is not given more.
 */
#ifndef RTCKIT_RTP_RTP_RATE_H
#define RTCKIT_RTP_RTP_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RTP_RATE_SENT_MAX = 2048, /* packets remembered; a power of two */
	RTP_RATE_QUEUE_US =
	    100000,		  /* every packet of a feedback waited so long: too much is sent */
	RTP_RATE_CALM_US = 40000, /* with less waiting than this more may be tried */
	RTP_RATE_WINDOW_US = 500000, /* loss and arriving rate are measured over */
	RTP_RATE_HOLD_US = 1000000,  /* no more after a cut for so long */
	RTP_RATE_CUT_US = 300000,    /* between two cuts, so that the first can work */
	RTP_RATE_BASE_US = 10000000  /* how long the least delay is believed in, up to twice that */
};

struct rtp_rate {
	uint64_t bps, min_bps, max_bps;
	struct {
		uint64_t at_us;
		uint16_t seq, size;
		uint8_t state; /* 0 nothing, 1 on its way, 2 told lost */
	} sent[RTP_RATE_SENT_MAX];
	int64_t reference_us; /* of the feedback in hand, unwrapped */
	uint32_t reference_64ms;
	bool has_reference, has_delay;
	int64_t delay_us;   /* least of the feedback in hand, on an arbitrary base */
	int64_t base_us[2]; /* least of this window and of the one before */
	uint64_t base_at_us;
	bool has_base;
	uint64_t window_us, octets, received, lost; /* since window_us */
	uint64_t acked_bps;			    /* of the last whole window; 0 unknown */
	uint64_t cut_us;
	int64_t queue_us; /* of the last feedback */
};

void rtp_rate_init(struct rtp_rate *r, uint64_t now_us, uint64_t start_bps, uint64_t min_bps,
		   uint64_t max_bps);
/* A packet left, with its transport-wide number; size as on the wire. */
void rtp_rate_sent(struct rtp_rate *r, uint64_t now_us, uint16_t seq, uint16_t size);
/*
 * One feedback: its reference time (24 bits, in 64 ms), then each packet (delta_us as
 * rtcp_get_twcc() gives it, INT64_MIN: did not arrive), then the end, which returns the rate.
 */
void rtp_rate_begin(struct rtp_rate *r, uint32_t reference_64ms);
void rtp_rate_packet(struct rtp_rate *r, uint16_t seq, int64_t delta_us);
uint64_t rtp_rate_end(struct rtp_rate *r, uint64_t now_us);

#endif
