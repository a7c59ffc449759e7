/*
 * worker_clock.c - what the clock of a stream's source says now (RFC 3550 s.6.4.1): by the sender
 * reports of each track.  The first one of a track may come seconds after its first packet: until
 * then it is placed by its arrivals on the clock that another track of the source reported, so
 * that sound and picture are told on one clock.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "worker.h"

enum {
	SECOND_US = 1000000,
	/* How long the first report is waited for. Of sound, which hardly anything delays before
	 * it is sent, the arrival is soon good enough if the picture has reported; but local
	 * publishers report with the first packet, and of theirs an encoder's first sound may be
	 * from before the first picture. */
	CLOCK_GUESS_US = 2000000,
	CLOCK_GUESS_HEARD_US = 100000,
	CLOCK_LEAP_US = 10000000 /* timestamps that are so far off have begun anew */
};

void
stream_clock_arrival(struct wtrack *t, const struct rtp_ring_slot *slot)
{
	int64_t late_us;

	if (t->first_us == 0)
		t->first_us = slot->arrival_us;
	if (t->clock.from_source)
		return;
	late_us = (int64_t)(slot->arrival_us - t->clock.at_us) -
		  (int64_t)rtp_ts_diff(slot->ts, t->clock.ts) * SECOND_US /
		      (int64_t)MAX_OF(t->clock_rate, 1u);
	if (t->clock.at_us == 0 || late_us < 0 || late_us > CLOCK_LEAP_US)
		t->clock = (struct wclock){.at_us = slot->arrival_us, .ts = slot->ts};
}

/* The track by whose report a track's clock is told: itself, or another of the same source. */
static const struct wtrack *
reporter_of(const struct wstream *s, const struct wtrack *t)
{
	if (t->clock.from_source)
		return t;
	for (unsigned i = 0; i < s->lane_end; i++) {
		const struct wtrack *other = &s->tracks[i];

		if (other->present && other->clock.from_source &&
		    other->contributed == t->contributed && other->owner == t->owner)
			return other;
	}
	return NULL;
}

uint64_t
stream_clock_ntp(const struct wstream *s, unsigned lane, uint64_t now_us)
{
	const struct wtrack *r = reporter_of(s, &s->tracks[lane]);

	return r != NULL ? r->clock.ntp + clock_us_to_ntp(now_us - r->clock.at_us) : clock_ntp();
}

bool
stream_clock_report(const struct wstream *s, unsigned lane, uint64_t now_us, struct rtcp_sr *sr)
{
	const struct wtrack *t = &s->tracks[lane];
	bool heard = t->kind == TRACK_AUDIO && reporter_of(s, t) != NULL;
	uint64_t wait_us = heard ? CLOCK_GUESS_HEARD_US : CLOCK_GUESS_US;

	if (t->clock.at_us == 0 || (!t->clock.from_source && now_us - t->first_us < wait_us))
		return false;
	sr->ntp = stream_clock_ntp(s, lane, now_us);
	sr->rtp_ts =
	    t->clock.ts + (uint32_t)((now_us - t->clock.at_us) * t->clock_rate / SECOND_US);
	return true;
}

uint64_t
stream_clock_reported_us(const struct wstream *s, unsigned lane)
{
	const struct wtrack *r = reporter_of(s, &s->tracks[lane]);

	return r != NULL ? r->clock.at_us : 0;
}
