/* media_transcode.h - one stream of a file decoded and encoded anew.  Private to lib/media. */
#ifndef RTCKIT_MEDIA_MEDIA_TRANSCODE_H
#define RTCKIT_MEDIA_MEDIA_TRANSCODE_H

#include <libavformat/avformat.h>

#include "media/media.h"

struct media_transcoder_config {
	unsigned bitrate_bps;
	/* Of video. */
	enum payload_codec codec; /* NONE: H264 */
	unsigned layers;
	double gop_s; /* between keyframes at most; 0: 4 */
};

struct media_transcoder;
/* Video keeps its size, audio becomes Opus. The stream is borrowed. NULL with *words set. */
struct media_transcoder *media_transcoder_new(const AVStream *stream,
					      const struct media_transcoder_config *config,
					      media_emit_fn *emit, void *arg,
					      struct media_words *words);
void media_transcoder_free(struct media_transcoder *t);
/* Of video: change the bit rate. */
void media_transcoder_bitrate(struct media_transcoder *t, unsigned bitrate_bps);
/* Times that come out are the stream's plus offset_us. */
void media_transcoder_offset(struct media_transcoder *t, int64_t offset_us);
/*
 * One packet, or NULL for the end: what is left comes out and the transcoder is ready to start
 * again. keyframes: make the next frame one, a bit per layer. Damaged packets are skipped. 0 or
 * -errno.
 */
int media_transcoder_push(struct media_transcoder *t, const AVPacket *packet, unsigned keyframes);

#endif
