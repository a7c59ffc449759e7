/*
 * video.h - the picture of FLV tags into RTP, by lib/payload: what a decoder needs first before
 * each keyframe, B-frames marked, or a twin of H.264 without them.
 */
#ifndef RTMP2RTC_VIDEO_H
#define RTMP2RTC_VIDEO_H

#include "flv/flv.h"
#include "link/link_track.h"
#include "payload/payload.h"
#include "twin.h"

enum { VIDEO_CONFIG_MAX = 4096, VIDEO_HEADERS_MAX = 2 * VIDEO_CONFIG_MAX, VIDEO_PT = 96 };

/* What WebRTC players get of a stream with B-frames. */
enum video_bframes {
	VIDEO_DROP_BFRAMES, /* the rest, as far as other frames do not refer to them */
	VIDEO_TRANSCODE_BFRAMES,
	VIDEO_KEEP_BFRAMES
};
struct video_config {
	enum video_bframes bframes;
	bool drop_sei;
	bool h265_to_h264; /* a twin for players that have no H.265 */
};

struct video {
	struct video_config settings;
	struct link_track track;
	struct twin twin;
	enum payload_codec codec;	  /* NONE: no sequence header yet */
	uint8_t config[VIDEO_CONFIG_MAX]; /* as the sequence header had it */
	size_t config_size;
	uint8_t headers[VIDEO_HEADERS_MAX]; /* of it, as a unit: go before keyframes */
	size_t headers_size;
	unsigned length_size; /* octets before each NALU; 0: the codec has none */
	uint8_t *unit;	      /* owned: the headers' room, then an access unit */
	size_t unit_size, unit_cap;
	struct payload_pack pack;
	bool begun;	     /* a keyframe was sent */
	bool jump;	     /* the next packet is to say so */
	int64_t last_dts_us; /* never goes back */
	int64_t max_pts_us;
	int64_t keyframe_us;		  /* of the last keyframe, decoding time */
	bool has_bframes, has_referenced; /* B-frames; such that others refer to */
	unsigned bframe_count;		  /* until it was said which */
	bool told_bframes, has_long_gop;  /* found out and said */
	int reorder_frames; /* the parameter sets' word: 1 for B-frames, 2 if others refer to them
			     */
	bool reorders;	    /* a keyframe is shown later than it was decoded: for B-frames */
	bool can_encode;    /* a twin can be made */
	uint64_t frames, damaged;
};

void video_init(struct video *v, const struct video_config *settings);
void video_fini(struct video *v);
/* Is a twin called for? */
bool video_wants_twin(const struct video *v);
/* Of a tag; NONE: not carried. */
enum payload_codec video_codec_of(enum flv_codec codec);
/* A sequence header: 1 it is new, 0 it is the same again, -EBADMSG, -ENOSPC. */
int video_configure(struct video *v, enum payload_codec codec, const uint8_t *config, size_t size);
/* fmtp of the track, and of its twin. Returns text. */
char *video_fmtp(const struct video *v, char text[static PAYLOAD_FMTP_SIZE]);
char *video_twin_fmtp(const struct video *v, char text[static PAYLOAD_FMTP_SIZE]);
/* A frame at dts_us on the timeline. 0, -EBADMSG (left out), -ENOMEM. */
int video_frame(struct video *v, const struct flv_video *frame, int64_t dts_us, uint64_t now_us);

#endif
