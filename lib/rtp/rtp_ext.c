/* rtp_ext.c - header extensions in the one-byte and two-byte forms (RFC 8285). */
#include "rtp/rtp.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	ONE_BYTE_ID_MAX = 14, /* s.4.2: 15 is reserved, it ends the block */
	ONE_BYTE_SIZE_MAX = 16,
	TWO_BYTE_SIZE_MAX = 255
};

/* An element at ext[*at]: s.4.2. 15, and 0 with a length, end the block (both by the RFC). */
static int
next_one_byte(const struct rtp_packet *p, size_t *at, struct rtp_ext *out)
{
	uint8_t head = p->ext[*at];
	size_t size = (size_t)(head & 15) + 1;

	if (head >> 4 == 0 || head >> 4 > ONE_BYTE_ID_MAX) {
		*at = p->ext_size;
		return 0;
	}
	if (p->ext_size - *at - 1 < size)
		return -EBADMSG;
	*out = (struct rtp_ext){.id = head >> 4, .data = p->ext + *at + 1, .size = size};
	*at += 1 + size;
	return 1;
}

/* s.4.3 */
static int
next_two_byte(const struct rtp_packet *p, size_t *at, struct rtp_ext *out)
{
	size_t left = p->ext_size - *at, size;

	if (left < 2)
		return -EBADMSG;
	size = p->ext[*at + 1];
	if (left - 2 < size)
		return -EBADMSG;
	*out = (struct rtp_ext){.id = p->ext[*at], .data = p->ext + *at + 2, .size = size};
	*at += 2 + size;
	return 1;
}

int
rtp_ext_next(const struct rtp_packet *p, size_t *offset, struct rtp_ext *out)
{
	bool one = p->ext_profile == RTP_EXT_PROFILE_ONE_BYTE;
	bool two = (p->ext_profile & 0xfff0) == RTP_EXT_PROFILE_TWO_BYTE;

	if (!one && !two)
		return 0;
	while (*offset < p->ext_size && p->ext[*offset] == 0)
		(*offset)++; /* padding may stand between elements: s.4.1.2 */
	if (*offset >= p->ext_size)
		return 0;
	return one ? next_one_byte(p, offset, out) : next_two_byte(p, offset, out);
}

int
rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct rtp_ext *out)
{
	struct rtp_ext e;
	size_t offset = 0;

	for (;;) {
		int rc = rtp_ext_next(p, &offset, &e);

		if (rc <= 0)
			return rc == 0 ? -ENOENT : rc;
		if (e.id == id) {
			*out = e;
			return 0;
		}
	}
}

static bool
fits_one_byte(const struct rtp_ext *e)
{
	return e->id <= ONE_BYTE_ID_MAX && e->size >= 1 && e->size <= ONE_BYTE_SIZE_MAX;
}

int
rtp_ext_write(uint8_t *out, size_t cap, const struct rtp_ext *elements, size_t count)
{
	bool one = true;
	size_t size = 4, total;

	for (size_t i = 0; i < count; i++) {
		if (elements[i].id == 0 || elements[i].size > TWO_BYTE_SIZE_MAX)
			return -EINVAL;
		one = one && fits_one_byte(&elements[i]);
		size += elements[i].size;
	}
	size += count * (one ? 1 : 2);
	total = (size + 3) & ~(size_t)3;
	if (total > cap || total / 4 - 1 > UINT16_MAX)
		return -ENOSPC;
	put_be16(out, one ? RTP_EXT_PROFILE_ONE_BYTE : RTP_EXT_PROFILE_TWO_BYTE);
	put_be16(out + 2, (uint16_t)(total / 4 - 1));
	out += 4;
	for (size_t i = 0; i < count; i++) {
		const struct rtp_ext *e = &elements[i];

		if (one) {
			*out++ = (uint8_t)(e->id << 4 | (e->size - 1));
		} else {
			*out++ = e->id;
			*out++ = (uint8_t)e->size;
		}
		if (e->size > 0)
			memcpy(out, e->data, e->size);
		out += e->size;
	}
	memset(out, 0, total - size);
	return (int)total;
}
