/* flv_tag.c - the container: file header and tags, out of a stream and into one. */
#include "flv/flv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
	FILE_HEADER_SIZE = 9, /* E.2 */
	FILE_HEADER_MAX = 64, /* what DataOffset may claim */
	TYPE_MASK = 0x1f,     /* the bits above: reserved, filter (encryption) */
	FILTER = 0x20,
	PUSH_MAX = 1 << 20,
	BUFFER_MAX = FLV_TAG_HEAD_SIZE + FLV_TAG_MAX + FLV_TAG_TAIL_SIZE + PUSH_MAX,
	BUFFER_MIN = 16 << 10
};

void
flv_reader_init(struct flv_reader *r)
{
	*r = (struct flv_reader){0};
}

void
flv_reader_fini(struct flv_reader *r)
{
	free(r->buf);
	*r = (struct flv_reader){0};
}

static void
drop_used(struct flv_reader *r)
{
	if (r->used == 0)
		return;
	memmove(r->buf, r->buf + r->used, r->size - r->used);
	r->size -= r->used;
	r->used = 0;
}

int
flv_reader_push(struct flv_reader *r, const uint8_t *buf, size_t size)
{
	if (size == 0)
		return 0;
	drop_used(r);
	if (size > BUFFER_MAX - r->size)
		return -ENOSPC;
	if (r->size + size > r->cap) {
		size_t cap = MAX_OF((size_t)BUFFER_MIN, r->cap);
		uint8_t *grown;

		while (cap < r->size + size)
			cap *= 2;
		grown = realloc(r->buf, cap);
		if (grown == NULL)
			return -ENOMEM;
		r->buf = grown;
		r->cap = cap;
	}
	memcpy(r->buf + r->size, buf, size);
	r->size += size;
	return 0;
}

/* The file header: 1 it was read, 0 more octets, -EBADMSG. */
static int
read_file_header(struct flv_reader *r)
{
	static const uint8_t signature[] = {'F', 'L', 'V', 1};
	const uint8_t *p = r->buf + r->used;
	size_t left = r->size - r->used, offset;

	if (left > 0 && memcmp(p, signature, MIN_OF(left, sizeof(signature))) != 0)
		return -EBADMSG;
	if (left < FILE_HEADER_SIZE)
		return 0;
	offset = be32(p + 5);
	if (offset < FILE_HEADER_SIZE || offset > FILE_HEADER_MAX)
		return -EBADMSG;
	if (left < offset + FLV_TAG_TAIL_SIZE)
		return 0;
	r->has_flags = p[4];
	r->used += offset + FLV_TAG_TAIL_SIZE;
	r->begun = true;
	return 1;
}

int
flv_reader_next(struct flv_reader *r, struct flv_tag *tag)
{
	const uint8_t *p;
	size_t size;
	int rc;

	if (!r->begun) {
		rc = read_file_header(r);
		if (rc <= 0)
			return rc;
	}
	if (r->size - r->used < FLV_TAG_HEAD_SIZE)
		return 0;
	p = r->buf + r->used;
	size = be24(p + 1);
	if (size > FLV_TAG_MAX || (p[0] & FILTER) != 0)
		return -EBADMSG;
	if (r->size - r->used < FLV_TAG_HEAD_SIZE + size + FLV_TAG_TAIL_SIZE)
		return 0;
	*tag = (struct flv_tag){.type = p[0] & TYPE_MASK,
				.ts_ms = (uint32_t)p[7] << 24 | be24(p + 4),
				.data = p + FLV_TAG_HEAD_SIZE,
				.size = size};
	r->used += FLV_TAG_HEAD_SIZE + size + FLV_TAG_TAIL_SIZE;
	return 1;
}

int
flv_write_header(uint8_t *out, size_t cap, bool audio, bool video)
{
	const uint8_t header[FLV_HEADER_SIZE] = {'F',
						 'L',
						 'V',
						 1,
						 (uint8_t)((audio ? 4 : 0) | (video ? 1 : 0)),
						 0,
						 0,
						 0,
						 FILE_HEADER_SIZE};

	if (cap < sizeof(header))
		return -ENOSPC;
	memcpy(out, header, sizeof(header));
	return FLV_HEADER_SIZE;
}

void
flv_write_tag_head(uint8_t *out, uint8_t type, uint32_t ts_ms, size_t size)
{
	out[0] = type;
	put_be24(out + 1, (uint32_t)size);
	put_be24(out + 4, ts_ms & 0xffffff);
	out[7] = (uint8_t)(ts_ms >> 24);
	put_be24(out + 8, 0); /* stream id */
}

void
flv_write_tag_tail(uint8_t *out, size_t size)
{
	put_be32(out, (uint32_t)(FLV_TAG_HEAD_SIZE + size));
}

int
flv_write_tag(uint8_t *out, size_t cap, const struct flv_tag *tag)
{
	size_t total = FLV_TAG_HEAD_SIZE + tag->size + FLV_TAG_TAIL_SIZE;

	if (tag->size > FLV_TAG_MAX || cap < total)
		return -ENOSPC;
	flv_write_tag_head(out, tag->type, tag->ts_ms, tag->size);
	if (tag->size > 0)
		memcpy(out + FLV_TAG_HEAD_SIZE, tag->data, tag->size);
	flv_write_tag_tail(out + FLV_TAG_HEAD_SIZE + tag->size, tag->size);
	return (int)total;
}
