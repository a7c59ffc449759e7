/*
 * rtp_fit.h - does what is sent fit the receiver's link?  From its reports: how many of the better
 * layers (of simulcast) to leave out.  Down within seconds, up one step at a time, and ever more
 * rarely where a step up did not last, so that it never flaps.  Pure; time is an argument.
 *
 * What it does not do: estimate the link's rate. It sees loss, round trips that grow (queues), and
 * a receiver's own estimate (REMB).
 */
#ifndef RTCKIT_RTP_RTP_FIT_H
#define RTCKIT_RTP_RTP_FIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RTP_FIT_LOSS_BAD = 26, /* of 256: a tenth, where loss-based control backs off, too */
	RTP_FIT_LOSS_GOOD = 8, /* three in a hundred */
	RTP_FIT_QUEUE_BAD_US = 300000, /* round trip above the least that was seen */
	RTP_FIT_QUEUE_GOOD_US = 100000,
	RTP_FIT_DOWN_US = 1000000,   /* bad for so long: one layer less */
	RTP_FIT_SETTLE_US = 2000000, /* after a change: queues drain, resends come to an end */
	RTP_FIT_UP_US = 5000000,     /* good for so long: one layer more; doubled when that fails */
	RTP_FIT_UP_MAX_US = 160000000,
	RTP_FIT_TRIAL_US = 15000000,   /* a step up that lasts so long was right */
	RTP_FIT_ESTIMATE_US = 5000000, /* a REMB older than this says nothing */
	RTP_FIT_STALE_US = 10000000    /* without reports for so long nothing is known */
};

struct rtp_fit {
	uint8_t skip;		       /* layers to leave out, from the best */
	uint64_t bad_us, good_us;      /* since when; 0: it is not */
	uint64_t changed_us, tried_us; /* last change; last step up */
	uint64_t wait_us;	       /* good for so long makes a step up */
	uint64_t report_us;	       /* the last one's time */
	uint64_t rtt_min_us;	       /* 0: none seen */
	uint64_t remb_bps, remb_us;
};

void rtp_fit_init(struct rtp_fit *f);
/* REMB of the receiver. */
void rtp_fit_estimate(struct rtp_fit *f, uint64_t now_us, uint64_t bps);
/*
 * A report about the time since the last: loss of 256; round trip, 0 if unknown; rates in bit/s of
 * what is sent now and of the next better layer (0 if there is none or it is unknown); layer_count:
 * how many there are. True if skip changed: it is 0..layer_count - 1.
 */
bool rtp_fit_report(struct rtp_fit *f, uint64_t now_us, unsigned loss_q8, uint64_t rtt_us,
		    uint64_t rate_bps, uint64_t next_bps, unsigned layer_count);

#endif
