/* rtcp_twcc.c - reads transport-wide congestion control feedback
 * (draft-holmer-rmcat-transport-wide- cc-extensions-01 s.3.1). */
#include "rtp/rtcp.h"

#include <errno.h>

#include "base/bytes.h"

enum {
	TWCC_FIXED_SIZE = 16, /* SSRCs, base, count, reference time, feedback count */
	TICK_US = 250,	      /* s.3.1.5: unit of the deltas */
	SYMBOL_NONE = 0,
	SYMBOL_SMALL = 1,
	SYMBOL_LARGE = 2 /* s.3.1.1; 3 is reserved */
};

/* Walks the statuses of the chunks, one at a time. */
struct twcc_cursor {
	const uint8_t *at, *end; /* next chunk */
	uint16_t chunk;
	unsigned left; /* symbols of the chunk not yet given */
};

/* Symbols that a chunk stands for: run length (s.3.1.3) or status vector (s.3.1.4). */
static unsigned
chunk_symbols(uint16_t chunk)
{
	if (chunk >> 15 == 0)
		return chunk & 0x1fff;
	return chunk >> 14 & 1 ? 7 : 14;
}

/* Next symbol 0..2, or -EBADMSG. */
static int
next_symbol(struct twcc_cursor *c)
{
	int symbol;

	while (c->left == 0) {
		if (c->end - c->at < 2)
			return -EBADMSG;
		c->chunk = be16(c->at);
		c->at += 2;
		c->left = chunk_symbols(c->chunk);
	}
	c->left--;
	if (c->chunk >> 15 == 0)
		symbol = c->chunk >> 13 & 3;
	else if (c->chunk >> 14 & 1)
		symbol = c->chunk >> (2 * c->left) & 3;
	else
		symbol = c->chunk >> c->left & 1;
	return symbol <= SYMBOL_LARGE ? symbol : -EBADMSG;
}

/* Check every chunk; *deltas gets where the deltas begin. */
static int
check_chunks(const struct rtcp_packet *p, uint16_t status_count, const uint8_t **deltas)
{
	struct twcc_cursor c = {.at = p->body + TWCC_FIXED_SIZE, .end = p->body + p->body_size};
	size_t size = 0;

	for (unsigned i = 0; i < status_count; i++) {
		int symbol = next_symbol(&c);

		if (symbol < 0)
			return symbol;
		size += (size_t)symbol; /* small: 1 octet, large: 2 */
	}
	if ((size_t)(c.end - c.at) < size)
		return -EBADMSG;
	*deltas = c.at;
	return 0;
}

int
rtcp_get_twcc(const struct rtcp_packet *p, struct rtcp_twcc_head *head,
	      void (*fn)(void *arg, uint16_t seq, int64_t delta_us), void *arg)
{
	struct twcc_cursor c;
	struct rtcp_twcc_head h;
	const uint8_t *delta;
	int64_t us = 0;
	int rc;

	if (p->type != RTCP_RTPFB || p->count != RTCP_FB_TWCC)
		return -ENOMSG;
	if (p->body_size < TWCC_FIXED_SIZE)
		return -EBADMSG;
	h = (struct rtcp_twcc_head){.base_seq = be16(p->body + 8),
				    .status_count = be16(p->body + 10),
				    .reference_64ms = be24(p->body + 12),
				    .feedback_count = p->body[15]};
	if (h.status_count == 0)
		return -EBADMSG;
	rc = check_chunks(p, h.status_count, &delta);
	if (rc != 0)
		return rc;
	*head = h;
	c = (struct twcc_cursor){.at = p->body + TWCC_FIXED_SIZE, .end = p->body + p->body_size};
	for (unsigned i = 0; i < h.status_count; i++) {
		int symbol = next_symbol(&c);

		if (symbol == SYMBOL_SMALL)
			us += (int64_t)delta[0] * TICK_US;
		else if (symbol == SYMBOL_LARGE)
			us += (int64_t)(int16_t)be16(delta) * TICK_US;
		delta += symbol;
		fn(arg, (uint16_t)(h.base_seq + i), symbol == SYMBOL_NONE ? INT64_MIN : us);
	}
	return h.status_count;
}
