/* media_pass.h - one stream of a file that is sent as it is.  Private to lib/media. */
#ifndef RTCKIT_MEDIA_MEDIA_PASS_H
#define RTCKIT_MEDIA_MEDIA_PASS_H

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>

#include "media/media.h"

struct media_pass {
	enum payload_codec codec;
	AVBSFContext *bsf; /* H.264, H.265: packets go through it first; NULL of the others */
	/* AV1: the container's sequence header, for keyframes without one. */
	uint8_t headers[PAYLOAD_HEADERS_MAX];
	size_t headers_size;
	uint8_t *joined; /* owned */
};

/* Why a stream cannot be sent as it is, for the user; NULL: it can. wanted: the codec asked for,
 * NONE: its own. */
const char *media_pass_why_not(const AVCodecParameters *p, enum payload_codec wanted);
/* Of video. 0, or negative with *words set. */
int media_pass_open(struct media_pass *pass, const AVStream *stream, struct media_words *words);
void media_pass_close(struct media_pass *pass);
/* Completes the unit of a packet: codec, keyframe as the picture itself says, headers where it has
 * none (its data is then borrowed of pass until the next). 0 or -ENOMEM. */
int media_pass_look(struct media_pass *pass, struct media_unit *unit);

#endif
