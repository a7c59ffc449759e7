/* h264_pack.c - access units into RTP payloads (RFC 6184 s.5.6 to 5.8, packetization-mode 1). */
#include "h264/h264.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	FU_HEADER_SIZE = 2, /* FU indicator and FU header (s.5.8) */
	FU_START = 0x80,
	FU_END = 0x40,
	STAP_LENGTH_SIZE = 2, /* before each NALU (s.5.7.1) */
	NRI_MASK = 0x60,
	TYPE_MASK = 0x1f,
	NALU_TYPE_MAX = 23 /* of what a payload can carry */
};

/* Types 0 and 24 to 31 mean aggregates and fragments in RTP, or nothing (s.5.2). */
static bool
nalu_is_sent(unsigned type)
{
	return type > 0 && type <= NALU_TYPE_MAX && type != H264_AUD;
}

int
h264_pack_start(struct h264_pack *p, const uint8_t *annexb, size_t size, size_t max_payload)
{
	size_t offset = 0, consumed, nalu_size, count = 0;
	const uint8_t *nalu;

	for (;; offset += consumed) {
		consumed = h264_annexb_next(annexb + offset, size - offset, &nalu, &nalu_size);
		if (consumed == 0)
			break;
		if (!nalu_is_sent(nalu[0] & TYPE_MASK))
			continue;
		if (count == H264_AU_NALUS_MAX)
			return -ENOSPC;
		p->nalus[count].p = nalu;
		p->nalus[count++].size = nalu_size;
	}
	if (count == 0)
		return -EBADMSG;
	p->nalu_count = count;
	p->nalu_index = p->offset = 0;
	p->max_payload = max_payload;
	return 0;
}

static bool
nalu_is_small_kind(const uint8_t *nalu)
{
	unsigned type = nalu[0] & TYPE_MASK;

	return type >= H264_SEI && type <= H264_PPS;
}

/* How many NALUs from the current one fit into one STAP-A; below 2 it is not worth one. */
static size_t
stap_count(const struct h264_pack *p, size_t *payload_size)
{
	size_t count = 0, total = 1;

	for (size_t i = p->nalu_index; i < p->nalu_count; i++) {
		size_t size = p->nalus[i].size;

		if (!nalu_is_small_kind(p->nalus[i].p) || size > UINT16_MAX ||
		    total + STAP_LENGTH_SIZE + size > p->max_payload)
			break;
		total += STAP_LENGTH_SIZE + size;
		count++;
	}
	*payload_size = total;
	return count;
}

static int
write_stap(struct h264_pack *p, size_t count, size_t total, uint8_t *out, size_t cap)
{
	uint8_t *at = out + 1, nri = 0;

	if (cap < total)
		return -ENOSPC;
	for (; count > 0; count--, p->nalu_index++) {
		const uint8_t *nalu = p->nalus[p->nalu_index].p;
		size_t size = p->nalus[p->nalu_index].size;

		nri = MAX_OF(nri, (uint8_t)(nalu[0] & NRI_MASK)); /* the highest (s.5.7) */
		put_be16(at, (uint16_t)size);
		memcpy(at + STAP_LENGTH_SIZE, nalu, size);
		at += STAP_LENGTH_SIZE + size;
	}
	out[0] = nri | H264_STAP_A;
	return (int)total;
}

static int
write_single(struct h264_pack *p, uint8_t *out, size_t cap)
{
	size_t size = p->nalus[p->nalu_index].size;

	if (cap < size)
		return -ENOSPC;
	memcpy(out, p->nalus[p->nalu_index].p, size);
	p->nalu_index++;
	return (int)size;
}

/* offset counts the header octet, which the FU header stands for: 0 means nothing was sent. */
static int
write_fragment(struct h264_pack *p, uint8_t *out, size_t cap)
{
	const uint8_t *nalu = p->nalus[p->nalu_index].p;
	size_t body = p->nalus[p->nalu_index].size - 1, sent = p->offset > 0 ? p->offset - 1 : 0;
	size_t room = p->max_payload - FU_HEADER_SIZE;
	size_t count = (body + room - 1) / room, equal = (body + count - 1) / count;
	size_t size = MIN_OF(equal, body - sent);

	if (cap < FU_HEADER_SIZE + size)
		return -ENOSPC;
	out[0] = (nalu[0] & (0x80 | NRI_MASK)) | H264_FU_A;
	out[1] = (uint8_t)((sent == 0 ? FU_START : 0) | (sent + size == body ? FU_END : 0) |
			   (nalu[0] & TYPE_MASK));
	memcpy(out + FU_HEADER_SIZE, nalu + 1 + sent, size);
	p->offset = 1 + sent + size;
	if (sent + size == body) {
		p->nalu_index++;
		p->offset = 0;
	}
	return (int)(FU_HEADER_SIZE + size);
}

int
h264_pack_next(struct h264_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t total = 0, count;
	int n;

	if (p->nalu_index >= p->nalu_count)
		return 0;
	if (p->max_payload <= FU_HEADER_SIZE)
		return -ENOSPC;
	count = stap_count(p, &total);
	if (count >= 2)
		n = write_stap(p, count, total, out, cap);
	else if (p->nalus[p->nalu_index].size <= p->max_payload)
		n = write_single(p, out, cap);
	else
		n = write_fragment(p, out, cap);
	if (n > 0)
		*last = p->nalu_index == p->nalu_count;
	return n;
}
