/* media_test.c - the test card and its tone as a source (docs/testcard.md). */
#include "media/media_source_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "media/media_ff.h"
#include "media/media_opus.h"
#include "media/testcard.h"

enum {
	WIDTH = 640,
	HEIGHT = 360,
	FPS = 25,
	VIDEO_BPS = 1000000,
	AUDIO_BPS = 64000,
	WIDTH_MAX = 3840,
	HEIGHT_MAX = 2160,
	FPS_MAX = 120,
	GOP_SECONDS = 4, /* keyframes come on demand; this is for servers that do not ask */
	SECOND_US = 1000000
};

struct test_source {
	struct media_source base;
	struct media_test_config cfg;
	struct media_layers video;
	unsigned layer; /* of the frame in hand that comes next, the smallest first */
	struct media_opus_encoder *audio;
	struct testcard_tone tone;
	uint64_t frame_count, packet_count;
	uint8_t packet[MEDIA_OPUS_PACKET_MAX];
};

static int64_t
video_due_us(const struct test_source *t)
{
	return (int64_t)(t->frame_count * SECOND_US / t->cfg.fps);
}

static int64_t
audio_due_us(const struct test_source *t)
{
	return (int64_t)(t->packet_count * MEDIA_AUDIO_FRAME * SECOND_US / MEDIA_AUDIO_RATE);
}

static int64_t
due_us(const struct media_source *s)
{
	const struct test_source *t = (const struct test_source *)s;
	int64_t video = video_due_us(t), audio = audio_due_us(t);

	return video < audio ? video : audio;
}

/* The card is drawn for each layer anew, so that its number is readable in all of them. */
static int
next_frame(struct test_source *t, struct media_unit *out, struct media_words *words)
{
	struct media_encoder *encoder = t->video.encoders[t->layer];
	AVFrame *f = media_encoder_frame(encoder);
	int64_t time_us = video_due_us(t);
	unsigned bit = 1u << t->layer, bitrate = atomic_load(&t->base.bitrate);
	bool keyframe = (atomic_fetch_and(&t->base.keyframe_wanted, ~bit) & bit) != 0;
	int r;

	if (bitrate != 0 && t->layer == 0)
		media_layers_bitrate(&t->video, bitrate);
	if (f == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	const struct testcard_picture picture = {(unsigned)f->width,
						 (unsigned)f->height,
						 {f->data[0], f->data[1], f->data[2]},
						 {f->linesize[0], f->linesize[1], f->linesize[2]}};

	testcard_draw(&picture, (uint16_t)t->frame_count, (uint64_t)time_us);
	testcard_draw_clock(&picture, (uint32_t)clock_unix_ms());
	r = media_encoder_encode(encoder, f, time_us, keyframe, out);
	out->duration_us = SECOND_US / t->cfg.fps;
	out->layer = t->layer;
	t->frame_count += t->layer == 0;
	t->layer = t->layer == 0 ? t->video.count - 1 : t->layer - 1;
	/* Without delay every frame gives a unit: none means that the encoder is broken. */
	return r == 1 ? 1 : media_fail(words, r < 0 ? r : -EIO, "the video encoder gives nothing");
}

static int
next_packet(struct test_source *t, struct media_unit *out, struct media_words *words)
{
	int16_t pcm[MEDIA_AUDIO_FRAME * MEDIA_AUDIO_CHANNELS];
	int64_t time_us = audio_due_us(t);
	int n;

	testcard_tone(&t->tone, pcm, MEDIA_AUDIO_FRAME, MEDIA_AUDIO_CHANNELS, MEDIA_AUDIO_RATE,
		      t->packet_count * MEDIA_AUDIO_FRAME);
	t->packet_count++;
	n = media_opus_encode(t->audio, pcm, t->packet);
	if (n < 0)
		return media_fail(words, n, "the Opus encoder refuses");
	*out = (struct media_unit){.kind = MEDIA_AUDIO,
				   .keyframe = true,
				   .time_us = time_us,
				   .duration_us =
				       (int64_t)MEDIA_AUDIO_FRAME * SECOND_US / MEDIA_AUDIO_RATE,
				   .data = t->packet,
				   .size = (size_t)n};
	return 1;
}

static int
next(struct media_source *s, struct media_unit *out, struct media_words *words)
{
	struct test_source *t = (struct test_source *)s;

	return video_due_us(t) <= audio_due_us(t) ? next_frame(t, out, words)
						  : next_packet(t, out, words);
}

static void
free_source(struct media_source *s)
{
	struct test_source *t = (struct test_source *)s;

	media_layers_close(&t->video);
	media_opus_encoder_free(t->audio);
	free(t);
}

static unsigned
gop_count(const struct media_test_config *c)
{
	return MAX_OF((unsigned)lround(c->fps * c->gop_s), 1u);
}

static const struct media_source_ops ops = {.next = next, .due_us = due_us, .free = free_source};

static int
fill_config(struct media_test_config *c, const struct media_test_config *in)
{
	*c = *in;
	c->layer_count = in->layer_count != 0 ? in->layer_count : 1;
	c->width = in->width != 0 ? in->width : WIDTH;
	c->height = in->height != 0 ? in->height : HEIGHT;
	c->fps = in->fps != 0 ? in->fps : FPS;
	c->video_bps = in->video_bps != 0 ? in->video_bps : VIDEO_BPS;
	c->audio_bps = in->audio_bps != 0 ? in->audio_bps : AUDIO_BPS;
	c->gop_s = in->gop_s > 0 ? in->gop_s : GOP_SECONDS;
	if (c->layer_count > MEDIA_LAYERS_MAX ||
	    c->width >> (c->layer_count - 1) < TESTCARD_WIDTH_MIN || c->width > WIDTH_MAX ||
	    c->height >> (c->layer_count - 1) < TESTCARD_HEIGHT_MIN || c->height > HEIGHT_MAX ||
	    c->width % 2 != 0 || c->height % 2 != 0 || c->fps > FPS_MAX)
		return -EINVAL;
	return 0;
}

struct media_source *
media_source_test(const struct media_test_config *config, struct media_words *words)
{
	struct test_source *t = calloc(1, sizeof(*t));

	if (t == NULL || fill_config(&t->cfg, config) < 0) {
		media_fail(words, 0,
			   "the test picture is even, %dx%d to %dx%d, at 1 to %d frames a second",
			   TESTCARD_WIDTH_MIN, TESTCARD_HEIGHT_MIN, WIDTH_MAX, HEIGHT_MAX, FPS_MAX);
		free(t);
		return NULL;
	}
	const struct media_encoder_config video = {.codec = t->cfg.codec,
						   .width = t->cfg.width,
						   .height = t->cfg.height,
						   .fps_num = t->cfg.fps,
						   .fps_den = 1,
						   .bitrate_bps = t->cfg.video_bps,
						   .gop_count = gop_count(&t->cfg)};

	t->base.ops = &ops;
	t->base.codec = t->cfg.codec != PAYLOAD_NONE ? t->cfg.codec : PAYLOAD_H264;
	t->base.has[MEDIA_VIDEO] = t->base.has[MEDIA_AUDIO] = true;
	t->base.encodes[MEDIA_VIDEO] = t->base.encodes[MEDIA_AUDIO] = true;
	t->audio = media_opus_encoder_new(t->cfg.audio_bps);
	if (media_layers_open(&t->video, &video, t->cfg.layer_count, words) < 0 ||
	    t->audio == NULL) {
		free_source(&t->base);
		return NULL;
	}
	t->layer = t->video.count - 1;
	return &t->base;
}
