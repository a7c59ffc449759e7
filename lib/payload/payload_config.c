/* payload_config.c - configuration records and the stored form of units. */
#include "payload/payload_impl.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "flv/flv.h"

enum { LENGTH_SIZE = 4 };

static bool
has_nalus(enum payload_codec codec)
{
	return codec == PAYLOAD_H264 || codec == PAYLOAD_H265;
}

/* ---- record to headers ---- */

static int
headers_h265(struct out *o, const uint8_t *record, size_t size, unsigned *length_size)
{
	struct h265_config c;

	if (h265_config_parse(&c, record, size) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < c.set_count; i++)
		out_nalu(o, c.sets[i].p, c.sets[i].size);
	*length_size = c.length_size;
	return out_result(o);
}

static int
headers_h264(struct out *o, const uint8_t *record, size_t size, unsigned *length_size)
{
	struct flv_avc_config c;

	if (flv_avc_config_parse(&c, record, size) < 0)
		return -EBADMSG;
	*length_size = c.length_size;
	return flv_avc_config_annexb(o->p, o->cap, &c);
}

static int
headers_av1(struct out *o, const uint8_t *record, size_t size, unsigned *length_size)
{
	struct av1_config c;
	struct av1_obu obu;
	size_t at = 0;

	if (av1_config_parse(&c, record, size) < 0)
		return -EBADMSG;
	while (av1_obu_next(c.obus, c.size, &at, &obu) > 0)
		if (obu.type == AV1_SEQUENCE_HEADER)
			out_obu(o, &obu);
	*length_size = 0;
	return out_result(o);
}

static int
headers_vpx(struct out *o, const uint8_t *record, size_t size, unsigned *length_size)
{
	struct vp9_config c;

	*length_size = 0;
	return vp9_config_parse(&c, record, size) < 0 ? -EBADMSG : out_result(o);
}

int
payload_config_headers(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *record,
		       size_t size, unsigned *length_size)
{
	static int (*const fns[PAYLOAD_CODECS])(struct out *, const uint8_t *, size_t,
						unsigned *) = {
	    [PAYLOAD_H264] = headers_h264, [PAYLOAD_H265] = headers_h265,
	    [PAYLOAD_VP8] = headers_vpx,   [PAYLOAD_VP9] = headers_vpx,
	    [PAYLOAD_AV1] = headers_av1,
	};
	struct out o = {.p = out, .cap = cap};
	unsigned length = 0;
	int n = fns[codec] == NULL ? -EBADMSG : fns[codec](&o, record, size, &length);

	if (n >= 0 && length_size != NULL)
		*length_size = length;
	return n;
}

/* ---- unit to record ---- */

static int
make_h264(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct flv_avc_config c = {0};
	const uint8_t *nalu;
	size_t n;

	for (size_t at = 0, step; (step = h264_annexb_next(unit + at, size - at, &nalu, &n)) > 0;
	     at += step) {
		unsigned type = nalu[0] & 0x1f;

		if (type == H264_SPS && c.sps_count < FLV_AVC_SETS_MAX)
			c.sps[c.sps_count++] = (struct flv_avc_set){nalu, n};
		else if (type == H264_PPS && c.pps_count < FLV_AVC_SETS_MAX)
			c.pps[c.pps_count++] = (struct flv_avc_set){nalu, n};
	}
	return flv_avc_config_write(out, cap, &c);
}

static int
make_h265(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct h265_config c = {0};
	const uint8_t *nalu;
	size_t n;

	for (size_t at = 0, step; (step = h264_annexb_next(unit + at, size - at, &nalu, &n)) > 0;
	     at += step) {
		if (!nalu_is_set(PAYLOAD_H265, h265_nalu_type(nalu)) ||
		    c.set_count == H265_SETS_MAX)
			continue;
		c.sets[c.set_count].p = nalu;
		c.sets[c.set_count++].size = n;
	}
	return h265_config_write(out, cap, &c);
}

static int
make_vp8(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct vp9_frame f = {.key = true, .depth = 8, .subsampling_x = 1, .subsampling_y = 1};

	if (vp8_frame_size(unit, size, &f.width, &f.height) < 0)
		return -EINVAL;
	return vp9_config_write(out, cap, &f);
}

static int
make_vp9(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct vp9_frame f;

	if (vp9_frame_parse(&f, unit, size) < 0)
		return -EINVAL;
	return vp9_config_write(out, cap, &f);
}

int
payload_config_make(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
		    size_t size)
{
	static int (*const fns[PAYLOAD_CODECS])(uint8_t *, size_t, const uint8_t *, size_t) = {
	    [PAYLOAD_H264] = make_h264, [PAYLOAD_H265] = make_h265,	  [PAYLOAD_VP8] = make_vp8,
	    [PAYLOAD_VP9] = make_vp9,	[PAYLOAD_AV1] = av1_config_write,
	};

	return fns[codec] == NULL ? -EINVAL : fns[codec](out, cap, unit, size);
}

/* ---- stored form ---- */

static int
copy(uint8_t *out, size_t cap, const uint8_t *in, size_t size)
{
	if (cap < size)
		return -ENOSPC;
	if (size > 0)
		memcpy(out, in, size);
	return (int)size;
}

int
payload_from_stored(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *stored,
		    size_t size, unsigned length_size)
{
	if (!has_nalus(codec))
		return copy(out, cap, stored, size);
	return flv_avcc_to_annexb(out, cap, stored, size, length_size);
}

static int
av1_to_stored(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct out o = {.p = out, .cap = cap};
	struct av1_obu obu;
	size_t at = 0;
	int rc;

	while ((rc = av1_obu_next(unit, size, &at, &obu)) > 0)
		if (obu.type != AV1_TEMPORAL_DELIMITER)
			out_obu(&o, &obu);
	return rc < 0 ? rc : out_result(&o);
}

int
payload_to_stored(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
		  size_t size)
{
	if (codec == PAYLOAD_AV1)
		return av1_to_stored(out, cap, unit, size);
	if (!has_nalus(codec))
		return copy(out, cap, unit, size);
	return flv_annexb_to_avcc(out, cap, unit, size);
}
