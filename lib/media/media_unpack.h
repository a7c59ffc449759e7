/*
 * media_unpack.h - what a stream carries into pictures and samples, whatever its codec: chosen by
 * the name that SDP has for it (H264, VP8, VP9, AV1, H265, opus, mpeg4-generic, PCMU, PCMA, G722).
 */
#ifndef RTCKIT_MEDIA_MEDIA_UNPACK_H
#define RTCKIT_MEDIA_MEDIA_UNPACK_H

#include "media/media.h"

/* A decoded picture of any size and format. */
struct media_image;
void media_image_free(struct media_image *image); /* takes NULL */
unsigned media_image_width(const struct media_image *image);
unsigned media_image_height(const struct media_image *image);

/* Takes the image. */
typedef void media_image_fn(void *arg, struct media_image *image, int64_t time_us);

struct media_viewer;
/* NULL with *words if there is no decoder for it. */
struct media_viewer *media_viewer_new(const char *codec, struct media_words *words);
void media_viewer_free(struct media_viewer *v); /* takes NULL */
/* One access unit. Calls fn for the pictures that come out. Their count; -EBADMSG: it cannot be
 * decoded, a keyframe is needed; -ENOMEM. */
int media_viewer_push(struct media_viewer *v, const uint8_t *data, size_t size, int64_t time_us,
		      media_image_fn *fn, void *arg);

/* count stereo samples of 48 kHz, the first of which is at time_us; borrowed for the call. */
typedef void media_samples_fn(void *arg, const int16_t *pcm, size_t count, int64_t time_us);

struct media_listener_config {
	const char *codec;
	const uint8_t *config; /* AudioSpecificConfig of AAC, else NULL */
	size_t config_size;
	unsigned rate_hz, channel_count; /* of codecs that do not say it themselves */
};
struct media_listener;
/* NULL with *words. */
struct media_listener *media_listener_new(const struct media_listener_config *config,
					  struct media_words *words);
void media_listener_free(struct media_listener *l); /* takes NULL */
/* One packet. 0, -EBADMSG (skipped), -ENOMEM. */
int media_listener_push(struct media_listener *l, const uint8_t *data, size_t size, int64_t time_us,
			media_samples_fn *fn, void *arg);

#endif
