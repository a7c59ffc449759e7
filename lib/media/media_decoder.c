#include "media/media_decoder.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_ff.h"

struct media_decoder {
	AVCodecContext *codec;
	AVFrame *frame;
	AVPacket *packet;
};

struct media_decoder *
media_decoder_of(enum payload_codec kind)
{
	struct media_decoder *d = calloc(1, sizeof(*d));
	const AVCodec *codec =
	    avcodec_find_decoder(media_codec_id(kind != PAYLOAD_NONE ? kind : PAYLOAD_H264));

	if (d == NULL || codec == NULL)
		goto fail;
	d->codec = avcodec_alloc_context3(codec);
	d->frame = av_frame_alloc();
	d->packet = av_packet_alloc();
	if (d->codec == NULL || d->frame == NULL || d->packet == NULL)
		goto fail;
	d->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
	d->codec->thread_count = 1; /* threads would delay pictures */
	if (avcodec_open2(d->codec, codec, NULL) < 0)
		goto fail;
	return d;
fail:
	media_decoder_free(d);
	return NULL;
}

struct media_decoder *
media_decoder_new(void)
{
	return media_decoder_of(PAYLOAD_H264);
}

void
media_decoder_free(struct media_decoder *d)
{
	if (d == NULL)
		return;
	avcodec_free_context(&d->codec);
	av_frame_free(&d->frame);
	av_packet_free(&d->packet);
	free(d);
}

static void
give_picture(const AVFrame *f, media_picture_fn *fn, void *arg)
{
	const struct media_picture p = {.frame = f,
					.width = (unsigned)f->width,
					.height = (unsigned)f->height,
					.luma = f->data[0],
					.stride = f->linesize[0],
					.time_us = f->pts,
					.damaged = f->decode_error_flags != 0 ||
						   (f->flags & AV_FRAME_FLAG_CORRUPT) != 0};

	fn(arg, &p);
}

int
media_decoder_push(struct media_decoder *d, const uint8_t *data, size_t size, int64_t time_us,
		   media_picture_fn *fn, void *arg)
{
	int count = 0, r;

	if (size > INT32_MAX / 2 ||
	    av_new_packet(d->packet, (int)size) < 0) /* padded, as it wants */
		return -ENOMEM;
	memcpy(d->packet->data, data, size);
	d->packet->pts = time_us;
	r = avcodec_send_packet(d->codec, d->packet);
	av_packet_unref(d->packet);
	if (r < 0)
		return r == AVERROR(ENOMEM) ? -ENOMEM : -EBADMSG;
	while (avcodec_receive_frame(d->codec, d->frame) >= 0) {
		give_picture(d->frame, fn, arg);
		av_frame_unref(d->frame);
		count++;
	}
	return count;
}
