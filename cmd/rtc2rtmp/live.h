/*
 * live.h - streams of the relay made ready for HTTP: one subscription, one AAC encoder and two
 * muxers (FLV, MPEG-TS) for all consumers of a stream, and only while it is wanted.
 */
#ifndef RTC2RTMP_LIVE_H
#define RTC2RTMP_LIVE_H

#include <uv.h>

#include "attach/attach.h"
#include "base/text.h"
#include "hls/hls.h"
#include "hls/reel.h"
#include "media/media_aac.h"
#include "media/media_writer.h"

enum {
	LIVE_STREAMS_MAX = 256,
	LIVE_PUBLISHER_US = 2000000,  /* a request waits so long for a publisher */
	LIVE_BEGIN_US = 8000000,      /* and so long for what it then sends */
	LIVE_PICTURE_US = 3000000,    /* sound waits so long for the first picture of all */
	LIVE_LINGER_US = 3000000,     /* a stream that nobody wants is kept so long */
	LIVE_HLS_LINGER_US = 15000000 /* since the last request of an HLS player */
};

enum live_kind { LIVE_FLV, LIVE_TS, LIVE_KINDS };
enum live_state {
	LIVE_WAITING,  /* for a publisher */
	LIVE_STARTING, /* for its first picture */
	LIVE_ON,
	LIVE_REFUSED /* it sends nothing that can be carried: words says what */
};

struct live_config {
	bool no_flv, no_hls;
	double fragment_s, window_s;
	double pli_s; /* at least one keyframe in so long */
	unsigned aac_bps;
};

struct live;
struct live_hub {
	uv_loop_t *loop;
	const struct live_config *config;
	struct live *lives;
	size_t count;
};

/* A consumer: told whenever there may be something new. */
struct live_viewer {
	struct live_viewer *prev, *next;
	void (*news)(struct live_viewer *viewer);
};

/* One muxer and what it made. */
struct live_mux {
	struct media_writer *writer;
	struct reel reel;
	uint8_t *made; /* by the running call */
	size_t made_size, made_cap;
};

struct live {
	struct live *next;
	struct live_hub *hub;
	char name[TEXT_STREAM_SIZE];
	enum live_state state;
	char words[160];
	struct attach *attach;
	struct live_viewer *viewers;
	uv_timer_t timer;

	struct live_mux mux[LIVE_KINDS];
	struct media_aac *aac;
	struct media_aac_format format; /* of the sound */
	uint8_t config[AAC_CONFIG_MAX];
	uint64_t generation; /* grows with each publisher */
	bool has_video, has_audio, seen_picture;
	uint64_t first_us;
	int64_t base_us, last_us, key_us,
	    asked_us;	    /* times of units; the last three from base_us */
	uint8_t sets[1024]; /* of the last keyframe: its first octets */
	size_t sets_size;

	struct hls hls;
	bool hls_on;
	uint64_t hls_piece; /* next to be added */
	uint64_t wanted_us, hls_wanted_us;
};

/* The stream of this name, subscribed to from now on. NULL: the limit is reached, or no memory. */
struct live *live_get(struct live_hub *hub, const char *name);
/* The same if it is there already, else NULL. */
struct live *live_find(struct live_hub *hub, const char *name);
void live_add_viewer(struct live *l, struct live_viewer *v);
void live_remove_viewer(struct live *l, struct live_viewer *v);
/* An HLS player asks: segments are made from now on. */
void live_want_hls(struct live *l);
/* All of them, whether wanted or not. Viewers must be gone. */
void live_free_all(struct live_hub *hub);

#endif
