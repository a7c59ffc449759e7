/*
 * media_video.h - video of a stream, unit by unit, into H.264 that WebRTC players take: constrained
 * baseline, no B-frames, in the order of presentation, keyframes when asked for.
 */
#ifndef RTCKIT_MEDIA_MEDIA_VIDEO_H
#define RTCKIT_MEDIA_MEDIA_VIDEO_H

#include "media/media.h"

enum { MEDIA_VIDEO_BPS = 4000000 /* usual for what is made for many */ };

struct media_video_config {
	enum payload_codec codec; /* of what is pushed; NONE: H264 */
	unsigned bitrate_bps;	  /* at most */
	unsigned fps;		  /* about; 0 unknown */
};

/* Is there an encoder for it on this machine? */
bool media_video_is_possible(void);

struct media_video;
/* emit gets units in Annex B form; their time_us is what was pushed with the picture. NULL without
 * memory. */
struct media_video *media_video_new(const struct media_video_config *config, media_emit_fn *emit,
				    void *arg);
void media_video_free(struct media_video *v);
/* Make the next picture that comes out a keyframe. */
void media_video_keyframe(struct media_video *v);
/*
 * One access unit of lib/payload's in decoding order. encode false: the picture is only decoded,
 * since later ones need it. Damaged units are skipped. 0; -ENOMEM; -EIO with *words (the encoder
 * cannot be had: no use to go on); what emit returned.
 */
int media_video_push(struct media_video *v, const uint8_t *data, size_t size, int64_t time_us,
		     bool encode, struct media_words *words);

#endif
