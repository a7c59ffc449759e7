/* h264_depack.c - RTP payloads into access units in Annex B form (RFC 6184 s.5.6 to 5.8). */
#include "h264/h264.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	NALU_SINGLE_MAX = 23, /* types 1..23 stand for themselves (s.5.4) */
	TYPE_MASK = 0x1f,
	KEEP_MASK = 0xe0,
	FU_START = 0x80,
	FU_END = 0x40
};

/* A start code, the header octet and what is there of the body. */
static int
append_nalu(struct au *d, uint8_t header, const uint8_t *body, size_t size)
{
	static const uint8_t start_code[4] = {0, 0, 0, 1};
	int r = au_reserve(d, sizeof(start_code) + 1 + size);

	if (r < 0)
		return r;
	memcpy(d->buf + d->size, start_code, sizeof(start_code));
	d->size += sizeof(start_code);
	d->buf[d->size++] = header;
	if (size > 0)
		memcpy(d->buf + d->size, body, size);
	d->size += size;
	d->keyframe |= (header & TYPE_MASK) == H264_IDR;
	return 0;
}

static int
push_stap(struct au *d, const uint8_t *p, size_t size)
{
	int r = 0;

	for (size_t at = 0; at < size;
	     at += 2u + be16(p + at)) /* validate before anything is taken */
		if (size - at < 3 || be16(p + at) == 0 || be16(p + at) > size - at - 2)
			return au_damage(d);
	if (size == 0)
		return au_damage(d);
	for (size_t at = 0; at < size && r == 0; at += 2u + be16(p + at))
		r = append_nalu(d, p[at + 2], p + at + 3, be16(p + at) - 1u);
	return r;
}

static int
push_fragment(struct au *d, const uint8_t *p, size_t size)
{
	unsigned type;
	int r;

	if (size < 2)
		return au_damage(d);
	type = p[1] & TYPE_MASK;
	if (type == 0 || type > NALU_SINGLE_MAX)
		return au_damage(d);
	if ((p[1] & FU_START) != 0) {
		d->damaged |= d->in_fragment;
		r = append_nalu(d, (uint8_t)((p[0] & KEEP_MASK) | type), p + 2, size - 2);
	} else if (!d->in_fragment) {
		return au_damage(d);
	} else {
		r = au_append(d, p + 2, size - 2);
	}
	d->in_fragment = r == 0 && (p[1] & FU_END) == 0;
	d->damaged |= r < 0;
	return r;
}

int
h264_depack_push(struct au *d, const uint8_t *payload, size_t size)
{
	unsigned type;

	if (size == 0)
		return 0;
	type = payload[0] & TYPE_MASK;
	if (type == H264_FU_A)
		return push_fragment(d, payload, size);
	d->damaged |= d->in_fragment; /* the fragment before this one has no end */
	d->in_fragment = false;
	if (type == H264_STAP_A)
		return push_stap(d, payload + 1, size - 1);
	if (type == 0 || type > NALU_SINGLE_MAX)
		return au_damage(d);
	return append_nalu(d, payload[0], payload + 1, size - 1);
}
