#include "media/media_audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_ff.h"
#include "media/media_transcode.h"

struct media_audio {
	AVFormatContext *format; /* holds the stream that the transcoder wants to see */
	AVPacket *packet;
	struct media_transcoder *transcoder;
};

static const enum AVCodecID codec_ids[] = {
    [MEDIA_AAC] = AV_CODEC_ID_AAC,
    [MEDIA_MP3] = AV_CODEC_ID_MP3,
    [MEDIA_PCMA] = AV_CODEC_ID_PCM_ALAW,
    [MEDIA_PCMU] = AV_CODEC_ID_PCM_MULAW,
};

static int
describe(AVStream *stream, const struct media_audio_config *config)
{
	AVCodecParameters *p = stream->codecpar;

	stream->time_base = (AVRational){1, 1000000};
	p->codec_type = AVMEDIA_TYPE_AUDIO;
	p->codec_id = codec_ids[config->codec];
	if (config->codec == MEDIA_PCMA || config->codec == MEDIA_PCMU) {
		p->sample_rate = (int)config->rate_hz;
		av_channel_layout_default(&p->ch_layout, (int)config->channel_count);
	}
	if (config->config_size == 0)
		return 0;
	p->extradata = av_mallocz(config->config_size + AV_INPUT_BUFFER_PADDING_SIZE);
	if (p->extradata == NULL)
		return -ENOMEM;
	memcpy(p->extradata, config->config, config->config_size);
	p->extradata_size = (int)config->config_size;
	return 0;
}

struct media_audio *
media_audio_new(const struct media_audio_config *config, media_emit_fn *emit, void *arg,
		struct media_words *words)
{
	struct media_audio *a = calloc(1, sizeof(*a));
	AVStream *stream;

	if (a == NULL)
		return NULL;
	a->format = avformat_alloc_context();
	a->packet = av_packet_alloc();
	stream = a->format != NULL ? avformat_new_stream(a->format, NULL) : NULL;
	if (stream == NULL || a->packet == NULL || describe(stream, config) < 0)
		media_fail(words, -ENOMEM, "out of memory");
	else
		a->transcoder = media_transcoder_new(
		    stream, &(struct media_transcoder_config){.bitrate_bps = config->opus_bps},
		    emit, arg, words);
	if (a->transcoder == NULL) {
		media_audio_free(a);
		return NULL;
	}
	return a;
}

void
media_audio_free(struct media_audio *a)
{
	if (a == NULL)
		return;
	media_transcoder_free(a->transcoder);
	av_packet_free(&a->packet);
	avformat_free_context(a->format);
	free(a);
}

int
media_audio_push(struct media_audio *a, const uint8_t *data, size_t size, int64_t time_us)
{
	int r;

	if (size == 0 || size > INT32_MAX / 2)
		return 0;
	if (av_new_packet(a->packet, (int)size) < 0) /* padded, as decoders want it */
		return -ENOMEM;
	memcpy(a->packet->data, data, size);
	a->packet->pts = a->packet->dts = time_us;
	r = media_transcoder_push(a->transcoder, a->packet, 0);
	av_packet_unref(a->packet);
	return r;
}
