/*
 * frame.h - packets on a stream: each behind its length in two octets (RFC 4571), as ICE, DTLS and
 * SRTP travel over TCP (RFC 6544 s.3).  Sans-IO; never allocates.  The caller stores the reader.
 */
#ifndef RTCKIT_FRAME_FRAME_H
#define RTCKIT_FRAME_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_HEAD_SIZE = 2,	/* octets of the length */
	FRAME_PACKET_MAX = 2048 /* octets of a packet that is given out; a longer one is skipped */
};

struct frame_reader {
	uint32_t skip; /* octets still to come of a frame that is too long */
	uint16_t have; /* octets in buf: a frame that is not whole yet */
	uint8_t buf[FRAME_HEAD_SIZE + FRAME_PACKET_MAX];
};

void frame_reader_init(struct frame_reader *r);

/*
 * The next packet of what has come: *data and *size are the octets not looked at yet, and move on.
 * Returns 1 with a packet of 1 to FRAME_PACKET_MAX octets, writable, borrowed until the next call
 * (or, if it lies in the caller's octets, as long as these); 0 when more octets are needed: all of
 * *data was taken then; -EMSGSIZE, once for each frame that is too long: call again to go on behind
 * it.  Empty frames are passed over (RFC 4571 s.2: a null packet is ignored).
 */
int frame_next(struct frame_reader *r, uint8_t **data, size_t *size, uint8_t **packet,
	       size_t *packet_size);

/* The head of a frame that carries size octets, 0 to 65535, written to out. */
void frame_write_head(uint8_t out[static FRAME_HEAD_SIZE], size_t size);

#endif
