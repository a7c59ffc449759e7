#include "rtp/rtp_remb.h"

#include "base/bytes.h"

enum { LOSS_HOLD_Q8 = 5, LOSS_DOWN_Q8 = 26 }; /* 2 % and 10 %, as loss-based control has them */

void
rtp_remb_init(struct rtp_remb *r, uint64_t now_us)
{
	*r = (struct rtp_remb){.since_us = now_us, .estimate_bps = RTP_REMB_START_BPS};
}

/* Totals of sources that went may be missing: then the interval says nothing about loss. */
static uint64_t
loss_q8(const struct rtp_remb *r, uint64_t expected, uint64_t received)
{
	uint64_t came, due;

	if (expected <= r->expected || received < r->received)
		return 0;
	due = expected - r->expected;
	came = received - r->received;
	return came < due ? (due - came) * 256 / due : 0;
}

uint64_t
rtp_remb_update(struct rtp_remb *r, uint64_t now_us, uint64_t expected, uint64_t received)
{
	uint64_t elapsed = now_us - r->since_us, loss, rate, most, estimate = r->estimate_bps;

	if (elapsed < RTP_REMB_INTERVAL_US)
		return estimate;
	rate = r->octets * 8 * 1000000 / elapsed;
	loss = loss_q8(r, expected, received);
	if (loss >= LOSS_DOWN_Q8)
		estimate = MIN_OF(estimate, rate - rate * loss / 512);
	else if (loss >= LOSS_HOLD_Q8)
		estimate = MIN_OF(estimate, rate);
	else
		estimate += estimate * MIN_OF(elapsed, (uint64_t)1000000) / 8 / 1000000;
	most = MAX_OF(2 * rate, (uint64_t)RTP_REMB_ROOM_BPS);
	if (loss < LOSS_DOWN_Q8)
		estimate = MIN_OF(estimate, most);
	estimate = MAX_OF(estimate, (uint64_t)RTP_REMB_MIN_BPS);
	estimate = MIN_OF(estimate, (uint64_t)RTP_REMB_MAX_BPS);
	*r = (struct rtp_remb){.since_us = now_us,
			       .expected = expected,
			       .received = received,
			       .estimate_bps = estimate};
	return estimate;
}
