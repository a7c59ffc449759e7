/* h265_depack.c - RTP payloads into access units in Annex B form (RFC 7798 s.4.4). */
#include "h265/h265.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	TYPE_SINGLE_MAX = 47,
	NOT_TYPE_MASK = 0x81,
	FU_BODY_AT = 3,
	FU_START = 0x80,
	FU_END = 0x40,
	FU_TYPE_MASK = 0x3f
};

/* A start code, the header and what is there of the body. */
static int
append_nalu(struct au *au, const uint8_t header[static H265_NALU_HEADER_SIZE], const uint8_t *body,
	    size_t size)
{
	static const uint8_t start_code[4] = {0, 0, 0, 1};
	int r = au_reserve(au, sizeof(start_code) + H265_NALU_HEADER_SIZE + size);

	if (r < 0)
		return r;
	(void)au_append(au, start_code, sizeof(start_code)); /* there is room */
	(void)au_append(au, header, H265_NALU_HEADER_SIZE);
	(void)au_append(au, body, size);
	au->keyframe |= h265_type_is_irap(h265_nalu_type(header));
	return 0;
}

static int
push_aggregate(struct au *au, const uint8_t *p, size_t size)
{
	int r = 0;

	for (size_t at = 0; at < size; at += 2u + be16(p + at)) /* all of it, or nothing */
		if (size - at < 2 + H265_NALU_HEADER_SIZE || be16(p + at) < H265_NALU_HEADER_SIZE ||
		    be16(p + at) > size - at - 2)
			return au_damage(au);
	if (size == 0)
		return au_damage(au);
	for (size_t at = 0; at < size && r == 0; at += 2u + be16(p + at))
		r = append_nalu(au, p + at + 2, p + at + 2 + H265_NALU_HEADER_SIZE,
				be16(p + at) - (size_t)H265_NALU_HEADER_SIZE);
	return r;
}

static int
push_fragment(struct au *au, const uint8_t *p, size_t size)
{
	uint8_t header[H265_NALU_HEADER_SIZE];
	unsigned type;
	int r;

	if (size < FU_BODY_AT)
		return au_damage(au);
	type = p[2] & FU_TYPE_MASK;
	if (type > TYPE_SINGLE_MAX)
		return au_damage(au);
	if ((p[2] & FU_START) != 0) {
		au->damaged |= au->in_fragment;
		header[0] = (uint8_t)((p[0] & NOT_TYPE_MASK) | type << 1);
		header[1] = p[1];
		r = append_nalu(au, header, p + FU_BODY_AT, size - FU_BODY_AT);
	} else if (!au->in_fragment) {
		return au_damage(au);
	} else {
		r = au_append(au, p + FU_BODY_AT, size - FU_BODY_AT);
	}
	au->in_fragment = r == 0 && (p[2] & FU_END) == 0;
	au->damaged |= r < 0;
	return r;
}

int
h265_depack_push(struct au *au, const uint8_t *payload, size_t size)
{
	unsigned type;
	int r;

	if (size == 0)
		return 0;
	if (size < H265_NALU_HEADER_SIZE)
		return au_damage(au);
	type = h265_nalu_type(payload);
	if (type == H265_FU)
		return push_fragment(au, payload, size);
	au->damaged |= au->in_fragment; /* the fragment before this one has no end */
	au->in_fragment = false;
	if (type == H265_AP)
		r = push_aggregate(au, payload + H265_NALU_HEADER_SIZE,
				   size - H265_NALU_HEADER_SIZE);
	else if (type > TYPE_SINGLE_MAX)
		r = au_damage(au);
	else
		r = append_nalu(au, payload, payload + H265_NALU_HEADER_SIZE,
				size - H265_NALU_HEADER_SIZE);
	au->damaged |= r < 0;
	return r;
}
