/* media_decoder.h - video to pictures, for verdicts (the luma plane) and snapshots. */
#ifndef RTCKIT_MEDIA_MEDIA_DECODER_H
#define RTCKIT_MEDIA_MEDIA_DECODER_H

#include "media/media.h"

struct media_picture {
	unsigned width, height;
	const uint8_t *luma; /* borrowed for the call */
	int stride;
	int64_t time_us;   /* as given with its unit */
	bool damaged;	   /* the decoder had to conceal something */
	const void *frame; /* of FFmpeg, for media_picture_png(); borrowed for the call */
};
typedef void media_picture_fn(void *arg, const struct media_picture *picture);

struct media_decoder;
struct media_decoder *media_decoder_new(void); /* of H264; NULL without memory */
/* Of another codec (NONE: H264). NULL without memory or decoder. */
struct media_decoder *media_decoder_of(enum payload_codec codec);
void media_decoder_free(struct media_decoder *d);
/*
 * One access unit. Calls fn for the pictures that come out (without B-frames at
 * once). Their count, -EBADMSG if it cannot be decoded, -ENOMEM.
 */
int media_decoder_push(struct media_decoder *d, const uint8_t *data, size_t size, int64_t time_us,
		       media_picture_fn *fn, void *arg);

/* Write the picture as PNG ("-": standard output). 0, or -errno with *words set. */
int media_picture_png(const struct media_picture *picture, const char *path,
		      struct media_words *words);

#endif
