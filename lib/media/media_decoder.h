/* media_decoder.h - video to pictures, for verdicts: only the luma plane is looked at. */
#ifndef RTCKIT_MEDIA_MEDIA_DECODER_H
#define RTCKIT_MEDIA_MEDIA_DECODER_H

#include "media/media.h"

struct media_picture {
	unsigned width, height;
	const uint8_t *luma; /* borrowed for the call */
	int stride;
	int64_t time_us; /* as given with its unit */
	bool damaged;	 /* the decoder had to conceal something */
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

#endif
