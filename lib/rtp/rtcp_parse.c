/* rtcp_parse.c - read-only views of RTCP packets. */
#include "rtp/rtcp.h"

#include <errno.h>

#include "base/bytes.h"

enum {
	HEADER_SIZE = 4,       /* RFC 3550 s.6.4.1 */
	SENDER_INFO_SIZE = 24, /* SSRC and sender information */
	REPORT_SIZE = 24,
	FEEDBACK_SIZE = 8, /* RFC 4585 s.6.1: the two SSRCs */
	FIR_SIZE = 8,	   /* RFC 5104 s.4.3.1 */
	XR_BLOCK_RRTR = 4,
	XR_BLOCK_DLRR = 5, /* RFC 3611 s.4.4, 4.5 */
	DLRR_SIZE = 12,
	REMB_FIXED_SIZE = 16 /* SSRCs, "REMB", count, exponent and mantissa */
};

int
rtcp_next(const uint8_t *buf, size_t size, size_t *offset, struct rtcp_packet *out)
{
	const uint8_t *p;
	size_t left, body, padding = 0;

	if (*offset == size)
		return 0;
	if (*offset > size || size - *offset < HEADER_SIZE)
		return -EBADMSG;
	p = buf + *offset;
	left = size - *offset - HEADER_SIZE;
	body = (size_t)be16(p + 2) * 4;
	if (p[0] >> 6 != 2 || body > left)
		return -EBADMSG;
	if (p[0] & 0x20) {
		/* Any count is taken: transport-wide feedback is padded by 1 to 3 octets in the
		 * wild. */
		padding = body > 0 ? p[HEADER_SIZE + body - 1] : 0;
		if (padding == 0 || padding > body)
			return -EBADMSG;
	}
	*out = (struct rtcp_packet){
	    .type = p[1], .count = p[0] & 31, .body = p + HEADER_SIZE, .body_size = body - padding};
	*offset += HEADER_SIZE + body;
	return 1;
}

int
rtcp_get_sr(const struct rtcp_packet *p, struct rtcp_sr *out)
{
	if (p->type != RTCP_SR)
		return -ENOMSG;
	if (p->body_size < SENDER_INFO_SIZE + (size_t)p->count * REPORT_SIZE)
		return -EBADMSG;
	*out = (struct rtcp_sr){.ssrc = be32(p->body),
				.ntp = be64(p->body + 4),
				.rtp_ts = be32(p->body + 12),
				.packets = be32(p->body + 16),
				.octets = be32(p->body + 20)};
	return 0;
}

int
rtcp_get_rr_ssrc(const struct rtcp_packet *p, uint32_t *ssrc)
{
	if (p->type != RTCP_RR)
		return -ENOMSG;
	if (p->body_size < 4 + (size_t)p->count * REPORT_SIZE)
		return -EBADMSG;
	*ssrc = be32(p->body);
	return 0;
}

int
rtcp_get_report(const struct rtcp_packet *p, size_t i, struct rtcp_report *out)
{
	size_t fixed = p->type == RTCP_SR ? SENDER_INFO_SIZE : 4;
	const uint8_t *b;

	if (p->type != RTCP_SR && p->type != RTCP_RR)
		return -ENOMSG;
	if (p->body_size < fixed + (size_t)p->count * REPORT_SIZE)
		return -EBADMSG;
	if (i >= p->count)
		return -ENOENT;
	b = p->body + fixed + i * REPORT_SIZE;
	*out = (struct rtcp_report){.ssrc = be32(b),
				    .fraction_lost = b[4],
				    .lost = (int32_t)(be24(b + 5) << 8) >> 8, /* sign of 24 bits */
				    .highest_seq = be32(b + 8),
				    .jitter = be32(b + 12),
				    .lsr = be32(b + 16),
				    .dlsr = be32(b + 20)};
	return 0;
}

int
rtcp_get_feedback(const struct rtcp_packet *p, uint32_t *sender, uint32_t *media)
{
	if (p->type != RTCP_RTPFB && p->type != RTCP_PSFB)
		return -ENOMSG;
	if (p->body_size < FEEDBACK_SIZE)
		return -EBADMSG;
	*sender = be32(p->body);
	*media = be32(p->body + 4);
	return 0;
}

/* RFC 4585 s.6.2.1: packet identifier and the mask of the sixteen that follow it. */
int
rtcp_get_nack(const struct rtcp_packet *p, void (*fn)(void *arg, uint16_t seq), void *arg)
{
	int count = 0;

	if (p->type != RTCP_RTPFB || p->count != RTCP_FB_NACK)
		return -ENOMSG;
	if (p->body_size < FEEDBACK_SIZE + 4 || p->body_size % 4 != 0)
		return -EBADMSG;
	for (size_t at = FEEDBACK_SIZE; at < p->body_size; at += 4) {
		uint16_t pid = be16(p->body + at), mask = be16(p->body + at + 2);

		fn(arg, pid);
		count++;
		for (unsigned bit = 0; bit < 16; bit++) {
			if (mask >> bit & 1) {
				fn(arg, (uint16_t)(pid + bit + 1));
				count++;
			}
		}
	}
	return count;
}

int
rtcp_get_fir(const struct rtcp_packet *p, size_t i, uint32_t *ssrc, uint8_t *seq)
{
	const uint8_t *b;

	if (p->type != RTCP_PSFB || p->count != RTCP_FB_FIR)
		return -ENOMSG;
	if (p->body_size < FEEDBACK_SIZE + FIR_SIZE ||
	    (p->body_size - FEEDBACK_SIZE) % FIR_SIZE != 0)
		return -EBADMSG;
	if (i >= (p->body_size - FEEDBACK_SIZE) / FIR_SIZE)
		return -ENOENT;
	b = p->body + FEEDBACK_SIZE + i * FIR_SIZE;
	*ssrc = be32(b);
	*seq = b[4];
	return 0;
}

/* draft-alvestrand-rmcat-remb-03 s.2.2 */
int
rtcp_get_remb(const struct rtcp_packet *p, uint64_t *bitrate_bps)
{
	static const uint32_t name = 0x52454d42; /* "REMB" */
	const uint8_t *b = p->body;
	uint64_t mantissa;
	unsigned exponent;

	if (p->type != RTCP_PSFB || p->count != RTCP_FB_AFB)
		return -ENOMSG;
	if (p->body_size < FEEDBACK_SIZE)
		return -EBADMSG;
	if (p->body_size < FEEDBACK_SIZE + 4 || be32(b + FEEDBACK_SIZE) != name)
		return -ENOMSG; /* another application's feedback */
	if (p->body_size < REMB_FIXED_SIZE || p->body_size < REMB_FIXED_SIZE + (size_t)b[12] * 4)
		return -EBADMSG;
	exponent = b[13] >> 2;
	mantissa = be24(b + 13) & 0x3ffff;
	if (mantissa != 0 && exponent > 46) /* 18 + 46 = 64 bits */
		return -EBADMSG;
	*bitrate_bps = mantissa == 0 ? 0 : mantissa << exponent;
	return 0;
}

int
rtcp_get_bye(const struct rtcp_packet *p, size_t i, uint32_t *ssrc)
{
	if (p->type != RTCP_BYE)
		return -ENOMSG;
	if (p->body_size < (size_t)p->count * 4)
		return -EBADMSG;
	if (i >= p->count)
		return -ENOENT;
	*ssrc = be32(p->body + i * 4);
	return 0;
}

/*
 * The next XR block of a type from *at (0 at first; RFC 3611 s.3). 0 with its content and *at
 * behind it; -ENOENT; errors.
 */
static int
next_xr_block(const struct rtcp_packet *p, uint8_t type, size_t *at, const uint8_t **content,
	      size_t *size)
{
	if (p->type != RTCP_XR)
		return -ENOMSG;
	if (p->body_size < 4)
		return -EBADMSG;
	*at = *at == 0 ? 4 : *at; /* after the sender's SSRC */
	while (*at < p->body_size) {
		const uint8_t *b = p->body + *at;
		size_t left = p->body_size - *at;

		if (left < 4 || left - 4 < (size_t)be16(b + 2) * 4)
			return -EBADMSG;
		*content = b + 4;
		*size = (size_t)be16(b + 2) * 4;
		*at += 4 + *size;
		if (b[0] == type)
			return 0;
	}
	return -ENOENT;
}

int
rtcp_get_xr_rrtr(const struct rtcp_packet *p, uint64_t *ntp)
{
	const uint8_t *b;
	size_t at = 0, size;
	int rc = next_xr_block(p, XR_BLOCK_RRTR, &at, &b, &size);

	if (rc != 0)
		return rc;
	if (size != 8)
		return -EBADMSG;
	*ntp = be64(b);
	return 0;
}

int
rtcp_get_xr_dlrr(const struct rtcp_packet *p, size_t i, uint32_t *ssrc, uint32_t *lrr,
		 uint32_t *dlrr)
{
	const uint8_t *b;
	size_t at = 0, size;

	for (;;) {
		int rc = next_xr_block(p, XR_BLOCK_DLRR, &at, &b, &size);

		if (rc != 0)
			return rc;
		if (size % DLRR_SIZE != 0)
			return -EBADMSG;
		if (i < size / DLRR_SIZE)
			break;
		i -= size / DLRR_SIZE;
	}
	b += i * DLRR_SIZE;
	*ssrc = be32(b);
	*lrr = be32(b + 4);
	*dlrr = be32(b + 8);
	return 0;
}
