/* sender.h - units of a feed into RTP at their times: fragments, pacing inside a frame, timestamps.
 */
#ifndef RTC_PUBLISH_SENDER_H
#define RTC_PUBLISH_SENDER_H

#include "client/session.h"
#include "feed.h"
#include "payload/payload.h"

enum {
	SENDER_BURST = 3, /* packets per wake at least, as browsers pace */
	SENDER_WAKE_MS = 1,
	SENDER_SPREAD_MS = 20,	/* a frame of any size has left after this */
	SENDER_LATE_US = 500000 /* input later than this moves the clock instead of catching up */
};

struct sender_counts {
	uint64_t frames, keyframes, audio_packets;
	uint64_t keyframe_requests; /* PLI and FIR that came */
	uint64_t clock_shifts;	    /* how often the input was late */
	uint64_t unsent;	    /* packets that the session refused */
};

/* How the sender came to its end: the input is over (words "") or broken, or the time is up. */
typedef void sender_done_fn(void *arg, const char *words);

struct sender {
	uv_timer_t timer;
	struct feed *feed;		/* borrowed */
	struct client_session *session; /* borrowed */
	sender_done_fn *done;
	void *arg;
	int64_t duration_us;	      /* of media; 0: no limit */
	int track[MEDIA_KINDS];	      /* m-line; -1: not sent */
	int layers[MEDIA_LAYERS_MAX]; /* track of each simulcast layer; the first is the m-line's */
	uint8_t pt[MEDIA_KINDS];
	uint32_t ts_base[MEDIA_KINDS];
	bool running, started, packing, first_packet, marked;
	bool no_pli;		 /* requests for keyframes are counted, and nothing else */
	uint64_t base_us;	 /* clock at media time 0 */
	uint64_t start_us;	 /* the same before it was ever moved on */
	uint64_t stopped_us;	 /* clock at sender_stop(); 0: not yet */
	struct media_unit frame; /* being packed */
	uint64_t frame_us;	 /* its time on the clock */
	struct payload_pack packs[MEDIA_LAYERS_MAX]; /* pictures of each are numbered apart */
	unsigned burst;
	unsigned target_bps; /* of video, as the network lets it; 0: it is not followed */
	struct sender_counts counts;
};

void sender_init(struct sender *s, uv_loop_t *loop, sender_done_fn *done, void *arg);
/* Begin: the session is connected. Tracks whose direction is not SEND are left out. */
void sender_start(struct sender *s, struct feed *feed, struct client_session *session,
		  const int track[MEDIA_KINDS]);
void sender_ready(struct sender *s); /* the feed has something new */
/* Simulcast layers that are sent, once started; 1 without. */
unsigned sender_layers(const struct sender *s);
void sender_keyframe(struct sender *s, unsigned track); /* somebody needs one */
/* So much may be sent in all: what audio leaves of it, video gets. */
void sender_bitrate(struct sender *s, uint64_t bitrate_bps);
void sender_stop(struct sender *s);		 /* also closes the timer */
int64_t sender_media_us(const struct sender *s); /* media time; 0 before the first unit */

#endif
