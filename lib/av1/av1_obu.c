/* av1_obu.c - OBUs of a unit and elements of a payload. */
#include "av1/av1_impl.h"

#include <errno.h>

size_t
av1_leb128_read(const uint8_t *p, size_t size, size_t *value)
{
	uint64_t v = 0;

	for (size_t i = 0; i < AV1_LEB128_MAX && i < size; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << 7 * i;
		if ((p[i] & 0x80) == 0) {
			*value = (size_t)v;
			return v <= UINT32_MAX ? i + 1 : 0;
		}
	}
	return 0;
}

size_t
av1_leb128_size(size_t value)
{
	size_t n = 1;

	for (; value >= 0x80; value >>= 7)
		n++;
	return n;
}

size_t
av1_leb128_write(uint8_t *out, size_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		out[n++] = (uint8_t)(value | 0x80);
	out[n++] = (uint8_t)value;
	return n;
}

int
av1_obu_next(const uint8_t *unit, size_t size, size_t *offset, struct av1_obu *obu)
{
	const uint8_t *p = unit + *offset;
	size_t left = size - *offset, at = 1, body, n;

	if (left == 0)
		return 0;
	if ((p[0] & OBU_FORBIDDEN) != 0)
		return -EBADMSG;
	at += (p[0] & OBU_HAS_EXTENSION) != 0;
	if (at > left)
		return -EBADMSG;
	body = left - at;
	if ((p[0] & OBU_HAS_SIZE) != 0) {
		n = av1_leb128_read(p + at, left - at, &body);
		if (n == 0 || body > left - at - n)
			return -EBADMSG;
		at += n;
	}
	obu->type = (uint8_t)obu_type(p[0]);
	obu->header[0] = p[0] & (uint8_t)~OBU_HAS_SIZE;
	obu->header[1] = (p[0] & OBU_HAS_EXTENSION) != 0 ? p[1] : 0;
	obu->header_size = (p[0] & OBU_HAS_EXTENSION) != 0 ? 2 : 1;
	obu->body = p + at;
	obu->body_size = body;
	*offset += at + body;
	return 1;
}

size_t
av1_obu_head(uint8_t *out, const struct av1_obu *obu)
{
	size_t n = obu->header_size;

	out[0] = obu->header[0] | OBU_HAS_SIZE;
	if (n > 1)
		out[1] = obu->header[1];
	return n + av1_leb128_write(out + n, obu->body_size);
}

/* show_existing_frame, then frame_type, where 0 is KEY_FRAME (s.5.9.2). */
bool
av1_frame_is_key(const uint8_t *body, size_t size)
{
	return size > 0 && (body[0] & 0xe0) == 0;
}

bool
elements_init(struct elements *e, const uint8_t *payload, size_t size)
{
	if (size == 0)
		return false;
	e->p = payload;
	e->size = size;
	e->at = 1;
	e->count = payload[0] >> AGGREGATION_COUNT_SHIFT & AGGREGATION_COUNT_MASK;
	e->index = 0;
	return true;
}

int
elements_next(struct elements *e, const uint8_t **element, size_t *size)
{
	size_t left = e->size - e->at, n, length = left;

	if (e->count != 0 ? e->index == e->count : left == 0)
		return e->at == e->size ? 0 : -EBADMSG;
	if (e->count == 0 || e->index + 1 < e->count) {
		n = av1_leb128_read(e->p + e->at, left, &length);
		if (n == 0 || length > left - n)
			return -EBADMSG;
		e->at += n;
	}
	*element = e->p + e->at;
	*size = length;
	e->at += length;
	e->index++;
	return 1;
}

/* The first element that is for the decoder: senders should leave out temporal delimiters
 * (payload format s.5), and some do not. False if there is none. */
static bool
first_element(struct elements *e, const uint8_t **element, size_t *size)
{
	while (elements_next(e, element, size) > 0 && *size > 0)
		if (obu_type((*element)[0]) != AV1_TEMPORAL_DELIMITER)
			return true;
	return false;
}

bool
av1_payload_starts_keyframe(const uint8_t *payload, size_t size)
{
	struct elements e;
	const uint8_t *element;
	size_t n;

	if (!elements_init(&e, payload, size) || (payload[0] & AGGREGATION_CONTINUES) != 0 ||
	    !first_element(&e, &element, &n))
		return false;
	return (payload[0] & AGGREGATION_NEW_SEQUENCE) != 0 ||
	       obu_type(element[0]) == AV1_SEQUENCE_HEADER;
}

int
av1_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
	struct av1_sequence s;
	struct av1_obu obu;
	struct elements e;
	const uint8_t *element;
	size_t n, at = 0;

	if (!elements_init(&e, payload, size))
		return -EBADMSG;
	if ((payload[0] & AGGREGATION_CONTINUES) != 0 || !first_element(&e, &element, &n) ||
	    obu_type(element[0]) != AV1_SEQUENCE_HEADER)
		return -ENOMSG;
	if (av1_obu_next(element, n, &at, &obu) <= 0 ||
	    av1_sequence_parse(&s, obu.body, obu.body_size) < 0)
		return -EBADMSG;
	*width = s.width;
	*height = s.height;
	return 0;
}
