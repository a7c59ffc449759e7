/* media_encoder.c - H.264 for WebRTC by libx264. */
#include "media/media_ff.h"

#include <errno.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

struct media_encoder {
	AVCodecContext *codec;
	AVFrame *frame; /* for the owner to draw in, and target of conversions */
	AVPacket *packet;
	struct SwsContext *scaler; /* NULL until a frame needs it */
	int64_t last_us;
};

/* One thread and one slice: slices would make several fragments trains of one frame. */
static void
set_options(AVCodecContext *c, const struct media_encoder_config *config)
{
	c->width = (int)config->width;
	c->height = (int)config->height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){1, 1000000};
	c->framerate = (AVRational){(int)config->fps_num, (int)config->fps_den};
	c->bit_rate = config->bitrate_bps;
	c->rc_max_rate = config->bitrate_bps;
	c->rc_buffer_size = (int)config->bitrate_bps / 2; /* half a second: keyframes stay small */
	c->gop_size = (int)config->gop_count;
	c->max_b_frames = 0;
	c->thread_count = 1;
	c->profile = FF_PROFILE_H264_CONSTRAINED_BASELINE;
	av_opt_set(c->priv_data, "preset", "veryfast", 0);
	av_opt_set(c->priv_data, "tune", "zerolatency", 0);
	av_opt_set(c->priv_data, "profile", "baseline", 0);
	av_opt_set(c->priv_data, "forced-idr", "1", 0);
	av_opt_set(c->priv_data, "x264-params", "sliced-threads=0:scenecut=0:repeat-headers=1", 0);
}

static int
open_codec(struct media_encoder *e, const struct media_encoder_config *config,
	   struct media_words *words)
{
	const AVCodec *x264 = avcodec_find_encoder_by_name("libx264");
	int r;

	if (x264 == NULL)
		return media_fail(words, -ENOENT, "this FFmpeg has no libx264");
	e->codec = avcodec_alloc_context3(x264);
	e->frame = av_frame_alloc();
	e->packet = av_packet_alloc();
	if (e->codec == NULL || e->frame == NULL || e->packet == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	set_options(e->codec, config);
	r = avcodec_open2(e->codec, x264, NULL);
	if (r < 0)
		return media_fail_av(words, "H.264 encoder", r);
	e->frame->width = e->codec->width;
	e->frame->height = e->codec->height;
	e->frame->format = e->codec->pix_fmt;
	r = av_frame_get_buffer(e->frame, 0);
	return r < 0 ? media_fail_av(words, "H.264 encoder", r) : 0;
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
	if (open_codec(e, config, words) < 0) {
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

	if (r < 0 || time_us <= e->last_us) /* libx264 wants time to go on */
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
				   .time_us = e->packet->pts,
				   .keyframe = (e->packet->flags & AV_PKT_FLAG_KEY) != 0,
				   .data = e->packet->data,
				   .size = (size_t)e->packet->size};
	return 1;
}
