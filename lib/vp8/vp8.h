/*
 * vp8.h - VP8 over RTP (RFC 7741): payload descriptor, packetiser, depacketiser, and as much of a
 * frame's header (RFC 6386 s.9.1) as that takes.  Sans-IO, pure where it can be.
 *
 * What it does not do: partitions other than as octets of a frame; temporal layers of its own.
 */
#ifndef RTCKIT_VP8_VP8_H
#define RTCKIT_VP8_VP8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"

enum {
	VP8_DESCRIPTOR_SIZE = 4, /* of those that vp8_pack_next() writes */
	VP8_ABSENT = -1
};

struct vp8_descriptor { /* s.4.2 */
	size_t size;	/* octets before the frame's */
	bool starts;	/* S: a partition begins here */
	bool reference; /* not N: other frames may refer to it */
	uint8_t partition;
	int picture_id;			/* 7 or 15 bits; VP8_ABSENT */
	int tl0_index;			/* 8 bits; VP8_ABSENT */
	int tid, layer_sync, key_index; /* tid 0..3, layer_sync 0..1, key_index 0..31; VP8_ABSENT */
};
/* 0, or -EBADMSG: it does not end before the payload does. */
int vp8_descriptor_parse(struct vp8_descriptor *d, const uint8_t *payload, size_t size);

/* Does this RTP payload begin a key frame? Bounded, pure. */
bool vp8_payload_starts_keyframe(const uint8_t *payload, size_t size);
/* Picture size of the key frame that the payload begins. 0, -ENOMSG (it begins none), -EBADMSG. */
int vp8_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height);

/* Of a whole frame. */
bool vp8_frame_is_key(const uint8_t *frame, size_t size);
/* 0, -ENOMSG (no key frame), -EBADMSG. */
int vp8_frame_size(const uint8_t *frame, size_t size, uint32_t *width, uint32_t *height);

/*
 * Packetiser: a frame into payloads of EQUAL size (only the last may be shorter, by less than their
 * count), each with a descriptor that has a 15-bit picture number. The number goes on from frame to
 * frame: begin with a zeroed or a random one. Borrows the frame until the next vp8_pack_start().
 */
struct vp8_pack {
	const uint8_t *frame;
	size_t size, offset, max_payload;
	uint16_t picture_id; /* of the frame in hand */
};
int vp8_pack_start(struct vp8_pack *p, const uint8_t *frame, size_t size, size_t max_payload);
int vp8_pack_next(struct vp8_pack *p, uint8_t *out, size_t cap, bool *last);

/*
 * Depacketiser: payloads of one frame in order. 0, -EBADMSG (unit marked damaged), -ENOSPC,
 * -ENOMEM. An empty payload is 0 and changes nothing. That the last payload came only the RTP
 * marker says.
 */
int vp8_depack_push(struct au *au, const uint8_t *payload, size_t size);

#endif
