#include "media/media_flv.h"

#include <libavutil/error.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "flv/flv.h"
#include "media/media_ff.h"
#include "media/media_opus.h"

enum { MS_US = 1000, METADATA_MAX = 640 };

struct media_flv {
	AVIOContext *pb;
	enum payload_codec codec;
	enum flv_codec audio; /* AAC or Opus */
	uint32_t last_ms[MEDIA_KINDS];
	uint8_t record[PAYLOAD_CONFIG_MAX]; /* of the last keyframe */
	size_t record_size;
	uint8_t *stored; /* of the running unit */
	size_t stored_cap;
};

static const enum flv_codec codecs[PAYLOAD_CODECS] = {
    [PAYLOAD_H264] = FLV_AVC,
    [PAYLOAD_H265] = FLV_HEVC,
    [PAYLOAD_VP9] = FLV_VP9,
    [PAYLOAD_AV1] = FLV_AV1,
};

bool
media_flv_takes(enum payload_codec codec)
{
	return codecs[codec] != FLV_CODEC_NONE;
}

bool
media_flv_is_own(const struct media_writer_config *c, enum payload_codec codec)
{
	return (c->has[MEDIA_AUDIO] && c->aac == NULL) ||
	       (c->has[MEDIA_VIDEO] && media_flv_takes(codec) && codec != PAYLOAD_H264);
}

/* H264 in the old form, which every reader knows. */
static bool
is_enhanced(const struct media_flv *f)
{
	return f->codec != PAYLOAD_H264;
}

/* A tag whose body is in two parts. */
static int
put_tag(struct media_flv *f, enum flv_type type, uint32_t ts_ms, const uint8_t *head,
	size_t head_size, const uint8_t *data, size_t size)
{
	uint8_t around[FLV_TAG_HEAD_SIZE];

	flv_write_tag_head(around, (uint8_t)type, ts_ms, head_size + size);
	avio_write(f->pb, around, FLV_TAG_HEAD_SIZE);
	avio_write(f->pb, head, (int)head_size);
	avio_write(f->pb, data, (int)size);
	flv_write_tag_tail(around, head_size + size);
	avio_write(f->pb, around, FLV_TAG_TAIL_SIZE);
	avio_flush(f->pb);
	return f->pb->error;
}

static int
put_video(struct media_flv *f, uint32_t ts_ms, const struct flv_video *v)
{
	uint8_t head[FLV_BODY_HEAD_MAX];
	int n = flv_write_video(head, sizeof(head), v);

	return n < 0 ? AVERROR(EINVAL)
		     : put_tag(f, FLV_VIDEO, ts_ms, head, (size_t)n, v->data, v->size);
}

static int
put_audio(struct media_flv *f, uint32_t ts_ms, enum flv_kind kind, const uint8_t *data, size_t size)
{
	const struct flv_audio a = {.codec = f->audio, .kind = kind, .data = data, .size = size};
	uint8_t head[FLV_BODY_HEAD_MAX];
	int n = flv_write_audio(head, sizeof(head), &a);

	return n < 0 ? AVERROR(EINVAL) : put_tag(f, FLV_AUDIO, ts_ms, head, (size_t)n, data, size);
}

/* A configuration record, if the keyframe's is not the last one's. */
static int
put_record(struct media_flv *f, uint32_t ts_ms, const uint8_t *unit, size_t size)
{
	uint8_t record[PAYLOAD_CONFIG_MAX];
	int n = payload_config_make(f->codec, record, sizeof(record), unit, size);
	struct flv_video v = {.codec = codecs[f->codec],
			      .kind = FLV_SEQUENCE_HEADER,
			      .keyframe = true,
			      .enhanced = is_enhanced(f),
			      .data = f->record};

	if (n <= 0)
		return f->record_size > 0 ? 0 : AVERROR_INVALIDDATA;
	if ((size_t)n == f->record_size && memcmp(record, f->record, (size_t)n) == 0)
		return 0;
	memcpy(f->record, record, (size_t)n);
	f->record_size = v.size = (size_t)n;
	return put_video(f, ts_ms, &v);
}

static int
put_metadata(struct media_flv *f, const struct media_writer_config *c)
{
	struct flv_metadata m = {.encoder = "rtckit"};
	uint8_t body[METADATA_MAX];
	uint32_t width, height;
	int n;

	if (c->has[MEDIA_VIDEO])
		m.video = codecs[f->codec];
	if (c->has[MEDIA_VIDEO] &&
	    payload_unit_size(f->codec, c->keyframe, c->keyframe_size, &width, &height) == 0) {
		m.width = width;
		m.height = height;
	}
	if (c->has[MEDIA_AUDIO]) {
		m.audio = f->audio;
		m.audio_rate_hz = c->aac != NULL ? c->aac->rate_hz : MEDIA_AUDIO_RATE;
		m.audio_channel_count =
		    c->aac != NULL ? c->aac->channel_count : MEDIA_AUDIO_CHANNELS;
	}
	n = flv_metadata_write(body, sizeof(body), &m);
	return n < 0 ? 0 : put_tag(f, FLV_SCRIPT, 0, body, 0, body, (size_t)n);
}

static int
begin(struct media_flv *f, const struct media_writer_config *c)
{
	uint8_t header[FLV_HEADER_SIZE];
	bool video = c->has[MEDIA_VIDEO];
	int r;

	flv_write_header(header, sizeof(header), c->has[MEDIA_AUDIO], video);
	avio_write(f->pb, header, sizeof(header));
	r = put_metadata(f, c);
	if (r == 0 && video)
		r = put_record(f, 0, c->keyframe, c->keyframe_size);
	if (r != 0 || !c->has[MEDIA_AUDIO])
		return r;
	return c->aac != NULL
		   ? put_audio(f, 0, FLV_SEQUENCE_HEADER, c->aac->config, c->aac->config_size)
		   : put_audio(f, 0, FLV_SEQUENCE_HEADER, media_opus_head, sizeof(media_opus_head));
}

struct media_flv *
media_flv_open(AVIOContext *pb, const struct media_writer_config *config, struct media_words *words)
{
	struct media_flv *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL) {
		media_fail(words, -ENOMEM, "out of memory");
		return NULL;
	}
	f->pb = pb;
	f->codec = config->codec != PAYLOAD_NONE ? config->codec : PAYLOAD_H264;
	f->audio = config->aac != NULL ? FLV_AAC : FLV_OPUS;
	r = begin(f, config);
	if (r == 0)
		return f;
	media_fail_av(words, "the beginning", r);
	media_flv_free(f);
	return NULL;
}

void
media_flv_free(struct media_flv *f)
{
	if (f == NULL)
		return;
	free(f->stored);
	free(f);
}

static int
write_video(struct media_flv *f, uint32_t ts_ms, const struct media_unit *unit)
{
	struct flv_video v = {.codec = codecs[f->codec],
			      .kind = FLV_FRAME,
			      .keyframe = unit->keyframe,
			      .enhanced = is_enhanced(f),
			      .cts_ms = (int32_t)(unit->lead_us / MS_US)};
	int r = unit->keyframe ? put_record(f, ts_ms, unit->data, unit->size) : 0, n;

	if (r != 0)
		return r;
	if (f->stored_cap < 2 * unit->size) {
		free(f->stored);
		f->stored_cap = 2 * unit->size;
		f->stored = malloc(f->stored_cap);
		if (f->stored == NULL) {
			f->stored_cap = 0;
			return AVERROR(ENOMEM);
		}
	}
	n = payload_to_stored(f->codec, f->stored, f->stored_cap, unit->data, unit->size);
	if (n <= 0)
		return 0; /* nothing of a picture */
	v.data = f->stored;
	v.size = (size_t)n;
	return put_video(f, ts_ms, &v);
}

int
media_flv_write(struct media_flv *f, const struct media_unit *unit)
{
	int64_t dts_ms = (unit->time_us - unit->lead_us) / MS_US;
	uint32_t ts_ms = (uint32_t)MAX_OF(dts_ms, (int64_t)f->last_ms[unit->kind]);

	f->last_ms[unit->kind] = ts_ms;
	if (unit->kind == MEDIA_VIDEO)
		return write_video(f, ts_ms, unit);
	return put_audio(f, ts_ms, FLV_FRAME, unit->data, unit->size);
}
