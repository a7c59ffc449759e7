/* vp9_descriptor.c - the payload descriptor (RFC 9628 s.4.2) and what a payload says by it. */
#include "vp9/vp9.h"

#include <errno.h>

#include "base/bytes.h"

enum {
	HAS_PICTURE_ID = 0x80, /* I P L F B E V Z */
	INTER = 0x40,
	HAS_LAYERS = 0x20,
	FLEXIBLE = 0x10,
	BEGINS = 0x08,
	ENDS = 0x04,
	HAS_STRUCTURE = 0x02,
	LONG_ID = 0x80,
	REFERENCES_MAX = 3,
	REFERENCE_FOLLOWS = 1,	/* N of P_DIFF */
	STRUCTURE_SIZES = 0x10, /* Y and G of the structure (s.4.2.1) */
	STRUCTURE_GROUP = 0x08
};

/* A cursor that remembers a step over the end. */
struct cursor {
	const uint8_t *p;
	size_t size, at;
	bool overrun;
};

static unsigned
take(struct cursor *c)
{
	if (c->at >= c->size) {
		c->overrun = true;
		return 0;
	}
	return c->p[c->at++];
}

static unsigned
take16(struct cursor *c)
{
	unsigned high = take(c);

	return high << 8 | take(c);
}

static void
read_structure(struct cursor *c, struct vp9_descriptor *d)
{
	unsigned head = take(c), pictures;

	d->layer_count = (uint8_t)((head >> 5) + 1);
	for (unsigned i = 0; (head & STRUCTURE_SIZES) != 0 && i < d->layer_count; i++) {
		d->width[i] = (uint16_t)take16(c);
		d->height[i] = (uint16_t)take16(c);
	}
	if ((head & STRUCTURE_GROUP) == 0)
		return;
	pictures = take(c);
	for (; pictures > 0 && !c->overrun; pictures--)
		for (unsigned refs = take(c) >> 2 & 3; refs > 0; refs--)
			take(c);
}

static void
read_picture_id(struct cursor *c, struct vp9_descriptor *d)
{
	unsigned first = take(c);

	d->picture_id = (int)(first & 0x7f);
	if ((first & LONG_ID) != 0)
		d->picture_id = d->picture_id << 8 | (int)take(c);
}

int
vp9_descriptor_parse(struct vp9_descriptor *d, const uint8_t *payload, size_t size)
{
	struct vp9_descriptor out = {.picture_id = VP9_ABSENT,
				     .tid = VP9_ABSENT,
				     .sid = VP9_ABSENT,
				     .tl0_index = VP9_ABSENT};
	struct cursor c = {.p = payload, .size = size};
	unsigned head = take(&c), octet;

	out.inter = (head & INTER) != 0;
	out.flexible = (head & FLEXIBLE) != 0;
	out.begins = (head & BEGINS) != 0;
	out.ends = (head & ENDS) != 0;
	out.has_structure = (head & HAS_STRUCTURE) != 0;
	if ((head & HAS_PICTURE_ID) != 0)
		read_picture_id(&c, &out);
	if ((head & HAS_LAYERS) != 0) {
		octet = take(&c);
		out.tid = (int)(octet >> 5);
		out.sid = (int)(octet >> 1 & 7);
		if (!out.flexible)
			out.tl0_index = (int)take(&c);
	}
	if (out.flexible && out.inter)
		for (int i = 0; (take(&c) & REFERENCE_FOLLOWS) != 0; i++)
			if (i + 1 == REFERENCES_MAX)
				return -EBADMSG;
	if (out.has_structure)
		read_structure(&c, &out);
	if (c.overrun || c.at >= size)
		return -EBADMSG;
	out.size = c.at;
	*d = out;
	return 0;
}

/* P is not enough: some senders never set it. */
bool
vp9_payload_starts_keyframe(const uint8_t *payload, size_t size)
{
	struct vp9_descriptor d;
	struct vp9_frame f;

	return vp9_descriptor_parse(&d, payload, size) == 0 && d.begins && !d.inter && d.sid <= 0 &&
	       vp9_frame_parse(&f, payload + d.size, size - d.size) == 0 && f.key;
}

int
vp9_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
	struct vp9_descriptor d;
	struct vp9_frame f;
	int best = -1;

	if (vp9_descriptor_parse(&d, payload, size) < 0)
		return -EBADMSG;
	for (int i = 0; i < d.layer_count; i++)
		if (d.width[i] != 0 && d.height[i] != 0 &&
		    (best < 0 || d.width[i] * (uint32_t)d.height[i] >=
				     d.width[best] * (uint32_t)d.height[best]))
			best = i;
	if (best >= 0) {
		*width = d.width[best];
		*height = d.height[best];
		return 0;
	}
	if (!d.begins)
		return -ENOMSG;
	if (vp9_frame_parse(&f, payload + d.size, size - d.size) < 0)
		return -EBADMSG;
	if (!f.key)
		return -ENOMSG;
	*width = f.width;
	*height = f.height;
	return 0;
}
