/* h264_depack.c - RTP payloads into access units in Annex B form (RFC 6184 s.5.6 to 5.8). */
#include "h264/h264.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
	NALU_SINGLE_MAX = 23, /* types 1..23 stand for themselves (s.5.4) */
	TYPE_MASK = 0x1f,
	KEEP_MASK = 0xe0,
	FU_START = 0x80,
	FU_END = 0x40,
	FIRST_CAP = 16384
};

void
h264_depack_init(struct h264_depack *d)
{
	memset(d, 0, sizeof(*d));
}

void
h264_depack_fini(struct h264_depack *d)
{
	free(d->buf);
	memset(d, 0, sizeof(*d));
}

void
h264_depack_reset(struct h264_depack *d)
{
	d->size = 0;
	d->in_fragment = d->damaged = d->keyframe = false;
}

static int
reserve(struct h264_depack *d, size_t more)
{
	size_t cap = d->cap > 0 ? d->cap : FIRST_CAP;
	uint8_t *buf;

	if (more > H264_AU_MAX - d->size)
		return -ENOSPC;
	while (cap < d->size + more)
		cap *= 2;
	if (cap == d->cap)
		return 0;
	buf = realloc(d->buf, cap);
	if (buf == NULL)
		return -ENOMEM;
	d->buf = buf;
	d->cap = cap;
	return 0;
}

/* A start code, the header octet and what is there of the body. */
static int
append_nalu(struct h264_depack *d, uint8_t header, const uint8_t *body, size_t size)
{
	static const uint8_t start_code[4] = {0, 0, 0, 1};
	int r = reserve(d, sizeof(start_code) + 1 + size);

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
damage(struct h264_depack *d)
{
	d->damaged = true;
	return -EBADMSG;
}

static int
push_stap(struct h264_depack *d, const uint8_t *p, size_t size)
{
	int r = 0;

	for (size_t at = 0; at < size;
	     at += 2u + be16(p + at)) /* validate before anything is taken */
		if (size - at < 3 || be16(p + at) == 0 || be16(p + at) > size - at - 2)
			return damage(d);
	if (size == 0)
		return damage(d);
	for (size_t at = 0; at < size && r == 0; at += 2u + be16(p + at))
		r = append_nalu(d, p[at + 2], p + at + 3, be16(p + at) - 1u);
	return r;
}

static int
push_fragment(struct h264_depack *d, const uint8_t *p, size_t size)
{
	unsigned type;
	int r;

	if (size < 2)
		return damage(d);
	type = p[1] & TYPE_MASK;
	if (type == 0 || type > NALU_SINGLE_MAX)
		return damage(d);
	if ((p[1] & FU_START) != 0) {
		d->damaged |= d->in_fragment;
		r = append_nalu(d, (uint8_t)((p[0] & KEEP_MASK) | type), p + 2, size - 2);
	} else if (!d->in_fragment) {
		return damage(d);
	} else {
		r = reserve(d, size - 2);
		if (r == 0) {
			memcpy(d->buf + d->size, p + 2, size - 2);
			d->size += size - 2;
		}
	}
	d->in_fragment = r == 0 && (p[1] & FU_END) == 0;
	d->damaged |= r < 0;
	return r;
}

int
h264_depack_push(struct h264_depack *d, const uint8_t *payload, size_t size)
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
		return damage(d);
	return append_nalu(d, payload[0], payload + 1, size - 1);
}
