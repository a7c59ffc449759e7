/* media_file.c - a file or pipe as a source, by libavformat. */
#include "media/media_source_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "media/media_ff.h"
#include "media/media_opus.h"
#include "media/media_pass.h"
#include "media/media_transcode.h"

enum {
	VIDEO_BPS = 2000000,
	AUDIO_BPS = 96000,
	SECOND_US = 1000000,
	PIPE_BUFFER = 65536,
	PIPE_ANALYZE_US = 2 * SECOND_US, /* live input waits while it is probed */
	POLL_MS = 100			 /* how soon an interrupt is seen */
};

static const AVRational microseconds = {1, SECOND_US};

/* A unit that waits to be taken. */
struct owned {
	struct owned *next;
	struct media_unit unit;
	uint8_t data[];
};

struct file_stream {
	AVStream *av;			     /* NULL: there is none */
	struct media_transcoder *transcoder; /* NULL: passes untouched */
	struct media_pass pass;		     /* of video that does */
	int64_t last_us;
};

struct file_source {
	struct media_source base;
	struct media_file_config cfg;
	AVFormatContext *format;
	AVIOContext *pipe;
	AVPacket *packet;
	struct file_stream streams[MEDIA_KINDS];
	struct owned *first, *last, *taken;
	int64_t start_us, offset_us, end_us; /* end: of what was emitted */
	bool ended;
	unsigned emitted; /* since the start or the last seek */
};

/* ---- units out ---- */

static int
emit(void *arg, const struct media_unit *unit)
{
	struct file_source *f = arg;
	struct owned *o;

	if (unit->time_us < 0)
		return 0; /* priming samples before the start */
	o = malloc(sizeof(*o) + unit->size);
	if (o == NULL)
		return -ENOMEM;
	memcpy(o->data, unit->data, unit->size);
	o->unit = *unit;
	o->unit.data = o->data;
	o->next = NULL;
	if (f->last != NULL)
		f->last->next = o;
	else
		f->first = o;
	f->last = o;
	f->emitted++;
	if (unit->time_us + unit->duration_us > f->end_us)
		f->end_us = unit->time_us + unit->duration_us;
	return 0;
}

static bool
take_unit(struct file_source *f, struct media_unit *out)
{
	free(f->taken);
	f->taken = f->first;
	if (f->taken == NULL)
		return false;
	f->first = f->taken->next;
	if (f->first == NULL)
		f->last = NULL;
	*out = f->taken->unit;
	return true;
}

/* ---- streams that pass ---- */

static int64_t
time_of(const struct file_source *f, struct file_stream *st, const AVPacket *p)
{
	int64_t ts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
	AVRational fps = st->av->avg_frame_rate;

	if (ts != AV_NOPTS_VALUE)
		return av_rescale_q(ts, st->av->time_base, microseconds) - f->start_us +
		       f->offset_us;
	return st->last_us +
	       (fps.num > 0 ? (int64_t)SECOND_US * fps.den / fps.num : SECOND_US / 25);
}

static int
pass_packet(struct file_source *f, enum media_kind kind, const AVPacket *p)
{
	struct file_stream *st = &f->streams[kind];
	struct media_unit unit = {
	    .kind = kind,
	    .time_us = time_of(f, st, p),
	    .data = p->data,
	    .keyframe = kind == MEDIA_AUDIO || (p->flags & AV_PKT_FLAG_KEY) != 0,
	    .duration_us = av_rescale_q(p->duration, st->av->time_base, microseconds),
	    .size = (size_t)p->size};

	if (kind == MEDIA_AUDIO) {
		int samples = media_opus_samples(p->data, (size_t)p->size);

		if (samples < 0)
			return 0;
		unit.duration_us = (int64_t)samples * SECOND_US / MEDIA_AUDIO_RATE;
	} else if (media_pass_look(&st->pass, &unit) < 0) {
		return -ENOMEM;
	} else if (unit.time_us < 0) {
		unit.time_us = 0;
	}
	if (unit.time_us <= st->last_us)
		return 0;
	st->last_us = unit.time_us;
	return emit(f, &unit);
}

static int
filter_packet(struct file_source *f, AVPacket *p)
{
	AVBSFContext *bsf = f->streams[MEDIA_VIDEO].pass.bsf;
	int r = av_bsf_send_packet(bsf, p);

	if (r < 0) { /* damaged: the next may be whole */
		av_packet_unref(p);
		return 0;
	}
	r = 0;
	while (r == 0 && av_bsf_receive_packet(bsf, p) >= 0) {
		r = pass_packet(f, MEDIA_VIDEO, p);
		av_packet_unref(p);
	}
	return r;
}

/* ---- reading ---- */

static int
take_packet(struct file_source *f)
{
	AVPacket *p = f->packet;
	unsigned bitrate = atomic_load(&f->base.bitrate);
	int r = 0;

	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		struct file_stream *st = &f->streams[k];

		if (st->av == NULL || st->av->index != p->stream_index)
			continue;
		if (st->transcoder != NULL && k == MEDIA_VIDEO && bitrate != 0)
			media_transcoder_bitrate(st->transcoder, bitrate);
		if (st->transcoder != NULL)
			r = media_transcoder_push(
			    st->transcoder, p,
			    k == MEDIA_VIDEO ? atomic_exchange(&f->base.keyframe_wanted, 0) : 0);
		else if (st->pass.bsf != NULL)
			r = filter_packet(f, p);
		else
			r = pass_packet(f, k, p);
	}
	av_packet_unref(p);
	return r;
}

static int
flush_transcoders(struct file_source *f)
{
	int r = 0;

	for (unsigned k = 0; k < MEDIA_KINDS && r == 0; k++)
		if (f->streams[k].transcoder != NULL)
			r = media_transcoder_push(f->streams[k].transcoder, NULL, false);
	return r;
}

static void
set_offset(struct file_source *f, int64_t offset_us)
{
	f->offset_us = offset_us;
	for (unsigned k = 0; k < MEDIA_KINDS; k++)
		if (f->streams[k].transcoder != NULL)
			media_transcoder_offset(f->streams[k].transcoder, offset_us - f->start_us);
}

/* The end of the input: over, or from the start again. 0 to go on. */
static int
at_end(struct file_source *f, struct media_words *words)
{
	int r = flush_transcoders(f);

	if (r < 0)
		return r;
	if (!f->cfg.loop || f->emitted == 0) {
		f->ended = true;
		return 0;
	}
	r = avformat_seek_file(f->format, -1, INT64_MIN, f->start_us, f->start_us, 0);
	if (r < 0)
		return media_fail_av(words, "cannot go back to the start", r);
	f->emitted = 0;
	set_offset(f, f->end_us);
	return 0;
}

static int
next(struct media_source *s, struct media_unit *out, struct media_words *words)
{
	struct file_source *f = (struct file_source *)s;
	int r;

	words->text[0] = '\0';
	while (!take_unit(f, out)) {
		if (f->ended || atomic_load(&s->interrupted))
			return 0;
		r = av_read_frame(f->format, f->packet);
		if (r == AVERROR_EOF || (r < 0 && atomic_load(&s->interrupted)))
			r = at_end(f, words);
		else if (r < 0)
			return media_fail_av(words, "reading the input", r);
		else
			r = take_packet(f);
		if (r < 0 && words->text[0] == '\0')
			media_fail_av(words, "working on the input", r);
		if (r < 0)
			return r;
	}
	return 1;
}

static int64_t
due_us(const struct media_source *s)
{
	const struct file_source *f = (const struct file_source *)s;

	return f->first != NULL ? f->first->unit.time_us : -1;
}

/* ---- opening ---- */

static void
add_note(struct file_source *f, const AVCodecParameters *p, const char *why)
{
	size_t used = strlen(f->base.note);

	snprintf(f->base.note + used, sizeof(f->base.note) - used, "%s%s re-encoded: %s",
		 used > 0 ? "; " : "", avcodec_get_name(p->codec_id), why);
}

static void
note_unknown(struct file_source *f, enum media_kind kind)
{
	size_t used = strlen(f->base.note);

	snprintf(f->base.note + used, sizeof(f->base.note) - used,
		 "%s%s in a codec that this FFmpeg does not know: left out", used > 0 ? "; " : "",
		 kind == MEDIA_VIDEO ? "picture" : "sound");
}

static int
open_video(struct file_source *f, struct file_stream *st, const char *why,
	   struct media_words *words)
{
	f->base.codec = media_codec_of(st->av->codecpar->codec_id);
	if (why != NULL)
		f->base.codec = f->cfg.codec != PAYLOAD_NONE ? f->cfg.codec : PAYLOAD_H264;
	return why == NULL ? media_pass_open(&st->pass, st->av, words) : 0;
}

static int
open_stream(struct file_source *f, enum media_kind kind, struct media_words *words)
{
	struct file_stream *st = &f->streams[kind];
	struct media_transcoder_config config = {
	    .bitrate_bps = kind == MEDIA_VIDEO ? f->cfg.video_bps : f->cfg.audio_bps,
	    .layers = f->cfg.layer_count,
	    .gop_s = f->cfg.gop_s};
	const char *why;
	int index = av_find_best_stream(
	    f->format, kind == MEDIA_VIDEO ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO, -1, -1, NULL,
	    0);

	st->last_us = -1;
	if (index < 0)
		return 0;
	if (f->format->streams[index]->codecpar->codec_id == AV_CODEC_ID_NONE) {
		note_unknown(f, kind); /* Opus in FLV, for one */
		return 0;
	}
	st->av = f->format->streams[index];
	f->base.has[kind] = true;
	why = media_pass_why_not(st->av->codecpar, f->cfg.codec);
	if (kind == MEDIA_VIDEO && why == NULL && f->cfg.layer_count > 1)
		why = "to layers of several sizes";
	if (kind == MEDIA_VIDEO && open_video(f, st, why, words) < 0)
		return -EIO;
	if (why == NULL)
		return 0;
	add_note(f, st->av->codecpar, why);
	if (f->cfg.no_transcode)
		return media_fail(words, -EINVAL, "would be %s", f->base.note);
	f->base.encodes[kind] = true;
	config.codec = f->base.codec;
	if (config.bitrate_bps == 0)
		config.bitrate_bps = kind == MEDIA_VIDEO ? VIDEO_BPS : AUDIO_BPS;
	st->transcoder = media_transcoder_new(st->av, &config, emit, f, words);
	return st->transcoder != NULL ? 0 : -EIO;
}

/* Standard input is polled, so that media_source_interrupt() ends a read that waits. */
static int
read_pipe(void *arg, uint8_t *buf, int size)
{
	struct file_source *f = arg;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t n;

	while (!atomic_load(&f->base.interrupted)) {
		if (poll(&p, 1, POLL_MS) <= 0)
			continue;
		n = read(STDIN_FILENO, buf, (size_t)size);
		if (n >= 0)
			return n > 0 ? (int)n : AVERROR_EOF;
		if (errno != EINTR && errno != EAGAIN)
			return AVERROR(errno);
	}
	return AVERROR_EXIT;
}

static int
is_interrupted(void *arg)
{
	struct file_source *f = arg;

	return atomic_load(&f->base.interrupted);
}

static int
open_pipe(struct file_source *f)
{
	uint8_t *buffer = av_malloc(PIPE_BUFFER);

	if (buffer == NULL)
		return -ENOMEM;
	f->pipe = avio_alloc_context(buffer, PIPE_BUFFER, 0, f, read_pipe, NULL, NULL);
	if (f->pipe == NULL) {
		av_free(buffer);
		return -ENOMEM;
	}
	f->format->pb = f->pipe;
	f->format->max_analyze_duration = PIPE_ANALYZE_US;
	return 0;
}

static int
open_input(struct file_source *f, struct media_words *words)
{
	const AVInputFormat *format = NULL;
	char path[4096];
	bool piped = strcmp(f->cfg.path, "-") == 0;
	int r;

	if (f->cfg.format != NULL) {
		format = av_find_input_format(f->cfg.format);
		if (format == NULL)
			return media_fail(words, -EINVAL, "no format of the name %s",
					  f->cfg.format);
	}
	f->packet = av_packet_alloc();
	f->format = avformat_alloc_context();
	if (f->packet == NULL || f->format == NULL || (piped && open_pipe(f) < 0))
		return media_fail(words, -ENOMEM, "out of memory");
	f->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, f};
	/* "file:", so that a colon in a name does not make a protocol of it. */
	snprintf(path, sizeof(path), "%s%s", piped ? "" : "file:", piped ? "" : f->cfg.path);
	r = avformat_open_input(&f->format, path, format, NULL);
	if (r >= 0)
		r = avformat_find_stream_info(f->format, NULL);
	return r < 0 ? media_fail_av(words, f->cfg.path, r) : 0;
}

static void
free_source(struct media_source *s)
{
	struct file_source *f = (struct file_source *)s;
	struct media_unit unit;

	while (take_unit(f, &unit))
		;
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		media_transcoder_free(f->streams[k].transcoder);
		media_pass_close(&f->streams[k].pass);
	}
	av_packet_free(&f->packet);
	avformat_close_input(&f->format);
	if (f->pipe != NULL)
		av_freep(&f->pipe->buffer);
	avio_context_free(&f->pipe);
	free(f);
}

static const struct media_source_ops ops = {.next = next, .due_us = due_us, .free = free_source};

static int
seek(struct file_source *f, int64_t at_us, struct media_words *words)
{
	int r = avformat_seek_file(f->format, -1, INT64_MIN, at_us, at_us, 0);

	return r < 0 ? media_fail_av(words, "cannot go to the start asked for", r) : 0;
}

/* Where the video that was sought to begins: a keyframe at or before. */
static int64_t
first_video_us(struct file_source *f, int64_t fallback_us)
{
	const AVStream *st = f->streams[MEDIA_VIDEO].av;
	int64_t at_us = AV_NOPTS_VALUE;

	while (at_us == AV_NOPTS_VALUE && av_read_frame(f->format, f->packet) >= 0) {
		const AVPacket *p = f->packet;
		int64_t ts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;

		if (p->stream_index == st->index && ts != AV_NOPTS_VALUE)
			at_us = av_rescale_q(ts, st->time_base, microseconds);
		av_packet_unref(f->packet);
	}
	return at_us != AV_NOPTS_VALUE ? at_us : fallback_us;
}

/* What passes untouched begins at the keyframe before; what is encoded anew, to the picture. */
static int
go_to_start(struct file_source *f, struct media_words *words)
{
	const struct file_stream *video = &f->streams[MEDIA_VIDEO];
	int64_t at_us = f->start_us + (int64_t)(f->cfg.start_s * SECOND_US);
	int r;

	if (f->cfg.start_s <= 0)
		return 0;
	if (f->pipe != NULL)
		return media_fail(words, -EINVAL, "standard input has no other start");
	if (f->format->duration > 0 && f->cfg.start_s * SECOND_US >= (double)f->format->duration)
		return media_fail(words, -EINVAL, "%s ends before %g s", f->cfg.path,
				  f->cfg.start_s);
	r = seek(f, at_us, words);
	f->start_us = at_us;
	if (r < 0 || video->av == NULL || video->transcoder != NULL)
		return r;
	f->start_us = first_video_us(f, at_us);
	return seek(f, f->start_us, words);
}

struct media_source *
media_source_file(const struct media_file_config *config, struct media_words *words)
{
	struct file_source *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL) {
		media_fail(words, 0, "out of memory");
		return NULL;
	}
	f->base.ops = &ops;
	f->cfg = *config;
	r = open_input(f, words);
	for (unsigned k = 0; k < MEDIA_KINDS && r == 0; k++)
		r = open_stream(f, k, words);
	if (r == 0 && !f->base.has[MEDIA_VIDEO] && !f->base.has[MEDIA_AUDIO])
		r = media_fail(words, -EINVAL, "%s has neither picture nor sound", config->path);
	if (r == 0 && f->format->start_time != AV_NOPTS_VALUE)
		f->start_us = f->format->start_time;
	if (r == 0)
		r = go_to_start(f, words);
	if (r < 0) {
		free_source(&f->base);
		return NULL;
	}
	set_offset(f, 0);
	return &f->base;
}
