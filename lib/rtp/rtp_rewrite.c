#include "rtp/rtp_rewrite.h"

#include <errno.h>

#include "rtp/rtp.h"

enum { CLOCK_SLACK_S = 10 }; /* a timestamp off by more, after a leap, is another clock's */

_Static_assert(sizeof(struct rtp_rewrite) <= 64, "one cache line per subscriber's track");

void
rtp_rewrite_init(struct rtp_rewrite *r, uint16_t first_seq, uint32_t first_ts)
{
	/* Extended numbers begin at 65536 so that a late packet cannot go below 0. */
	*r = (struct rtp_rewrite){.max_seq = 65536 + (uint64_t)first_seq - 1, .last_ts = first_ts};
	r->floor = (uint32_t)r->max_seq;
}

/* The outgoing timestamp of now: the last one and the time since, at least a tick on. */
static uint32_t
ts_of_now(const struct rtp_rewrite *r, uint64_t now_us)
{
	uint32_t elapsed_ms = (uint32_t)(now_us / 1000) - r->last_ms;
	uint32_t ticks = (uint32_t)((uint64_t)elapsed_ms * r->clock_100hz / 10);

	return r->started ? r->last_ts + (ticks > 0 ? ticks : 1) : r->last_ts;
}

/* Source number seq follows the newest outgoing one; nothing before it maps any more. */
static void
restart_at(struct rtp_rewrite *r, uint64_t seq)
{
	r->delta = rtp_rewrite_newest(r) + 1 - seq;
	r->max_seq = seq - 1;
	r->floor = (uint32_t)r->max_seq;
	r->run_count = r->run_head = 0;
}

void
rtp_rewrite_switch(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
		   uint32_t clock_rate)
{
	r->clock_100hz = (uint16_t)(clock_rate / 100);
	r->ts_delta = ts_of_now(r, now_us) - src_ts;
	restart_at(r, src_seq);
}

static unsigned
run_index(const struct rtp_rewrite *r, unsigned i) /* i: 0 the oldest */
{
	return (r->run_head + i) % RTP_REWRITE_RUNS;
}

/* The full source number of run i's first packet: within RTP_REWRITE_BACK of the newest. */
static uint64_t
run_first(const struct rtp_rewrite *r, unsigned i)
{
	return rtp_seq_extend(r->max_seq, r->run_seq[run_index(r, i)]);
}

static uint64_t
run_end(const struct rtp_rewrite *r, unsigned i)
{
	return run_first(r, i) + r->run_size[run_index(r, i)];
}

static void
forget_oldest(struct rtp_rewrite *r)
{
	r->floor = (uint32_t)(run_end(r, 0) - 1);
	r->run_head = (uint8_t)run_index(r, 1);
	r->run_count--;
}

static bool
is_leap(const struct rtp_rewrite *r, uint64_t seq)
{
	return seq - r->max_seq > RTP_REWRITE_LEAP;
}

/* After a leap the source's clock may be another one, too. */
static void
check_clock(struct rtp_rewrite *r, uint32_t src_ts, uint64_t now_us)
{
	uint32_t want = ts_of_now(r, now_us);
	int32_t off = rtp_ts_diff(src_ts + r->ts_delta, want);
	int64_t most = (int64_t)CLOCK_SLACK_S * 100 * r->clock_100hz;

	if (off > most || off < -most)
		r->ts_delta = want - src_ts;
}

/* Keep the halves of floor and runs near enough to max_seq to be told apart. */
static void
age(struct rtp_rewrite *r)
{
	while (r->run_count > 0 && r->max_seq - run_first(r, 0) > RTP_REWRITE_BACK)
		forget_oldest(r);
	if ((uint32_t)r->max_seq - r->floor > 2 * RTP_REWRITE_BACK)
		r->floor = (uint32_t)r->max_seq - RTP_REWRITE_BACK;
}

static bool
is_known(const struct rtp_rewrite *r, uint64_t seq) /* seq <= max_seq */
{
	return r->max_seq - seq < (uint32_t)((uint32_t)r->max_seq - r->floor);
}

int
rtp_rewrite_drop(struct rtp_rewrite *r, uint64_t src_seq)
{
	unsigned newest;

	if ((int64_t)(src_seq - r->max_seq) <= 0)
		return -ESTALE;
	if (is_leap(r, src_seq))
		restart_at(r, src_seq);
	r->max_seq = src_seq;
	newest = r->run_count > 0 ? run_index(r, r->run_count - 1u) : 0;
	if (r->run_count > 0 && run_end(r, r->run_count - 1u) == src_seq &&
	    r->run_size[newest] < RTP_REWRITE_RUN_MAX) {
		r->run_size[newest]++;
	} else {
		if (r->run_count == RTP_REWRITE_RUNS)
			forget_oldest(r);
		newest = run_index(r, r->run_count++);
		r->run_seq[newest] = (uint16_t)src_seq;
		r->run_size[newest] = 1;
	}
	r->delta--;
	age(r);
	return 0;
}

static void
map_new(struct rtp_rewrite *r, uint64_t now_us, uint64_t src_seq, uint32_t src_ts)
{
	uint32_t out_ts;

	if (is_leap(r, src_seq)) {
		check_clock(r, src_ts, now_us);
		restart_at(r, src_seq);
	}
	out_ts = src_ts + r->ts_delta;
	if (!r->started || rtp_ts_diff(out_ts, r->last_ts) > 0)
		r->last_ts = out_ts;
	r->last_ms = (uint32_t)(now_us / 1000);
	r->started = true;
	r->max_seq = src_seq;
	age(r);
}

int
rtp_rewrite_map(struct rtp_rewrite *r, uint64_t src_seq, uint32_t src_ts, uint64_t now_us,
		uint64_t *out_seq, uint32_t *out_ts)
{
	uint64_t delta = r->delta;

	if ((int64_t)(src_seq - r->max_seq) > 0) {
		map_new(r, now_us, src_seq, src_ts);
		delta = r->delta;
	} else if (!is_known(r, src_seq)) {
		return -ESTALE;
	} else {
		for (unsigned i = r->run_count; i-- > 0 && src_seq < run_end(r, i);) {
			if (src_seq >= run_first(r, i))
				return -ESTALE;
			delta += r->run_size[run_index(r, i)];
		}
	}
	*out_seq = src_seq + delta;
	*out_ts = src_ts + r->ts_delta;
	return 0;
}

int
rtp_rewrite_source(const struct rtp_rewrite *r, uint16_t out_seq, uint64_t *src_seq)
{
	uint64_t newest = rtp_rewrite_newest(r);
	uint64_t out = rtp_seq_extend(newest, out_seq);
	uint64_t seq = out - r->delta;

	if (out > newest)
		return -ENOENT;
	for (unsigned i = r->run_count; i-- > 0 && seq < run_end(r, i);)
		seq -= r->run_size[run_index(r, i)];
	if ((int64_t)(seq - r->max_seq) > 0 || !is_known(r, seq))
		return -ENOENT;
	*src_seq = seq;
	return 0;
}
