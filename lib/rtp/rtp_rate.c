#include "rtp/rtp_rate.h"

#include <string.h>

#include "base/bytes.h"

enum {
	SECOND_US = 1000000,
	TICK_US = 64000, /* of the reference time */
	TICKS = 1 << 24,
	STATE_NONE = 0,
	STATE_SENT,
	STATE_LOST,
	CUT_PERCENT = 85,
	RAISE_PERCENT = 105, /* per window */
	LOSS_CUT_PERCENT = 10,
	LOSS_CALM_PERCENT = 2,
	ROOM_BPS = 100000 /* above one and a half times what arrives */
};

void
rtp_rate_init(struct rtp_rate *r, uint64_t now_us, uint64_t start_bps, uint64_t min_bps,
	      uint64_t max_bps)
{
	memset(r, 0, sizeof(*r));
	r->min_bps = min_bps;
	r->max_bps = MAX_OF(max_bps, min_bps);
	r->bps = MIN_OF(MAX_OF(start_bps, min_bps), r->max_bps);
	r->window_us = now_us;
}

void
rtp_rate_sent(struct rtp_rate *r, uint64_t now_us, uint16_t seq, uint16_t size)
{
	unsigned at = seq & (RTP_RATE_SENT_MAX - 1);

	r->sent[at].at_us = now_us;
	r->sent[at].seq = seq;
	r->sent[at].size = size;
	r->sent[at].state = STATE_SENT;
}

void
rtp_rate_begin(struct rtp_rate *r, uint32_t reference_64ms)
{
	int32_t step = (int32_t)((reference_64ms - r->reference_64ms) & (TICKS - 1));

	if (step >= TICKS / 2)
		step -= TICKS;
	r->reference_us = r->has_reference ? r->reference_us + (int64_t)step * TICK_US : (int64_t)0;
	r->reference_64ms = reference_64ms & (TICKS - 1);
	r->has_reference = true;
	r->has_delay = false;
}

void
rtp_rate_packet(struct rtp_rate *r, uint16_t seq, int64_t delta_us)
{
	unsigned at = seq & (RTP_RATE_SENT_MAX - 1);
	int64_t delay_us;

	if (r->sent[at].state == STATE_NONE || r->sent[at].seq != seq)
		return;
	if (delta_us == INT64_MIN) {
		r->lost += r->sent[at].state == STATE_SENT;
		r->sent[at].state = STATE_LOST;
		return;
	}
	if (r->sent[at].state == STATE_LOST && r->lost > 0)
		r->lost--; /* it was late */
	r->sent[at].state = STATE_NONE;
	r->received++;
	r->octets += r->sent[at].size;
	delay_us = r->reference_us + delta_us - (int64_t)r->sent[at].at_us;
	r->delay_us = r->has_delay ? MIN_OF(r->delay_us, delay_us) : delay_us;
	r->has_delay = true;
}

/* How long the luckiest packet of the feedback waited, against the least delay known. */
static void
update_queue(struct rtp_rate *r, uint64_t now_us)
{
	if (!r->has_delay)
		return;
	if (!r->has_base) {
		r->has_base = true;
		r->base_us[0] = r->base_us[1] = r->delay_us;
		r->base_at_us = now_us;
	} else if (now_us - r->base_at_us >= RTP_RATE_BASE_US) {
		r->base_us[1] = r->base_us[0];
		r->base_us[0] = r->delay_us;
		r->base_at_us = now_us;
	}
	r->base_us[0] = MIN_OF(r->base_us[0], r->delay_us);
	r->queue_us = r->delay_us - MIN_OF(r->base_us[0], r->base_us[1]);
}

static void
cut(struct rtp_rate *r, uint64_t now_us, uint64_t bps)
{
	if (r->cut_us != 0 && now_us - r->cut_us < RTP_RATE_CUT_US)
		return;
	r->cut_us = now_us;
	r->bps = MAX_OF(MIN_OF(bps, r->bps), r->min_bps);
}

static void
end_window(struct rtp_rate *r, uint64_t now_us)
{
	uint64_t since = now_us - r->window_us, all = r->received + r->lost;
	uint64_t loss_percent = all > 0 ? r->lost * 100 / all : 0;
	bool held = r->cut_us != 0 && now_us - r->cut_us < RTP_RATE_HOLD_US;

	r->acked_bps = r->octets * 8 * SECOND_US / since;
	if (loss_percent > LOSS_CUT_PERCENT) {
		cut(r, now_us, r->bps - r->bps * loss_percent / 200);
	} else if (loss_percent < LOSS_CALM_PERCENT && r->queue_us < RTP_RATE_CALM_US && !held &&
		   r->received > 0) {
		uint64_t most = r->acked_bps * 3 / 2 + ROOM_BPS;
		uint64_t raised = MIN_OF(r->bps * RAISE_PERCENT / 100, most);

		r->bps = MIN_OF(MAX_OF(r->bps, raised), r->max_bps);
	}
	r->window_us = now_us;
	r->octets = r->received = r->lost = 0;
}

uint64_t
rtp_rate_end(struct rtp_rate *r, uint64_t now_us)
{
	uint64_t arriving = r->acked_bps != 0 ? MIN_OF(r->acked_bps, r->bps) : r->bps;

	update_queue(r, now_us);
	if (r->queue_us > RTP_RATE_QUEUE_US)
		cut(r, now_us, arriving * CUT_PERCENT / 100);
	if (now_us - r->window_us >= RTP_RATE_WINDOW_US)
		end_window(r, now_us);
	return r->bps;
}
