/* stun_wire.h - what the files of this module share about the wire.  Not for other modules. */
#ifndef RTCKIT_STUN_STUN_WIRE_H
#define RTCKIT_STUN_STUN_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "stun/stun.h"

enum {
	STUN_ATTR_HEADER = 4,	/* type and length; RFC 8489 s.14 */
	STUN_OPTIONAL = 0x8000, /* types from here on may be ignored; s.14 */
	STUN_FAMILY_IPV4 = 1,	/* s.14.1 */
	STUN_FAMILY_IPV6 = 2,
	STUN_HMAC_SIZE = 20, /* HMAC-SHA1; s.14.5 */
	STUN_CRC_SIZE = 4    /* s.14.7 */
};
#define STUN_CRC_XOR	  0x5354554eu /* "STUN"; s.14.7 */
#define STUN_PADDED(size) (((size_t)(size) + 3u) & ~(size_t)3u)

/* Is the address in attributes of this type XOR-ed (s.14.2, RFC 8656 s.18.3, s.18.5)? */
bool stun_is_xored(uint16_t type);

/* XOR the port and address of an address attribute's value of size octets, in place (s.14.2). */
void stun_xor_address(uint8_t *value, size_t size, const uint8_t *txid);

/*
 * HMAC-SHA1 over a header with its length field replaced by length, and over the rest_size octets
 * that follow it. Returns 0, or -ENOMEM if OpenSSL has no memory for this thread's first use.
 */
int stun_hmac(uint8_t out[static STUN_HMAC_SIZE], const void *password, size_t password_size,
	      const uint8_t *header, uint16_t length, const uint8_t *rest, size_t rest_size);

/* CRC-32 (ITU-T V.42) of size octets, XOR-ed as FINGERPRINT wants it (s.14.7). */
uint32_t stun_crc(const uint8_t *buf, size_t size);

#endif
