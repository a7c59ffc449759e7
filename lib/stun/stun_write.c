/* stun_write.c - building messages. */
#include "stun/stun.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "stun/stun_wire.h"

void
stun_start(struct stun_writer *w, uint8_t *buf, size_t cap, enum stun_class class,
	   const uint8_t txid[static STUN_TXID_SIZE])
{
	stun_start_method(w, buf, cap, class, STUN_BINDING, txid);
}

void
stun_start_method(struct stun_writer *w, uint8_t *buf, size_t cap, enum stun_class class,
		  enum stun_method method, const uint8_t txid[static STUN_TXID_SIZE])
{
	*w = (struct stun_writer){.buf = buf, .cap = cap, .overflow = cap < STUN_HEADER_SIZE};
	if (w->overflow)
		return;
	put_be16(buf, (uint16_t)((method & 0xf) | (method & 0x70) << 1 | (method & 0xf80) << 2 |
				 (class & 1) << 4 | (class & 2) << 7)); /* s.5 */
	put_be16(buf + 2, 0);
	put_be32(buf + 4, STUN_MAGIC_COOKIE);
	memcpy(buf + 8, txid, STUN_TXID_SIZE);
	w->size = STUN_HEADER_SIZE;
}

/* Room for an attribute of size octets, its header written and its padding zeroed; or NULL. */
static uint8_t *
add_room(struct stun_writer *w, uint16_t type, size_t size)
{
	size_t span = STUN_ATTR_HEADER + STUN_PADDED(size);
	uint8_t *p;

	if (w->overflow || size > UINT16_MAX || span > w->cap - w->size ||
	    w->size + span - STUN_HEADER_SIZE > UINT16_MAX) {
		w->overflow = true;
		return NULL;
	}
	p = w->buf + w->size;
	put_be16(p, type);
	put_be16(p + 2, (uint16_t)size);
	memset(p + STUN_ATTR_HEADER, 0, span - STUN_ATTR_HEADER);
	w->size += span;
	return p + STUN_ATTR_HEADER;
}

void
stun_add(struct stun_writer *w, uint16_t type, const void *value, size_t size)
{
	uint8_t *p = add_room(w, type, size);

	if (p != NULL && size > 0)
		memcpy(p, value, size);
}

void
stun_add_u32(struct stun_writer *w, uint16_t type, uint32_t v)
{
	uint8_t *p = add_room(w, type, 4);

	if (p != NULL)
		put_be32(p, v);
}

void
stun_add_u64(struct stun_writer *w, uint16_t type, uint64_t v)
{
	uint8_t *p = add_room(w, type, 8);

	if (p != NULL)
		put_be64(p, v);
}

void
stun_add_address(struct stun_writer *w, uint16_t type, const struct addr *a)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	size_t size = v6 ? 20 : 8; /* s.14.1 */
	uint8_t *p = add_room(w, type, size);

	if (p == NULL)
		return;
	p[1] = v6 ? STUN_FAMILY_IPV6 : STUN_FAMILY_IPV4;
	put_be16(p + 2, addr_port(a));
	if (v6)
		memcpy(p + 4, &a->v6.sin6_addr, 16);
	else
		memcpy(p + 4, &a->v4.sin_addr, 4);
	if (stun_is_xored(type))
		stun_xor_address(p, size, w->buf + 8);
}

void
stun_add_error(struct stun_writer *w, int code, const char *reason)
{
	size_t size = strlen(reason);
	uint8_t *p = add_room(w, STUN_ERROR_CODE, 4 + size);

	if (p == NULL)
		return;
	p[2] = (uint8_t)(code / 100);
	p[3] = (uint8_t)(code % 100);
	memcpy(p + 4, reason, size);
}

void
stun_add_username(struct stun_writer *w, const char *left, const char *right)
{
	size_t head = strlen(left), tail = strlen(right);
	uint8_t *p = add_room(w, STUN_USERNAME, head + 1 + tail);

	if (p == NULL)
		return;
	memcpy(p, left, head);
	p[head] = ':';
	memcpy(p + head + 1, right, tail);
}

int
stun_finish(struct stun_writer *w, const char *password, bool fingerprint)
{
	return stun_finish_key(w, password, password != NULL ? strlen(password) : 0, fingerprint);
}

int
stun_finish_key(struct stun_writer *w, const void *key, size_t size, bool fingerprint)
{
	size_t before = w->size;
	uint8_t *mac = NULL, *crc;

	if (key != NULL)
		mac = add_room(w, STUN_MESSAGE_INTEGRITY, STUN_HMAC_SIZE);
	if (mac != NULL && stun_hmac(mac, key, size, w->buf, (uint16_t)(w->size - STUN_HEADER_SIZE),
				     w->buf + STUN_HEADER_SIZE, before - STUN_HEADER_SIZE) < 0)
		w->overflow = true;
	before = w->size;
	crc = fingerprint ? add_room(w, STUN_FINGERPRINT, STUN_CRC_SIZE) : NULL;
	if (w->overflow)
		return -ENOSPC;
	put_be16(w->buf + 2, (uint16_t)(w->size - STUN_HEADER_SIZE));
	if (crc != NULL)
		put_be32(crc, stun_crc(w->buf, before));
	return (int)w->size;
}
