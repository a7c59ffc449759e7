/* stun_auth.c - MESSAGE-INTEGRITY and FINGERPRINT. */
#include "stun/stun.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/hmac_sha1.h"
#include "stun/stun_wire.h"

int
stun_hmac(uint8_t out[static STUN_HMAC_SIZE], const void *password, size_t password_size,
	  const uint8_t *header, uint16_t length, const uint8_t *rest, size_t rest_size)
{
	uint8_t head[STUN_HEADER_SIZE];
	struct hmac_sha1_key key;
	struct hmac_sha1 mac;

	memcpy(head, header, sizeof(head));
	put_be16(head + 2, length);
	hmac_sha1_key_init(&key, password, password_size);
	hmac_sha1_start(&mac, &key);
	hmac_sha1_add(&mac, head, sizeof(head));
	hmac_sha1_add(&mac, rest, rest_size);
	hmac_sha1_finish(&mac, out);
	return 0;
}

int
stun_verify_integrity(const struct stun_msg *msg, const char *password)
{
	return stun_verify_integrity_key(msg, password, strlen(password));
}

int
stun_verify_integrity_key(const struct stun_msg *msg, const void *key, size_t key_size)
{
	uint8_t want[STUN_HMAC_SIZE];
	size_t size, covered;
	const uint8_t *mac = stun_attr(msg, STUN_MESSAGE_INTEGRITY, &size);

	if (mac == NULL)
		return -ENOENT;
	if (size != STUN_HMAC_SIZE)
		return -EACCES;
	/* s.14.5: what precedes it, with a length that ends right behind it. */
	covered = (size_t)(mac - STUN_ATTR_HEADER - msg->attrs);
	if (stun_hmac(want, key, key_size, msg->buf,
		      (uint16_t)(covered + STUN_ATTR_HEADER + STUN_HMAC_SIZE), msg->attrs,
		      covered) < 0)
		return -EACCES;
	return CRYPTO_memcmp(want, mac, sizeof(want)) == 0 ? 0 : -EACCES;
}

/* Four bits at a time: 64 octets of table serve messages of about a hundred. */
static uint32_t
crc32_of(const uint8_t *buf, size_t size)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
					   0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
					   0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= buf[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

uint32_t
stun_crc(const uint8_t *buf, size_t size)
{
	return crc32_of(buf, size) ^ STUN_CRC_XOR;
}

int
stun_verify_fingerprint(const struct stun_msg *msg)
{
	size_t size;
	const uint8_t *value = stun_attr(msg, STUN_FINGERPRINT, &size);

	if (value == NULL)
		return -ENOENT;
	/* s.14.7: it is the last attribute and covers all before it. */
	if (size != STUN_CRC_SIZE || value + STUN_CRC_SIZE != msg->buf + msg->size)
		return -EBADMSG;
	return be32(value) == stun_crc(msg->buf, msg->size - STUN_ATTR_HEADER - STUN_CRC_SIZE)
		   ? 0
		   : -EBADMSG;
}
