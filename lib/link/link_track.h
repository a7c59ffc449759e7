/*
 * link_track.h - one RTP stream towards the relay: numbers, timestamps, sender reports, the local
 * header extension.  All tracks of a source share one clock: microseconds on its timeline.
 */
#ifndef RTCKIT_LINK_LINK_TRACK_H
#define RTCKIT_LINK_LINK_TRACK_H

#include "link/link.h"

enum { LINK_PAYLOAD_MAX = 1200 };

struct link_track {
	struct link *link; /* borrowed; NULL: packets go nowhere */
	uint8_t pt;
	uint16_t seq;
	uint32_t ssrc, ts_base, clock_rate;
	uint32_t packets, octets; /* sent, for the reports */
	uint64_t ntp_base;	  /* of time 0 on the timeline */
	const char *cname;	  /* borrowed; of the reports */
	uint64_t reported_us;	  /* when the last report was sent; 0 never */
};

/* What the relay and local subscribers are told with a packet. */
struct link_note {
	bool discontinuity, disposable;
	int64_t dts_offset_us; /* presentation minus decoding time, >= 0 */
};

void link_track_init(struct link_track *t, uint8_t pt, uint32_t clock_rate, uint64_t ntp_base,
		     const char *cname);
uint32_t link_track_ts(const struct link_track *t, int64_t time_us);
void link_track_send(struct link_track *t, const uint8_t *payload, size_t size, bool marker,
		     uint32_t ts, const struct link_note *note);
/* A sender report, if the last is a second old: the moment time_us of the timeline. */
void link_track_report(struct link_track *t, uint64_t now_us, int64_t time_us);

#endif
