/*
 * media_source.h - where a publisher's media comes from: the test card, or a file or pipe that
 * libavformat reads.  Pulled: whoever asks decides when.
 *
 * H.264 and H.265 without B-frames, VP8, VP9, AV1 and Opus pass untouched; the rest is decoded and
 * encoded anew (H.264 constrained baseline, or the codec asked for; Opus). At most one video and
 * one audio stream, the ones that FFmpeg calls best.
 */
#ifndef RTCKIT_MEDIA_MEDIA_SOURCE_H
#define RTCKIT_MEDIA_MEDIA_SOURCE_H

#include "media/media.h"

struct media_source;

enum { MEDIA_LAYERS_MAX = 4 }; /* of simulcast, each half as wide and high as the one before */

struct media_test_config {	  /* 0: the default */
	unsigned layer_count;	  /* 1 */
	enum payload_codec codec; /* H264 */
	unsigned width, height;	  /* 640x360; even, from 160x90 to 3840x2160 */
	unsigned fps;		  /* 25; 1..120 */
	unsigned video_bps;	  /* 1000000 */
	unsigned audio_bps;	  /* 64000 */
	double gop_s;		  /* between keyframes at most; 4 */
};
/* Both NULL on failure, with *words set. */
struct media_source *media_source_test(const struct media_test_config *config,
				       struct media_words *words);

struct media_file_config {
	const char *path;	       /* "-": standard input */
	const char *format;	       /* libavformat's name; NULL: probed */
	bool loop;		       /* start again at the end; standard input cannot */
	double start_s;		       /* begin so far into the file */
	unsigned layer_count;	       /* above 1: the picture is encoded in any case */
	bool no_transcode;	       /* fail where a stream does not pass untouched */
	enum payload_codec codec;      /* what the picture is to be; NONE: as it is, or H264 */
	unsigned video_bps, audio_bps; /* of what is encoded anew; 0: 2000000 and 96000 */
	double gop_s;		       /* likewise: between keyframes at most; 0: 4 */
};
struct media_source *media_source_file(const struct media_file_config *config,
				       struct media_words *words);

void media_source_free(struct media_source *s); /* takes NULL */

bool media_source_has(const struct media_source *s, enum media_kind kind);
/* Codec of its video. */
enum payload_codec media_source_codec(const struct media_source *s);
/* Is this kind encoded here, so that a keyframe can be had for the asking? */
bool media_source_encodes(const struct media_source *s, enum media_kind kind);
/* What is done to the streams, for one line to the user ("" if nothing): borrowed. */
const char *media_source_note(const struct media_source *s);

/* When the next unit is due (its time_us) as far as that is known without making it; -1: ask. */
int64_t media_source_due_us(const struct media_source *s);
/* The next unit, units of one kind in order of time: 1, 0 at the end, -errno with *words set
 * (not NULL). May block on a file or pipe. */
int media_source_next(struct media_source *s, struct media_unit *out, struct media_words *words);
/* The next frame that is encoded shall be a keyframe, in all layers or in one. From any thread. */
void media_source_keyframe(struct media_source *s);
void media_source_keyframe_of(struct media_source *s, unsigned layer);
/* What is encoded here of video, all layers, shall take so many bits per second. From any thread.
 */
void media_source_bitrate(struct media_source *s, unsigned bitrate_bps);
/* Make a read that blocks return soon. From any thread. */
void media_source_interrupt(struct media_source *s);

#endif
