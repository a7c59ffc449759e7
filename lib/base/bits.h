/*
 * bits.h - reader of bit fields, high bit first, as the headers of video are made of them.  Past
 * the end it gives zeros and says so: read all, then look at overrun once.
 */
#ifndef RTCKIT_BASE_BITS_H
#define RTCKIT_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
	const uint8_t *p, *end; /* borrowed */
	unsigned zeros;		/* zero octets in a row before p */
	unsigned left;		/* bits of octet not read yet */
	uint8_t octet;
	bool escaped; /* 00 00 03 of H.264 and H.265 (7.4.1, 7.3.1.1) is read as 00 00 */
	bool overrun;
};

void bits_init(struct bits *b, const uint8_t *p, size_t size, bool escaped);
uint32_t bits_u(struct bits *b, unsigned count); /* 0..32 bits */
void bits_skip(struct bits *b, unsigned count);
uint32_t bits_ue(struct bits *b); /* Exp-Golomb, below 2^32 (H.264 s.9.1) */
int32_t bits_se(struct bits *b);

#endif
