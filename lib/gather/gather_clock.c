/*
 * gather_clock.c - one time line for sound and picture.  Sender reports say how the tracks' clocks
 * belong together (RFC 3550 s.6.4.1): the first one of each is waited for, but not for long.
 * Without it a track begins where its first packet arrived, and what the reports then find out of
 * step is moved forward, never back, so that no container sees time go backwards.
 */
#include "gather/gather_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

void
gather_clock_reset(struct gather_clock *c, uint32_t rate_hz)
{
	int64_t end_us = c->end_us;

	memset(c, 0, sizeof(*c));
	c->rate_hz = rate_hz > 0 ? rate_hz : 90000;
	c->end_us = end_us;
}

static int64_t
units_us(const struct gather_clock *c, int64_t units)
{
	return units * SECOND_US / (int64_t)c->rate_hz;
}

/* NTP time of a timestamp near the report's. */
static int64_t
ntp_us_of(const struct gather_clock *c, uint32_t ts)
{
	return c->sr_us + units_us(c, rtp_ts_diff(ts, c->sr_ts));
}

static int64_t
latest_us(const struct gather *g)
{
	return MAX_OF(g->sources[GATHER_VIDEO].clock.end_us, g->sources[GATHER_AUDIO].clock.end_us);
}

/* All tracks whose place is known by reports, but this one, go forward. */
static void
move_others(struct gather *g, const struct gather_clock *c, int64_t by_us)
{
	for (unsigned k = 0; k < GATHER_KINDS; k++) {
		struct gather_clock *other = &g->sources[k].clock;

		if (other != c && other->anchored && other->has_sr)
			other->base_us += by_us;
	}
	g->epoch_us -= by_us;
}

/* A beginning: by the common epoch where the reports allow it, else by arrival. */
static void
anchor(struct gather *g, struct gather_clock *c, uint32_t ts, uint32_t lead, uint64_t now_us)
{
	int64_t by_arrival_us;

	if (c->arrival_us != 0)
		now_us = c->arrival_us; /* it was kept while the codec was not certain */
	by_arrival_us = (int64_t)(now_us - g->origin_us) + units_us(c, lead);
	c->anchored = true;
	c->last_ts = ts;
	c->ts = 0;
	c->base_us = MAX_OF(by_arrival_us, c->end_us);
	if (!c->has_sr)
		return;
	if (g->has_epoch && llabs(ntp_us_of(c, ts) - g->epoch_us - by_arrival_us) < GATHER_JUMP_US)
		c->base_us = ntp_us_of(c, ts) - g->epoch_us;
	else
		g->epoch_us = ntp_us_of(c, ts) - c->base_us;
	g->has_epoch = true;
	if (c->base_us < c->end_us) { /* not before the line's beginning, or a publisher before */
		move_others(g, c, c->end_us - c->base_us);
		c->base_us = c->end_us;
	}
}

int64_t
gather_clock_time(struct gather *g, struct gather_clock *c, uint32_t ts, uint32_t lead,
		  uint64_t now_us)
{
	int64_t step = c->anchored ? rtp_ts_diff(ts, c->last_ts) : 0;

	if (c->anchored && llabs(units_us(c, step)) > GATHER_JUMP_US) {
		/* Another clock: what the old reports said does not hold for it. */
		c->has_sr = false;
		c->end_us = MAX_OF(c->end_us, latest_us(g));
		c->anchored = false;
		c->arrival_us = now_us;
	}
	if (!c->anchored)
		anchor(g, c, ts, lead, now_us);
	else
		c->ts += step;
	c->last_ts = ts;
	return c->base_us + units_us(c, c->ts);
}

uint64_t
gather_clock_holds(const struct gather *g, enum gather_kind kind)
{
	const struct gather_clock *c = &g->sources[kind].clock, *other;
	const struct gather_source *beside =
	    &g->sources[kind == GATHER_VIDEO ? GATHER_AUDIO : GATHER_VIDEO];

	other = &beside->clock;
	if (c->anchored || c->released || c->arrival_us == 0 || beside->track < 0)
		return 0;
	if (c->has_sr && (other->has_sr || other->anchored || other->arrival_us == 0))
		return 0;
	return c->arrival_us + GATHER_HOLD_US;
}

void
gather_clock_report(struct gather *g, struct gather_clock *c, uint64_t ntp, uint32_t ts)
{
	int64_t off_us, at_us;

	c->sr_us = (int64_t)clock_ntp_to_us(ntp);
	c->sr_ts = ts;
	c->has_sr = true;
	if (!c->anchored)
		return;
	at_us = c->base_us + units_us(c, c->ts);
	off_us = ntp_us_of(c, c->last_ts) - g->epoch_us - at_us;
	if (!g->has_epoch || llabs(off_us) > GATHER_JUMP_US) {
		g->epoch_us = ntp_us_of(c, c->last_ts) - at_us;
		g->has_epoch = true;
	} else if (off_us > GATHER_SKEW_US) {
		c->base_us += off_us;
	} else if (off_us < -GATHER_SKEW_US) {
		move_others(g, c, -off_us);
	}
}
