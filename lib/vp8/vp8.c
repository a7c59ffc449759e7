#include "vp8/vp8.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	EXTENDED = 0x80, /* X, N, S, PID of the first octet (RFC 7741 s.4.2) */
	NON_REFERENCE = 0x20,
	START = 0x10,
	PARTITION_MASK = 7,
	HAS_PICTURE_ID = 0x80, /* I, L, T, K of the second */
	HAS_TL0 = 0x40,
	HAS_TID = 0x20,
	HAS_KEY_INDEX = 0x10,
	LONG_ID = 0x80,
	PICTURE_ID_MASK = 0x7fff,
	INTER_FRAME = 1, /* of a frame's first octet (RFC 6386 s.9.1) */
	KEY_HEADER_SIZE = 10,
	SIDE_MASK = 0x3fff /* the two bits above are scaling */
};

/* The octets that the second one announces: their size; 0 if they run over the end. */
static size_t
parse_extension(struct vp8_descriptor *d, uint8_t flags, const uint8_t *p, size_t size)
{
	size_t at = 0;

	if ((flags & HAS_PICTURE_ID) != 0) {
		if (at == size)
			return 0;
		d->picture_id = p[at] & 0x7f;
		if ((p[at++] & LONG_ID) != 0) {
			if (at == size)
				return 0;
			d->picture_id = d->picture_id << 8 | p[at++];
		}
	}
	if ((flags & HAS_TL0) != 0) {
		if (at == size)
			return 0;
		d->tl0_index = p[at++];
	}
	if ((flags & (HAS_TID | HAS_KEY_INDEX)) != 0) {
		if (at == size)
			return 0;
		if ((flags & HAS_TID) != 0) {
			d->tid = p[at] >> 6;
			d->layer_sync = p[at] >> 5 & 1;
		}
		if ((flags & HAS_KEY_INDEX) != 0)
			d->key_index = p[at] & 0x1f;
		at++;
	}
	return at < size ? at + 1 : 0; /* something has to follow */
}

int
vp8_descriptor_parse(struct vp8_descriptor *d, const uint8_t *payload, size_t size)
{
	struct vp8_descriptor out = {.size = 1,
				     .picture_id = VP8_ABSENT,
				     .tl0_index = VP8_ABSENT,
				     .tid = VP8_ABSENT,
				     .layer_sync = VP8_ABSENT,
				     .key_index = VP8_ABSENT};
	size_t n;

	if (size < 2)
		return -EBADMSG;
	out.reference = (payload[0] & NON_REFERENCE) == 0;
	out.starts = (payload[0] & START) != 0;
	out.partition = payload[0] & PARTITION_MASK;
	if ((payload[0] & EXTENDED) != 0) {
		n = parse_extension(&out, payload[1], payload + 2, size - 2);
		if (n == 0)
			return -EBADMSG;
		out.size = 1 + n;
	}
	*d = out;
	return 0;
}

bool
vp8_frame_is_key(const uint8_t *frame, size_t size)
{
	return size > 0 && (frame[0] & INTER_FRAME) == 0;
}

int
vp8_frame_size(const uint8_t *frame, size_t size, uint32_t *width, uint32_t *height)
{
	static const uint8_t start_code[] = {0x9d, 0x01, 0x2a};

	if (!vp8_frame_is_key(frame, size))
		return -ENOMSG;
	if (size < KEY_HEADER_SIZE || memcmp(frame + 3, start_code, sizeof(start_code)) != 0)
		return -EBADMSG;
	*width = (uint32_t)(frame[7] << 8 | frame[6]) & SIDE_MASK;
	*height = (uint32_t)(frame[9] << 8 | frame[8]) & SIDE_MASK;
	return 0;
}

bool
vp8_payload_starts_keyframe(const uint8_t *payload, size_t size)
{
	struct vp8_descriptor d;

	return vp8_descriptor_parse(&d, payload, size) == 0 && d.starts && d.partition == 0 &&
	       vp8_frame_is_key(payload + d.size, size - d.size);
}

int
vp8_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
	struct vp8_descriptor d;

	if (vp8_descriptor_parse(&d, payload, size) < 0)
		return -EBADMSG;
	if (!d.starts || d.partition != 0)
		return -ENOMSG;
	return vp8_frame_size(payload + d.size, size - d.size, width, height);
}

int
vp8_pack_start(struct vp8_pack *p, const uint8_t *frame, size_t size, size_t max_payload)
{
	if (size == 0)
		return -EBADMSG;
	p->frame = frame;
	p->size = size;
	p->offset = 0;
	p->max_payload = max_payload;
	p->picture_id = (p->picture_id + 1) & PICTURE_ID_MASK;
	return 0;
}

int
vp8_pack_next(struct vp8_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t room = p->max_payload - VP8_DESCRIPTOR_SIZE, count, n;

	if (p->offset >= p->size)
		return 0;
	if (p->max_payload <= VP8_DESCRIPTOR_SIZE)
		return -ENOSPC;
	count = (p->size + room - 1) / room;
	n = MIN_OF((p->size + count - 1) / count, p->size - p->offset);
	if (cap < VP8_DESCRIPTOR_SIZE + n)
		return -ENOSPC;
	out[0] = EXTENDED | (p->offset == 0 ? START : 0);
	out[1] = HAS_PICTURE_ID;
	put_be16(out + 2, (uint16_t)(LONG_ID << 8 | p->picture_id));
	memcpy(out + VP8_DESCRIPTOR_SIZE, p->frame + p->offset, n);
	p->offset += n;
	*last = p->offset == p->size;
	return (int)(VP8_DESCRIPTOR_SIZE + n);
}

int
vp8_depack_push(struct au *au, const uint8_t *payload, size_t size)
{
	struct vp8_descriptor d;
	bool starts;
	int r;

	if (size == 0)
		return 0;
	if (vp8_descriptor_parse(&d, payload, size) < 0)
		return au_damage(au);
	starts = d.starts && d.partition == 0;
	if (starts != (au->size == 0))
		return au_damage(au); /* two frames in one, or one without a beginning */
	r = au_append(au, payload + d.size, size - d.size);
	au->damaged |= r < 0;
	if (starts && r == 0)
		au->keyframe = vp8_frame_is_key(au->buf, au->size);
	return r;
}
