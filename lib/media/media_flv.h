/*
 * media_flv.h - FLV with the codecs of enhanced RTMP (H265, AV1, VP9, Opus), which this FFmpeg's
 * muxer does not know.  Private.
 */
#ifndef RTCKIT_MEDIA_MEDIA_FLV_H
#define RTCKIT_MEDIA_MEDIA_FLV_H

#include <libavformat/avio.h>

#include "media/media_writer.h"

struct media_flv;

/* Does FLV hold the codec? */
bool media_flv_takes(enum payload_codec codec);
/* Is this how it is written? Not H264 with AAC or alone, which FFmpeg's muxer knows. */
bool media_flv_is_own(const struct media_writer_config *config, enum payload_codec codec);
/* Header, metadata, configurations: written. config is not kept. NULL with *words. */
struct media_flv *media_flv_open(AVIOContext *pb, const struct media_writer_config *config,
				 struct media_words *words);
/* 0, or an error of FFmpeg's. */
int media_flv_write(struct media_flv *f, const struct media_unit *unit);
void media_flv_free(struct media_flv *f); /* takes NULL */

#endif
