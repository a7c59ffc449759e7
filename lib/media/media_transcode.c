#include "media/media_transcode.h"

#include <errno.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "media/media_ff.h"
#include "media/media_opus.h"

enum {
	SECOND_US = 1000000,
	GOP_SECONDS = 4,
	FPS_FALLBACK = 25,
	FPS_MAX = 120,
	GAP_US = 100000,		 /* a jump of audio time by more than this is taken over */
	FIFO_MAX = 10 * MEDIA_AUDIO_RATE /* samples waiting to be encoded */
};

struct media_transcoder {
	const AVStream *stream;
	AVCodecContext *decoder;
	AVFrame *frame;
	media_emit_fn *emit;
	void *arg;
	int64_t offset_us;
	unsigned keyframes;	   /* wanted: a bit per layer */
	struct media_layers video; /* count 0: it is of audio */
	/* Audio: decoded, resampled, cut into packets of 20 ms. */
	SwrContext *swr;
	AVAudioFifo *fifo;
	struct media_opus_encoder *opus;
	int64_t head_us;     /* time of the first sample in the FIFO's run */
	uint64_t head_count; /* samples taken out since head_us */
};

static int
open_decoder(struct media_transcoder *t, struct media_words *words)
{
	const AVCodec *codec = avcodec_find_decoder(t->stream->codecpar->codec_id);
	int r;

	if (codec == NULL)
		return media_fail(words, -ENOENT, "no decoder for %s",
				  avcodec_get_name(t->stream->codecpar->codec_id));
	t->decoder = avcodec_alloc_context3(codec);
	t->frame = av_frame_alloc();
	if (t->decoder == NULL || t->frame == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	r = avcodec_parameters_to_context(t->decoder, t->stream->codecpar);
	t->decoder->pkt_timebase = t->stream->time_base;
	if (r >= 0)
		r = avcodec_open2(t->decoder, codec, NULL);
	return r < 0 ? media_fail_av(words, codec->name, r) : 0;
}

static int
open_video(struct media_transcoder *t, const struct media_transcoder_config *c,
	   struct media_words *words)
{
	AVRational fps = t->stream->avg_frame_rate;
	double gop_s = c->gop_s > 0 ? c->gop_s : GOP_SECONDS;

	if (fps.num <= 0 || fps.den <= 0 || fps.num / fps.den > FPS_MAX)
		fps = (AVRational){FPS_FALLBACK, 1};
	const struct media_encoder_config config = {
	    .codec = c->codec,
	    .width = (unsigned)t->stream->codecpar->width & ~1u,
	    .height = (unsigned)t->stream->codecpar->height & ~1u,
	    .fps_num = (unsigned)fps.num,
	    .fps_den = (unsigned)fps.den,
	    .bitrate_bps = c->bitrate_bps,
	    .gop_count = MAX_OF((unsigned)lround(av_q2d(fps) * gop_s), 1u)};

	return media_layers_open(&t->video, &config, c->layers, words);
}

static int
open_audio(struct media_transcoder *t, unsigned bitrate_bps, struct media_words *words)
{
	t->fifo = av_audio_fifo_alloc(AV_SAMPLE_FMT_S16, MEDIA_AUDIO_CHANNELS, MEDIA_AUDIO_RATE);
	t->opus = media_opus_encoder_new(bitrate_bps);
	return t->fifo != NULL && t->opus != NULL ? 0 : media_fail(words, -ENOMEM, "out of memory");
}

struct media_transcoder *
media_transcoder_new(const AVStream *stream, const struct media_transcoder_config *config,
		     media_emit_fn *emit, void *arg, struct media_words *words)
{
	struct media_transcoder *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return NULL;
	t->stream = stream;
	t->emit = emit;
	t->arg = arg;
	t->head_us = AV_NOPTS_VALUE;
	r = open_decoder(t, words);
	if (r == 0)
		r = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO
			? open_video(t, config, words)
			: open_audio(t, config->bitrate_bps, words);
	if (r < 0) {
		media_transcoder_free(t);
		return NULL;
	}
	return t;
}

void
media_transcoder_free(struct media_transcoder *t)
{
	if (t == NULL)
		return;
	avcodec_free_context(&t->decoder);
	av_frame_free(&t->frame);
	swr_free(&t->swr);
	if (t->fifo != NULL)
		av_audio_fifo_free(t->fifo);
	media_opus_encoder_free(t->opus);
	media_layers_close(&t->video);
	free(t);
}

void
media_transcoder_offset(struct media_transcoder *t, int64_t offset_us)
{
	t->offset_us = offset_us;
}

void
media_transcoder_bitrate(struct media_transcoder *t, unsigned bitrate_bps)
{
	media_layers_bitrate(&t->video, bitrate_bps);
}

/* ---- video ---- */

/* The smallest layer first: the largest is then the one that leaves spread over time. */
static int
emit_frame(struct media_transcoder *t, int64_t time_us)
{
	int r = 0;

	for (unsigned i = t->video.count; i > 0 && r >= 0; i--) {
		unsigned bit = 1u << (i - 1);
		struct media_unit unit;

		r = media_encoder_encode(t->video.encoders[i - 1], t->frame, time_us,
					 (t->keyframes & bit) != 0, &unit);
		if (r <= 0)
			continue;
		t->keyframes &= ~bit;
		unit.layer = i - 1;
		r = t->emit(t->arg, &unit);
	}
	return r;
}

/* ---- audio ---- */

/* Encode what fills whole packets; at the end the last one is filled with silence. */
static int
drain_fifo(struct media_transcoder *t, bool end)
{
	int16_t pcm[MEDIA_AUDIO_FRAME * MEDIA_AUDIO_CHANNELS];
	uint8_t packet[MEDIA_OPUS_PACKET_MAX];
	void *planes[] = {pcm};
	int n, r = 0;

	while (r == 0 && av_audio_fifo_size(t->fifo) >= (end ? 1 : MEDIA_AUDIO_FRAME)) {
		struct media_unit unit = {.kind = MEDIA_AUDIO,
					  .keyframe = true,
					  .data = packet,
					  .duration_us = (int64_t)MEDIA_AUDIO_FRAME * SECOND_US /
							 MEDIA_AUDIO_RATE};

		n = av_audio_fifo_read(t->fifo, planes, MEDIA_AUDIO_FRAME);
		if (n <= 0)
			return -EIO;
		for (int i = n * MEDIA_AUDIO_CHANNELS; i < (int)ARRAY_COUNT(pcm); i++)
			pcm[i] = 0;
		unit.time_us = t->head_us + (int64_t)(t->head_count * SECOND_US / MEDIA_AUDIO_RATE);
		t->head_count += MEDIA_AUDIO_FRAME;
		n = media_opus_encode(t->opus, pcm, packet);
		if (n < 0)
			return n;
		unit.size = (size_t)n;
		r = t->emit(t->arg, &unit);
	}
	return r;
}

/* Follow the source's clock: samples are counted from head_us until it jumps. */
static void
follow_clock(struct media_transcoder *t, int64_t time_us)
{
	int64_t have = (int64_t)t->head_count + av_audio_fifo_size(t->fifo);
	int64_t expected_us = t->head_us + have * SECOND_US / MEDIA_AUDIO_RATE;

	if (t->head_us != AV_NOPTS_VALUE && llabs(time_us - expected_us) <= GAP_US)
		return;
	av_audio_fifo_reset(t->fifo);
	t->head_us = time_us;
	t->head_count = 0;
}

static int
make_resampler(struct media_transcoder *t)
{
	AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO, in;
	int r;

	if (t->swr != NULL)
		return 0;
	r = av_channel_layout_copy(&in, &t->frame->ch_layout);
	if (r >= 0 && in.order == AV_CHANNEL_ORDER_UNSPEC)
		av_channel_layout_default(&in, in.nb_channels);
	if (r >= 0)
		r = swr_alloc_set_opts2(&t->swr, &stereo, AV_SAMPLE_FMT_S16, MEDIA_AUDIO_RATE, &in,
					t->frame->format, t->frame->sample_rate, 0, NULL);
	if (r >= 0)
		r = swr_init(t->swr);
	if (r < 0)
		swr_free(&t->swr);
	av_channel_layout_uninit(&in);
	return r < 0 ? media_fail_av(NULL, "", r) : 0;
}

static int
emit_samples(struct media_transcoder *t, int64_t time_us)
{
	uint8_t *pcm = NULL;
	int room, n, r = make_resampler(t);

	if (r < 0)
		return r;
	room = swr_get_out_samples(t->swr, t->frame->nb_samples);
	if (room < 0 ||
	    av_samples_alloc(&pcm, NULL, MEDIA_AUDIO_CHANNELS, room, AV_SAMPLE_FMT_S16, 0) < 0)
		return -ENOMEM;
	n = swr_convert(t->swr, &pcm, room, (const uint8_t **)t->frame->extended_data,
			t->frame->nb_samples);
	if (n < 0) { /* the format changed in mid-stream: begin anew with the next frame */
		swr_free(&t->swr);
		n = 0;
	}
	follow_clock(t, time_us);
	if (av_audio_fifo_size(t->fifo) + n <= FIFO_MAX)
		r = av_audio_fifo_write(t->fifo, (void **)&pcm, n) < 0 ? -ENOMEM : 0;
	av_freep(&pcm);
	return r < 0 ? r : drain_fifo(t, false);
}

/* ---- both ---- */

static int
emit_decoded(struct media_transcoder *t)
{
	static const AVRational us = {1, SECOND_US};
	int64_t pts = t->frame->best_effort_timestamp, time_us;

	if (pts == AV_NOPTS_VALUE)
		return 0;
	time_us = av_rescale_q(pts, t->stream->time_base, us) + t->offset_us;
	return t->video.count > 0 ? emit_frame(t, time_us) : emit_samples(t, time_us);
}

static int
restart(struct media_transcoder *t)
{
	int r = t->fifo != NULL ? drain_fifo(t, true) : 0;

	avcodec_flush_buffers(t->decoder);
	t->head_us = AV_NOPTS_VALUE;
	t->head_count = 0;
	return r;
}

int
media_transcoder_push(struct media_transcoder *t, const AVPacket *packet, unsigned keyframes)
{
	int r = avcodec_send_packet(t->decoder, packet), out = 0;

	t->keyframes |= keyframes;
	if (r < 0 && packet != NULL)
		return r == AVERROR(ENOMEM) ? -ENOMEM : 0; /* damaged: the next may be whole */
	while (out == 0 && avcodec_receive_frame(t->decoder, t->frame) >= 0) {
		out = emit_decoded(t);
		av_frame_unref(t->frame);
	}
	return out == 0 && packet == NULL ? restart(t) : out;
}
