#include "red/red.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { REDUNDANT_HEADER = 4, FOLLOWS = 0x80 }; /* octets; F: another header follows (s.3) */

/* The headers; sizes of all blocks but the primary, in *data_size together. */
static int
parse_headers(struct red *r, const uint8_t *payload, size_t size, size_t *data_size)
{
	size_t at = 0;

	*data_size = 0;
	while (at < size && r->block_count < RED_BLOCKS_MAX) {
		struct red_block *b = &r->blocks[r->block_count++];
		uint32_t word;

		b->pt = payload[at] & 0x7f;
		if ((payload[at] & FOLLOWS) == 0) {
			r->header_size = at + 1;
			return 0;
		}
		if (size - at < REDUNDANT_HEADER)
			return -EBADMSG;
		word = be32(payload + at);
		b->ts_before = word >> 10 & 0x3fff;
		b->size = word & 0x3ff;
		*data_size += b->size;
		at += REDUNDANT_HEADER;
	}
	return -EBADMSG;
}

int
red_parse(struct red *out, const uint8_t *payload, size_t size)
{
	struct red r = {.block_count = 0};
	const uint8_t *data;
	size_t redundant;

	if (parse_headers(&r, payload, size, &redundant) < 0 || size - r.header_size <= redundant)
		return -EBADMSG;
	r.blocks[r.block_count - 1].size = size - r.header_size - redundant;
	data = payload + r.header_size;
	for (size_t i = 0; i < r.block_count; i++) {
		r.blocks[i].data = data;
		data += r.blocks[i].size;
	}
	*out = r;
	return 0;
}

int
red_copy(uint8_t *out, const uint8_t *payload, size_t size, uint8_t pt)
{
	struct red r;

	if (red_parse(&r, payload, size) < 0)
		return -EBADMSG;
	memcpy(out, payload, size);
	for (size_t i = 0; i < r.block_count; i++)
		out[i * REDUNDANT_HEADER] = (uint8_t)((out[i * REDUNDANT_HEADER] & FOLLOWS) | pt);
	return (int)size;
}

int
red_fmtp_pt(const char *fmtp)
{
	int pt = -EINVAL;

	for (;;) {
		int n = 0, digits = 0;

		for (; *fmtp >= '0' && *fmtp <= '9' && digits < 3; digits++)
			n = n * 10 + (*fmtp++ - '0');
		if (digits == 0 || n > 127 || (pt >= 0 && n != pt))
			return -EINVAL;
		pt = n;
		if (*fmtp == '\0')
			return pt;
		if (*fmtp++ != '/')
			return -EINVAL;
	}
}
