/* h265_pack.c - access units into RTP payloads (RFC 7798 s.4.4). */
#include "h265/h265.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "h264/h264.h"

enum {
	FU_OVERHEAD = 3, /* payload header and FU header (s.4.4.3) */
	FU_START = 0x80,
	FU_END = 0x40,
	AP_LENGTH_SIZE = 2, /* before each NALU (s.4.4.2) */
	EOS = 36,
	FILLER = 38,
	TYPE_SENT_MAX = 47,   /* 48.. mean aggregates and fragments in RTP */
	NOT_TYPE_MASK = 0x81, /* F, and the high bit of LayerId, of the first octet */
	LAYER_LOW_MASK = 0xf8,
	TID_MASK = 7
};

static bool
nalu_is_sent(unsigned type)
{
	return type <= TYPE_SENT_MAX && type != H265_AUD && !(type >= EOS && type <= FILLER);
}

int
h265_pack_start(struct h265_pack *p, const uint8_t *annexb, size_t size, size_t max_payload)
{
	size_t offset = 0, consumed, n, count = 0;
	const uint8_t *nalu;

	/* Annex B of H.265 is that of H.264. */
	for (;; offset += consumed) {
		consumed = h264_annexb_next(annexb + offset, size - offset, &nalu, &n);
		if (consumed == 0)
			break;
		if (n <= H265_NALU_HEADER_SIZE || !nalu_is_sent(h265_nalu_type(nalu)))
			continue;
		if (count == H265_AU_NALUS_MAX)
			return -ENOSPC;
		p->nalus[count].p = nalu;
		p->nalus[count++].size = n;
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
	unsigned type = h265_nalu_type(nalu);

	return (type >= H265_VPS && type <= H265_PPS) || type == H265_PREFIX_SEI;
}

/* How many NALUs from the current one fit into one AP; below 2 it may not be one (s.4.4.2). */
static size_t
ap_count(const struct h265_pack *p, size_t *payload_size)
{
	size_t count = 0, total = H265_NALU_HEADER_SIZE;

	for (size_t i = p->nalu_index; i < p->nalu_count; i++) {
		size_t size = p->nalus[i].size;

		if (!nalu_is_small_kind(p->nalus[i].p) || size > UINT16_MAX ||
		    total + AP_LENGTH_SIZE + size > p->max_payload)
			break;
		total += AP_LENGTH_SIZE + size;
		count++;
	}
	*payload_size = total;
	return count;
}

/* F is set if any has it; LayerId and TID are the lowest (s.4.4.2). */
static int
write_ap(struct h265_pack *p, size_t count, size_t total, uint8_t *out, size_t cap)
{
	unsigned forbidden = 0, layer = 63, tid = TID_MASK;
	uint8_t *at = out + H265_NALU_HEADER_SIZE;

	if (cap < total)
		return -ENOSPC;
	for (; count > 0; count--, p->nalu_index++) {
		const uint8_t *nalu = p->nalus[p->nalu_index].p;
		size_t size = p->nalus[p->nalu_index].size;

		forbidden |= nalu[0] & 0x80u;
		layer = MIN_OF(layer, (unsigned)((nalu[0] & 1) << 5 | nalu[1] >> 3));
		tid = MIN_OF(tid, (unsigned)(nalu[1] & TID_MASK));
		put_be16(at, (uint16_t)size);
		memcpy(at + AP_LENGTH_SIZE, nalu, size);
		at += AP_LENGTH_SIZE + size;
	}
	out[0] = (uint8_t)(forbidden | H265_AP << 1 | layer >> 5);
	out[1] = (uint8_t)((layer << 3 & LAYER_LOW_MASK) | tid);
	return (int)total;
}

static int
write_single(struct h265_pack *p, uint8_t *out, size_t cap)
{
	size_t size = p->nalus[p->nalu_index].size;

	if (cap < size)
		return -ENOSPC;
	memcpy(out, p->nalus[p->nalu_index].p, size);
	p->nalu_index++;
	return (int)size;
}

static int
write_fragment(struct h265_pack *p, uint8_t *out, size_t cap)
{
	const uint8_t *nalu = p->nalus[p->nalu_index].p;
	size_t body = p->nalus[p->nalu_index].size - H265_NALU_HEADER_SIZE, sent = p->offset;
	size_t room = p->max_payload - FU_OVERHEAD;
	size_t count = (body + room - 1) / room, equal = (body + count - 1) / count;
	size_t size = MIN_OF(equal, body - sent);

	if (cap < FU_OVERHEAD + size)
		return -ENOSPC;
	out[0] = (uint8_t)((nalu[0] & NOT_TYPE_MASK) | H265_FU << 1);
	out[1] = nalu[1];
	out[2] = (uint8_t)((sent == 0 ? FU_START : 0) | (sent + size == body ? FU_END : 0) |
			   h265_nalu_type(nalu));
	memcpy(out + FU_OVERHEAD, nalu + H265_NALU_HEADER_SIZE + sent, size);
	p->offset = sent + size;
	if (p->offset == body) {
		p->nalu_index++;
		p->offset = 0;
	}
	return (int)(FU_OVERHEAD + size);
}

int
h265_pack_next(struct h265_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t total = 0, count;
	int n;

	if (p->nalu_index >= p->nalu_count)
		return 0;
	if (p->max_payload <= FU_OVERHEAD)
		return -ENOSPC;
	count = ap_count(p, &total);
	if (count >= 2)
		n = write_ap(p, count, total, out, cap);
	else if (p->nalus[p->nalu_index].size <= p->max_payload)
		n = write_single(p, out, cap);
	else
		n = write_fragment(p, out, cap);
	if (n > 0)
		*last = p->nalu_index == p->nalu_count;
	return n;
}
