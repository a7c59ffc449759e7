/* payload_unit.c - what is in a whole picture. */
#include "payload/payload_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { H265_LAST_PLAIN_N = 14 /* RSV_VCL_N14: even types up to it are not referred to */ };

void
out_put(struct out *o, const uint8_t *p, size_t size)
{
	o->full |= size > o->cap - o->size;
	if (o->full || size == 0)
		return;
	memcpy(o->p + o->size, p, size);
	o->size += size;
}

void
out_nalu(struct out *o, const uint8_t *nalu, size_t size)
{
	static const uint8_t start_code[4] = {0, 0, 0, 1};

	out_put(o, start_code, sizeof(start_code));
	out_put(o, nalu, size);
}

void
out_obu(struct out *o, const struct av1_obu *obu)
{
	uint8_t head[2 + AV1_LEB128_MAX];

	out_put(o, head, av1_obu_head(head, obu));
	out_put(o, obu->body, obu->body_size);
}

int
out_result(const struct out *o)
{
	return o->full ? -ENOSPC : (int)o->size;
}

unsigned
nalu_type(enum payload_codec codec, const uint8_t *nalu)
{
	return codec == PAYLOAD_H264 ? nalu[0] & 0x1fu : h265_nalu_type(nalu);
}

bool
nalu_is_set(enum payload_codec codec, unsigned type)
{
	if (codec == PAYLOAD_H264)
		return type == H264_SPS || type == H264_PPS;
	return type >= H265_VPS && type <= H265_PPS;
}

/* ---- facts ---- */

static int
look_h264(const uint8_t *unit, size_t size, struct payload_facts *f)
{
	const uint8_t *nalu;
	size_t n;

	f->disposable = true;
	for (size_t at = 0, step; (step = h264_annexb_next(unit + at, size - at, &nalu, &n)) > 0;
	     at += step) {
		unsigned type = nalu[0] & 0x1f;

		f->headers |= type == H264_SPS;
		if (type < H264_SLICE || type > H264_IDR)
			continue;
		f->picture = true;
		f->keyframe |= type == H264_IDR;
		f->disposable &= (nalu[0] & 0x60) == 0;
	}
	f->disposable &= f->picture;
	return 0;
}

static int
look_h265(const uint8_t *unit, size_t size, struct payload_facts *f)
{
	const uint8_t *nalu;
	size_t n;

	f->disposable = true;
	for (size_t at = 0, step; (step = h264_annexb_next(unit + at, size - at, &nalu, &n)) > 0;
	     at += step) {
		unsigned type = h265_nalu_type(nalu);

		f->headers |= type == H265_SPS;
		if (type > H265_VCL_MAX)
			continue;
		f->picture = true;
		f->keyframe |= h265_type_is_irap(type);
		f->disposable &= type <= H265_LAST_PLAIN_N && (type & 1) == 0;
	}
	f->disposable &= f->picture;
	return 0;
}

static int
look_vp8(const uint8_t *unit, size_t size, struct payload_facts *f)
{
	f->picture = size > 0;
	f->keyframe = f->headers = vp8_frame_is_key(unit, size);
	return size > 0 ? 0 : -EBADMSG;
}

static int
look_vp9(const uint8_t *unit, size_t size, struct payload_facts *f)
{
	struct vp9_frame frame;

	if (vp9_frame_parse(&frame, unit, size) < 0)
		return -EBADMSG;
	f->picture = true;
	f->keyframe = f->headers = frame.key;
	return 0;
}

static int
look_av1(const uint8_t *unit, size_t size, struct payload_facts *f)
{
	struct av1_obu obu;
	size_t at = 0;
	int rc;

	while ((rc = av1_obu_next(unit, size, &at, &obu)) > 0) {
		f->headers |= obu.type == AV1_SEQUENCE_HEADER;
		if (obu.type != AV1_FRAME && obu.type != AV1_FRAME_HEADER)
			continue;
		if (!f->picture)
			f->keyframe = av1_frame_is_key(obu.body, obu.body_size);
		f->picture = true;
	}
	return rc;
}

int
payload_look(enum payload_codec codec, const uint8_t *unit, size_t size,
	     struct payload_facts *facts)
{
	static int (*const fns[PAYLOAD_CODECS])(const uint8_t *, size_t, struct payload_facts *) = {
	    [PAYLOAD_H264] = look_h264, [PAYLOAD_H265] = look_h265, [PAYLOAD_VP8] = look_vp8,
	    [PAYLOAD_VP9] = look_vp9,	[PAYLOAD_AV1] = look_av1,
	};
	struct payload_facts out = {0};

	if (fns[codec] == NULL || fns[codec](unit, size, &out) < 0)
		return -EBADMSG;
	*facts = out;
	return 0;
}

/* ---- headers ---- */

int
payload_headers(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
		size_t size)
{
	struct out o = {.p = out, .cap = cap};
	const uint8_t *nalu;
	struct av1_obu obu;
	size_t n, at = 0;
	int rc = 0;

	if (codec == PAYLOAD_H264 || codec == PAYLOAD_H265)
		for (size_t step; (step = h264_annexb_next(unit + at, size - at, &nalu, &n)) > 0;
		     at += step) {
			if (nalu_is_set(codec, nalu_type(codec, nalu)))
				out_nalu(&o, nalu, n);
		}
	else if (codec == PAYLOAD_AV1)
		while ((rc = av1_obu_next(unit, size, &at, &obu)) > 0)
			if (obu.type == AV1_SEQUENCE_HEADER && o.size == 0)
				out_obu(&o, &obu);
	return rc < 0 ? rc : out_result(&o);
}

/* The first NALU of a type, or false. */
static bool
find_nalu(enum payload_codec codec, unsigned type, const uint8_t *unit, size_t size,
	  const uint8_t **nalu, size_t *n)
{
	for (size_t at = 0, step; (step = h264_annexb_next(unit + at, size - at, nalu, n)) > 0;
	     at += step)
		if (nalu_type(codec, *nalu) == type)
			return true;
	return false;
}

/* What a unit tells of the codec's profile and the picture's size. */
struct description {
	uint32_t width, height;
	unsigned depth, chroma; /* 8 and 4:2:0 if nothing else is said */
	struct h264_sps h264;
	struct h265_sps h265;
	struct vp9_frame vp9;
	struct av1_sequence av1;
};

static unsigned
chroma_of(unsigned subsampling_x, unsigned subsampling_y)
{
	return subsampling_y != 0 ? 1 : subsampling_x != 0 ? 2 : 3;
}

static int
describe_h264(struct description *d, const uint8_t *unit, size_t size)
{
	const uint8_t *nalu;
	size_t n;

	if (!find_nalu(PAYLOAD_H264, H264_SPS, unit, size, &nalu, &n) ||
	    h264_sps_parse(&d->h264, nalu, n) < 0)
		return -EBADMSG;
	d->width = d->h264.width;
	d->height = d->h264.height;
	return 0;
}

static int
describe_h265(struct description *d, const uint8_t *unit, size_t size)
{
	const uint8_t *nalu;
	size_t n;

	if (!find_nalu(PAYLOAD_H265, H265_SPS, unit, size, &nalu, &n) ||
	    h265_sps_parse(&d->h265, nalu, n) < 0)
		return -EBADMSG;
	d->width = d->h265.width;
	d->height = d->h265.height;
	d->depth = d->h265.luma_depth;
	d->chroma = d->h265.chroma_format;
	return 0;
}

static int
describe_vp8(struct description *d, const uint8_t *unit, size_t size)
{
	return vp8_frame_size(unit, size, &d->width, &d->height);
}

static int
describe_vp9(struct description *d, const uint8_t *unit, size_t size)
{
	if (vp9_frame_parse(&d->vp9, unit, size) < 0 || !d->vp9.key)
		return -EBADMSG;
	d->width = d->vp9.width;
	d->height = d->vp9.height;
	d->depth = d->vp9.depth;
	d->chroma = chroma_of(d->vp9.subsampling_x, d->vp9.subsampling_y);
	return 0;
}

static int
describe_av1(struct description *d, const uint8_t *unit, size_t size)
{
	struct av1_obu obu;
	size_t at = 0;

	do {
		if (av1_obu_next(unit, size, &at, &obu) <= 0)
			return -EBADMSG;
	} while (obu.type != AV1_SEQUENCE_HEADER);
	if (av1_sequence_parse(&d->av1, obu.body, obu.body_size) < 0)
		return -EBADMSG;
	d->width = d->av1.width;
	d->height = d->av1.height;
	d->depth = d->av1.depth;
	d->chroma = d->av1.monochrome ? 0 : chroma_of(d->av1.subsampling_x, d->av1.subsampling_y);
	return 0;
}

static int
describe(enum payload_codec codec, struct description *d, const uint8_t *unit, size_t size)
{
	static int (*const fns[PAYLOAD_CODECS])(struct description *, const uint8_t *, size_t) = {
	    [PAYLOAD_H264] = describe_h264, [PAYLOAD_H265] = describe_h265,
	    [PAYLOAD_VP8] = describe_vp8,   [PAYLOAD_VP9] = describe_vp9,
	    [PAYLOAD_AV1] = describe_av1,
	};

	d->depth = 8;
	d->chroma = 1;
	return fns[codec] == NULL ? -EBADMSG : fns[codec](d, unit, size);
}

int
payload_unit_size(enum payload_codec codec, const uint8_t *unit, size_t size, uint32_t *width,
		  uint32_t *height)
{
	struct description d;

	if (describe(codec, &d, unit, size) < 0)
		return -EBADMSG;
	*width = d.width;
	*height = d.height;
	return 0;
}

int
payload_unit_samples(enum payload_codec codec, const uint8_t *unit, size_t size, unsigned *depth,
		     unsigned *chroma)
{
	struct description d;

	if (describe(codec, &d, unit, size) < 0)
		return -EBADMSG;
	*depth = d.depth;
	*chroma = d.chroma;
	return 0;
}

char *
payload_fmtp(enum payload_codec codec, char text[static PAYLOAD_FMTP_SIZE], const uint8_t *unit,
	     size_t size)
{
	struct description d;

	text[0] = '\0';
	if (describe(codec, &d, unit, size) < 0)
		return text;
	if (codec == PAYLOAD_H264)
		snprintf(text, PAYLOAD_FMTP_SIZE,
			 "level-asymmetry-allowed=1;packetization-mode=1;"
			 "profile-level-id=%02x%02x%02x",
			 d.h264.profile_idc, d.h264.constraints, d.h264.level_idc);
	else if (codec == PAYLOAD_H265)
		snprintf(text, PAYLOAD_FMTP_SIZE, "level-id=%u;profile-id=%u;tier-flag=%u",
			 d.h265.level_idc, d.h265.profile_idc, d.h265.tier);
	else if (codec == PAYLOAD_VP9)
		snprintf(text, PAYLOAD_FMTP_SIZE, "profile-id=%u", d.vp9.profile);
	else if (codec == PAYLOAD_AV1)
		snprintf(text, PAYLOAD_FMTP_SIZE, "level-idx=%u;profile=%u;tier=%u",
			 d.av1.level_idx, d.av1.profile, d.av1.tier);
	return text;
}
