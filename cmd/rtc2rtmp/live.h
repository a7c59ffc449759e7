/*
 * live.h - streams of the relay made ready for HTTP: one subscription, one AAC encoder and one
 * muxer a format (FLV, MPEG-TS, MP4 for HLS) for all consumers of a stream, and only while it is
 * wanted.
 */
#ifndef RTC2RTMP_LIVE_H
#define RTC2RTMP_LIVE_H

#include <uv.h>

#include "attach/attach.h"
#include "base/meter.h"
#include "base/text.h"
#include "hls/hls.h"
#include "hls/reel.h"
#include "hls/roll.h"
#include "media/media_aac.h"
#include "media/media_video.h"
#include "media/media_writer.h"

enum {
	LIVE_STREAMS_MAX = 256,
	LIVE_PUBLISHER_S = 2,	       /* a request waits so long for a publisher */
	LIVE_PUBLISHER_MAX_S = 20,     /* at most, if told to */
	LIVE_BEGIN_US = 8000000,       /* and so long for what it then sends */
	LIVE_PICTURE_US = 3000000,     /* sound waits so long for the first picture of all */
	LIVE_LINGER_US = 3000000,      /* a stream that nobody wants is kept so long */
	LIVE_HLS_LINGER_US = 15000000, /* since the last request of an HLS player */
	LIVE_RETURN_US = 3000000       /* a publisher that is gone for so long has ended it */
};

/* What is muxed. The first two for endless answers, too. */
enum live_kind { LIVE_FLV, LIVE_TS, LIVE_MP4, LIVE_KINDS };
enum { LIVE_ENDLESS = 2 };
/* Two sorts of HLS. */
enum live_form { LIVE_HLS_TS, LIVE_HLS_MP4, LIVE_HLS_FORMS };
enum live_state {
	LIVE_WAITING,  /* for a publisher */
	LIVE_STARTING, /* for its first picture */
	LIVE_ON,
	LIVE_REFUSED /* it sends nothing that can be carried: words says what */
};

struct live_config {
	bool no_flv, no_hls;
	double fragment_s, window_s;
	double wait_s; /* for a publisher */
	double pli_s;  /* at least one keyframe in so long */
	unsigned aac_bps;
	bool transcode;	      /* H264 of pictures in other codecs */
	enum live_form form;  /* of playlists, unless a request says which */
	const char *mount;    /* a further path of the endless streams (conf_mount.h); NULL: none */
	const char *hls_path; /* segments and playlists are written there as well; NULL: not */
};

struct live;
struct store;
struct live_hub {
	uv_loop_t *loop;
	const struct live_config *config;
	struct live *lives;
	size_t count;
	struct store *store; /* NULL: without hls_path */
	struct roll roll;
	uint64_t sent_octets; /* to all consumers */
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
	size_t held; /* octets that it keeps for a fragment */
};

struct live_hls {
	bool on;
	struct hls hls;
	uint64_t piece; /* of MPEG-TS: next to be added */
	uint64_t wanted_us;
};

/* What there is of it under hls_path. */
struct live_files {
	bool on; /* somebody publishes it, or did a moment ago */
	enum live_form form;
	uint64_t next_number;
	uint64_t segments[HLS_SEGMENTS_MAX + 1], maps[HLS_SEGMENTS_MAX + 1];
	size_t segment_count, map_count;
	bool has_ended; /* so says the playlist */
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
	struct media_video *video;	/* makes H264; NULL: the pictures are taken as they are */
	enum payload_codec codec;	/* of the pictures that are muxed */
	struct media_aac_format format; /* of the sound */
	uint8_t config[AAC_CONFIG_MAX];
	uint64_t generation; /* grows with each publisher */
	bool has_video, has_audio, seen_picture;
	uint64_t first_us, gone_us; /* gone: when the publisher left; 0: it did not */
	int64_t base_us, last_us, key_us,
	    asked_us;			    /* times of units; the last three from base_us */
	uint8_t record[PAYLOAD_CONFIG_MAX]; /* configuration of the last keyframe, */
	size_t record_size;
	uint32_t width, height; /* and its size */

	struct live_hls hls[LIVE_HLS_FORMS];
	struct live_files files;
	uint64_t wanted_us;
	uint64_t sent_octets; /* to its consumers */
	struct meter meter;   /* of these */
};

/* The stream of this name, subscribed to from now on. NULL: the limit is reached, or no memory. */
struct live *live_get(struct live_hub *hub, const char *name);
/* The same if it is there already, else NULL. */
struct live *live_find(struct live_hub *hub, const char *name);
void live_add_viewer(struct live *l, struct live_viewer *v);
void live_remove_viewer(struct live *l, struct live_viewer *v);
/* An HLS player asks: segments are made from now on. */
void live_want_hls(struct live *l, enum live_form form);
/* Can this hold the pictures that are published? Only while state is LIVE_ON. */
bool live_carries(const struct live *l, enum live_kind kind);
/* Its consumers are sent so much. */
static inline void
live_count_sent(struct live *l, size_t octets)
{
	l->sent_octets += octets;
	l->hub->sent_octets += octets;
}
/* Has its playlist a segment? */
bool live_hls_is_ready(const struct live *l, enum live_form form);
/* All of them, whether wanted or not. Viewers must be gone. */
void live_free_all(struct live_hub *hub);

/* ---- private to the sources of live ---- */

static inline struct live_mux *
live_mux_of(struct live *l, enum live_form form)
{
	return &l->mux[form == LIVE_HLS_TS ? LIVE_TS : LIVE_MP4];
}

/* live_mux.c: begin with this unit, whose time is the generation's 0. 0 or -errno. */
int live_mux_open(struct live *l, const struct media_unit *u);
void live_mux_close(struct live *l);
/* A unit whose times count from base_us; begin: consumers may begin with it. */
void live_mux_write(struct live *l, const struct media_unit *u, bool begin);
int live_mux_open_one(struct live *l, enum live_kind kind, const struct media_unit *u);
/* In m->made. 0 or -errno, said. */
int live_mux_flush(struct live *l, enum live_kind kind);
int live_mux_one(struct live *l, enum live_kind kind, const struct media_unit *u);

/* live_hls.c */
void live_hls_stop(struct live *l, enum live_form form);
/* A publisher begins; a unit is there (MPEG-TS has it in its reel); other parameter sets come with
 * the next unit at this time; the publisher has left; time goes by. */
void live_hls_begin(struct live *l);
void live_hls_write(struct live *l, const struct media_unit *u, bool begin);
void live_hls_change(struct live *l, int64_t at_us);
void live_hls_pause(struct live *l);
void live_hls_tick(struct live *l, uint64_t now_us);
bool live_hls_is_on(const struct live *l);

/* live_files.c: somebody publishes it, and hls_path is given. */
void live_files_begin(struct live *l);
void live_files_update(struct live *l);
void live_files_tick(struct live *l, uint64_t now_us);
void live_files_clear(struct live *l);

#endif
