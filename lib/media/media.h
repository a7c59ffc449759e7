/*
 * media.h - what the parts of lib/media share: encoded units and words for failures.  The module
 * hides FFmpeg's libraries and libopus; no header of theirs is needed to use it.
 *
 * What it does not do: networks, RTP, clocks, threads of its own (a source or writer belongs to one
 * thread at a time).
 */
#ifndef RTCKIT_MEDIA_MEDIA_H
#define RTCKIT_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload/payload.h"

enum {
	MEDIA_AUDIO_RATE = 48000, /* Hz: Opus in RTP (RFC 7587 s.4.1) */
	MEDIA_AUDIO_CHANNELS = 2,
	MEDIA_AUDIO_FRAME = 960, /* samples of 20 ms */
	MEDIA_VIDEO_RATE = 90000 /* Hz of RTP timestamps */
};

enum media_kind { MEDIA_VIDEO, MEDIA_AUDIO };
enum { MEDIA_KINDS = 2 };

/* One access unit: video as lib/payload has its units, with headers at each keyframe, an Opus
 * packet, or a raw AAC unit where that is said. */
struct media_unit {
	enum media_kind kind;
	enum payload_codec codec; /* of video; NONE stands for H264 */
	unsigned layer;		  /* of simulcast; 0 is the largest, and the only one without */
	bool keyframe;		  /* of video; true for audio */
	int64_t time_us;	  /* presentation, from the start of the source; >= 0 */
	int64_t lead_us;	  /* presentation minus decoding time: 0 without B-frames */
	int64_t duration_us;	  /* 0 unknown */
	const uint8_t *data;	  /* borrowed until the next call of the object that gave it */
	size_t size;
};

/* Takes a unit (its data borrowed for the call). 0 or -errno. */
typedef int media_emit_fn(void *arg, const struct media_unit *unit);

/* Why something failed: one line for a person, without control characters. */
struct media_words {
	char text[256];
};

/* Silence FFmpeg's own messages. Once per process, before anything else of this module. */
void media_init(void);

#endif
