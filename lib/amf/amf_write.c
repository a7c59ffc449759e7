/* amf_write.c - values into octets. */
#include "amf/amf.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

void
amf_writer_init(struct amf_writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct amf_writer){.buf = buf, .cap = cap};
}

/* Room for n octets, or NULL. */
static uint8_t *
room(struct amf_writer *w, size_t n)
{
	uint8_t *p = w->buf + w->size;

	if (w->overflow || n > w->cap - w->size) {
		w->overflow = true;
		return NULL;
	}
	w->size += n;
	return p;
}

static void
add_marker(struct amf_writer *w, uint8_t marker)
{
	uint8_t *p = room(w, 1);

	if (p != NULL)
		*p = marker;
}

static void
add_text(struct amf_writer *w, const char *s)
{
	size_t size = MIN_OF(strlen(s), (size_t)UINT16_MAX);
	uint8_t *p = room(w, 2 + size);

	if (p == NULL)
		return;
	put_be16(p, (uint16_t)size);
	memcpy(p + 2, s, size);
}

void
amf_add_number(struct amf_writer *w, double v)
{
	uint8_t *p = room(w, 9);
	uint64_t bits;

	if (p == NULL)
		return;
	memcpy(&bits, &v, sizeof(bits));
	p[0] = AMF_NUMBER;
	put_be64(p + 1, bits);
}

void
amf_add_boolean(struct amf_writer *w, bool v)
{
	uint8_t *p = room(w, 2);

	if (p == NULL)
		return;
	p[0] = AMF_BOOLEAN;
	p[1] = v;
}

void
amf_add_string(struct amf_writer *w, const char *s)
{
	add_marker(w, AMF_STRING);
	add_text(w, s);
}

void
amf_add_null(struct amf_writer *w)
{
	add_marker(w, AMF_NULL);
}

void
amf_begin_object(struct amf_writer *w)
{
	add_marker(w, AMF_OBJECT);
}

void
amf_begin_ecma_array(struct amf_writer *w, uint32_t count)
{
	uint8_t *p = room(w, 5);

	if (p == NULL)
		return;
	p[0] = AMF_ECMA_ARRAY;
	put_be32(p + 1, count);
}

void
amf_begin_strict_array(struct amf_writer *w, uint32_t count)
{
	uint8_t *p = room(w, 5);

	if (p == NULL)
		return;
	p[0] = AMF_STRICT_ARRAY;
	put_be32(p + 1, count);
}

void
amf_add_key(struct amf_writer *w, const char *key)
{
	add_text(w, key);
}

void
amf_end_object(struct amf_writer *w)
{
	add_text(w, "");
	add_marker(w, AMF_OBJECT_END);
}

int
amf_finish(const struct amf_writer *w)
{
	return w->overflow ? -ENOSPC : (int)w->size;
}
