/*
 * gather.h - from the packets that a local subscriber gets of the relay (rtc-control(5)) to access
 * units on one time line: reordering, depacketising (video by lib/payload, Opus, AAC),
 * synchronisation of sound and picture, resuming at a keyframe after a hole.  Sans-IO.
 *
 * Of several tracks one video track and one audio track (AAC before Opus) are used.  A track's list
 * may have several codecs; which one is sent, its packets say.
 *
 * What it does not do: sockets (lib/attach), decoding, interleaving of sound and picture.
 */
#ifndef RTCKIT_GATHER_GATHER_H
#define RTCKIT_GATHER_GATHER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aac/aac.h"
#include "payload/payload.h"

enum {
	GATHER_TRACKS_MAX = 8, /* of a stream */
	GATHER_CODECS_MAX = 24,
	GATHER_SLOTS = 2048,	 /* packets held for a hole before them: 4 s at 5 Mbit/s */
	GATHER_WAIT_US = 400000, /* for a packet that the relay has asked for again, at least */
	GATHER_WAIT_PLAIN_US = 100000, /* where the publisher did not say that it answers that */
	GATHER_WAIT_MAX_US = 1000000,  /* at most: the relay does not ask any more */
	GATHER_REPAIR_US = 200000,     /* what an answer may take, before one came */
	GATHER_ASK_US = 500000,	       /* between two wishes for a keyframe */
	GATHER_SKEW_US = 15000,	       /* sound against picture below this is left alone */
	GATHER_JUMP_US = 10000000,     /* a leap of timestamps above this is a new beginning */
	GATHER_HOLD_US = 700000, /* for a track's first report; Chromium's comes after 0.5 s */
	GATHER_DECIDE_US =
	    1000000, /* of several codecs the first, if no picture comes for so long */
	GATHER_NAME_SIZE = 17
};

enum gather_kind { GATHER_VIDEO, GATHER_AUDIO, GATHER_KINDS };
/* Those of video have the numbers of enum payload_codec. */
enum gather_codec {
	GATHER_NONE = PAYLOAD_NONE,
	GATHER_H264 = PAYLOAD_H264,
	GATHER_H265 = PAYLOAD_H265,
	GATHER_VP8 = PAYLOAD_VP8,
	GATHER_VP9 = PAYLOAD_VP9,
	GATHER_AV1 = PAYLOAD_AV1,
	GATHER_OPUS,
	GATHER_AAC,
	GATHER_OTHER
};

/* What a stream has of a kind. codec NONE: no such track; OTHER: only ones that we cannot use, the
 * first of which is named. */
struct gather_format {
	enum gather_codec codec;
	char name[GATHER_NAME_SIZE];
	uint32_t clock_rate;
	unsigned channel_count;
	uint8_t config[AAC_CONFIG_MAX]; /* AudioSpecificConfig */
	size_t config_size;
};

/* One access unit: video as lib/payload's units, keyframes with their headers; an Opus packet; a
 * raw AAC unit. Times of both kinds are on one line that begins near 0 and goes on across
 * publishers. */
struct gather_unit {
	enum gather_kind kind;
	enum gather_codec codec;
	bool keyframe;		/* of video; true for audio */
	int64_t pts_us, dts_us; /* pts - dts is the publisher's DTS offset (B-frames) */
	int64_t duration_us;	/* 0 unknown */
	const uint8_t *data;	/* borrowed for the call */
	size_t size;
};

struct gather_events {
	void (*unit)(void *arg, const struct gather_unit *unit);
	/* A publisher came, or it or its codec changed: gather_format() is new. No unit comes
	 * before it.
	 */
	void (*changed)(void *arg);
	/* The publisher is gone. */
	void (*ended)(void *arg);
	/* Send {"op":"keyframe","track":track}. */
	void (*keyframe_wanted)(void *arg, unsigned track);
};

struct gather_counts {
	uint64_t packets, lost, gaps, units, damaged, skipped;
};

struct gather;

/* events is borrowed for its life. NULL without memory. */
struct gather *gather_new(const struct gather_events *events, void *arg);
void gather_free(struct gather *g);

/* One packet of the socket: RTP or RTCP. Malformed and unknown ones are passed over. */
void gather_packet(struct gather *g, uint64_t now_us, const uint8_t *buf, size_t size);
/* What comes next is of another connection: its epochs are not comparable. */
void gather_reconnect(struct gather *g);
/* An event of the socket: tracks, gap, end; others are ignored. */
void gather_event(struct gather *g, uint64_t now_us, const json_t *event);
/* Holes that waited long enough are given up; wishes are repeated. */
void gather_timeout(struct gather *g, uint64_t now_us);
uint64_t gather_deadline(const struct gather *g, uint64_t now_us);

const struct gather_format *gather_format(const struct gather *g, enum gather_kind kind);
const struct gather_counts *gather_counts(const struct gather *g, enum gather_kind kind);
/* The track of video, for a wish for a keyframe; -1 if there is none. */
int gather_video_track(const struct gather *g);

#endif
