/*
 * amf.h - Action Message Format 0 (Adobe AMF0) as RTMP and FLV use it; of AMF3 the scalars that an
 * AMF0 value can switch to.  Pure views and a bounded writer; nothing allocates.
 *
 * What it does not do: references, AMF3 objects, dates' time zones.
 */
#ifndef RTCKIT_AMF_AMF_H
#define RTCKIT_AMF_AMF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AMF_DEPTH_MAX = 16 /* of objects in objects */ };

enum amf_type { /* s.2.1 */
		AMF_NUMBER = 0,
		AMF_BOOLEAN = 1,
		AMF_STRING = 2,
		AMF_OBJECT = 3,
		AMF_NULL = 5,
		AMF_UNDEFINED = 6,
		AMF_ECMA_ARRAY = 8,
		AMF_OBJECT_END = 9,
		AMF_STRICT_ARRAY = 10,
		AMF_DATE = 11,
		AMF_LONG_STRING = 12,
		AMF_UNSUPPORTED = 13,
		AMF_XML = 15,
		AMF_TYPED_OBJECT = 16,
		AMF_AMF3 = 17
};

/* A run of values. Borrows its octets. */
struct amf_reader {
	const uint8_t *buf;
	size_t size, at;
};

struct amf_text { /* not terminated */
	const char *p;
	size_t size;
};

struct amf_value {
	enum amf_type type; /* LONG_STRING is given as STRING; an AMF3 scalar as its AMF0 kin */
	double number;	    /* NUMBER, DATE */
	bool boolean;
	struct amf_text text;	   /* STRING, XML */
	struct amf_reader members; /* OBJECT, ECMA_ARRAY, TYPED_OBJECT: for amf_member() */
};

void amf_reader_init(struct amf_reader *r, const uint8_t *buf, size_t size);
/* The next value, whole. 1, 0 at the end, -EBADMSG. */
int amf_read(struct amf_reader *r, struct amf_value *v);
/* The next member of an object: 1, 0 at its end, -EBADMSG. */
int amf_member(struct amf_reader *members, struct amf_text *key, struct amf_value *v);
bool amf_text_is(const struct amf_text *t, const char *s);
/* Copied and terminated, cut to size; control characters and octets over 126 become '*', which is
 * in no name (a '?' would begin a query). Returns out. */
char *amf_text_copy(char *out, size_t size, const struct amf_text *t);

/* Writer: an overflow is remembered. */
struct amf_writer {
	uint8_t *buf;
	size_t cap, size;
	bool overflow;
};
void amf_writer_init(struct amf_writer *w, uint8_t *buf, size_t cap);
void amf_add_number(struct amf_writer *w, double v);
void amf_add_boolean(struct amf_writer *w, bool v);
void amf_add_string(struct amf_writer *w, const char *s); /* cut to 65535 octets */
void amf_add_null(struct amf_writer *w);
void amf_begin_object(struct amf_writer *w);
void amf_begin_ecma_array(struct amf_writer *w, uint32_t count);
void amf_begin_strict_array(struct amf_writer *w, uint32_t count); /* then count values */
void amf_add_key(struct amf_writer *w, const char *key);	   /* then its value */
void amf_end_object(struct amf_writer *w);			   /* also of an ECMA array */
/* Octets written or -ENOSPC. */
int amf_finish(const struct amf_writer *w);

#endif
