/* rtcp_write.c - appends RTCP packets to a buffer.  A packet that does not fit leaves it as it was.
 */
#include "rtp/rtcp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/rtcp_room.h"

enum {
	SDES_CNAME = 1, /* RFC 3550 s.6.5.1 */
	SDES_TEXT_MAX = 255,
	REMB_SSRCS_MAX = 255,
	XR_BLOCK_RRTR = 4,
	XR_BLOCK_DLRR = 5 /* RFC 3611 s.4.4, 4.5 */
};

void
rtcp_start(struct rtcp_writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct rtcp_writer){.buf = buf, .cap = cap};
}

uint8_t *
rtcp_room(struct rtcp_writer *w, uint8_t type, unsigned count, size_t body_size)
{
	uint8_t *p = w->buf + w->size;

	assert(count <= 31 && body_size % 4 == 0 && body_size / 4 <= UINT16_MAX);
	if (w->cap - w->size < 4 + body_size) {
		w->overflow = true;
		return NULL;
	}
	p[0] = (uint8_t)(2 << 6 | count);
	p[1] = type;
	put_be16(p + 2, (uint16_t)(body_size / 4));
	w->size += 4 + body_size;
	return p + 4;
}

static void
put_report(uint8_t *p, const struct rtcp_report *r)
{
	put_be32(p, r->ssrc);
	p[4] = r->fraction_lost;
	put_be24(p + 5, (uint32_t)r->lost & 0xffffff);
	put_be32(p + 8, r->highest_seq);
	put_be32(p + 12, r->jitter);
	put_be32(p + 16, r->lsr);
	put_be32(p + 20, r->dlsr);
}

void
rtcp_add_sr(struct rtcp_writer *w, const struct rtcp_sr *sr, const struct rtcp_report *reports,
	    size_t count)
{
	uint8_t *p = rtcp_room(w, RTCP_SR, (unsigned)count, 24 + count * 24);

	if (p == NULL)
		return;
	put_be32(p, sr->ssrc);
	put_be64(p + 4, sr->ntp);
	put_be32(p + 12, sr->rtp_ts);
	put_be32(p + 16, sr->packets);
	put_be32(p + 20, sr->octets);
	for (size_t i = 0; i < count; i++)
		put_report(p + 24 + i * 24, &reports[i]);
}

void
rtcp_add_rr(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report *reports, size_t count)
{
	uint8_t *p = rtcp_room(w, RTCP_RR, (unsigned)count, 4 + count * 24);

	if (p == NULL)
		return;
	put_be32(p, ssrc);
	for (size_t i = 0; i < count; i++)
		put_report(p + 4 + i * 24, &reports[i]);
}

void
rtcp_add_sdes_cname(struct rtcp_writer *w, uint32_t ssrc, const char *cname)
{
	size_t length = strnlen(cname, SDES_TEXT_MAX);
	size_t size = (4 + 2 + length + 1 + 3) & ~(size_t)3; /* at least one NUL ends the chunk */
	uint8_t *p = rtcp_room(w, RTCP_SDES, 1, size);

	if (p == NULL)
		return;
	memset(p, 0, size);
	put_be32(p, ssrc);
	p[4] = SDES_CNAME;
	p[5] = (uint8_t)length;
	memcpy(p + 6, cname, length);
}

void
rtcp_add_bye(struct rtcp_writer *w, uint32_t ssrc)
{
	uint8_t *p = rtcp_room(w, RTCP_BYE, 1, 4);

	if (p != NULL)
		put_be32(p, ssrc);
}

static uint8_t *
feedback(struct rtcp_writer *w, uint8_t type, unsigned fmt, uint32_t sender, uint32_t media,
	 size_t size)
{
	uint8_t *p = rtcp_room(w, type, fmt, 8 + size);

	if (p == NULL)
		return NULL;
	put_be32(p, sender);
	put_be32(p + 4, media);
	return p + 8;
}

/* Sequence numbers from seqs that one PID + BLP pair takes (RFC 4585 s.6.2.1). */
static size_t
nack_pair(const uint16_t *seqs, size_t count, uint16_t *mask)
{
	size_t i = 1;

	*mask = 0;
	while (i < count) {
		uint16_t distance = (uint16_t)(seqs[i] - seqs[0]);

		if (distance > 16)
			break;
		if (distance > 0)
			*mask |= (uint16_t)(1u << (distance - 1));
		i++;
	}
	return i;
}

void
rtcp_add_nack(struct rtcp_writer *w, uint32_t sender, uint32_t media, const uint16_t *seqs,
	      size_t count)
{
	size_t pairs = 0;
	uint16_t mask;
	uint8_t *p;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i += nack_pair(seqs + i, count - i, &mask))
		pairs++;
	p = feedback(w, RTCP_RTPFB, RTCP_FB_NACK, sender, media, pairs * 4);
	if (p == NULL)
		return;
	for (size_t i = 0; i < count; p += 4) {
		size_t taken = nack_pair(seqs + i, count - i, &mask);

		put_be16(p, seqs[i]);
		put_be16(p + 2, mask);
		i += taken;
	}
}

void
rtcp_add_pli(struct rtcp_writer *w, uint32_t sender, uint32_t media)
{
	feedback(w, RTCP_PSFB, RTCP_FB_PLI, sender, media, 0);
}

void
rtcp_add_fir(struct rtcp_writer *w, uint32_t sender, uint32_t media, uint8_t seq)
{
	/* RFC 5104 s.4.3.1.2: the header's media SSRC is 0, the target stands in the entry. */
	uint8_t *p = feedback(w, RTCP_PSFB, RTCP_FB_FIR, sender, 0, 8);

	if (p == NULL)
		return;
	put_be32(p, media);
	put_be32(p + 4, (uint32_t)seq << 24);
}

/* draft-alvestrand-rmcat-remb-03 s.2.2; the rate is cut to 18 significant bits. */
void
rtcp_add_remb(struct rtcp_writer *w, uint32_t sender, const uint32_t *ssrcs, size_t count,
	      uint64_t bitrate_bps)
{
	uint32_t exponent = 0;
	uint8_t *p;

	assert(count <= REMB_SSRCS_MAX);
	p = feedback(w, RTCP_PSFB, RTCP_FB_AFB, sender, 0, 8 + count * 4);
	if (p == NULL)
		return;
	while (bitrate_bps >> exponent > 0x3ffff)
		exponent++;
	memcpy(p, "REMB", 4);
	put_be32(p + 4,
		 (uint32_t)count << 24 | exponent << 18 | (uint32_t)(bitrate_bps >> exponent));
	for (size_t i = 0; i < count; i++)
		put_be32(p + 8 + i * 4, ssrcs[i]);
}

void
rtcp_add_xr_rrtr(struct rtcp_writer *w, uint32_t ssrc, uint64_t ntp)
{
	uint8_t *p = rtcp_room(w, RTCP_XR, 0, 16);

	if (p == NULL)
		return;
	put_be32(p, ssrc);
	put_be32(p + 4, (uint32_t)XR_BLOCK_RRTR << 24 | 2);
	put_be64(p + 8, ntp);
}

void
rtcp_add_xr_dlrr(struct rtcp_writer *w, uint32_t sender, uint32_t ssrc, uint32_t lrr, uint32_t dlrr)
{
	uint8_t *p = rtcp_room(w, RTCP_XR, 0, 20);

	if (p == NULL)
		return;
	put_be32(p, sender);
	put_be32(p + 4, (uint32_t)XR_BLOCK_DLRR << 24 | 3);
	put_be32(p + 8, ssrc);
	put_be32(p + 12, lrr);
	put_be32(p + 16, dlrr);
}

int
rtcp_finish(struct rtcp_writer *w)
{
	return w->overflow ? -ENOSPC : (int)w->size;
}
