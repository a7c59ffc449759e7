#include "media/media_writer.h"

#include <errno.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "media/media_ff.h"
#include "media/media_flv.h"
#include "media/media_opus.h"

enum {
	SECOND_US = 1000000,
	PIPE_BUFFER = 32768,
	INTERLEAVE_US = 500000, /* do not wait longer for a track that is silent */
	HEADER_MAX = 4096	/* octets of parameter sets */
};

static const AVRational microseconds = {1, SECOND_US};

struct media_writer {
	AVFormatContext *format;
	AVIOContext *pipe;
	AVPacket *packet;
	AVStream *streams[MEDIA_KINDS]; /* NULL: left out */
	media_sink_fn *sink;
	void *sink_arg;
	bool live;
	enum payload_codec codec; /* of video */
	struct media_flv *flv;	  /* in place of FFmpeg's muxer */
	int64_t last_dts[MEDIA_KINDS];
	int error; /* of the pipe: -errno */
	bool begun;
};

static bool
is_url(const char *path)
{
	return strstr(path, "://") != NULL;
}

static const AVOutputFormat *
find_format(const char *path, const char *name)
{
	static const struct {
		const char *alias, *name;
	} aliases[] = {{"mkv", "matroska"}, {"ts", "mpegts"}};

	if (name == NULL && strcmp(path, "-") == 0)
		name = "matroska";
	else if (name == NULL && is_url(path))
		name = "flv";
	for (size_t i = 0; name != NULL && i < ARRAY_COUNT(aliases); i++)
		if (strcmp(name, aliases[i].alias) == 0)
			name = aliases[i].name;
	return av_guess_format(name, name == NULL ? path : NULL, NULL);
}

static bool
is_flv(const AVOutputFormat *of)
{
	return strcmp(of->name, "flv") == 0;
}

/* libavformat does not know it of every format. */
static bool
format_takes(const AVOutputFormat *of, enum AVCodecID id)
{
	int known = avformat_query_codec(of, id, FF_COMPLIANCE_NORMAL);

	if (known >= 0)
		return known == 1;
	if (strcmp(of->name, "mpegts") == 0)
		return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_OPUS;
	return id == AV_CODEC_ID_OPUS && strcmp(of->name, "ogg") == 0;
}

bool
media_writer_takes(const char *path, const char *format, enum payload_codec codec)
{
	const AVOutputFormat *of = find_format(path, format);

	if (of == NULL)
		return false;
	return format_takes(of, media_codec_id(codec)) || (is_flv(of) && media_flv_takes(codec));
}

bool
media_writer_wants_aac(const char *path, const char *format)
{
	const AVOutputFormat *of = find_format(path, format);

	if (of == NULL)
		return false;
	if (strcmp(of->name, "mpegts") == 0) /* Opus is possible there, and few can read it */
		return true;
	return !format_takes(of, AV_CODEC_ID_OPUS) &&
	       avformat_query_codec(of, AV_CODEC_ID_AAC, FF_COMPLIANCE_NORMAL) == 1;
}

int
media_writer_check(const char *path, const char *format, bool takes[MEDIA_KINDS],
		   struct media_words *words)
{
	const AVOutputFormat *of = find_format(path, format);

	if (of == NULL)
		return media_fail(words, -EINVAL, "no container format for %s (say -f FORMAT)",
				  format != NULL ? format : path);
	takes[MEDIA_AUDIO] = format_takes(of, AV_CODEC_ID_OPUS) || is_flv(of);
	takes[MEDIA_VIDEO] = false;
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS; i++)
		takes[MEDIA_VIDEO] |= format_takes(of, media_codec_id(i));
	if (!takes[MEDIA_VIDEO] && !takes[MEDIA_AUDIO])
		return media_fail(words, -EINVAL, "%s holds neither video that comes here nor Opus",
				  of->name);
	return 0;
}

/* ---- standard output, memory ---- */

static int
write_sink(void *arg, uint8_t *buf, int size)
{
	struct media_writer *w = arg;
	int r = w->sink(w->sink_arg, buf, (size_t)size);

	if (r < 0)
		w->error = r;
	return r < 0 ? r : size;
}

static int
write_pipe(void *arg, uint8_t *buf, int size)
{
	struct media_writer *w = arg;

	for (int done = 0; done < size;) {
		ssize_t n = write(STDOUT_FILENO, buf + done, (size_t)(size - done));

		if (n < 0 && errno != EINTR) {
			w->error = -errno;
			return AVERROR(errno);
		}
		done += n > 0 ? (int)n : 0;
	}
	return size;
}

static int
open_pipe(struct media_writer *w)
{
	uint8_t *buffer = av_malloc(PIPE_BUFFER);

	if (buffer == NULL)
		return -ENOMEM;
	w->pipe = avio_alloc_context(buffer, PIPE_BUFFER, 1, w, NULL,
				     w->sink != NULL ? write_sink : write_pipe, NULL);
	if (w->pipe == NULL) {
		av_free(buffer);
		return -ENOMEM;
	}
	w->pipe->seekable = 0;
	w->format->pb = w->pipe;
	w->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS;
	return 0;
}

/* ---- streams ---- */

static int
set_extradata(AVCodecParameters *p, const uint8_t *data, size_t size)
{
	p->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
	if (p->extradata == NULL)
		return -ENOMEM;
	memcpy(p->extradata, data, size);
	p->extradata_size = (int)size;
	return 0;
}

/*
 * What the container's header needs to know: parameter sets in Annex B form, of which the muxers
 * make avcC or hvcC and then convert units; av1C; nothing of VP8 and VP9. Octets.
 */
static size_t
make_header(enum payload_codec codec, uint8_t out[static HEADER_MAX], const uint8_t *unit,
	    size_t size)
{
	int n = codec == PAYLOAD_AV1 ? payload_config_make(codec, out, HEADER_MAX, unit, size)
				     : payload_headers(codec, out, HEADER_MAX, unit, size);

	return n > 0 ? (size_t)n : 0;
}

static int
fill_video(AVCodecParameters *p, enum payload_codec codec, const uint8_t *unit, size_t size,
	   struct media_words *words)
{
	uint8_t header[HEADER_MAX];
	unsigned depth, chroma;
	uint32_t width, height;

	if (payload_unit_size(codec, unit, size, &width, &height) < 0 ||
	    payload_unit_samples(codec, unit, size, &depth, &chroma) < 0)
		return media_fail(words, -EBADMSG,
				  "the first keyframe of %s does not tell its size",
				  payload_name(codec));
	p->width = (int)width;
	p->height = (int)height;
	p->codec_type = AVMEDIA_TYPE_VIDEO;
	p->format = media_codec_pixels(depth, chroma);
	return set_extradata(p, header, make_header(codec, header, unit, size));
}

/* Muxers that keep the sets outside of the units learn of new ones (another size of picture). */
static int
tell_sets(struct media_writer *w)
{
	AVPacket *packet = w->packet;
	uint8_t header[HEADER_MAX], *side;
	size_t used;

	if (w->codec != PAYLOAD_H264 && w->codec != PAYLOAD_H265)
		return 0;
	used = make_header(w->codec, header, packet->data, (size_t)packet->size);
	if (used == 0)
		return 0;
	side = av_packet_new_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, used);
	if (side == NULL)
		return -ENOMEM;
	memcpy(side, header, used);
	return 0;
}

static int
fill_audio(AVCodecParameters *p)
{
	p->codec_type = AVMEDIA_TYPE_AUDIO;
	p->sample_rate = MEDIA_AUDIO_RATE;
	p->frame_size = MEDIA_AUDIO_FRAME;
	av_channel_layout_default(&p->ch_layout, MEDIA_AUDIO_CHANNELS);
	return set_extradata(p, media_opus_head, sizeof(media_opus_head));
}

static int
fill_aac(AVCodecParameters *p, const struct media_aac_format *aac)
{
	p->codec_type = AVMEDIA_TYPE_AUDIO;
	p->codec_id = AV_CODEC_ID_AAC;
	p->sample_rate = (int)aac->rate_hz;
	p->frame_size = 1024;
	av_channel_layout_default(&p->ch_layout, (int)MAX_OF(aac->channel_count, 1));
	return set_extradata(p, aac->config, aac->config_size);
}

static int
add_stream(struct media_writer *w, enum media_kind kind, const struct media_writer_config *c,
	   struct media_words *words)
{
	AVStream *st = avformat_new_stream(w->format, NULL);

	if (st == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	st->codecpar->codec_id = kind == MEDIA_VIDEO ? media_codec_id(w->codec) : AV_CODEC_ID_OPUS;
	st->time_base = (AVRational){1, kind == MEDIA_VIDEO ? MEDIA_VIDEO_RATE : MEDIA_AUDIO_RATE};
	w->streams[kind] = st;
	w->last_dts[kind] = INT64_MIN;
	if (kind == MEDIA_VIDEO && w->codec == PAYLOAD_H265 &&
	    (strcmp(w->format->oformat->name, "mp4") == 0 ||
	     strcmp(w->format->oformat->name, "mov") == 0))
		st->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1'); /* what players know */
	if (kind == MEDIA_VIDEO)
		return fill_video(st->codecpar, w->codec, c->keyframe, c->keyframe_size, words);
	if (c->aac == NULL)
		return fill_audio(st->codecpar);
	st->time_base.den = (int)c->aac->rate_hz;
	return fill_aac(st->codecpar, c->aac);
}

/* ---- life ---- */

static void
set_options(struct media_writer *w, AVDictionary **options)
{
	w->format->max_interleave_delta = INTERLEAVE_US;
	if (w->pipe == NULL && (w->format->pb == NULL || w->format->pb->seekable != 0))
		return;
	if (w->live) { /* each audio unit by itself; tables before each keyframe */
		av_dict_set(options, "pes_payload_size", "0", 0);
		av_dict_set(options, "mpegts_flags", "pat_pmt_at_frames", 0);
		av_dict_set(options, "use_editlist", "0", 0);
	}
	/* What cannot be sought back in must be written in pieces, and soon. */
	av_dict_set(options, "movflags",
		    w->live ? "frag_custom+empty_moov+default_base_moof+frag_discont"
			    : "frag_keyframe+empty_moov+default_base_moof",
		    0);
	av_dict_set(options, "cluster_time_limit", "200", 0);
	av_dict_set(options, "flvflags", "no_duration_filesize", 0);
}

/* A URL's path may hold a stream key: not for messages. */
static const char *
name_of(const char *path)
{
	return is_url(path) ? "the server" : path;
}

static int
open_place(struct media_writer *w, const struct media_writer_config *c, struct media_words *words)
{
	AVDictionary *options = NULL;
	bool secure = strncmp(c->path, "rtmps://", 8) == 0;
	int r;

	if (secure)
		av_dict_set(&options, "tls_verify", c->insecure ? "0" : "1", 0);
	if (secure && c->ca != NULL)
		av_dict_set(&options, "ca_file", c->ca, 0);
	r = avio_open2(&w->format->pb, c->path, AVIO_FLAG_WRITE, &w->format->interrupt_callback,
		       &options);
	av_dict_free(&options);
	return r < 0 ? media_fail_av(words, name_of(c->path), r) : 0;
}

static int
begin(struct media_writer *w, const struct media_writer_config *c, struct media_words *words)
{
	AVDictionary *options = NULL;
	bool piped = c->sink != NULL || strcmp(c->path, "-") == 0, takes[MEDIA_KINDS], own_flv;
	int r = media_writer_check(c->path, c->format, takes, words);

	if (r < 0)
		return r;
	takes[MEDIA_AUDIO] |= c->aac != NULL;
	w->sink = c->sink;
	w->sink_arg = c->sink_arg;
	w->live = c->live;
	w->codec = c->codec != PAYLOAD_NONE ? c->codec : PAYLOAD_H264;
	if (c->has[MEDIA_VIDEO] && takes[MEDIA_VIDEO] &&
	    !media_writer_takes(c->path, c->format, w->codec))
		return media_fail(words, -EINVAL, "%s does not hold %s: %s",
				  find_format(c->path, c->format)->name, payload_name(w->codec),
				  w->codec == PAYLOAD_VP8 ? "mkv and webm do" : "mkv and mp4 do");
	w->packet = av_packet_alloc();
	r = avformat_alloc_output_context2(&w->format, find_format(c->path, c->format), NULL, NULL);
	if (r < 0 || w->packet == NULL || (piped && open_pipe(w) < 0))
		return media_fail(words, -ENOMEM, "out of memory");
	own_flv = is_flv(w->format->oformat) && media_flv_is_own(c, w->codec);
	for (unsigned k = 0; k < MEDIA_KINDS && r >= 0 && !own_flv; k++)
		if (c->has[k] && takes[k])
			r = add_stream(w, k, c, words);
	if (r < 0)
		return r;
	if (w->format->nb_streams == 0 && !own_flv)
		return media_fail(words, -EINVAL, "nothing that %s can hold",
				  w->format->oformat->name);
	w->format->interrupt_callback = (AVIOInterruptCB){c->interrupted, c->interrupted_arg};
	if (!piped)
		r = open_place(w, c, words);
	if (r < 0)
		return r;
	if (own_flv) {
		w->flv = media_flv_open(w->format->pb, c, words);
		return w->flv != NULL ? 0 : -EIO;
	}
	set_options(w, &options);
	r = avformat_write_header(w->format, &options);
	av_dict_free(&options);
	w->begun = r >= 0;
	return r < 0 ? media_fail_av(words, name_of(c->path), r) : 0;
}

static void
free_writer(struct media_writer *w)
{
	if (w->pipe != NULL)
		av_freep(&w->pipe->buffer);
	else if (w->format != NULL)
		avio_closep(&w->format->pb);
	avio_context_free(&w->pipe);
	media_flv_free(w->flv);
	avformat_free_context(w->format);
	av_packet_free(&w->packet);
	free(w);
}

struct media_writer *
media_writer_open(const struct media_writer_config *config, struct media_words *words)
{
	struct media_writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		media_fail(words, 0, "out of memory");
		return NULL;
	}
	if (begin(w, config, words) < 0) {
		free_writer(w);
		return NULL;
	}
	return w;
}

static int
result_of(struct media_writer *w, int av_error, struct media_words *words)
{
	if (av_error >= 0 && w->error == 0)
		return 0;
	if (w->error == -EPIPE || av_error == AVERROR(EPIPE))
		return media_fail(words, -EPIPE, "the reader of the pipe is gone");
	return media_fail_av(words, "writing", w->error != 0 ? w->error : av_error);
}

/* The last unit of a file or fragment needs a duration: as long as the one before it. */
static int64_t
duration_of(const struct media_writer *w, const struct media_unit *unit, const AVStream *st,
	    int64_t dts)
{
	int64_t last = w->last_dts[unit->kind];

	if (unit->duration_us == 0 && last != INT64_MIN)
		return dts - last;
	return av_rescale_q(unit->duration_us, microseconds, st->time_base);
}

int
media_writer_write(struct media_writer *w, const struct media_unit *unit, struct media_words *words)
{
	AVStream *st = w->streams[unit->kind];
	int64_t dts;
	int r;

	if (w->flv != NULL)
		return result_of(w, media_flv_write(w->flv, unit), words);
	if (st == NULL)
		return 0;
	dts = av_rescale_q(unit->time_us - unit->lead_us, microseconds, st->time_base);
	if (dts <= w->last_dts[unit->kind]) /* containers refuse time that stands still */
		dts = w->last_dts[unit->kind] + 1;
	if (av_new_packet(w->packet, (int)unit->size) < 0)
		return media_fail(words, -ENOMEM, "out of memory");
	memcpy(w->packet->data, unit->data, unit->size);
	w->packet->stream_index = st->index;
	w->packet->dts = dts;
	w->packet->pts = MAX_OF(dts, av_rescale_q(unit->time_us, microseconds, st->time_base));
	w->packet->duration = duration_of(w, unit, st, dts);
	w->last_dts[unit->kind] = dts;
	w->packet->flags = unit->keyframe ? AV_PKT_FLAG_KEY : 0;
	if (unit->kind == MEDIA_VIDEO && unit->keyframe && tell_sets(w) < 0) {
		av_packet_unref(w->packet);
		return media_fail(words, -ENOMEM, "out of memory");
	}
	r = w->live ? av_write_frame(w->format, w->packet)
		    : av_interleaved_write_frame(w->format, w->packet);
	av_packet_unref(w->packet); /* the interleaver has taken it already */
	return result_of(w, r, words);
}

int
media_writer_flush(struct media_writer *w, struct media_words *words)
{
	int r = av_write_frame(w->format, NULL);

	/* The next fragment has the time of its first unit, unless that is before the guessed end
	 * of the last one: the muxer would have it begin there always, and would not survive a unit
	 * before that. */
	(void)av_opt_set(w->format->priv_data, "movflags", "+frag_discont", 0);
	return result_of(w, r, words);
}

int
media_writer_close(struct media_writer *w, struct media_words *words)
{
	int r = 0;

	if (w == NULL)
		return 0;
	if (w->begun && w->error == 0 && !w->live)
		r = av_write_trailer(w->format);
	if (r >= 0 && w->pipe == NULL)
		r = avio_closep(&w->format->pb); /* a full disk may show only here */
	r = result_of(w, r, words);
	free_writer(w);
	return r;
}
