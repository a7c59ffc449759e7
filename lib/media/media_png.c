/* media_png.c - a decoded picture as a PNG file. */
#include "media/media_decoder.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>

#include "media/media_ff.h"

/* The picture in RGB, as PNG has it. NULL without memory. */
static AVFrame *
to_rgb(const AVFrame *in)
{
	AVFrame *out = av_frame_alloc();
	struct SwsContext *sws =
	    sws_getContext(in->width, in->height, in->format, in->width, in->height,
			   AV_PIX_FMT_RGB24, SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
	bool good = out != NULL && sws != NULL;

	if (good) {
		out->format = AV_PIX_FMT_RGB24;
		out->width = in->width;
		out->height = in->height;
		good = av_frame_get_buffer(out, 0) >= 0 &&
		       sws_scale(sws, (const uint8_t *const *)in->data, in->linesize, 0, in->height,
				 out->data, out->linesize) == in->height;
	}
	sws_freeContext(sws);
	if (!good)
		av_frame_free(&out);
	return out;
}

static int
encode(const AVFrame *rgb, AVPacket *packet)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
	AVCodecContext *c = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
	int r = AVERROR(ENOMEM);

	if (c != NULL) {
		c->width = rgb->width;
		c->height = rgb->height;
		c->pix_fmt = AV_PIX_FMT_RGB24;
		c->time_base = (AVRational){1, 1};
		r = avcodec_open2(c, codec, NULL);
	}
	if (r >= 0)
		r = avcodec_send_frame(c, rgb);
	if (r >= 0)
		r = avcodec_send_frame(c, NULL);
	if (r >= 0)
		r = avcodec_receive_packet(c, packet);
	avcodec_free_context(&c);
	return r >= 0 ? 0 : -ENOMEM;
}

static int
write_file(const char *path, const AVPacket *packet)
{
	bool is_stdout = strcmp(path, "-") == 0;
	FILE *f = is_stdout ? stdout : fopen(path, "we");
	int r = 0;

	if (f == NULL)
		return -errno;
	errno = 0;
	if (fwrite(packet->data, 1, (size_t)packet->size, f) != (size_t)packet->size ||
	    fflush(f) != 0)
		r = errno != 0 ? -errno : -EIO;
	if (!is_stdout && fclose(f) != 0 && r == 0)
		r = -errno;
	return r;
}

int
media_picture_png(const struct media_picture *p, const char *path, struct media_words *words)
{
	AVFrame *rgb = to_rgb(p->frame);
	AVPacket *packet = av_packet_alloc();
	int r = rgb != NULL && packet != NULL ? encode(rgb, packet) : -ENOMEM;

	if (r == 0)
		r = write_file(path, packet);
	if (r < 0)
		snprintf(words->text, sizeof(words->text), "%s: %s", path, strerror(-r));
	av_packet_free(&packet);
	av_frame_free(&rgb);
	return r;
}
