/* flv_body.c - heads of audio and video bodies, in the old form (E.4.2, E.4.3) and with a fourcc.
 */
#include "flv/flv.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	VIDEO_KEYFRAME = 1, /* frame types (E.4.3.1) */
	VIDEO_INTER = 2,
	VIDEO_COMMAND = 5,
	VIDEO_OLD_AVC = 7,   /* codec ids */
	VIDEO_OLD_HEVC = 12, /* never in the standard, but in use before enhanced RTMP */
	EX_HEADER = 0x80,
	AUDIO_OLD_MP3 = 2, /* sound formats (E.4.2.1) */
	AUDIO_OLD_PCMA = 7,
	AUDIO_OLD_PCMU = 8,
	AUDIO_EX = 9,
	AUDIO_OLD_AAC = 10,
	AUDIO_OLD_MP3_8K = 14,
	FOURCC_SIZE = 4,
	CTS_SIZE = 3,
	VIDEO_MULTITRACK = 6, /* packet types of enhanced RTMP that hold other packets */
	AUDIO_MULTITRACK = 5,
	MODIFIER = 7, /* one that goes before another: nanoseconds, of which we make nothing */
	MODIFIER_LONG = 256,
	TRACK_SIZE_SIZE = 3
};

enum { ONE_TRACK, MANY_TRACKS, MANY_TRACKS_MANY_CODECS }; /* AvMultitrackType */

/* Packet types of enhanced RTMP. The first three are alike for audio and video. */
enum { EX_SEQUENCE_START, EX_CODED_FRAMES, EX_SEQUENCE_END, EX_CODED_FRAMES_X };

static const struct {
	char fourcc[FOURCC_SIZE + 1];
	enum flv_codec codec;
	bool video, cts; /* cts: EX_CODED_FRAMES carries a composition time */
} fourccs[] = {
    {"avc1", FLV_AVC, true, true},   {"hvc1", FLV_HEVC, true, true},
    {"av01", FLV_AV1, true, false},  {"vp09", FLV_VP9, true, false},
    {"mp4a", FLV_AAC, false, false}, {"Opus", FLV_OPUS, false, false},
    {".mp3", FLV_MP3, false, false},
};

static const char *const names[] = {
    [FLV_CODEC_NONE] = "unknown",
    [FLV_AVC] = "H264",
    [FLV_HEVC] = "H265",
    [FLV_AV1] = "AV1",
    [FLV_VP9] = "VP9",
    [FLV_AAC] = "AAC",
    [FLV_MP3] = "MP3",
    [FLV_PCMA] = "PCMA",
    [FLV_PCMU] = "PCMU",
    [FLV_OPUS] = "Opus",
};

const char *
flv_codec_name(enum flv_codec codec)
{
	return (size_t)codec < ARRAY_COUNT(names) ? names[codec] : names[FLV_CODEC_NONE];
}

static int
fourcc_by_text(const uint8_t *p, bool video)
{
	for (size_t i = 0; i < ARRAY_COUNT(fourccs); i++)
		if (fourccs[i].video == video && memcmp(p, fourccs[i].fourcc, FOURCC_SIZE) == 0)
			return (int)i;
	return -ENOMSG;
}

/* Of one that is not in the table: what a log may show. */
static void
copy_fourcc(char out[static FLV_FOURCC_SIZE], const uint8_t *p)
{
	for (size_t i = 0; i < FOURCC_SIZE; i++)
		out[i] = p[i] > ' ' && p[i] <= '~' ? (char)p[i] : '?';
	out[FOURCC_SIZE] = '\0';
}

static int
fourcc_by_codec(enum flv_codec codec, bool video)
{
	for (size_t i = 0; i < ARRAY_COUNT(fourccs); i++)
		if (fourccs[i].video == video && fourccs[i].codec == codec)
			return (int)i;
	return -EINVAL;
}

static int32_t
signed24(const uint8_t *p)
{
	return (int32_t)(be24(p) << 8) >> 8;
}

/* An enhanced packet behind its first octet, or track 0 of a multitrack packet. */
struct ex_packet {
	uint8_t type;
	bool multitrack;
	const uint8_t *fourcc, *data; /* fourcc NULL: there is no track 0 */
	size_t size;
};

/* Walk through the tracks until number 0. p begins behind the octet of types. */
static int
find_track(struct ex_packet *out, const uint8_t *p, size_t size, uint8_t how)
{
	size_t at = how == MANY_TRACKS_MANY_CODECS ? 0 : FOURCC_SIZE;
	size_t own = how == MANY_TRACKS_MANY_CODECS ? FOURCC_SIZE : 0;
	size_t head = own + 1 + (how == ONE_TRACK ? 0 : TRACK_SIZE_SIZE);

	out->fourcc = NULL;
	if (how > MANY_TRACKS_MANY_CODECS || size < at + head)
		return -EBADMSG;
	while (at < size) {
		const uint8_t *track = p + at;
		size_t length;

		if (size - at < head)
			return -EBADMSG;
		length = how == ONE_TRACK ? size - at - head : be24(track + own + 1);
		if (length > size - at - head)
			return -EBADMSG;
		at += head + length;
		if (track[own] != 0)
			continue;
		out->fourcc = own != 0 ? track : p;
		out->data = track + head;
		out->size = length;
		return 0;
	}
	return 0;
}

/* Past the modifiers ("ModEx") to the octet that holds the type of the packet itself. Where it is,
 * or -EBADMSG. */
static int
skip_modifiers(const uint8_t *body, size_t size)
{
	size_t at = 0;

	while ((body[at] & 0x0f) == MODIFIER) {
		size_t n;

		if (size - at < 2)
			return -EBADMSG;
		n = body[at + 1] + 1u;
		at += 2;
		if (n == MODIFIER_LONG) {
			if (size - at < 2)
				return -EBADMSG;
			n = be16(body + at) + 1u;
			at += 2;
		}
		if (size - at <= n)
			return -EBADMSG;
		at += n;
	}
	return (int)at;
}

static int
ex_packet_parse(struct ex_packet *out, const uint8_t *body, size_t size, uint8_t multitrack)
{
	int at = skip_modifiers(body, size);

	if (at < 0)
		return at;
	body += at;
	size -= (size_t)at;
	if (size < 1 + FOURCC_SIZE)
		return -EBADMSG;
	*out = (struct ex_packet){.type = body[0] & 0x0f,
				  .fourcc = body + 1,
				  .data = body + 1 + FOURCC_SIZE,
				  .size = size - 1 - FOURCC_SIZE};
	if (out->type != multitrack)
		return 0;
	out->multitrack = true;
	out->type = body[1] & 0x0f;
	if (out->type == multitrack || out->type == MODIFIER) /* not within itself */
		return -EBADMSG;
	return find_track(out, body + 2, size - 2, body[1] >> 4);
}

static int
video_parse_ex(struct flv_video *v, const uint8_t *body, size_t size)
{
	struct ex_packet p;
	uint8_t frame = body[0] >> 4 & 7;
	size_t head = 0;
	int i, rc = ex_packet_parse(&p, body, size, VIDEO_MULTITRACK);

	if (rc < 0)
		return rc;
	*v = (struct flv_video){.enhanced = true,
				.multitrack = p.multitrack,
				.keyframe = frame == VIDEO_KEYFRAME,
				.kind = FLV_OTHER};
	if (p.fourcc == NULL)
		return 0;
	i = fourcc_by_text(p.fourcc, true);
	if (i < 0) {
		copy_fourcc(v->fourcc, p.fourcc);
		return -ENOMSG;
	}
	v->codec = fourccs[i].codec;
	if (frame == VIDEO_COMMAND || p.type > EX_CODED_FRAMES_X)
		return 0;
	v->kind = p.type == EX_SEQUENCE_START ? FLV_SEQUENCE_HEADER
		  : p.type == EX_SEQUENCE_END ? FLV_SEQUENCE_END
					      : FLV_FRAME;
	if (p.type == EX_CODED_FRAMES && fourccs[i].cts) {
		if (p.size < CTS_SIZE)
			return -EBADMSG;
		v->cts_ms = signed24(p.data);
		head = CTS_SIZE;
	}
	v->data = p.data + head;
	v->size = p.size - head;
	return 0;
}

static int
video_parse_old(struct flv_video *v, const uint8_t *body, size_t size)
{
	uint8_t codec = body[0] & 0x0f, frame = body[0] >> 4;

	*v = (struct flv_video){.keyframe = frame == VIDEO_KEYFRAME, .kind = FLV_OTHER};
	if (codec != VIDEO_OLD_AVC && codec != VIDEO_OLD_HEVC)
		return -ENOMSG;
	v->codec = codec == VIDEO_OLD_AVC ? FLV_AVC : FLV_HEVC;
	if (frame == VIDEO_COMMAND)
		return 0;
	if (size < 2 + CTS_SIZE)
		return -EBADMSG;
	if (body[1] > FLV_SEQUENCE_END)
		return 0;
	v->kind = body[1]; /* AVCPacketType counts like enum flv_kind */
	v->cts_ms = signed24(body + 2);
	v->data = body + 2 + CTS_SIZE;
	v->size = size - 2 - CTS_SIZE;
	return 0;
}

int
flv_video_parse(struct flv_video *v, const uint8_t *body, size_t size)
{
	struct flv_video out;
	int rc;

	if (size == 0)
		return -EBADMSG;
	rc = (body[0] & EX_HEADER) != 0 ? video_parse_ex(&out, body, size)
					: video_parse_old(&out, body, size);
	if (rc != -EBADMSG)
		*v = out;
	return rc;
}

static int
write_video_ex(uint8_t *out, size_t cap, const struct flv_video *v)
{
	int i = fourcc_by_codec(v->codec, true);
	uint8_t type = v->kind == FLV_FRAME		? EX_CODED_FRAMES
		       : v->kind == FLV_SEQUENCE_HEADER ? EX_SEQUENCE_START
							: EX_SEQUENCE_END;
	size_t size = 1 + FOURCC_SIZE;

	if (i < 0)
		return i;
	if (type == EX_CODED_FRAMES && fourccs[i].cts && v->cts_ms == 0)
		type = EX_CODED_FRAMES_X;
	if (cap < size + CTS_SIZE)
		return -ENOSPC;
	out[0] = (uint8_t)(EX_HEADER | (v->keyframe ? VIDEO_KEYFRAME : VIDEO_INTER) << 4 | type);
	memcpy(out + 1, fourccs[i].fourcc, FOURCC_SIZE);
	if (type == EX_CODED_FRAMES && fourccs[i].cts) {
		put_be24(out + size, (uint32_t)v->cts_ms & 0xffffff);
		size += CTS_SIZE;
	}
	return (int)size;
}

int
flv_write_video(uint8_t *out, size_t cap, const struct flv_video *v)
{
	if (v->kind == FLV_OTHER)
		return -EINVAL;
	if (v->enhanced || v->codec != FLV_AVC)
		return write_video_ex(out, cap, v);
	if (cap < 2 + CTS_SIZE)
		return -ENOSPC;
	out[0] = (uint8_t)((v->keyframe ? VIDEO_KEYFRAME : VIDEO_INTER) << 4 | VIDEO_OLD_AVC);
	out[1] = v->kind;
	put_be24(out + 2, (uint32_t)v->cts_ms & 0xffffff);
	return 2 + CTS_SIZE;
}

/* ---- audio ---- */

static int
audio_parse_ex(struct flv_audio *a, const uint8_t *body, size_t size)
{
	struct ex_packet p;
	int i, rc = ex_packet_parse(&p, body, size, AUDIO_MULTITRACK);

	if (rc < 0)
		return rc;
	*a = (struct flv_audio){.enhanced = true, .multitrack = p.multitrack, .kind = FLV_OTHER};
	if (p.fourcc == NULL)
		return 0;
	i = fourcc_by_text(p.fourcc, false);
	if (i < 0) {
		copy_fourcc(a->fourcc, p.fourcc);
		return -ENOMSG;
	}
	a->codec = fourccs[i].codec;
	a->kind = p.type == EX_SEQUENCE_START ? FLV_SEQUENCE_HEADER
		  : p.type == EX_CODED_FRAMES ? FLV_FRAME
		  : p.type == EX_SEQUENCE_END ? FLV_SEQUENCE_END
					      : FLV_OTHER;
	a->data = p.data;
	a->size = p.size;
	return 0;
}

static enum flv_codec
old_audio_codec(uint8_t format)
{
	switch (format) {
	case AUDIO_OLD_MP3:
	case AUDIO_OLD_MP3_8K:
		return FLV_MP3;
	case AUDIO_OLD_PCMA:
		return FLV_PCMA;
	case AUDIO_OLD_PCMU:
		return FLV_PCMU;
	case AUDIO_OLD_AAC:
		return FLV_AAC;
	default:
		return FLV_CODEC_NONE;
	}
}

/* The rate bits say nothing for the formats that have one rate only (E.4.2.1). */
static uint32_t
old_audio_rate(uint8_t head)
{
	static const uint32_t rates[] = {5512, 11025, 22050, 44100};
	uint8_t format = head >> 4;

	if (format == AUDIO_OLD_PCMA || format == AUDIO_OLD_PCMU || format == AUDIO_OLD_MP3_8K)
		return 8000;
	return rates[head >> 2 & 3];
}

static int
audio_parse_old(struct flv_audio *a, const uint8_t *body, size_t size)
{
	size_t head = 1;

	*a = (struct flv_audio){.codec = old_audio_codec(body[0] >> 4),
				.kind = FLV_FRAME,
				.rate_hz = old_audio_rate(body[0]),
				.channel_count = (uint8_t)(1 + (body[0] & 1))};
	if (a->codec == FLV_CODEC_NONE)
		return -ENOMSG;
	if (a->codec == FLV_AAC) {
		if (size < 2)
			return -EBADMSG;
		a->kind = body[1] == 0 ? FLV_SEQUENCE_HEADER : body[1] == 1 ? FLV_FRAME : FLV_OTHER;
		head = 2;
	}
	a->data = body + head;
	a->size = size - head;
	return 0;
}

int
flv_audio_parse(struct flv_audio *a, const uint8_t *body, size_t size)
{
	struct flv_audio out;
	int rc;

	if (size == 0)
		return -EBADMSG;
	rc = body[0] >> 4 == AUDIO_EX ? audio_parse_ex(&out, body, size)
				      : audio_parse_old(&out, body, size);
	if (rc != -EBADMSG)
		*a = out;
	return rc;
}

static int
write_audio_ex(uint8_t *out, size_t cap, const struct flv_audio *a)
{
	int i = fourcc_by_codec(a->codec, false);

	if (i < 0)
		return i;
	if (cap < 1 + FOURCC_SIZE)
		return -ENOSPC;
	out[0] = (uint8_t)(AUDIO_EX << 4 | (a->kind == FLV_FRAME	     ? EX_CODED_FRAMES
					    : a->kind == FLV_SEQUENCE_HEADER ? EX_SEQUENCE_START
									     : EX_SEQUENCE_END));
	memcpy(out + 1, fourccs[i].fourcc, FOURCC_SIZE);
	return 1 + FOURCC_SIZE;
}

/* The four rate bits and format of MP3 and G.711. */
static uint8_t
old_audio_head(const struct flv_audio *a)
{
	uint8_t rate = a->rate_hz >= 44100 ? 3 : a->rate_hz >= 22050 ? 2 : a->rate_hz >= 11025;
	uint8_t format = a->codec == FLV_PCMA	? AUDIO_OLD_PCMA
			 : a->codec == FLV_PCMU ? AUDIO_OLD_PCMU
						: AUDIO_OLD_MP3;

	return (uint8_t)(format << 4 | rate << 2 | 2 | (a->channel_count > 1));
}

int
flv_write_audio(uint8_t *out, size_t cap, const struct flv_audio *a)
{
	if (a->kind == FLV_OTHER)
		return -EINVAL;
	if (a->enhanced || a->codec == FLV_OPUS)
		return write_audio_ex(out, cap, a);
	if (cap < 2)
		return -ENOSPC;
	if (a->codec == FLV_AAC) { /* always "44 kHz, 16 bit, stereo" (E.4.2.1) */
		out[0] = AUDIO_OLD_AAC << 4 | 0x0f;
		out[1] = a->kind == FLV_SEQUENCE_HEADER ? 0 : 1;
		return 2;
	}
	if (a->codec < FLV_MP3)
		return -EINVAL;
	out[0] = old_audio_head(a);
	return 1;
}
