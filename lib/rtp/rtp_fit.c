#include "rtp/rtp_fit.h"

#include "base/bytes.h"

void
rtp_fit_init(struct rtp_fit *f)
{
	*f = (struct rtp_fit){.wait_us = RTP_FIT_UP_US};
}

void
rtp_fit_estimate(struct rtp_fit *f, uint64_t now_us, uint64_t bps)
{
	f->remb_bps = bps;
	f->remb_us = now_us;
}

static bool
has_estimate(const struct rtp_fit *f, uint64_t now_us)
{
	return f->remb_us != 0 && now_us - f->remb_us < RTP_FIT_ESTIMATE_US;
}

static uint64_t
queue_us(const struct rtp_fit *f, uint64_t rtt_us)
{
	return rtt_us > f->rtt_min_us ? rtt_us - f->rtt_min_us : 0;
}

static bool
is_bad(const struct rtp_fit *f, uint64_t now_us, unsigned loss_q8, uint64_t rtt_us,
       uint64_t rate_bps)
{
	return loss_q8 >= RTP_FIT_LOSS_BAD || queue_us(f, rtt_us) >= RTP_FIT_QUEUE_BAD_US ||
	       (has_estimate(f, now_us) && f->remb_bps < rate_bps - rate_bps / 10);
}

/* A receiver estimates little above what it gets: its word only counts against a step. */
static bool
is_good(const struct rtp_fit *f, uint64_t now_us, unsigned loss_q8, uint64_t rtt_us,
	uint64_t rate_bps, uint64_t next_bps)
{
	uint64_t enough = MIN_OF(next_bps, rate_bps + rate_bps / 4);

	return loss_q8 <= RTP_FIT_LOSS_GOOD && queue_us(f, rtt_us) <= RTP_FIT_QUEUE_GOOD_US &&
	       (!has_estimate(f, now_us) || f->remb_bps >= enough);
}

static void
change(struct rtp_fit *f, uint64_t now_us, int by)
{
	f->skip = (uint8_t)(f->skip + by);
	f->changed_us = now_us;
	f->bad_us = f->good_us = 0;
}

/* A step down soon after a step up: that was wrong, the next is further off. */
static void
step_down(struct rtp_fit *f, uint64_t now_us)
{
	if (f->tried_us != 0)
		f->wait_us = MIN_OF(2 * f->wait_us, (uint64_t)RTP_FIT_UP_MAX_US);
	f->tried_us = 0;
	change(f, now_us, 1);
}

static void
step_up(struct rtp_fit *f, uint64_t now_us)
{
	f->tried_us = now_us;
	change(f, now_us, -1);
}

bool
rtp_fit_report(struct rtp_fit *f, uint64_t now_us, unsigned loss_q8, uint64_t rtt_us,
	       uint64_t rate_bps, uint64_t next_bps, unsigned layer_count)
{
	bool bad, good;

	if (f->report_us != 0 && now_us - f->report_us > RTP_FIT_STALE_US)
		f->bad_us = f->good_us = 0;
	f->report_us = now_us;
	if (rtt_us != 0 && (f->rtt_min_us == 0 || rtt_us < f->rtt_min_us))
		f->rtt_min_us = rtt_us;
	if (f->tried_us != 0 && now_us - f->tried_us >= RTP_FIT_TRIAL_US) {
		f->tried_us = 0;
		f->wait_us = RTP_FIT_UP_US;
	}
	if (f->changed_us != 0 && now_us - f->changed_us < RTP_FIT_SETTLE_US)
		return false;
	bad = is_bad(f, now_us, loss_q8, rtt_us, rate_bps);
	good = !bad && is_good(f, now_us, loss_q8, rtt_us, rate_bps, next_bps);
	f->bad_us = !bad ? 0 : f->bad_us != 0 ? f->bad_us : now_us;
	f->good_us = !good ? 0 : f->good_us != 0 ? f->good_us : now_us;
	if (bad && now_us - f->bad_us >= RTP_FIT_DOWN_US && f->skip + 1u < layer_count) {
		step_down(f, now_us);
		return true;
	}
	if (good && f->skip > 0 && now_us - f->good_us >= f->wait_us) {
		step_up(f, now_us);
		return true;
	}
	return false;
}
