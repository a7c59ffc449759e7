/* amf_read.c - values out of octets, without recursion: the depth of nesting is the sender's. */
#include "amf/amf.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { OBJECT_END_SIZE = 3, KEY_HEAD_SIZE = 2 };

/* AMF3 markers (AMF3 s.3.1) that stand alone after AMF_AMF3. */
enum { AMF3_UNDEFINED, AMF3_NULL, AMF3_FALSE, AMF3_TRUE, AMF3_INTEGER, AMF3_DOUBLE, AMF3_STRING };

void
amf_reader_init(struct amf_reader *r, const uint8_t *buf, size_t size)
{
	*r = (struct amf_reader){.buf = buf, .size = size};
}

/* The next n octets, or NULL if there are not so many. */
static const uint8_t *
take(struct amf_reader *r, size_t n)
{
	const uint8_t *p = r->buf + r->at;

	if (n > r->size - r->at)
		return NULL;
	r->at += n;
	return p;
}

static double
to_double(const uint8_t *p)
{
	uint64_t bits = be64(p);
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static int
take_text(struct amf_reader *r, size_t length_size, struct amf_text *out)
{
	const uint8_t *p = take(r, length_size);
	size_t size;

	if (p == NULL)
		return -EBADMSG;
	size = length_size == 2 ? be16(p) : be32(p);
	p = take(r, size);
	if (p == NULL)
		return -EBADMSG;
	*out = (struct amf_text){(const char *)p, size};
	return 0;
}

static int
read_number(struct amf_reader *r, struct amf_value *v)
{
	const uint8_t *p = take(r, 8);

	if (p == NULL)
		return -EBADMSG;
	v->number = to_double(p);
	return 0;
}

static int
read_boolean(struct amf_reader *r, struct amf_value *v)
{
	const uint8_t *p = take(r, 1);

	if (p == NULL)
		return -EBADMSG;
	v->boolean = *p != 0;
	return 0;
}

static int
read_string(struct amf_reader *r, struct amf_value *v)
{
	return take_text(r, 2, &v->text);
}

static int
read_long_string(struct amf_reader *r, struct amf_value *v)
{
	if (v->type == AMF_LONG_STRING)
		v->type = AMF_STRING;
	return take_text(r, 4, &v->text);
}

static int
read_nothing(struct amf_reader *r, struct amf_value *v)
{
	(void)r;
	(void)v;
	return 0;
}

static int
read_date(struct amf_reader *r, struct amf_value *v)
{
	if (read_number(r, v) < 0)
		return -EBADMSG;
	return take(r, 2) != NULL ? 0 : -EBADMSG; /* time zone: reserved (s.2.13) */
}

/* A number of 29 bits in one to four octets (AMF3 s.1.3.1). */
static int
read_u29(struct amf_reader *r, uint32_t *out)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *p = take(r, 1);

		if (p == NULL)
			return -EBADMSG;
		if (i == 3) {
			value = value << 8 | *p;
			break;
		}
		value = value << 7 | (*p & 0x7f);
		if ((*p & 0x80) == 0)
			break;
	}
	*out = value;
	return 0;
}

static int
read_amf3_string(struct amf_reader *r, struct amf_value *v)
{
	uint32_t head;
	const uint8_t *p;

	if (read_u29(r, &head) < 0 || (head & 1) == 0) /* a reference */
		return -EBADMSG;
	p = take(r, head >> 1);
	if (p == NULL)
		return -EBADMSG;
	v->type = AMF_STRING;
	v->text = (struct amf_text){(const char *)p, head >> 1};
	return 0;
}

static int
read_amf3_integer(struct amf_reader *r, struct amf_value *v)
{
	uint32_t u;

	if (read_u29(r, &u) < 0)
		return -EBADMSG;
	v->type = AMF_NUMBER;
	v->number = u >= 1u << 28 ? (double)u - (double)(1u << 29) : (double)u;
	return 0;
}

static int
read_amf3(struct amf_reader *r, struct amf_value *v)
{
	const uint8_t *p = take(r, 1);

	if (p == NULL)
		return -EBADMSG;
	switch (*p) {
	case AMF3_UNDEFINED:
	case AMF3_NULL:
		v->type = *p == AMF3_NULL ? AMF_NULL : AMF_UNDEFINED;
		return 0;
	case AMF3_FALSE:
	case AMF3_TRUE:
		v->type = AMF_BOOLEAN;
		v->boolean = *p == AMF3_TRUE;
		return 0;
	case AMF3_INTEGER:
		return read_amf3_integer(r, v);
	case AMF3_DOUBLE:
		v->type = AMF_NUMBER;
		return read_number(r, v);
	case AMF3_STRING:
		return read_amf3_string(r, v);
	default:
		return -EBADMSG;
	}
}

/* Values that hold no others. */
static int (*const scalars[])(struct amf_reader *r, struct amf_value *v) = {
    [AMF_NUMBER] = read_number,		  [AMF_BOOLEAN] = read_boolean,
    [AMF_STRING] = read_string,		  [AMF_NULL] = read_nothing,
    [AMF_UNDEFINED] = read_nothing,	  [AMF_DATE] = read_date,
    [AMF_LONG_STRING] = read_long_string, [AMF_UNSUPPORTED] = read_nothing,
    [AMF_XML] = read_long_string,	  [AMF_AMF3] = read_amf3,
};

/* One level of nesting: an object waits for its end, a strict array for so many values. */
struct level {
	bool counted;
	uint32_t left;
};

/* Begin a container; its head is read. 1 it has begun, 0 it is none, -EBADMSG. */
static int
open_container(struct amf_reader *r, uint8_t marker, struct level *level)
{
	struct amf_text name;
	const uint8_t *p;

	*level = (struct level){0};
	switch (marker) {
	case AMF_OBJECT:
		return 1;
	case AMF_TYPED_OBJECT:
		return take_text(r, 2, &name) < 0 ? -EBADMSG : 1;
	case AMF_ECMA_ARRAY: /* its count is approximate (s.2.10): the end marker decides */
		return take(r, 4) == NULL ? -EBADMSG : 1;
	case AMF_STRICT_ARRAY:
		p = take(r, 4);
		if (p == NULL)
			return -EBADMSG;
		*level = (struct level){.counted = true, .left = be32(p)};
		return 1;
	default:
		return 0;
	}
}

/* Past what stands before the next value of a level. 1 there is one, 0 the level ends, -EBADMSG. */
static int
enter_value(struct amf_reader *r, struct level *level)
{
	struct amf_text key;

	if (level->counted)
		return level->left-- > 0 ? 1 : 0;
	if (take_text(r, KEY_HEAD_SIZE, &key) < 0)
		return -EBADMSG;
	if (key.size > 0 || r->at == r->size || r->buf[r->at] != AMF_OBJECT_END)
		return 1;
	r->at++;
	return 0;
}

static int
read_scalar(struct amf_reader *r, uint8_t marker, struct amf_value *v)
{
	if (marker >= ARRAY_COUNT(scalars) || scalars[marker] == NULL)
		return -EBADMSG;
	v->type = marker;
	return scalars[marker](r, v);
}

/* Past the values of an open container, and its end. */
static int
skip_container(struct amf_reader *r, struct level first)
{
	struct level levels[AMF_DEPTH_MAX] = {first};
	size_t depth = 1;

	while (depth > 0) {
		struct amf_value v;
		const uint8_t *marker;
		int more = enter_value(r, &levels[depth - 1]), opened;
		struct level inner;

		if (more < 0)
			return more;
		if (more == 0) {
			depth--;
			continue;
		}
		marker = take(r, 1);
		opened = marker != NULL ? open_container(r, *marker, &inner) : -EBADMSG;
		if (opened < 0 || (opened > 0 && depth == AMF_DEPTH_MAX))
			return -EBADMSG;
		if (opened > 0)
			levels[depth++] = inner;
		else if (read_scalar(r, *marker, &v) < 0)
			return -EBADMSG;
	}
	return 0;
}

int
amf_read(struct amf_reader *r, struct amf_value *v)
{
	struct amf_reader at = *r;
	struct amf_value value = {0};
	struct level level;
	const uint8_t *marker;
	size_t begin;
	int rc;

	if (at.at == at.size)
		return 0;
	marker = take(&at, 1);
	rc = open_container(&at, *marker, &level);
	if (rc == 0)
		rc = read_scalar(&at, *marker, &value);
	else if (rc > 0) {
		begin = at.at;
		value.type = *marker;
		rc = skip_container(&at, level);
		if (*marker != AMF_STRICT_ARRAY)
			amf_reader_init(&value.members, at.buf + begin, at.at - begin);
	}
	if (rc < 0)
		return -EBADMSG;
	*v = value;
	r->at = at.at;
	return 1;
}

int
amf_member(struct amf_reader *members, struct amf_text *key, struct amf_value *v)
{
	struct amf_reader at = *members;

	if (at.size - at.at <= OBJECT_END_SIZE && members->buf != NULL && at.at <= at.size) {
		struct amf_text end;

		if (at.at == at.size)
			return 0;
		if (take_text(&at, KEY_HEAD_SIZE, &end) == 0 && end.size == 0 && at.at < at.size &&
		    at.buf[at.at] == AMF_OBJECT_END)
			return 0;
		at = *members;
	}
	if (at.buf == NULL || take_text(&at, KEY_HEAD_SIZE, key) < 0 || amf_read(&at, v) <= 0)
		return at.buf == NULL ? 0 : -EBADMSG;
	*members = at;
	return 1;
}

bool
amf_text_is(const struct amf_text *t, const char *s)
{
	return t->size == strlen(s) && (t->size == 0 || memcmp(t->p, s, t->size) == 0);
}

char *
amf_text_copy(char *out, size_t size, const struct amf_text *t)
{
	size_t n = MIN_OF(t->size, size - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = t->p[i] >= ' ' && t->p[i] <= '~' ? t->p[i] : '*';
	out[n] = '\0';
	return out;
}
