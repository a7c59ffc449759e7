/*
 * track.h - one RTP stream towards the relay: numbers, timestamps, sender reports, the local header
 * extension.  All tracks of a source share one clock: microseconds on its timeline.
 */
#ifndef RTMP2RTC_TRACK_H
#define RTMP2RTC_TRACK_H

#include "link.h"

enum { TRACK_PAYLOAD_MAX = 1200 };

struct track {
	struct link *link; /* borrowed; NULL: packets go nowhere */
	uint8_t pt;
	uint16_t seq;
	uint32_t ssrc, ts_base, clock_rate;
	uint32_t packets, octets; /* sent, for the reports */
	uint64_t ntp_base;	  /* of time 0 on the timeline */
	uint64_t reported_us;	  /* when the last report was sent; 0 never */
};

/* What the relay and local subscribers are told with a packet. */
struct track_note {
	bool discontinuity, disposable;
	int64_t dts_offset_us; /* presentation minus decoding time, >= 0 */
};

void track_init(struct track *t, uint8_t pt, uint32_t clock_rate, uint64_t ntp_base);
uint32_t track_ts(const struct track *t, int64_t time_us);
void track_send(struct track *t, const uint8_t *payload, size_t size, bool marker, uint32_t ts,
		const struct track_note *note);
/* A sender report, if the last is a second old: the moment time_us of the timeline. */
void track_report(struct track *t, uint64_t now_us, int64_t time_us);

#endif
