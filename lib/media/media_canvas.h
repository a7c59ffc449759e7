/*
 * media_canvas.h - pictures of several sources on one, and that into H.264: constrained baseline,
 * no delay. What was drawn stays until something is drawn over it.
 */
#ifndef RTCKIT_MEDIA_MEDIA_CANVAS_H
#define RTCKIT_MEDIA_MEDIA_CANVAS_H

#include "media/media_unpack.h"

enum { MEDIA_CANVAS_PLACES = 16 /* scaled pictures that are kept */ };

struct media_canvas_config {
	unsigned width, height; /* even, 2 to 4096 */
	unsigned fps, bitrate_bps;
	unsigned gop_seconds; /* between keyframes at most */
	const char *filter;   /* a chain of libavfilter's for the whole picture; NULL: none */
};

struct media_canvas;
/* NULL with *words (a filter that libavfilter refuses, no encoder). */
struct media_canvas *media_canvas_new(const struct media_canvas_config *config,
				      struct media_words *words);
void media_canvas_free(struct media_canvas *c); /* takes NULL */

/* A rectangle in one colour (BT.601). All four are even and lie on the canvas. */
void media_canvas_fill(struct media_canvas *c, unsigned x, unsigned y, unsigned width,
		       unsigned height, const uint8_t yuv[static 3]);
/* Bring an image (borrowed) to a size, even, and keep it under a number of a place. 0, -ENOMEM. */
int media_canvas_scale(struct media_canvas *c, unsigned place, const struct media_image *image,
		       unsigned width, unsigned height);
/* Lay a kept one on the canvas; it must fit. */
void media_canvas_paste(struct media_canvas *c, unsigned place, unsigned x, unsigned y);
/* Filter and encode it; time goes on from call to call. 1 with *out set (borrowed), 0 nothing came
 * out, -errno. */
int media_canvas_encode(struct media_canvas *c, int64_t time_us, bool keyframe,
			struct media_unit *out);

#endif
