/*
 * payload.h - video codecs by name: one table over lib/h264, h265, vp8, vp9 and av1, so that nobody
 * else needs a switch over codecs.  Sans-IO.
 *
 * Three forms of a picture go through here:
 *   payloads  what RTP carries;
 *   a unit    a whole picture as decoders take it: Annex B with 4-octet start codes (H264, H265),
 *             a frame or superframe (VP8, VP9), a temporal unit of OBUs with sizes (AV1);
 *   stored    as MP4, Matroska and FLV hold it: NALUs behind their lengths, AV1 without temporal
 *             delimiters, the others as they are; what is apart from it is the configuration record
 *             (avcC, hvcC, vpcC, av1C).
 */
#ifndef RTCKIT_PAYLOAD_PAYLOAD_H
#define RTCKIT_PAYLOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "au/au.h"
#include "av1/av1.h"
#include "h264/h264.h"
#include "h265/h265.h"
#include "vp8/vp8.h"
#include "vp9/vp9.h"

enum payload_codec {
	PAYLOAD_NONE, /* none of these: audio, or a codec that is only forwarded */
	PAYLOAD_H264,
	PAYLOAD_H265,
	PAYLOAD_VP8,
	PAYLOAD_VP9,
	PAYLOAD_AV1,
	PAYLOAD_CODECS
};

enum {
	PAYLOAD_HEADERS_MAX = 4096, /* parameter sets or a sequence header, as a unit */
	PAYLOAD_CONFIG_MAX = 4096,
	PAYLOAD_FMTP_SIZE = 128,
	PAYLOAD_MIME_SIZE = 64,
	PAYLOAD_RATE = 90000 /* Hz, of the RTP clock of all of them */
};

/* By the name of SDP ("H264", "vp9"; "HEVC" and "AVC" too), without case. */
enum payload_codec payload_codec_of(const char *name);
/* As SDP writes it; "" of NONE. Static. */
const char *payload_name(enum payload_codec codec);

/* ---- payloads ---- */

/* Can decoding begin with this RTP payload? Of NONE every payload is such a place. Never allocates.
 */
bool payload_starts_keyframe(enum payload_codec codec, const uint8_t *payload, size_t size);
/* The picture's size, where the payload names it (a keyframe's first). 0, or negative: it does not.
 * Never allocates. */
int payload_picture_size(enum payload_codec codec, const uint8_t *payload, size_t size,
			 uint32_t *width, uint32_t *height);

/* Units into payloads. About 8 KB; one per track, kept from unit to unit. */
struct payload_pack {
	enum payload_codec codec;
	union {
		struct h264_pack h264;
		struct h265_pack h265;
		struct vp8_pack vp8;
		struct vp9_pack vp9;
		struct av1_pack av1;
	} u;
};
void payload_pack_init(struct payload_pack *p, enum payload_codec codec);
/* Borrows the unit. 0, -EBADMSG (nothing to send, malformed, codec NONE), -ENOSPC. */
int payload_pack_start(struct payload_pack *p, const uint8_t *unit, size_t size,
		       size_t max_payload);
/* Size of the next payload; *last is set on the unit's last (RTP marker). 0 when done, -ENOSPC. */
int payload_pack_next(struct payload_pack *p, uint8_t *out, size_t cap, bool *last);

/* Payloads into a unit (au_init(), au_reset() before each). 0, -EBADMSG, -ENOSPC, -ENOMEM. */
int payload_depack_push(enum payload_codec codec, struct au *au, const uint8_t *payload,
			size_t size);
/* After the unit's last payload. True: it is whole (neither damaged nor in_fragment nor empty). */
bool payload_depack_end(enum payload_codec codec, struct au *au);

/* ---- units ---- */

struct payload_facts {
	bool picture;	 /* not only parameter sets or messages */
	bool keyframe;	 /* decoding can begin with it, given the headers */
	bool headers;	 /* it has what a decoder needs before: SPS, sequence header */
	bool disposable; /* H264, H265: no other picture refers to it */
};
/* 0, -EBADMSG. */
int payload_look(enum payload_codec codec, const uint8_t *unit, size_t size,
		 struct payload_facts *facts);
/* Parameter sets (VPS, SPS, PPS) or the sequence header of a unit, as a unit. Octets; 0: it has
 * none, as always with VP8 and VP9; -ENOSPC, -EBADMSG. */
int payload_headers(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
		    size_t size);
/* Picture size that a keyframe, or headers alone, tell. 0, or negative: they do not. */
int payload_unit_size(enum payload_codec codec, const uint8_t *unit, size_t size, uint32_t *width,
		      uint32_t *height);
/* Bits of a sample (8, 10, 12 ...) and chroma (0 none, 1 4:2:0, 2 4:2:2, 3 4:4:4) of the same. H264
 * is taken for 8 bits and 4:2:0. 0, or negative: it does not tell. */
int payload_unit_samples(enum payload_codec codec, const uint8_t *unit, size_t size,
			 unsigned *depth, unsigned *chroma);
/* fmtp of SDP for a keyframe or headers alone: profile and level. Returns text; "" if it does not
 * know (always of VP8). */
char *payload_fmtp(enum payload_codec codec, char text[static PAYLOAD_FMTP_SIZE],
		   const uint8_t *unit, size_t size);

/* ---- stored form and configuration records ---- */

/*
 * Headers of a configuration record, as a unit, to be put before keyframes that have none of their
 * own. *length_size (may be NULL): octets before each NALU of the stored form, 0 where there are no
 * NALUs. Octets (0 of VP8 and VP9), -EBADMSG, -ENOSPC.
 */
int payload_config_headers(enum payload_codec codec, uint8_t *out, size_t cap,
			   const uint8_t *record, size_t size, unsigned *length_size);
/* The record of a keyframe (H264, H265, AV1: headers alone will do); of VP8 vpcC as well, profile
 * 0. Octets, -EINVAL (the unit does not tell), -ENOSPC. PAYLOAD_CONFIG_MAX is enough for usual
 * ones. */
int payload_config_make(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
			size_t size);
/* The codec's name by RFC 6381 from its record: "avc1.42e01f", "hvc1.1.6.L30.90", "vp09.00.10.08",
 * "av01.0.00M.08". Returns text; "" if the record does not tell (always of VP8). */
char *payload_mime(enum payload_codec codec, char text[static PAYLOAD_MIME_SIZE],
		   const uint8_t *record, size_t size);
/* Stored form to unit. length_size as of the record. An output of 4 * size + 4 is always enough.
 * Octets, -EBADMSG, -ENOSPC. */
int payload_from_stored(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *stored,
			size_t size, unsigned length_size);
/* Unit to stored form, 4-octet lengths; parameter sets stay in. 2 * size is always enough. Octets,
 * -EBADMSG, -ENOSPC. */
int payload_to_stored(enum payload_codec codec, uint8_t *out, size_t cap, const uint8_t *unit,
		      size_t size);

#endif
