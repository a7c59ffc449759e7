/*
 * av1.h - AV1 over RTP (the RTP payload format of the Alliance for Open Media, 1.0): packetiser,
 * depacketiser, OBUs, the sequence header, the configuration record.  Sans-IO, pure where it can
 * be.  Units are temporal units in the low-overhead format (AV1 bit stream s.5.2): every OBU with
 * its size.
 *
 * What it does not do: choose among layers (the dependency descriptor is a header extension, not a
 * part of the payload); annex B of the bit stream; large scale tiles.
 */
#ifndef RTCKIT_AV1_AV1_H
#define RTCKIT_AV1_AV1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"

enum av1_obu_type { /* AV1 bit stream s.6.2.2 */
		    AV1_SEQUENCE_HEADER = 1,
		    AV1_TEMPORAL_DELIMITER = 2,
		    AV1_FRAME_HEADER = 3,
		    AV1_TILE_GROUP = 4,
		    AV1_METADATA = 5,
		    AV1_FRAME = 6,
		    AV1_REDUNDANT_HEADER = 7,
		    AV1_TILE_LIST = 8,
		    AV1_PADDING = 15
};

enum { AV1_LEB128_MAX = 8, AV1_UNIT_OBUS_MAX = 256 };

struct av1_obu {
	uint8_t type;
	uint8_t header[2];   /* without obu_has_size_field */
	uint8_t header_size; /* 1, or 2 with an extension */
	const uint8_t *body; /* borrowed */
	size_t body_size;
};
/* Next OBU of a unit: 1 with *obu set, 0 at the end, -EBADMSG. One without a size is the last.
 * *offset starts at 0. */
int av1_obu_next(const uint8_t *unit, size_t size, size_t *offset, struct av1_obu *obu);
/* Octets of value as leb128 (s.4.10.5). */
size_t av1_leb128_size(size_t value);
/* Header of an OBU with a size: octets written, at most 2 + AV1_LEB128_MAX. The body follows. */
size_t av1_obu_head(uint8_t *out, const struct av1_obu *obu);
/* Does a frame or frame header OBU begin a key frame that is shown or will be? */
bool av1_frame_is_key(const uint8_t *body, size_t size);

/* What a sequence header tells (s.5.5). */
struct av1_sequence {
	uint8_t profile, level_idx, tier; /* of operating point 0 */
	bool still, monochrome;
	uint8_t depth; /* 8, 10, 12 */
	uint8_t subsampling_x, subsampling_y, chroma_position;
	uint32_t width, height;
};
/* body: of the OBU, without header and size. 0, -EBADMSG. */
int av1_sequence_parse(struct av1_sequence *s, const uint8_t *body, size_t size);

/*
 * Does this RTP payload begin a coded video sequence: the N bit, or a sequence header at its begin
 * (a temporal delimiter before it does not count)? Bounded, pure.
 */
bool av1_payload_starts_keyframe(const uint8_t *payload, size_t size);
/* Picture size of the sequence header that is whole in the payload. 0, -ENOMSG (there is none),
 * -EBADMSG. */
int av1_payload_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height);

/*
 * Packetiser: a temporal unit into payloads of EQUAL size (the last may be shorter; another may be
 * by up to 3 octets where two OBUs meet, or more behind a third OBU). Temporal delimiters, tile
 * lists and padding are left out. Borrows the unit until the next av1_pack_start().
 */
struct av1_pack {
	struct av1_obu obus[AV1_UNIT_OBUS_MAX];
	size_t obu_count, obu_index,
	    offset;	   /* offset: octets sent of the current OBU, header too */
	size_t target;	   /* of a payload */
	bool new_sequence; /* N of the first payload */
	bool begun;
};
/* 0, -ENOSPC (too many OBUs), -EBADMSG (malformed, or nothing to send). */
int av1_pack_start(struct av1_pack *p, const uint8_t *unit, size_t size, size_t max_payload);
int av1_pack_next(struct av1_pack *p, uint8_t *out, size_t cap, bool *last);

/*
 * Depacketiser: payloads of one temporal unit in order; the unit has a size in every OBU and no
 * temporal delimiter. 0, -EBADMSG (unit marked damaged), -ENOSPC, -ENOMEM. An empty payload is 0
 * and changes nothing. keyframe: it has a sequence header and a key frame.
 */
int av1_depack_push(struct au *au, const uint8_t *payload, size_t size);

/* AV1CodecConfigurationRecord (AV1 in ISO base media s.2.3.3). */
enum { AV1_CONFIG_HEAD_SIZE = 4 };
struct av1_config {
	uint8_t profile, level_idx, tier;
	const uint8_t *obus; /* configOBUs, borrowed: a unit, usually of one sequence header */
	size_t size;	     /* may be 0 */
};
/* 0, -EBADMSG. */
int av1_config_parse(struct av1_config *c, const uint8_t *buf, size_t size);
/* Of the first sequence header of a unit. Octets, -ENOSPC, -EINVAL (it has none). */
int av1_config_write(uint8_t *out, size_t cap, const uint8_t *unit, size_t size);

#endif
