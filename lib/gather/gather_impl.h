/* gather_impl.h - what the sources of lib/gather share.  Private. */
#ifndef RTCKIT_GATHER_GATHER_IMPL_H
#define RTCKIT_GATHER_GATHER_IMPL_H

#include "gather/gather.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"
#include "rtp/rtp_reorder.h"

enum { SECOND_US = 1000000, GATHER_SETS_MAX = PAYLOAD_HEADERS_MAX };

/* How a track's timestamps become times of the common line. */
struct gather_clock {
	bool anchored, has_sr;
	uint32_t rate_hz, last_ts, sr_ts;
	int64_t ts;	     /* of last_ts, from the anchor, RTP units */
	int64_t base_us;     /* time of the anchor */
	int64_t sr_us;	     /* NTP time at sr_ts */
	int64_t end_us;	     /* of the latest unit */
	uint64_t arrival_us; /* of the first packet, until it is anchored; 0: none */
	bool released;	     /* what came first is not held back any longer */
};

/* One codec of a track. */
struct gather_choice {
	int track; /* -1: none */
	uint8_t pt;
	bool nack; /* the publisher answers it */
	struct gather_format format;
};

struct gather_source {
	int track; /* -1: none */
	uint8_t pt;
	struct gather_format format;
	struct gather_choice first; /* as it was chosen of the list: the most wanted */
	struct gather_choice list[GATHER_CODECS_MAX]; /* all codecs of the track that are usable */
	size_t list_count;
	struct gather_clock clock;
	struct rtp_reorder *reorder;
	bool seq_known;
	uint64_t seq; /* extended, newest */
	struct gather_counts counts;
};

struct gather_video {
	struct au au;
	bool frame_open, need_keyframe;
	uint32_t ts, dts_offset;
	uint64_t asked_us;
	uint8_t sets[GATHER_SETS_MAX]; /* the last parameter sets or sequence header */
	size_t sets_size;
	uint8_t *joined; /* sets and a keyframe that has none */
	size_t joined_cap;
};

struct gather {
	const struct gather_events *events;
	void *arg;
	struct gather_source sources[GATHER_KINDS];
	struct gather_video video;
	struct aac_depack aac;
	int64_t tracks_epoch; /* of the last event about tracks; 0: none came */
	bool begun, has_epoch;
	bool undecided;	    /* which codec of several comes; packets are kept meanwhile */
	uint64_t decide_us; /* when the first of them is taken for it */
	uint64_t origin_us; /* arrival that is time 0 */
	int64_t epoch_us;   /* NTP time that is time 0 */
};

/* gather_tracks.c */
void gather_tracks(struct gather *g, uint64_t now_us, const json_t *event);
/* A packet of the source has this payload type: 0, or -ENOENT. May change the codec. */
int gather_follow(struct gather *g, enum gather_kind kind, uint8_t pt, uint64_t now_us);
/* The codecs are certain. */
void gather_decide(struct gather *g);
void gather_restart_reorder(struct gather_source *s);
bool gather_is_video(enum gather_codec codec);

/* gather.c: what can be given is; what is held back, too, once released. */
void gather_release(struct gather *g, enum gather_kind kind, uint64_t now_us);
void gather_drain(struct gather *g, enum gather_kind kind, uint64_t now_us);

/* gather_clock.c */
void gather_clock_reset(struct gather_clock *c, uint32_t rate_hz);
/* The time of a timestamp that came now; lead: DTS offset in RTP units. */
int64_t gather_clock_time(struct gather *g, struct gather_clock *c, uint32_t ts, uint32_t lead,
			  uint64_t now_us);
/* Until when a track's packets are kept, since nothing says yet where its first one belongs beside
 * those of the other track; 0: they are not. */
uint64_t gather_clock_holds(const struct gather *g, enum gather_kind kind);
void gather_clock_report(struct gather *g, struct gather_clock *c, uint64_t ntp, uint32_t ts);

/* gather_video.c */
void gather_video_take(struct gather *g, const struct rtp_packet *p, uint32_t dts_offset, bool hole,
		       uint64_t now_us);
void gather_video_reset(struct gather *g);
/* It has to begin with a keyframe, and none has come. */
bool gather_video_wants(const struct gather *g);
void gather_video_ask(struct gather *g, uint64_t now_us);

/* gather_audio.c */
void gather_audio_take(struct gather *g, const struct rtp_packet *p, bool hole, uint64_t now_us);
int gather_opus_samples(const uint8_t *packet, size_t size);

void gather_give(struct gather *g, enum gather_kind kind, struct gather_unit *u);

#endif
