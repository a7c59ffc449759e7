/* stun.c - the read-only view: header, attributes, typed accessors. */
#include "stun/stun.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "stun/stun_wire.h"

bool
stun_accepts(const uint8_t *buf, size_t size)
{
	return size >= 8 && buf[0] <= 3 && be32(buf + 4) == STUN_MAGIC_COOKIE;
}

/* Octets the attribute at p occupies, padding included; 0 if it would overrun size (s.14). */
static size_t
attr_span(const uint8_t *p, size_t size)
{
	size_t span = size < STUN_ATTR_HEADER ? 0 : STUN_ATTR_HEADER + STUN_PADDED(be16(p + 2));

	return span <= size ? span : 0;
}

static int
check_attrs(const uint8_t *attrs, size_t size)
{
	while (size > 0) {
		size_t span = attr_span(attrs, size);

		if (span == 0)
			return -EBADMSG;
		attrs += span;
		size -= span;
	}
	return 0;
}

int
stun_parse(struct stun_msg *msg, const uint8_t *buf, size_t size)
{
	uint16_t type;

	if (!stun_accepts(buf, size))
		return -ENOMSG;
	if (size < STUN_HEADER_SIZE || be16(buf + 2) % 4 != 0 ||
	    be16(buf + 2) != size - STUN_HEADER_SIZE)
		return -EBADMSG;
	if (check_attrs(buf + STUN_HEADER_SIZE, size - STUN_HEADER_SIZE) < 0)
		return -EBADMSG;
	/* s.5, figure 3: the class' two bits are interleaved with the method's twelve. */
	type = be16(buf);
	msg->class = (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
	msg->method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
	msg->buf = buf;
	msg->size = size;
	msg->txid = buf + 8;
	msg->attrs = buf + STUN_HEADER_SIZE;
	msg->attrs_size = size - STUN_HEADER_SIZE;
	return 0;
}

const uint8_t *
stun_attr(const struct stun_msg *msg, uint16_t type, size_t *size)
{
	const uint8_t *p = msg->attrs, *end = msg->attrs + msg->attrs_size;
	bool sealed = false; /* MESSAGE-INTEGRITY has passed */

	for (; p < end; p += attr_span(p, (size_t)(end - p))) {
		uint16_t t = be16(p);

		if (t == type && (!sealed || t == STUN_FINGERPRINT)) {
			*size = be16(p + 2);
			return p + STUN_ATTR_HEADER;
		}
		sealed = sealed || t == STUN_MESSAGE_INTEGRITY;
	}
	return NULL;
}

/* The attribute if it has exactly want octets: 0, -ENOENT or -EBADMSG. */
static int
fixed_attr(const struct stun_msg *msg, uint16_t type, size_t want, const uint8_t **value)
{
	size_t size;
	const uint8_t *p = stun_attr(msg, type, &size);

	if (p == NULL)
		return -ENOENT;
	if (size != want)
		return -EBADMSG;
	*value = p;
	return 0;
}

int
stun_get_u32(const struct stun_msg *msg, uint16_t type, uint32_t *v)
{
	const uint8_t *p = NULL;
	int err = fixed_attr(msg, type, 4, &p);

	if (err == 0)
		*v = be32(p);
	return err;
}

int
stun_get_u64(const struct stun_msg *msg, uint16_t type, uint64_t *v)
{
	const uint8_t *p = NULL;
	int err = fixed_attr(msg, type, 8, &p);

	if (err == 0)
		*v = be64(p);
	return err;
}

bool
stun_is_xored(uint16_t type)
{
	return type == STUN_XOR_MAPPED_ADDRESS || type == STUN_XOR_PEER_ADDRESS ||
	       type == STUN_XOR_RELAYED_ADDRESS;
}

void
stun_xor_address(uint8_t *value, size_t size, const uint8_t *txid)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};
	uint8_t mask[16];

	memcpy(mask, cookie, 4);
	memcpy(mask + 4, txid, STUN_TXID_SIZE);
	value[2] ^= mask[0];
	value[3] ^= mask[1];
	for (size_t i = 4; i < size && i < 20; i++)
		value[i] ^= mask[i - 4];
}

int
stun_get_address(const struct stun_msg *msg, uint16_t type, struct addr *a)
{
	uint8_t raw[20];
	size_t size;
	const uint8_t *p = stun_attr(msg, type, &size);

	if (p == NULL)
		return -ENOENT;
	if (!(size == 8 && p[1] == STUN_FAMILY_IPV4) && !(size == 20 && p[1] == STUN_FAMILY_IPV6))
		return -EBADMSG;
	memcpy(raw, p, size);
	if (stun_is_xored(type))
		stun_xor_address(raw, size, msg->txid);
	memset(a, 0, sizeof(*a));
	if (size == 8) {
		a->v4.sin_family = AF_INET;
		memcpy(&a->v4.sin_addr, raw + 4, 4);
	} else {
		a->v6.sin6_family = AF_INET6;
		memcpy(&a->v6.sin6_addr, raw + 4, 16);
	}
	addr_set_port(a, be16(raw + 2));
	return 0;
}

int
stun_get_error(const struct stun_msg *msg, int *code)
{
	size_t size;
	const uint8_t *p = stun_attr(msg, STUN_ERROR_CODE, &size);
	int hundreds;

	if (p == NULL)
		return -ENOENT;
	hundreds = size >= 4 ? p[2] & 7 : 0; /* s.14.8: five reserved bits are ignored */
	if (hundreds < 3 || hundreds > 6 || p[3] > 99)
		return -EBADMSG;
	*code = hundreds * 100 + p[3];
	return 0;
}

int
stun_get_username(const struct stun_msg *msg, char *left, char *right, size_t cap)
{
	size_t size, head, tail;
	const uint8_t *p = stun_attr(msg, STUN_USERNAME, &size), *colon;

	if (p == NULL)
		return -ENOENT;
	if (size > STUN_USERNAME_MAX || memchr(p, '\0', size) != NULL)
		return -EBADMSG;
	colon = memchr(p, ':', size); /* ':' is no ice-char: the first one parts them */
	if (colon == NULL)
		return -EBADMSG;
	head = (size_t)(colon - p);
	tail = size - head - 1;
	if (head >= cap || tail >= cap)
		return -EBADMSG;
	memcpy(left, p, head);
	left[head] = '\0';
	memcpy(right, colon + 1, tail);
	right[tail] = '\0';
	return 0;
}

uint16_t
stun_unknown_attr(const struct stun_msg *msg)
{
	static const uint16_t known[] = {
	    STUN_MAPPED_ADDRESS,     STUN_USERNAME, STUN_ERROR_CODE,	STUN_UNKNOWN_ATTRIBUTES,
	    STUN_XOR_MAPPED_ADDRESS, STUN_PRIORITY, STUN_USE_CANDIDATE, STUN_PADDING};
	const uint8_t *p = msg->attrs, *end = msg->attrs + msg->attrs_size;

	for (; p < end; p += attr_span(p, (size_t)(end - p))) {
		uint16_t type = be16(p);
		size_t i = 0;

		if (type == STUN_MESSAGE_INTEGRITY)
			break;
		while (i < ARRAY_COUNT(known) && known[i] != type)
			i++;
		if (type < STUN_OPTIONAL && i == ARRAY_COUNT(known))
			return type;
	}
	return 0;
}
