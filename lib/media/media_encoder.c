/* media_encoder.c - video for WebRTC by FFmpeg's encoders. */
#include "media/media_ff.h"

#include <errno.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "base/bytes.h"

enum {
	SECOND_US = 1000000,
	CHANGE_PERCENT = 5, /* a smaller change of the bit rate is none */
	ANEW_PERCENT = 20,  /* where it costs a keyframe and is a raise */
	ANEW_US =
	    3 * SECOND_US, /* between two of those, lest a keyframe be the reason for the next */
	DOWN_MARGIN = 25   /* percent: lower than asked, not to have to cut soon again */
};

struct media_encoder {
	enum payload_codec kind;
	struct media_encoder_config config;
	int64_t opened_us; /* time of the frame before which it was opened */
	AVCodecContext *codec;
	AVFrame *frame; /* for the owner to draw in, and target of conversions */
	AVPacket *packet;
	struct SwsContext *scaler; /* NULL until a frame needs it */
	int64_t last_us;
};

/*
 * What each encoder needs to be told for no delay, headers at each keyframe, speed. One thread and
 * one slice: slices would make several trains of fragments of one frame.
 */
static const struct {
	int profile;
	const char *options[8][2];
} rows[PAYLOAD_CODECS] = {
    [PAYLOAD_H264] = {FF_PROFILE_H264_CONSTRAINED_BASELINE,
		      {{"preset", "veryfast"},
		       {"tune", "zerolatency"},
		       {"profile", "baseline"},
		       {"forced-idr", "1"},
		       {"x264-params", "sliced-threads=0:scenecut=0:repeat-headers=1"}}},
    [PAYLOAD_H265] = {FF_PROFILE_HEVC_MAIN,
		      {{"preset", "ultrafast"},
		       {"tune", "zerolatency"},
		       {"forced-idr", "1"},
		       {"x265-params", "log-level=none:scenecut=0:repeat-headers=1:bframes=0:"
				       "open-gop=0:pools=none:frame-threads=1:slices=1"}}},
    [PAYLOAD_VP8] = {FF_PROFILE_UNKNOWN,
		     {{"deadline", "realtime"},
		      {"cpu-used", "8"},
		      {"lag-in-frames", "0"},
		      {"max-intra-rate", "600"}}},
    [PAYLOAD_VP9] = {FF_PROFILE_VP9_0,
		     {{"deadline", "realtime"},
		      {"cpu-used", "8"},
		      {"lag-in-frames", "0"},
		      {"max-intra-rate", "600"}, /* percent of a mean frame */
		      {"tile-columns", "0"}}},
    /* Faster than 6, libaom 3.6 spoils one picture in a few hundred. */
    [PAYLOAD_AV1] =
	{FF_PROFILE_AV1_MAIN,
	 {{"usage", "realtime"}, {"cpu-used", "6"}, {"lag-in-frames", "0"}, {"tiles", "1x1"}}},
};

/* The buffer is half a second: keyframes stay small. */
static void
apply_bitrate(AVCodecContext *c, unsigned bitrate_bps)
{
	c->bit_rate = c->rc_max_rate = bitrate_bps;
	c->rc_buffer_size = (int)bitrate_bps / 2;
}

static int
set_options(AVCodecContext *c, const struct media_encoder_config *config, enum payload_codec codec)
{
	int r = 0;

	c->width = (int)config->width;
	c->height = (int)config->height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){1, SECOND_US};
	c->framerate = (AVRational){(int)config->fps_num, (int)config->fps_den};
	/* libvpx and libaom take it for a frame's duration. */
	c->ticks_per_frame = (int)((int64_t)SECOND_US * config->fps_den / config->fps_num);
	apply_bitrate(c, config->bitrate_bps);
	c->gop_size = (int)config->gop_count;
	c->max_b_frames = 0;
	c->thread_count = 1;
	c->profile = rows[codec].profile;
	for (size_t i = 0; r == 0 && i < ARRAY_COUNT(rows[codec].options); i++)
		if (rows[codec].options[i][0] != NULL)
			r = av_opt_set(c->priv_data, rows[codec].options[i][0],
				       rows[codec].options[i][1], 0);
	return r;
}

/* NULL with *words set. */
static AVCodecContext *
open_context(const struct media_encoder *e, struct media_words *words)
{
	const char *name = media_codec_encoder(e->kind);
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	AVCodecContext *c;
	int r;

	if (codec == NULL) {
		media_fail(words, -ENOENT, "this FFmpeg has no %s", name);
		return NULL;
	}
	c = avcodec_alloc_context3(codec);
	if (c == NULL) {
		media_fail(words, -ENOMEM, "out of memory");
		return NULL;
	}
	r = set_options(c, &e->config, e->kind);
	if (r == 0)
		r = avcodec_open2(c, codec, NULL);
	if (r < 0) {
		avcodec_free_context(&c);
		media_fail_av(words, name, r);
	}
	return c;
}

static int
open_codec(struct media_encoder *e, struct media_words *words)
{
	int r;

	e->codec = open_context(e, words);
	if (e->codec == NULL)
		return -EIO;
	e->frame = av_frame_alloc();
	e->packet = av_packet_alloc();
	if (e->frame == NULL || e->packet == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	e->frame->width = e->codec->width;
	e->frame->height = e->codec->height;
	e->frame->format = e->codec->pix_fmt;
	r = av_frame_get_buffer(e->frame, 0);
	return r < 0 ? media_fail_av(words, "a frame", r) : 0;
}

struct media_encoder *
media_encoder_new(const struct media_encoder_config *config, struct media_words *words)
{
	struct media_encoder *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		media_fail(words, 0, "out of memory");
		return NULL;
	}
	e->last_us = -1;
	e->kind = config->codec != PAYLOAD_NONE ? config->codec : PAYLOAD_H264;
	e->config = *config;
	if (open_codec(e, words) < 0) {
		media_encoder_free(e);
		return NULL;
	}
	return e;
}

void
media_encoder_free(struct media_encoder *e)
{
	if (e == NULL)
		return;
	avcodec_free_context(&e->codec);
	av_frame_free(&e->frame);
	av_packet_free(&e->packet);
	sws_freeContext(e->scaler);
	free(e);
}

/* The encoder is made anew with another rate; the next picture is a keyframe. */
static int
open_anew(struct media_encoder *e, unsigned bitrate_bps)
{
	unsigned before = e->config.bitrate_bps;
	AVCodecContext *c;

	e->config.bitrate_bps = bitrate_bps;
	c = open_context(e, NULL);
	if (c == NULL) {
		e->config.bitrate_bps = before;
		return -EIO;
	}
	avcodec_free_context(&e->codec);
	e->codec = c;
	e->opened_us = e->last_us;
	return 0;
}

int
media_encoder_bitrate(struct media_encoder *e, unsigned bitrate_bps)
{
	int64_t old = e->config.bitrate_bps, change = llabs((int64_t)bitrate_bps - old) * 100;
	bool down = bitrate_bps < old;
	int64_t since_us = e->last_us - e->opened_us;

	if (change < old * CHANGE_PERCENT)
		return 0;
	if (e->kind == PAYLOAD_H264) {
		e->config.bitrate_bps = bitrate_bps;
		apply_bitrate(e->codec, bitrate_bps);
		return 0;
	}
	if ((e->opened_us != 0 && since_us < ANEW_US) || (!down && change < old * ANEW_PERCENT))
		return 0;
	return open_anew(e, down ? bitrate_bps / 100 * (100 - DOWN_MARGIN) : bitrate_bps);
}

AVFrame *
media_encoder_frame(struct media_encoder *e)
{
	return av_frame_make_writable(e->frame) < 0 ? NULL : e->frame;
}

/* Bring any frame to the encoder's size and format. */
static int
convert(struct media_encoder *e, const AVFrame *in)
{
	if (media_encoder_frame(e) == NULL)
		return -ENOMEM;
	e->scaler = sws_getCachedContext(e->scaler, in->width, in->height, in->format,
					 e->frame->width, e->frame->height, e->frame->format,
					 SWS_BILINEAR, NULL, NULL, NULL);
	if (e->scaler == NULL)
		return -ENOMEM;
	sws_scale(e->scaler, (const uint8_t *const *)in->data, in->linesize, 0, in->height,
		  e->frame->data, e->frame->linesize);
	return 0;
}

int
media_encoder_encode(struct media_encoder *e, const AVFrame *frame, int64_t time_us, bool keyframe,
		     struct media_unit *out)
{
	int r = frame == e->frame ? 0 : convert(e, frame);

	if (r < 0 || time_us <= e->last_us) /* encoders want time to go on */
		return r;
	e->last_us = time_us;
	e->frame->pts = time_us;
	e->frame->pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	r = avcodec_send_frame(e->codec, e->frame);
	if (r < 0)
		return media_fail_av(NULL, "", r);
	av_packet_unref(e->packet);
	r = avcodec_receive_packet(e->codec, e->packet);
	if (r < 0)
		return r == AVERROR(EAGAIN) ? 0 : media_fail_av(NULL, "", r);
	*out = (struct media_unit){.kind = MEDIA_VIDEO,
				   .codec = e->kind,
				   .time_us = e->packet->pts,
				   .keyframe = (e->packet->flags & AV_PKT_FLAG_KEY) != 0,
				   .data = e->packet->data,
				   .size = (size_t)e->packet->size};
	return 1;
}
