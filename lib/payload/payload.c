#include "payload/payload.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static int
h264_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
	struct h264_sps sps;
	int rc = h264_payload_sps(&sps, payload, size);

	if (rc < 0)
		return rc;
	*width = sps.width;
	*height = sps.height;
	return 0;
}

static int
h265_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
	struct h265_sps sps;
	int rc = h265_payload_sps(&sps, payload, size);

	if (rc < 0)
		return rc;
	*width = sps.width;
	*height = sps.height;
	return 0;
}

/* What can be called without the codec's own state. */
static const struct codec_row {
	const char *name, *alias;
	bool (*starts_keyframe)(const uint8_t *payload, size_t size);
	int (*picture_size)(const uint8_t *payload, size_t size, uint32_t *w, uint32_t *h);
	int (*push)(struct au *au, const uint8_t *payload, size_t size);
	int (*end)(struct au *au);
} rows[PAYLOAD_CODECS] = {
    [PAYLOAD_NONE] = {"", "", NULL, NULL, NULL, NULL},
    [PAYLOAD_H264] = {"H264", "AVC", h264_payload_starts_keyframe, h264_size, h264_depack_push,
		      NULL},
    [PAYLOAD_H265] = {"H265", "HEVC", h265_payload_starts_keyframe, h265_size, h265_depack_push,
		      NULL},
    [PAYLOAD_VP8] = {"VP8", "", vp8_payload_starts_keyframe, vp8_payload_size, vp8_depack_push,
		     NULL},
    [PAYLOAD_VP9] = {"VP9", "", vp9_payload_starts_keyframe, vp9_payload_size, vp9_depack_push,
		     vp9_depack_end},
    [PAYLOAD_AV1] = {"AV1", "", av1_payload_starts_keyframe, av1_payload_size, av1_depack_push,
		     NULL},
};

enum payload_codec
payload_codec_of(const char *name)
{
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS; i++)
		if (strcasecmp(name, rows[i].name) == 0 ||
		    (rows[i].alias[0] != '\0' && strcasecmp(name, rows[i].alias) == 0))
			return (enum payload_codec)i;
	return PAYLOAD_NONE;
}

const char *
payload_name(enum payload_codec codec)
{
	return rows[codec].name;
}

bool
payload_starts_keyframe(enum payload_codec codec, const uint8_t *payload, size_t size)
{
	return codec == PAYLOAD_NONE || rows[codec].starts_keyframe(payload, size);
}

int
payload_picture_size(enum payload_codec codec, const uint8_t *payload, size_t size, uint32_t *width,
		     uint32_t *height)
{
	if (codec == PAYLOAD_NONE)
		return -ENOMSG;
	return rows[codec].picture_size(payload, size, width, height);
}

int
payload_depack_push(enum payload_codec codec, struct au *au, const uint8_t *payload, size_t size)
{
	return codec == PAYLOAD_NONE ? au_damage(au) : rows[codec].push(au, payload, size);
}

bool
payload_depack_end(enum payload_codec codec, struct au *au)
{
	if (au->damaged || au->in_fragment || au->size == 0)
		return false;
	return rows[codec].end == NULL || rows[codec].end(au) == 0;
}

/* ---- packing ---- */

void
payload_pack_init(struct payload_pack *p, enum payload_codec codec)
{
	memset(p, 0, sizeof(*p));
	p->codec = codec;
}

int
payload_pack_start(struct payload_pack *p, const uint8_t *unit, size_t size, size_t max_payload)
{
	switch (p->codec) {
	case PAYLOAD_H264:
		return h264_pack_start(&p->u.h264, unit, size, max_payload);
	case PAYLOAD_H265:
		return h265_pack_start(&p->u.h265, unit, size, max_payload);
	case PAYLOAD_VP8:
		return vp8_pack_start(&p->u.vp8, unit, size, max_payload);
	case PAYLOAD_VP9:
		return vp9_pack_start(&p->u.vp9, unit, size, max_payload);
	case PAYLOAD_AV1:
		return av1_pack_start(&p->u.av1, unit, size, max_payload);
	default:
		return -EBADMSG;
	}
}

int
payload_pack_next(struct payload_pack *p, uint8_t *out, size_t cap, bool *last)
{
	switch (p->codec) {
	case PAYLOAD_H264:
		return h264_pack_next(&p->u.h264, out, cap, last);
	case PAYLOAD_H265:
		return h265_pack_next(&p->u.h265, out, cap, last);
	case PAYLOAD_VP8:
		return vp8_pack_next(&p->u.vp8, out, cap, last);
	case PAYLOAD_VP9:
		return vp9_pack_next(&p->u.vp9, out, cap, last);
	case PAYLOAD_AV1:
		return av1_pack_next(&p->u.av1, out, cap, last);
	default:
		return 0;
	}
}
