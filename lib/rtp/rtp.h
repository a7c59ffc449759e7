/*
 * rtp.h - RTP packets (RFC 3550 s.5.1), header extensions (RFC 8285), RTX (RFC 4588).  Pure views
 * and writers; nothing allocates.
 */
#ifndef RTCKIT_RTP_RTP_H
#define RTCKIT_RTP_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RTP_HEADER_SIZE = 12,
	RTP_PACKET_MAX = 1500, /* octets of a packet anywhere in this program */
	RTP_EXT_ID_MAX = 255,
	RTP_EXT_PROFILE_ONE_BYTE = 0xbede, /* RFC 8285 s.4.2 */
	RTP_EXT_PROFILE_TWO_BYTE = 0x1000  /* s.4.3; low four bits are "appbits" */
};

/* Borrowed view of one packet. */
struct rtp_packet {
	const uint8_t *buf;
	size_t size; /* the whole packet, padding included */
	bool marker;
	uint8_t pt; /* 0..127 */
	uint16_t seq;
	uint32_t ts, ssrc;
	uint8_t csrc_count;
	uint16_t ext_profile; /* 0 when there is no extension */
	const uint8_t *ext;   /* its data, after the 4-octet header */
	size_t ext_size;
	const uint8_t *payload;
	size_t payload_size; /* without padding; may be 0 */
	uint8_t padding_size;
};

/* RFC 5761 s.4 and RFC 7983: version 2; RTCP has 192..223 in the second octet (PT 64..95 with
 * marker). */
bool rtp_accepts(const uint8_t *buf, size_t size);
bool rtcp_accepts(const uint8_t *buf, size_t size);

/* 0; -ENOMSG (not RTP: version, or RTCP); -EBADMSG (malformed). On error *p is untouched. */
int rtp_parse(struct rtp_packet *p, const uint8_t *buf, size_t size);

/* Fixed header without CSRC; x says whether an extension follows. Writes RTP_HEADER_SIZE octets. */
void rtp_write_header(uint8_t *out, uint8_t pt, bool marker, bool x, uint16_t seq, uint32_t ts,
		      uint32_t ssrc);

/* One element of an extension block. */
struct rtp_ext {
	uint8_t id; /* 1..14 one-byte, 1..255 two-byte */
	const uint8_t *data;
	size_t size; /* 0..255 */
};
/* Iterate: *offset starts at 0. Returns 1 with *out set, 0 at the end, -EBADMSG. */
int rtp_ext_next(const struct rtp_packet *p, size_t *offset, struct rtp_ext *out);
/* First element of the id: 0, -ENOENT, -EBADMSG. */
int rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct rtp_ext *out);
/*
 * Write a whole extension block with its 4-octet header and padding: the one-byte form if every id
 * is 1..14 and every size 1..16, else the two-byte form. Returns octets (multiple of 4) or -ENOSPC.
 */
int rtp_ext_write(uint8_t *out, size_t cap, const struct rtp_ext *elements, size_t count);

/* Sequence arithmetic (RFC 3550 A.1): a - b in -32768..32767. */
static inline int16_t
rtp_seq_diff(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}

static inline int32_t
rtp_ts_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Extend a 16-bit sequence number to 64 bits: the value nearest to `near` (RFC 3711 s.3.3.1's
 * guess). */
static inline uint64_t
rtp_seq_extend(uint64_t near, uint16_t seq)
{
	return near + (uint64_t)(int64_t)rtp_seq_diff(seq, (uint16_t)near);
}

/*
 * RTX (RFC 4588 s.4). Wrap: the caller writes the RTX header, then the original sequence number
 * (OSN, 2 octets) precedes the payload. Unwrap: rewrite buf (an RTX packet of size octets, plain)
 * in place into the original packet: pt, seq, ssrc replaced, OSN removed. Returns its size;
 * -ENODATA for padding only (no OSN: a bandwidth probe); -EBADMSG.
 */
int rtp_rtx_unwrap(uint8_t *buf, size_t size, uint8_t pt, uint32_t ssrc);

#endif
