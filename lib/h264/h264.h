/*
 * h264.h - H.264 over RTP (RFC 6184): NAL units, packetiser, depacketiser, SPS.  Sans-IO, pure
 * where it can be.
 */
#ifndef RTCKIT_H264_H264_H
#define RTCKIT_H264_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"

enum h264_nalu_type { /* ITU-T H.264 table 7-1; 24.. RFC 6184 s.5.2 */
		      H264_SLICE = 1,
		      H264_IDR = 5,
		      H264_SEI = 6,
		      H264_SPS = 7,
		      H264_PPS = 8,
		      H264_AUD = 9,
		      H264_STAP_A = 24,
		      H264_FU_A = 28
};

/*
 * Does this RTP payload begin or carry a decodable join point: an IDR slice's first fragment, an
 * SPS (alone or in a STAP-A)? For the relay's keyframe recognition; bounded, pure.
 */
bool h264_payload_starts_keyframe(const uint8_t *payload, size_t size);

/* What SPS tells (7.3.2.1.1). */
struct h264_sps {
	uint8_t profile_idc, constraints, level_idc;
	uint32_t width, height; /* after cropping */
	double fps;		/* from VUI timing; 0 if absent */
	int reorder_frames;	/* VUI's max_num_reorder_frames; -1 if absent */
};
/* nalu: with its header octet, with emulation prevention. 0, -ENOMSG (not an SPS), -EBADMSG. */
int h264_sps_parse(struct h264_sps *sps, const uint8_t *nalu, size_t size);
/* The same of an RTP payload that is an SPS or a STAP-A with one (RFC 6184 s.5.7.1). -ENOMSG: it
 * has none. */
int h264_payload_sps(struct h264_sps *sps, const uint8_t *payload, size_t size);

/* Next NAL unit of an Annex B buffer: sets *nalu and *nalu_size (borrowed) and returns the octets
 * consumed up to the next start code, 0 at the end. */
size_t h264_annexb_next(const uint8_t *buf, size_t size, const uint8_t **nalu, size_t *nalu_size);

/*
 * Packetiser (packetization-mode 1): one access unit in, payloads out. Small NALUs (SPS, PPS, SEI)
 * go together into a STAP-A; a NALU over max_payload is cut into FU-A fragments of EQUAL size (only
 * the last may be shorter, by less than the count of fragments), so that a relay's GSO can send
 * them as segments. The NALUs are borrowed until the next h264_pack_start().
 */
enum { H264_AU_NALUS_MAX = 256 };
struct h264_pack {
	struct {
		const uint8_t *p;
		size_t size;
	} nalus[H264_AU_NALUS_MAX];
	size_t nalu_count, nalu_index, offset; /* offset: octets of the current NALU already sent */
	size_t max_payload;
};
/* 0, or -ENOSPC if the unit has more than H264_AU_NALUS_MAX NALUs, -EBADMSG if empty. AUDs and
 * types that RTP cannot carry are left out. */
int h264_pack_start(struct h264_pack *p, const uint8_t *annexb, size_t size, size_t max_payload);
/* Writes the next payload; *last is set on the unit's last (RTP marker). Its size, 0 when done,
 * -ENOSPC. */
int h264_pack_next(struct h264_pack *p, uint8_t *out, size_t cap, bool *last);

enum { H264_AU_MAX = AU_OCTETS_MAX }; /* octets */
/*
 * Depacketiser: payloads of one access unit in order, Annex B out (4-octet start codes). Single
 * NAL, STAP-A, FU-A; others -> -EBADMSG. keyframe: it holds an IDR slice.
 */
/* 0, -EBADMSG (unit marked damaged), -ENOSPC, -ENOMEM. An empty payload is 0 and changes nothing.
 */
int h264_depack_push(struct au *d, const uint8_t *payload, size_t size);

#endif
