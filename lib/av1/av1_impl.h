/* av1_impl.h - the OBU header and the aggregation header.  Private. */
#ifndef RTCKIT_AV1_AV1_IMPL_H
#define RTCKIT_AV1_AV1_IMPL_H

#include "av1/av1.h"

enum {
	OBU_FORBIDDEN = 0x80, /* AV1 bit stream s.5.3.2 */
	OBU_HAS_EXTENSION = 0x04,
	OBU_HAS_SIZE = 0x02,

	AGGREGATION_CONTINUES = 0x80, /* Z, Y, W, N (payload format s.4.4) */
	AGGREGATION_GOES_ON = 0x40,
	AGGREGATION_COUNT_SHIFT = 4,
	AGGREGATION_COUNT_MASK = 3,
	AGGREGATION_NEW_SEQUENCE = 0x08
};

static inline unsigned
obu_type(uint8_t head)
{
	return head >> 3 & 0xf;
}

/* Octets read, 0 if it is malformed or over 2^32 - 1. */
size_t av1_leb128_read(const uint8_t *p, size_t size, size_t *value);
/* Octets written (av1_leb128_size()). */
size_t av1_leb128_write(uint8_t *out, size_t value);

/* Walks the elements of a payload. */
struct elements {
	const uint8_t *p;
	size_t size, at;
	unsigned count; /* W; 0: each has a length */
	unsigned index; /* of the next */
};
/* False if there is no aggregation header. */
bool elements_init(struct elements *e, const uint8_t *payload, size_t size);
/* 1 with *element set (it may be empty); 0 at the end; -EBADMSG. */
int elements_next(struct elements *e, const uint8_t **element, size_t *size);

#endif
