/* flv_metadata.c - onMetaData: what an encoder says of its stream. Hints, never trusted. */
#include "flv/flv.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "amf/amf.h"
#include "base/bytes.h"

enum { FOURCC_TEXT_SIZE = 5 };

/* Codec numbers (E.4.2, E.4.3), and fourccs as numbers or text. */
static const struct {
	double number;
	char fourcc[FOURCC_TEXT_SIZE];
	enum flv_codec codec;
	bool video;
} codecs[] = {
    {7, "avc1", FLV_AVC, true},	  {12, "hvc1", FLV_HEVC, true}, {-1, "av01", FLV_AV1, true},
    {-1, "vp09", FLV_VP9, true},  {10, "mp4a", FLV_AAC, false}, {2, ".mp3", FLV_MP3, false},
    {7, "----", FLV_PCMA, false}, {8, "----", FLV_PCMU, false}, {-1, "Opus", FLV_OPUS, false},
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
    {"width", offsetof(struct flv_metadata, width)},
    {"height", offsetof(struct flv_metadata, height)},
    {"framerate", offsetof(struct flv_metadata, fps)},
    {"videodatarate", offsetof(struct flv_metadata, video_kbps)},
    {"audiodatarate", offsetof(struct flv_metadata, audio_kbps)},
    {"audiosamplerate", offsetof(struct flv_metadata, audio_rate_hz)},
    {"duration", offsetof(struct flv_metadata, duration_s)},
};

static double
fourcc_number(const char *fourcc)
{
	return be32((const uint8_t *)fourcc);
}

static enum flv_codec
codec_of(const struct amf_value *v, bool video)
{
	for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
		if (codecs[i].video != video)
			continue;
		if (v->type == AMF_STRING ? amf_text_is(&v->text, codecs[i].fourcc)
					  : v->number == codecs[i].number ||
						v->number == fourcc_number(codecs[i].fourcc))
			return codecs[i].codec;
	}
	return FLV_CODEC_NONE;
}

static void
take_member(struct flv_metadata *m, const struct amf_text *key, const struct amf_value *v)
{
	if (amf_text_is(key, "videocodecid"))
		m->video = codec_of(v, true);
	else if (amf_text_is(key, "audiocodecid"))
		m->audio = codec_of(v, false);
	else if (amf_text_is(key, "stereo") && v->type == AMF_BOOLEAN)
		m->audio_channel_count = v->boolean ? 2 : 1;
	else if (amf_text_is(key, "audiochannels") && v->number >= 1 && v->number <= 255)
		m->audio_channel_count = (unsigned)v->number;
	else if (amf_text_is(key, "encoder") && v->type == AMF_STRING)
		amf_text_copy(m->encoder, sizeof(m->encoder), &v->text);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		if (v->type == AMF_NUMBER && amf_text_is(key, numbers[i].key) &&
		    isfinite(v->number) && v->number >= 0)
			memcpy((uint8_t *)m + numbers[i].offset, &v->number, sizeof(double));
}

int
flv_metadata_parse(struct flv_metadata *m, const uint8_t *body, size_t size)
{
	struct flv_metadata out = {0};
	struct amf_reader r;
	struct amf_value v, member;
	struct amf_text key;
	int rc;

	amf_reader_init(&r, body, size);
	rc = amf_read(&r, &v);
	if (rc == 1 && v.type == AMF_STRING && amf_text_is(&v.text, "@setDataFrame"))
		rc = amf_read(&r, &v);
	if (rc != 1 || v.type != AMF_STRING)
		return -EBADMSG;
	if (!amf_text_is(&v.text, "onMetaData"))
		return -ENOMSG;
	if (amf_read(&r, &v) != 1)
		return -EBADMSG;
	while (amf_member(&v.members, &key, &member) == 1)
		take_member(&out, &key, &member);
	*m = out;
	return 0;
}

static size_t
member_count(const struct flv_metadata *m)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		count += *(const double *)((const uint8_t *)m + numbers[i].offset) != 0;
	return count + (m->video != 0) + (m->audio != 0) + (m->audio_channel_count != 0) +
	       (m->encoder[0] != '\0');
}

static void
add_codec(struct amf_writer *w, const char *key, enum flv_codec codec)
{
	for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
		if (codec == FLV_CODEC_NONE || codecs[i].codec != codec)
			continue;
		amf_add_key(w, key);
		amf_add_number(w, codecs[i].number >= 0 && codec != FLV_HEVC
				      ? codecs[i].number
				      : fourcc_number(codecs[i].fourcc));
	}
}

int
flv_metadata_write(uint8_t *out, size_t cap, const struct flv_metadata *m)
{
	struct amf_writer w;

	amf_writer_init(&w, out, cap);
	amf_add_string(&w, "onMetaData");
	amf_begin_ecma_array(&w, (uint32_t)member_count(m));
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		double v = *(const double *)((const uint8_t *)m + numbers[i].offset);

		if (v == 0)
			continue;
		amf_add_key(&w, numbers[i].key);
		amf_add_number(&w, v);
	}
	add_codec(&w, "videocodecid", m->video);
	add_codec(&w, "audiocodecid", m->audio);
	if (m->audio_channel_count != 0) {
		amf_add_key(&w, "stereo");
		amf_add_boolean(&w, m->audio_channel_count > 1);
	}
	if (m->encoder[0] != '\0') {
		amf_add_key(&w, "encoder");
		amf_add_string(&w, m->encoder);
	}
	amf_end_object(&w);
	return amf_finish(&w);
}
