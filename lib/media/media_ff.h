/* media_ff.h - what the sources of lib/media share about FFmpeg.  Private. */
#ifndef RTCKIT_MEDIA_MEDIA_FF_H
#define RTCKIT_MEDIA_MEDIA_FF_H

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>

#include "media/media.h"
#include "media/media_source.h"

/* Set *words (NULL is fine) to a formatted text, control characters replaced. Returns code. */
int media_fail(struct media_words *words, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an error of FFmpeg's: "WHAT: its text". Returns a -errno for it. */
int media_fail_av(struct media_words *words, const char *what, int av_error);

/* ---- codecs ---- */

enum AVCodecID media_codec_id(enum payload_codec codec);
enum payload_codec media_codec_of(enum AVCodecID id);	   /* NONE: it is none of ours */
const char *media_codec_encoder(enum payload_codec codec); /* name of the encoder that is used */
/* depth and chroma as of payload_unit_samples(). */
enum AVPixelFormat media_codec_pixels(unsigned depth, unsigned chroma);

/* ---- video encoder: no delay, one slice or tile, headers at each keyframe ---- */

struct media_encoder_config {
	enum payload_codec codec; /* NONE: H264, constrained baseline */
	unsigned width, height;	  /* even */
	unsigned fps_num, fps_den;
	unsigned bitrate_bps;
	unsigned gop_count; /* frames between keyframes at most */
};
struct media_encoder;

/*
 * Encoders of simulcast: the same picture, each layer half as wide and high as the one before it,
 * a third of its bit rate.
 */
struct media_layers {
	struct media_encoder *encoders[MEDIA_LAYERS_MAX];
	unsigned count;
};
/* The config is of the largest, its bit rate of all together. 0, or negative with *words set. */
int media_layers_open(struct media_layers *l, const struct media_encoder_config *config,
		      unsigned count, struct media_words *words);
void media_layers_close(struct media_layers *l);
void media_layers_bitrate(struct media_layers *l, unsigned bitrate_bps);

struct media_encoder *media_encoder_new(const struct media_encoder_config *config,
					struct media_words *words);
void media_encoder_free(struct media_encoder *e);
/* A writable YUV 4:2:0 frame of its size, owned by the encoder. NULL without memory. */
AVFrame *media_encoder_frame(struct media_encoder *e);
/* Change the bit rate. libx264 takes it at once; the others are opened anew with a keyframe, if the
 * change is worth one. 0, or negative: it goes on as before. */
int media_encoder_bitrate(struct media_encoder *e, unsigned bitrate_bps);
/* Encode a frame (of any size and format: it is converted). 1 with *out set (borrowed), 0, -errno.
 */
int media_encoder_encode(struct media_encoder *e, const AVFrame *frame, int64_t time_us,
			 bool keyframe, struct media_unit *out);

#endif
