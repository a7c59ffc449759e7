/* av1_depack.c - RTP payloads into temporal units, each OBU with its size. */
#include "av1/av1_impl.h"

#include <errno.h>
#include <string.h>

/*
 * The OBU at au->part is whole: what is not for the decoder goes, the others get a size. Nothing of
 * it remains on an error.
 */
static int
finish_obu(struct au *au)
{
	uint8_t *p = au->buf + au->part, length[AV1_LEB128_MAX];
	size_t at = 0, n, size = au->size - au->part;
	struct av1_obu obu;
	int r;

	au->size = au->part;
	if (av1_obu_next(p, size, &at, &obu) <= 0 || at != size)
		return au_damage(au);
	if (obu.type == AV1_TEMPORAL_DELIMITER || obu.type == AV1_TILE_LIST ||
	    obu.type == AV1_PADDING)
		return 0;
	if (obu.type == AV1_FRAME || obu.type == AV1_FRAME_HEADER) {
		if (!au->has_picture)
			au->keyframe = au->has_headers && av1_frame_is_key(obu.body, obu.body_size);
		au->has_picture = true;
	}
	au->has_headers |= obu.type == AV1_SEQUENCE_HEADER;
	n = av1_leb128_write(length, obu.body_size);
	r = au_reserve(au, size + n);
	if (r < 0)
		return r;
	p = au->buf + au->part; /* it may have moved */
	memmove(p + obu.header_size + n, p + (size - obu.body_size), obu.body_size);
	p[0] |= OBU_HAS_SIZE;
	memcpy(p + obu.header_size, length, n);
	au->size = au->part + obu.header_size + n + obu.body_size;
	return 0;
}

static int
push_element(struct au *au, const uint8_t *element, size_t size, bool continues, bool goes_on)
{
	int r;

	if (!continues)
		au->part = au->size;
	r = au_append(au, element, size);
	if (r == 0 && !goes_on && au->size > au->part)
		r = finish_obu(au);
	au->in_fragment = r == 0 && goes_on;
	return r;
}

/* All of the payload is looked at before anything is taken. Returns the count of elements. */
static int
count_elements(const uint8_t *payload, size_t size)
{
	const uint8_t *element;
	struct elements e;
	size_t n;
	int rc, count = 0;

	if (!elements_init(&e, payload, size))
		return -EBADMSG;
	while ((rc = elements_next(&e, &element, &n)) > 0)
		count++;
	return rc < 0 || count == 0 ? -EBADMSG : count;
}

int
av1_depack_push(struct au *au, const uint8_t *payload, size_t size)
{
	int count, r = 0;
	const uint8_t *element;
	struct elements e;
	bool continues, goes_on;
	size_t n;

	if (size == 0)
		return 0;
	count = count_elements(payload, size);
	continues = (payload[0] & AGGREGATION_CONTINUES) != 0;
	goes_on = (payload[0] & AGGREGATION_GOES_ON) != 0;
	if (count < 0 || continues != au->in_fragment) {
		if (au->in_fragment)
			au->size = au->part; /* half an OBU is of no use */
		au->in_fragment = false;
		return au_damage(au);
	}
	(void)elements_init(&e, payload, size);
	for (int i = 0; i < count && r == 0 && elements_next(&e, &element, &n) > 0; i++)
		r = push_element(au, element, n, continues && i == 0, goes_on && i + 1 == count);
	au->damaged |= r < 0;
	return r;
}
