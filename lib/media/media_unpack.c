#include "media/media_unpack.h"

#include <errno.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "media/media_ff.h"
#include "media/media_opus.h"

enum { PIXELS_MAX = 8192 * 4320, SAMPLES_MAX = 1 << 16 };

static const struct {
	const char *name; /* in SDP */
	enum AVCodecID id;
} codecs[] = {{"H264", AV_CODEC_ID_H264},      {"VP8", AV_CODEC_ID_VP8},
	      {"VP9", AV_CODEC_ID_VP9},	       {"AV1", AV_CODEC_ID_AV1},
	      {"H265", AV_CODEC_ID_HEVC},      {"mpeg4-generic", AV_CODEC_ID_AAC},
	      {"PCMU", AV_CODEC_ID_PCM_MULAW}, {"PCMA", AV_CODEC_ID_PCM_ALAW},
	      {"G722", AV_CODEC_ID_ADPCM_G722}};

static const AVCodec *
decoder_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
		if (strcasecmp(codecs[i].name, name) != 0)
			continue;
		/* FFmpeg's own decoder of AV1 wants hardware. */
		if (codecs[i].id == AV_CODEC_ID_AV1 &&
		    avcodec_find_decoder_by_name("libdav1d") != NULL)
			return avcodec_find_decoder_by_name("libdav1d");
		return avcodec_find_decoder(codecs[i].id);
	}
	return NULL;
}

/* Give the decoder a padded copy of a packet. 0, -EBADMSG, -ENOMEM. */
static int
send_copy(AVCodecContext *codec, AVPacket *packet, const uint8_t *data, size_t size,
	  int64_t time_us)
{
	int r;

	if (size == 0 || size > INT32_MAX / 2)
		return -EBADMSG;
	if (av_new_packet(packet, (int)size) < 0)
		return -ENOMEM;
	memcpy(packet->data, data, size);
	packet->pts = time_us;
	r = avcodec_send_packet(codec, packet);
	av_packet_unref(packet);
	if (r < 0)
		return r == AVERROR(ENOMEM) ? -ENOMEM : -EBADMSG;
	return 0;
}

/* ---- pictures ---- */

static AVFrame *
frame_of(const struct media_image *image)
{
	return (AVFrame *)(uintptr_t)image; /* FFmpeg's own under our name */
}

void
media_image_free(struct media_image *image)
{
	AVFrame *frame = frame_of(image);

	av_frame_free(&frame);
}

unsigned
media_image_width(const struct media_image *image)
{
	return (unsigned)frame_of(image)->width;
}

unsigned
media_image_height(const struct media_image *image)
{
	return (unsigned)frame_of(image)->height;
}

struct media_viewer {
	AVCodecContext *codec;
	AVFrame *frame;
	AVPacket *packet;
};

struct media_viewer *
media_viewer_new(const char *name, struct media_words *words)
{
	struct media_viewer *v = calloc(1, sizeof(*v));
	const AVCodec *codec = decoder_of(name);
	int r = 0;

	if (v == NULL || codec == NULL || codec->type != AVMEDIA_TYPE_VIDEO) {
		media_fail(words, 0, "no decoder for %s", name);
		free(v);
		return NULL;
	}
	v->codec = avcodec_alloc_context3(codec);
	v->frame = av_frame_alloc();
	v->packet = av_packet_alloc();
	if (v->codec != NULL && v->frame != NULL && v->packet != NULL) {
		v->codec->thread_count = 1; /* threads would delay pictures */
		v->codec->max_pixels = PIXELS_MAX;
		r = avcodec_open2(v->codec, codec, NULL);
		if (r >= 0)
			return v;
	}
	media_fail_av(words, name, r < 0 ? r : AVERROR(ENOMEM));
	media_viewer_free(v);
	return NULL;
}

void
media_viewer_free(struct media_viewer *v)
{
	if (v == NULL)
		return;
	avcodec_free_context(&v->codec);
	av_frame_free(&v->frame);
	av_packet_free(&v->packet);
	free(v);
}

int
media_viewer_push(struct media_viewer *v, const uint8_t *data, size_t size, int64_t time_us,
		  media_image_fn *fn, void *arg)
{
	int count = 0, r = send_copy(v->codec, v->packet, data, size, time_us);

	if (r < 0)
		return r;
	while (avcodec_receive_frame(v->codec, v->frame) >= 0) {
		AVFrame *out = av_frame_alloc();

		if (out == NULL)
			return -ENOMEM;
		av_frame_move_ref(out, v->frame);
		fn(arg, (struct media_image *)out, out->pts != AV_NOPTS_VALUE ? out->pts : time_us);
		count++;
	}
	return count;
}

/* ---- samples ---- */

struct media_listener {
	struct media_opus_decoder *opus; /* else the rest */
	AVCodecContext *codec;
	AVFrame *frame;
	AVPacket *packet;
	SwrContext *swr;
	int swr_rate, swr_format, swr_channels; /* what it was made for */
	int16_t *pcm;
};

static int
open_listener(struct media_listener *l, const struct media_listener_config *config)
{
	const AVCodec *codec = decoder_of(config->codec);

	if (codec == NULL || codec->type != AVMEDIA_TYPE_AUDIO)
		return AVERROR_DECODER_NOT_FOUND;
	l->codec = avcodec_alloc_context3(codec);
	l->frame = av_frame_alloc();
	l->packet = av_packet_alloc();
	if (l->codec == NULL || l->frame == NULL || l->packet == NULL)
		return AVERROR(ENOMEM);
	/* The clock of G722 in RTP is half its rate (RFC 3551 s.4.5.2). */
	l->codec->sample_rate = (int)config->rate_hz;
	if (codec->id == AV_CODEC_ID_ADPCM_G722)
		l->codec->sample_rate = 16000;
	av_channel_layout_default(&l->codec->ch_layout, (int)MAX_OF(config->channel_count, 1u));
	if (config->config_size > 0) {
		l->codec->extradata =
		    av_mallocz(config->config_size + AV_INPUT_BUFFER_PADDING_SIZE);
		if (l->codec->extradata == NULL)
			return AVERROR(ENOMEM);
		memcpy(l->codec->extradata, config->config, config->config_size);
		l->codec->extradata_size = (int)config->config_size;
	}
	return avcodec_open2(l->codec, codec, NULL);
}

struct media_listener *
media_listener_new(const struct media_listener_config *config, struct media_words *words)
{
	struct media_listener *l = calloc(1, sizeof(*l));
	int r = AVERROR(ENOMEM);

	if (l != NULL)
		l->pcm = malloc((size_t)SAMPLES_MAX * MEDIA_AUDIO_CHANNELS * sizeof(*l->pcm));
	if (l != NULL && l->pcm != NULL && strcasecmp(config->codec, "opus") == 0) {
		l->opus = media_opus_decoder_new();
		r = l->opus != NULL ? 0 : r;
	} else if (l != NULL && l->pcm != NULL)
		r = open_listener(l, config);
	if (r >= 0)
		return l;
	media_fail_av(words, config->codec, r);
	media_listener_free(l);
	return NULL;
}

void
media_listener_free(struct media_listener *l)
{
	if (l == NULL)
		return;
	media_opus_decoder_free(l->opus);
	avcodec_free_context(&l->codec);
	av_frame_free(&l->frame);
	av_packet_free(&l->packet);
	swr_free(&l->swr);
	free(l->pcm);
	free(l);
}

/* A resampler for what the frame is. */
static int
fit_resampler(struct media_listener *l)
{
	const AVFrame *f = l->frame;
	AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO, in;
	int r;

	if (l->swr != NULL && l->swr_rate == f->sample_rate && l->swr_format == f->format &&
	    l->swr_channels == f->ch_layout.nb_channels)
		return 0;
	swr_free(&l->swr);
	av_channel_layout_default(&in, f->ch_layout.nb_channels);
	r = swr_alloc_set_opts2(&l->swr, &stereo, AV_SAMPLE_FMT_S16, MEDIA_AUDIO_RATE, &in,
				f->format, f->sample_rate, 0, NULL);
	av_channel_layout_uninit(&in);
	if (r >= 0)
		r = swr_init(l->swr);
	if (r < 0) {
		swr_free(&l->swr);
		return -EBADMSG;
	}
	l->swr_rate = f->sample_rate;
	l->swr_format = f->format;
	l->swr_channels = f->ch_layout.nb_channels;
	return 0;
}

static int
give_frame(struct media_listener *l, int64_t time_us, media_samples_fn *fn, void *arg)
{
	uint8_t *out = (uint8_t *)l->pcm;
	int64_t held_us;
	int n;

	if (fit_resampler(l) < 0)
		return -EBADMSG;
	held_us = swr_get_delay(l->swr, 1000000); /* of earlier packets, comes out first */
	n = swr_convert(l->swr, &out, SAMPLES_MAX, (const uint8_t **)l->frame->extended_data,
			l->frame->nb_samples);
	if (n < 0)
		return -EBADMSG;
	if (n > 0)
		fn(arg, l->pcm, (size_t)n, time_us - held_us);
	return 0;
}

int
media_listener_push(struct media_listener *l, const uint8_t *data, size_t size, int64_t time_us,
		    media_samples_fn *fn, void *arg)
{
	int r;

	if (l->opus != NULL) {
		r = media_opus_decode(l->opus, data, size, l->pcm);
		if (r > 0)
			fn(arg, l->pcm, (size_t)r, time_us);
		return r < 0 ? r : 0;
	}
	r = send_copy(l->codec, l->packet, data, size, time_us);
	while (r == 0 && avcodec_receive_frame(l->codec, l->frame) >= 0) {
		r = give_frame(l, l->frame->pts != AV_NOPTS_VALUE ? l->frame->pts : time_us, fn,
			       arg);
		av_frame_unref(l->frame);
	}
	return r;
}
