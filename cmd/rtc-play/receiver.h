/*
 * receiver.h - packets of a session into whole units: order restored, fragments joined, damaged
 * pictures and what depends on them left out until the next keyframe.
 */
#ifndef RTC_PLAY_RECEIVER_H
#define RTC_PLAY_RECEIVER_H

#include "media/media.h"
#include "peer/peer.h"
#include "rtp/rtp_recv.h"
#include "rtp/rtp_reorder.h"

enum {
	RECEIVER_SLOTS = 1024,		 /* packets held per track: 2 s of 5 Mbit/s */
	RECEIVER_WAIT_US = 300000,	 /* for a resend at least, before a gap is given up */
	RECEIVER_WAIT_PLAIN_US = 100000, /* where the server did not say that it resends */
	RECEIVER_WAIT_MAX_US = RTP_RECV_MAX_AGE_US, /* and at most: it is not asked for any more */
	RECEIVER_ASK_US = 500000 /* between requests for a keyframe that does not come */
};

/* A unit with its track's RTP timestamp; time_us counts from the track's first packet. */
struct receiver_unit {
	struct media_unit unit;
	uint32_t ts;
	uint64_t arrival_us; /* of its last packet */
};

struct receiver_events {
	void (*unit)(void *arg, const struct receiver_unit *unit);
	void (*keyframe_wanted)(void *arg, unsigned track);
};

struct receiver_counts {
	uint64_t packets, gaps, lost; /* gaps: how often packets were missing; lost: how many */
	uint64_t damaged;	      /* pictures left out since a part was missing */
	uint64_t skipped;	      /* whole pictures left out until the next keyframe */
};

struct receiver_track {
	struct rtp_reorder *reorder; /* NULL: not received */
	unsigned index;		     /* of the session's track */
	uint32_t last_ts;
	int64_t ts; /* extended; the first packet has 0 */
	uint64_t arrival_us;
	bool started, nack;
	struct receiver_counts counts;
};

struct receiver {
	struct receiver_track tracks[MEDIA_KINDS];
	const struct receiver_events *events; /* borrowed */
	void *arg;
	uint8_t codecs[128];	  /* enum payload_codec of each payload type */
	enum payload_codec codec; /* of the picture in hand */
	struct au au;
	bool frame_open, need_keyframe;
	bool has_headers; /* the decoder has had those of the codec */
	uint32_t frame_ts;
	uint64_t asked_us;
};

void receiver_init(struct receiver *r, const struct receiver_events *events, void *arg);
void receiver_fini(struct receiver *r);
/* A payload type of video carries this codec. */
void receiver_codec(struct receiver *r, uint8_t pt, enum payload_codec codec);
/* A kind will come on this track of the session; nack: what is lost is resent. 0 or -ENOMEM. */
int receiver_expect(struct receiver *r, enum media_kind kind, unsigned track, bool nack);
/* What a resend may take, before one came. */
void receiver_round_trip(struct receiver *r, uint64_t rtt_us);
void receiver_packet(struct receiver *r, uint64_t now_us, const struct peer_packet *packet);
/* After a batch of packets, and now and then: gives the units that are whole. */
void receiver_poll(struct receiver *r, uint64_t now_us);

#endif
