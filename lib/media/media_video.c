#include "media/media_video.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_ff.h"

enum { PIXELS_MAX = 4096 * 2304, FPS_FALLBACK = 30, GOP_SECONDS = 10 };

struct media_video {
	struct media_video_config config;
	media_emit_fn *emit;
	void *arg;
	AVCodecContext *decoder;
	AVFrame *frame;
	AVPacket *packet;
	struct media_encoder *encoder; /* of the size below; NULL until a picture is known */
	int width, height;
	bool keyframe;
};

bool
media_video_is_possible(void)
{
	return avcodec_find_encoder_by_name(media_codec_encoder(PAYLOAD_H264)) != NULL;
}

struct media_video *
media_video_new(const struct media_video_config *config, media_emit_fn *emit, void *arg)
{
	struct media_video *v = calloc(1, sizeof(*v));
	enum payload_codec codec = config->codec != PAYLOAD_NONE ? config->codec : PAYLOAD_H264;
	const AVCodec *source = avcodec_find_decoder(media_codec_id(codec));

	if (v == NULL || source == NULL)
		goto fail;
	v->config = *config;
	v->emit = emit;
	v->arg = arg;
	v->keyframe = true;
	v->decoder = avcodec_alloc_context3(source);
	v->frame = av_frame_alloc();
	v->packet = av_packet_alloc();
	if (v->decoder == NULL || v->frame == NULL || v->packet == NULL)
		goto fail;
	v->decoder->thread_count = 1; /* threads would delay pictures */
	v->decoder->max_pixels = PIXELS_MAX;
	if (avcodec_open2(v->decoder, source, NULL) < 0)
		goto fail;
	return v;
fail:
	media_video_free(v);
	return NULL;
}

void
media_video_free(struct media_video *v)
{
	if (v == NULL)
		return;
	avcodec_free_context(&v->decoder);
	av_frame_free(&v->frame);
	av_packet_free(&v->packet);
	media_encoder_free(v->encoder);
	free(v);
}

void
media_video_keyframe(struct media_video *v)
{
	v->keyframe = true;
}

static int
open_encoder(struct media_video *v, struct media_words *words)
{
	unsigned fps = v->config.fps > 0 ? v->config.fps : FPS_FALLBACK;
	const struct media_encoder_config config = {.width = (unsigned)v->frame->width & ~1u,
						    .height = (unsigned)v->frame->height & ~1u,
						    .fps_num = fps,
						    .fps_den = 1,
						    .bitrate_bps = v->config.bitrate_bps,
						    .gop_count = fps * GOP_SECONDS};

	if (v->encoder != NULL && v->frame->width == v->width && v->frame->height == v->height)
		return 0;
	media_encoder_free(v->encoder);
	v->encoder = media_encoder_new(&config, words);
	v->width = v->frame->width;
	v->height = v->frame->height;
	return v->encoder != NULL ? 0 : -EIO;
}

static int
encode(struct media_video *v, struct media_words *words)
{
	struct media_unit unit;
	int r = open_encoder(v, words);

	if (r == 0)
		r = media_encoder_encode(v->encoder, v->frame, v->frame->pts, v->keyframe, &unit);
	if (r <= 0)
		return r;
	v->keyframe = false;
	return v->emit(v->arg, &unit);
}

int
media_video_push(struct media_video *v, const uint8_t *data, size_t size, int64_t time_us,
		 bool wanted, struct media_words *words)
{
	int r = 0;

	if (size == 0 || size > INT32_MAX / 2)
		return 0;
	if (av_new_packet(v->packet, (int)size) < 0) /* padded, as decoders want it */
		return -ENOMEM;
	memcpy(v->packet->data, data, size);
	v->packet->pts = time_us;
	r = avcodec_send_packet(v->decoder, v->packet);
	av_packet_unref(v->packet);
	if (r < 0)
		return r == AVERROR(ENOMEM) ? -ENOMEM : 0;
	r = 0;
	while (r == 0 && avcodec_receive_frame(v->decoder, v->frame) >= 0) {
		if (wanted && v->frame->pts != AV_NOPTS_VALUE)
			r = encode(v, words);
		av_frame_unref(v->frame);
	}
	return r;
}
