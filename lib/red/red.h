/*
 * red.h - redundant audio (RFC 2198): earlier blocks of sound before the one that a packet is for.
 * Sans-IO; never allocates.
 *
 * What it does not do: know codecs, put blocks in order, write packets of its own.
 */
#ifndef RTCKIT_RED_RED_H
#define RTCKIT_RED_RED_H

#include <stddef.h>
#include <stdint.h>

enum {
	RED_BLOCKS_MAX = 16 /* redundant ones and the primary; libwebrtc sends 2, at most 10 */
};

struct red_block {
	uint8_t pt;	    /* 0..127 */
	uint32_t ts_before; /* how much older than the packet's timestamp, RTP units */
	const uint8_t *data;
	size_t size; /* octets */
};

/* The primary block is the last. Borrows from the payload. */
struct red {
	size_t block_count, header_size;
	struct red_block blocks[RED_BLOCKS_MAX];
};

/*
 * A payload of size octets. 0; -EBADMSG: a header or block overruns it, there are more than
 * RED_BLOCKS_MAX, or the primary is empty. On error *out is untouched.
 */
int red_parse(struct red *out, const uint8_t *payload, size_t size);

/*
 * A copy of the payload into out, which has room for size octets, every block under the payload
 * type. Returns size, or -EBADMSG as red_parse().
 */
int red_copy(uint8_t *out, const uint8_t *payload, size_t size, uint8_t pt);

/*
 * The payload type of the blocks as an fmtp ("111/111", s.5) has it. -EINVAL: it is none, or
 * several of them.
 */
int red_fmtp_pt(const char *fmtp);

#endif
