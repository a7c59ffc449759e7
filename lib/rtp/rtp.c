#include "rtp/rtp.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { RTP_VERSION = 2 }; /* RFC 3550 s.5.1 */

/* Second octets that are RTCP when the port is shared: RFC 5761 s.4. */
static bool
is_rtcp_type(uint8_t octet)
{
	return octet >= 192 && octet <= 223;
}

bool
rtp_accepts(const uint8_t *buf, size_t size)
{
	return size >= RTP_HEADER_SIZE && buf[0] >> 6 == RTP_VERSION && !is_rtcp_type(buf[1]);
}

bool
rtcp_accepts(const uint8_t *buf, size_t size)
{
	return size >= 4 && buf[0] >> 6 == RTP_VERSION && is_rtcp_type(buf[1]);
}

/* The extension (s.5.3.1) at offset: returns the offset after it, 0 if it overruns. */
static size_t
parse_extension(struct rtp_packet *p, size_t offset)
{
	if (p->size - offset < 4)
		return 0;
	p->ext_profile = be16(p->buf + offset);
	p->ext_size = (size_t)be16(p->buf + offset + 2) * 4;
	p->ext = p->buf + offset + 4;
	offset += 4;
	return p->size - offset < p->ext_size ? 0 : offset + p->ext_size;
}

int
rtp_parse(struct rtp_packet *p, const uint8_t *buf, size_t size)
{
	struct rtp_packet v = {.buf = buf, .size = size};
	size_t offset;

	if (size < 2 || buf[0] >> 6 != RTP_VERSION || is_rtcp_type(buf[1]))
		return -ENOMSG;
	if (size < RTP_HEADER_SIZE)
		return -EBADMSG;
	v.csrc_count = buf[0] & 15;
	v.marker = buf[1] >> 7;
	v.pt = buf[1] & 127;
	v.seq = be16(buf + 2);
	v.ts = be32(buf + 4);
	v.ssrc = be32(buf + 8);
	offset = RTP_HEADER_SIZE + (size_t)v.csrc_count * 4;
	if (offset > size)
		return -EBADMSG;
	if (buf[0] & 0x10) {
		offset = parse_extension(&v, offset);
		if (offset == 0)
			return -EBADMSG;
	}
	if (buf[0] & 0x20) {
		v.padding_size = buf[size - 1];
		if (v.padding_size == 0 || v.padding_size > size - offset)
			return -EBADMSG;
	}
	v.payload = buf + offset;
	v.payload_size = size - offset - v.padding_size;
	*p = v;
	return 0;
}

void
rtp_write_header(uint8_t *out, uint8_t pt, bool marker, bool x, uint16_t seq, uint32_t ts,
		 uint32_t ssrc)
{
	out[0] = (uint8_t)(RTP_VERSION << 6 | (x ? 0x10 : 0));
	out[1] = (uint8_t)((marker ? 0x80 : 0) | (pt & 127));
	put_be16(out + 2, seq);
	put_be32(out + 4, ts);
	put_be32(out + 8, ssrc);
}

int
rtp_rtx_unwrap(uint8_t *buf, size_t size, uint8_t pt, uint32_t ssrc)
{
	struct rtp_packet p;
	size_t head;
	uint16_t osn;

	if (rtp_parse(&p, buf, size) != 0)
		return -EBADMSG;
	if (p.payload_size == 0)
		return -ENODATA;
	if (p.payload_size < 2)
		return -EBADMSG;
	head = (size_t)(p.payload - buf);
	osn = be16(p.payload);
	memmove(buf + head, buf + head + 2, p.payload_size - 2);
	buf[0] &= (uint8_t)~0x20; /* the padding was the RTX packet's own */
	buf[1] = (uint8_t)((buf[1] & 0x80) | (pt & 127));
	put_be16(buf + 2, osn);
	put_be32(buf + 8, ssrc);
	return (int)(head + p.payload_size - 2);
}
