#include "frame/frame.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

void
frame_reader_init(struct frame_reader *r)
{
	r->skip = 0;
	r->have = 0;
}

static void
advance(uint8_t **data, size_t *size, size_t count)
{
	*data += count;
	*size -= count;
}

static void
skip_rest(struct frame_reader *r, uint8_t **data, size_t *size)
{
	size_t count = MIN_OF((size_t)r->skip, *size);

	r->skip -= (uint32_t)count;
	advance(data, size, count);
}

/* Collect octets until the frame in buf has want of them. */
static void
collect(struct frame_reader *r, size_t want, uint8_t **data, size_t *size)
{
	size_t count = r->have < want ? MIN_OF(want - r->have, *size) : 0;

	memcpy(r->buf + r->have, *data, count);
	r->have = (uint16_t)(r->have + count);
	advance(data, size, count);
}

/* A frame that began in earlier octets: 1, 0 or -EMSGSIZE; 0 with have 0 if it was empty. */
static int
next_collected(struct frame_reader *r, uint8_t **data, size_t *size, uint8_t **packet,
	       size_t *packet_size)
{
	size_t length;

	collect(r, FRAME_HEAD_SIZE, data, size);
	if (r->have < FRAME_HEAD_SIZE)
		return 0;
	length = be16(r->buf);
	if (length > FRAME_PACKET_MAX) {
		r->have = 0;
		r->skip = (uint32_t)length;
		return -EMSGSIZE;
	}
	collect(r, FRAME_HEAD_SIZE + length, data, size);
	if (r->have < FRAME_HEAD_SIZE + length)
		return 0;
	r->have = 0;
	*packet = r->buf + FRAME_HEAD_SIZE;
	*packet_size = length;
	return length > 0;
}

int
frame_next(struct frame_reader *r, uint8_t **data, size_t *size, uint8_t **packet,
	   size_t *packet_size)
{
	skip_rest(r, data, size);
	while (*size > 0) {
		size_t length = *size >= FRAME_HEAD_SIZE ? be16(*data) : 0;
		int n;

		if (r->have == 0 && length > 0 && length <= FRAME_PACKET_MAX &&
		    *size >= FRAME_HEAD_SIZE + length) { /* whole: where it lies */
			*packet = *data + FRAME_HEAD_SIZE;
			*packet_size = length;
			advance(data, size, FRAME_HEAD_SIZE + length);
			return 1;
		}
		n = next_collected(r, data, size, packet, packet_size);
		if (n != 0)
			return n;
	}
	return 0;
}

void
frame_write_head(uint8_t out[static FRAME_HEAD_SIZE], size_t size)
{
	put_be16(out, (uint16_t)size);
}
