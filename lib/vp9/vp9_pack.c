/* vp9_pack.c - frames into RTP payloads and back (RFC 9628 s.4). */
#include "vp9/vp9.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	HEAD_PICTURE_ID = 0x80, /* I P L F B E V Z */
	HEAD_INTER = 0x40,
	HEAD_BEGINS = 0x08,
	HEAD_ENDS = 0x04,
	HEAD_STRUCTURE = 0x02,
	LONG_ID = 0x8000,
	PICTURE_ID_MASK = 0x7fff,
	ONE_LAYER_WITH_SIZE = 0x10, /* N_S 0, Y, no G (s.4.2.1) */
	SUPERFRAME_MARKER = 0xc0    /* annex B.2 */
};

int
vp9_pack_start(struct vp9_pack *p, const uint8_t *frame, size_t size, size_t max_payload)
{
	struct vp9_frame f;

	if (vp9_frame_parse(&f, frame, size) < 0)
		return -EBADMSG;
	p->frame = frame;
	p->size = size;
	p->offset = 0;
	p->max_payload = max_payload;
	p->picture_id = (p->picture_id + 1) & PICTURE_ID_MASK;
	p->key = f.key;
	p->width = (uint16_t)MIN_OF(f.width, (uint32_t)UINT16_MAX);
	p->height = (uint16_t)MIN_OF(f.height, (uint32_t)UINT16_MAX);
	return 0;
}

/* The first payload of a key frame has less room; all are of the size that makes them equal. */
int
vp9_pack_next(struct vp9_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t extra = p->key ? VP9_STRUCTURE_SIZE : 0, head = VP9_DESCRIPTOR_SIZE, count, total, n;
	size_t room = p->max_payload - VP9_DESCRIPTOR_SIZE;

	if (p->offset >= p->size)
		return 0;
	if (p->max_payload <= VP9_DESCRIPTOR_SIZE + VP9_STRUCTURE_SIZE)
		return -ENOSPC;
	total = p->size + extra;
	count = (total + room - 1) / room;
	n = (total + count - 1) / count;
	if (p->offset == 0) {
		head += extra;
		n = n > extra ? n - extra : 1;
	}
	n = MIN_OF(n, p->size - p->offset);
	if (cap < head + n)
		return -ENOSPC;
	*last = p->offset + n == p->size;
	out[0] = (uint8_t)(HEAD_PICTURE_ID | (p->key ? 0 : HEAD_INTER) |
			   (p->offset == 0 ? HEAD_BEGINS : 0) | (*last ? HEAD_ENDS : 0) |
			   (head > VP9_DESCRIPTOR_SIZE ? HEAD_STRUCTURE : 0));
	put_be16(out + 1, (uint16_t)(LONG_ID | p->picture_id));
	if (head > VP9_DESCRIPTOR_SIZE) {
		out[3] = ONE_LAYER_WITH_SIZE;
		put_be16(out + 4, p->width);
		put_be16(out + 6, p->height);
	}
	memcpy(out + head, p->frame + p->offset, n);
	p->offset += n;
	return (int)(head + n);
}

int
vp9_depack_push(struct au *au, const uint8_t *payload, size_t size)
{
	struct vp9_descriptor d;
	struct vp9_frame f;
	int r;

	if (size == 0)
		return 0;
	if (vp9_descriptor_parse(&d, payload, size) < 0)
		return au_damage(au);
	au->damaged |= d.begins == au->in_fragment;
	if (d.begins) {
		if (au->layer_count == AU_LAYERS_MAX)
			return au_damage(au);
		au->layers[au->layer_count++] = au->size;
	} else if (!au->in_fragment) {
		return au_damage(au);
	}
	r = au_append(au, payload + d.size, size - d.size);
	au->damaged |= r < 0;
	au->in_fragment = r == 0 && !d.ends;
	if (r == 0 && d.begins && au->layer_count == 1)
		au->keyframe = vp9_frame_parse(&f, au->buf, au->size) == 0 && f.key;
	return r;
}

int
vp9_depack_end(struct au *au)
{
	uint8_t index[2 + 4 * AU_LAYERS_MAX], marker;
	size_t n = 0, magnitude = 4;

	if (au->layer_count < 2)
		return 0;
	marker = (uint8_t)(SUPERFRAME_MARKER | (magnitude - 1) << 3 | (au->layer_count - 1));
	index[n++] = marker;
	for (size_t i = 0; i < au->layer_count; i++) {
		size_t end = i + 1 < au->layer_count ? au->layers[i + 1] : au->size;
		size_t size = end - au->layers[i];

		for (size_t k = 0; k < magnitude; k++)
			index[n++] = (uint8_t)(size >> 8 * k); /* little-endian */
	}
	index[n++] = marker;
	au->layer_count = 0;
	return au_append(au, index, n);
}
