#include "media/media_aac.h"

#include <errno.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "media/media_ff.h"
#include "media/media_opus.h"

enum {
	SECOND_US = 1000000,
	UNIT_SAMPLES = 1024,
	FAST_BPS = 96000,    /* from here on the fast coder */
	HOLE_MIN_US = 30000, /* less is jitter of the clocks, not a hole */
	FIFO_SAMPLES = UNIT_SAMPLES + MEDIA_OPUS_FRAME_MAX
};

struct media_aac {
	AVCodecContext *codec;
	AVFrame *frame;
	AVPacket *packet;
	struct media_opus_decoder *opus;
	struct media_aac_format format;
	int16_t pcm[MEDIA_OPUS_FRAME_MAX * MEDIA_AUDIO_CHANNELS];
	float fifo[MEDIA_AUDIO_CHANNELS][FIFO_SAMPLES];
	size_t fifo_count;
	bool begun;
	int64_t base_us;      /* time of sample 0 */
	int64_t sample_count; /* since then, the fifo's included */
};

static int
open_codec(struct media_aac *a, unsigned bitrate_bps, struct media_words *words)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
	int r;

	if (codec == NULL)
		return media_fail(words, -ENOENT, "this FFmpeg has no AAC encoder");
	a->codec = avcodec_alloc_context3(codec);
	a->frame = av_frame_alloc();
	a->packet = av_packet_alloc();
	a->opus = media_opus_decoder_new();
	if (a->codec == NULL || a->frame == NULL || a->packet == NULL || a->opus == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	a->codec->sample_rate = MEDIA_AUDIO_RATE;
	a->codec->sample_fmt = AV_SAMPLE_FMT_FLTP;
	a->codec->bit_rate = bitrate_bps;
	a->codec->time_base = (AVRational){1, MEDIA_AUDIO_RATE};
	a->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	a->codec->thread_count = 1;
	av_channel_layout_default(&a->codec->ch_layout, MEDIA_AUDIO_CHANNELS);
	/* Half the time; FFmpeg holds it for better at such rates, the other one below them. */
	if (bitrate_bps >= FAST_BPS)
		(void)av_opt_set(a->codec->priv_data, "aac_coder", "fast", 0);
	r = avcodec_open2(a->codec, codec, NULL);
	if (r < 0)
		return media_fail_av(words, "AAC encoder", r);
	a->frame->format = AV_SAMPLE_FMT_FLTP;
	a->frame->nb_samples = UNIT_SAMPLES;
	a->frame->sample_rate = MEDIA_AUDIO_RATE;
	av_channel_layout_default(&a->frame->ch_layout, MEDIA_AUDIO_CHANNELS);
	r = av_frame_get_buffer(a->frame, 0);
	if (r < 0)
		return media_fail_av(words, "AAC encoder", r);
	a->format = (struct media_aac_format){a->codec->extradata, (size_t)a->codec->extradata_size,
					      MEDIA_AUDIO_RATE, MEDIA_AUDIO_CHANNELS};
	return 0;
}

struct media_aac *
media_aac_new(unsigned bitrate_bps, struct media_words *words)
{
	struct media_aac *a = calloc(1, sizeof(*a));

	if (a == NULL || open_codec(a, bitrate_bps, words) < 0) {
		media_aac_free(a);
		return NULL;
	}
	return a;
}

void
media_aac_free(struct media_aac *a)
{
	if (a == NULL)
		return;
	avcodec_free_context(&a->codec);
	av_frame_free(&a->frame);
	av_packet_free(&a->packet);
	media_opus_decoder_free(a->opus);
	free(a);
}

const struct media_aac_format *
media_aac_format(const struct media_aac *a)
{
	return &a->format;
}

static int64_t
samples_us(int64_t count)
{
	return count * SECOND_US / MEDIA_AUDIO_RATE;
}

static int
take_units(struct media_aac *a, media_aac_fn *fn, void *arg)
{
	int r;

	for (;;) {
		struct media_unit u = {
		    .kind = MEDIA_AUDIO, .keyframe = true, .duration_us = samples_us(UNIT_SAMPLES)};

		r = avcodec_receive_packet(a->codec, a->packet);
		if (r < 0)
			return r == AVERROR(EAGAIN) ? 0 : -EIO;
		u.time_us = a->base_us + samples_us(a->packet->pts);
		u.data = a->packet->data;
		u.size = (size_t)a->packet->size;
		fn(arg, &u);
		av_packet_unref(a->packet);
	}
}

/* The fifo's first unit into the encoder. */
static int
encode_unit(struct media_aac *a, media_aac_fn *fn, void *arg)
{
	int r = av_frame_make_writable(a->frame);

	if (r < 0)
		return -ENOMEM;
	for (unsigned c = 0; c < MEDIA_AUDIO_CHANNELS; c++) {
		memcpy(a->frame->data[c], a->fifo[c], UNIT_SAMPLES * sizeof(float));
		memmove(a->fifo[c], a->fifo[c] + UNIT_SAMPLES,
			(a->fifo_count - UNIT_SAMPLES) * sizeof(float));
	}
	a->frame->pts = a->sample_count - (int64_t)a->fifo_count;
	a->fifo_count -= UNIT_SAMPLES;
	r = avcodec_send_frame(a->codec, a->frame);
	return r < 0 ? -EIO : take_units(a, fn, arg);
}

/* count samples (NULL: silence), at most MEDIA_OPUS_FRAME_MAX. */
static int
add_samples(struct media_aac *a, const int16_t *pcm, size_t count, media_aac_fn *fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < count; i++)
		for (unsigned c = 0; c < MEDIA_AUDIO_CHANNELS; c++)
			a->fifo[c][a->fifo_count + i] =
			    pcm != NULL ? (float)pcm[i * MEDIA_AUDIO_CHANNELS + c] / 32768 : 0;
	a->fifo_count += count;
	a->sample_count += (int64_t)count;
	while (r == 0 && a->fifo_count >= UNIT_SAMPLES)
		r = encode_unit(a, fn, arg);
	return r;
}

static int
fill_hole(struct media_aac *a, int64_t hole_us, media_aac_fn *fn, void *arg)
{
	int64_t left = hole_us * MEDIA_AUDIO_RATE / SECOND_US;
	int r = 0;

	while (left > 0 && r == 0) {
		size_t n = (size_t)MIN_OF(left, MEDIA_AUDIO_FRAME);

		r = add_samples(a, NULL, n, fn, arg);
		left -= (int64_t)n;
	}
	return r;
}

int
media_aac_push(struct media_aac *a, const struct media_unit *opus, media_aac_fn *fn, void *arg)
{
	int n = media_opus_decode(a->opus, opus->data, opus->size, a->pcm), r = 0;
	int64_t off_us;

	if (n < 0)
		return n;
	off_us = opus->time_us - (a->base_us + samples_us(a->sample_count));
	if (!a->begun || off_us < -HOLE_MIN_US || off_us > SECOND_US) {
		a->begun = true;
		a->base_us += off_us; /* what the fifo and the encoder hold moves along */
	} else if (off_us > HOLE_MIN_US) {
		r = fill_hole(a, off_us, fn, arg);
	}
	return r < 0 ? r : add_samples(a, a->pcm, (size_t)n, fn, arg);
}
