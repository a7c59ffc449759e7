/*
 * h265.h - H.265 over RTP (RFC 7798): NAL units, packetiser, depacketiser, SPS, configuration
 * record.  Sans-IO, pure where it can be.
 *
 * What it does not do: decoding order numbers (sprop-max-don-diff above 0: nobody sends them), PACI
 * packets, layers above 0 other than as octets.
 */
#ifndef RTCKIT_H265_H265_H
#define RTCKIT_H265_H265_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"

enum h265_nalu_type { /* ITU-T H.265 table 7-1; 48.. RFC 7798 s.4.4 */
		      H265_BLA_W_LP = 16,
		      H265_IDR_W_RADL = 19,
		      H265_CRA = 21,
		      H265_VCL_MAX = 31, /* 0..31 are slices */
		      H265_VPS = 32,
		      H265_SPS = 33,
		      H265_PPS = 34,
		      H265_AUD = 35,
		      H265_PREFIX_SEI = 39,
		      H265_AP = 48,
		      H265_FU = 49
};

enum { H265_NALU_HEADER_SIZE = 2 };

/* Of a NALU's first octet: 0..63. */
unsigned h265_nalu_type(const uint8_t *nalu);
/* A slice of a picture that decoding can begin with (IRAP, types 16..21). */
bool h265_type_is_irap(unsigned type);

/*
 * Does this RTP payload begin or carry a decodable join point: a VPS or SPS (alone or in an
 * aggregation packet), the first slice segment of an IRAP picture? Bounded, pure.
 */
bool h265_payload_starts_keyframe(const uint8_t *payload, size_t size);

/* What SPS tells (7.3.2.2.1). */
struct h265_sps {
	uint8_t profile_space, tier, profile_idc, level_idc;
	uint32_t compatibility; /* general_profile_compatibility_flag[0] is the high bit */
	uint8_t constraints[6];
	uint8_t sub_layer_count, nested; /* sps_max_sub_layers; temporal_id_nesting_flag */
	uint8_t chroma_format, luma_depth, chroma_depth;
	uint32_t width, height; /* inside the conformance window */
};
/* nalu: with its header, with emulation prevention. 0, -ENOMSG (not an SPS), -EBADMSG. */
int h265_sps_parse(struct h265_sps *sps, const uint8_t *nalu, size_t size);
/* The first SPS of a payload: alone or in an aggregation packet. As h265_sps_parse(). */
int h265_payload_sps(struct h265_sps *sps, const uint8_t *payload, size_t size);

/*
 * Packetiser: one access unit in Annex B form in, payloads out. Small NALUs (VPS, SPS, PPS, SEI) go
 * together into an aggregation packet; a NALU over max_payload is cut into fragmentation units of
 * EQUAL size (only the last may be shorter, by less than their count). Borrows the unit until the
 * next h265_pack_start().
 */
enum { H265_AU_NALUS_MAX = 256 };
struct h265_pack {
	struct {
		const uint8_t *p;
		size_t size;
	} nalus[H265_AU_NALUS_MAX];
	size_t nalu_count, nalu_index, offset; /* offset: octets sent of the current NALU's body */
	size_t max_payload;
};
/* 0, -ENOSPC (too many NALUs), -EBADMSG (none that RTP carries). Delimiters, ends of sequence and
 * filler are left out. */
int h265_pack_start(struct h265_pack *p, const uint8_t *annexb, size_t size, size_t max_payload);
/* Writes the next payload; *last is set on the unit's last (RTP marker). Its size, 0 when done,
 * -ENOSPC. */
int h265_pack_next(struct h265_pack *p, uint8_t *out, size_t cap, bool *last);

/*
 * Depacketiser: payloads of one access unit in order, Annex B out. Single NALU, AP, FU. 0, -EBADMSG
 * (unit marked damaged), -ENOSPC, -ENOMEM. An empty payload is 0 and changes nothing. keyframe: it
 * holds a slice of an IRAP picture.
 */
int h265_depack_push(struct au *au, const uint8_t *payload, size_t size);

/* HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 s.8.3.2.1). */
enum { H265_SETS_MAX = 32 }; /* VPS, SPS and PPS together */
struct h265_config {
	uint8_t length_size; /* 1, 2 or 4 octets before each NALU */
	struct {
		const uint8_t *p; /* a NALU, borrowed */
		size_t size;
	} sets[H265_SETS_MAX]; /* in the order of the record, which is VPS, SPS, PPS */
	size_t set_count;
};
/* 0, -EBADMSG. Sets beyond the maximum, and arrays of other types than the three, are skipped. */
int h265_config_parse(struct h265_config *c, const uint8_t *buf, size_t size);
/* Facts are of the first SPS among the sets; length_size is 4. Octets, -ENOSPC, -EINVAL without
 * a VPS, a usable SPS and a PPS. */
int h265_config_write(uint8_t *out, size_t cap, const struct h265_config *c);

#endif
