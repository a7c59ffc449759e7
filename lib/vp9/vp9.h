/*
 * vp9.h - VP9 over RTP (RFC 9628): payload descriptor with its scalability structure, packetiser,
 * depacketiser, the uncompressed header of a frame, superframes, the configuration record.
 * Sans-IO, pure where it can be.
 *
 * What it does not do: choose among spatial or temporal layers; send more than one.
 */
#ifndef RTCKIT_VP9_VP9_H
#define RTCKIT_VP9_VP9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"

enum {
	VP9_LAYERS_MAX = 8, /* spatial; N_S is 3 bits (s.4.2.1) */
	VP9_DESCRIPTOR_SIZE =
	    3, /* of those that vp9_pack_next() writes; more where a structure is */
	VP9_STRUCTURE_SIZE = 5,
	VP9_CONFIG_SIZE = 8,
	VP9_ABSENT = -1
};

struct vp9_descriptor {	     /* s.4.2 */
	size_t size;	     /* octets before the frame's */
	bool inter;	     /* P: predicted from earlier pictures */
	bool flexible;	     /* F: the descriptor names the references */
	bool begins, ends;   /* B, E: of a layer's frame */
	bool has_structure;  /* V */
	int picture_id;	     /* 7 or 15 bits; VP9_ABSENT */
	int tid, sid;	     /* VP9_ABSENT without layers */
	int tl0_index;	     /* VP9_ABSENT */
	uint8_t layer_count; /* of the structure; 0 without one */
	uint16_t width[VP9_LAYERS_MAX], height[VP9_LAYERS_MAX]; /* 0: it does not say */
};
/* 0, or -EBADMSG: it does not end before the payload does, or names over three references. */
int vp9_descriptor_parse(struct vp9_descriptor *d, const uint8_t *payload, size_t size);

/* A frame's uncompressed header (VP9 bit stream s.6.2) as far as the size of a key frame. */
struct vp9_frame {
	uint8_t profile;
	bool key, shows_existing, shown;
	/* Of key frames: */
	uint8_t depth, subsampling_x, subsampling_y, color_space, full_range;
	uint32_t width, height;
};
/* 0, -EBADMSG. */
int vp9_frame_parse(struct vp9_frame *f, const uint8_t *frame, size_t size);

/* Does this RTP payload begin a picture that is a key frame in its lowest layer? Bounded, pure. */
bool vp9_payload_starts_keyframe(const uint8_t *payload, size_t size);
/*
 * Picture size: of the highest layer that the structure names, else of the key frame that the
 * payload begins. 0, -ENOMSG (it says nothing), -EBADMSG.
 */
int vp9_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height);

/*
 * Packetiser: a frame or superframe, one layer, into payloads of EQUAL size (only the last may be
 * shorter, by less than their count + VP9_STRUCTURE_SIZE). The descriptor has a 15-bit picture
 * number, key frames begin with a structure that tells their size. The number goes on from frame
 * to frame. Borrows the frame until the next vp9_pack_start().
 */
struct vp9_pack {
	const uint8_t *frame;
	size_t size, offset, max_payload;
	uint16_t picture_id; /* of the frame in hand */
	bool key;
	uint16_t width, height;
};
/* 0, -EBADMSG (no VP9 frame). */
int vp9_pack_start(struct vp9_pack *p, const uint8_t *frame, size_t size, size_t max_payload);
int vp9_pack_next(struct vp9_pack *p, uint8_t *out, size_t cap, bool *last);

/*
 * Depacketiser: payloads of one picture in order, all its spatial layers. 0, -EBADMSG (unit marked
 * damaged), -ENOSPC, -ENOMEM. An empty payload is 0 and changes nothing.
 */
int vp9_depack_push(struct au *au, const uint8_t *payload, size_t size);
/* The picture is whole: of several layers a superframe is made (VP9 bit stream annex B). 0,
 * -ENOSPC, -ENOMEM. */
int vp9_depack_end(struct au *au);

/*
 * VPCodecConfigurationRecord without the box's version and flags, as enhanced RTMP has it;
 * VP9_CONFIG_SIZE octets.
 */
struct vp9_config {
	uint8_t profile, level, depth; /* level 10..62; 0 unknown */
	uint8_t chroma;		       /* 1: 4:2:0, 2: 4:2:2, 3: 4:4:4 */
	uint8_t full_range, primaries, transfer, matrix;
};
/* With or without version and flags before it. 0, -EBADMSG. */
int vp9_config_parse(struct vp9_config *c, const uint8_t *buf, size_t size);
/* Of a key frame. VP9_CONFIG_SIZE, -ENOSPC, -EINVAL (no key frame). */
int vp9_config_write(uint8_t *out, size_t cap, const struct vp9_frame *f);

#endif
