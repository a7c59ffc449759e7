/* h264_nal.c - NAL units: Annex B iteration and keyframe recognition in RTP payloads. */
#include "h264/h264.h"

#include "base/bytes.h"

enum { NALU_TYPE_MASK = 0x1f, FU_START = 0x80 };

/* first_mb_in_slice is the slice header's first ue(v): its first bit is 1 when it is 0 (7.3.3). */
static bool
slice_is_first(const uint8_t *slice_header, size_t size)
{
	return size > 0 && (slice_header[0] & 0x80) != 0;
}

/* Does a NALU of this type, with what follows its header, begin a join point? */
static bool
nalu_joins(unsigned type, const uint8_t *body, size_t size)
{
	return type == H264_SPS || (type == H264_IDR && slice_is_first(body, size));
}

static bool
stap_joins(const uint8_t *p, size_t size)
{
	while (size > 3) { /* two octets of size, the NALU (RFC 6184 s.5.7.1) */
		size_t nalu_size = be16(p);

		if (nalu_size == 0 || nalu_size > size - 2)
			return false;
		if (nalu_joins(p[2] & NALU_TYPE_MASK, p + 3, nalu_size - 1))
			return true;
		p += 2 + nalu_size;
		size -= 2 + nalu_size;
	}
	return false;
}

bool
h264_payload_starts_keyframe(const uint8_t *payload, size_t size)
{
	unsigned type;

	if (size < 2)
		return false;
	type = payload[0] & NALU_TYPE_MASK;
	if (type == H264_STAP_A)
		return stap_joins(payload + 1, size - 1);
	if (type == H264_FU_A)
		return (payload[1] & FU_START) != 0 &&
		       nalu_joins(payload[1] & NALU_TYPE_MASK, payload + 2, size - 2);
	return nalu_joins(type, payload + 1, size - 1);
}

/* Offset of the next 00 00 01 at or after from; size if there is none. */
static size_t
find_start_code(const uint8_t *buf, size_t size, size_t from)
{
	for (size_t i = from; i + 3 <= size;) {
		if (buf[i + 2] > 1)
			i += 3;
		else if (buf[i] == 0 && buf[i + 1] == 0 && buf[i + 2] == 1)
			return i;
		else
			i++;
	}
	return size;
}

size_t
h264_annexb_next(const uint8_t *buf, size_t size, const uint8_t **nalu, size_t *nalu_size)
{
	size_t start = find_start_code(buf, size, 0);

	while (start < size) {
		size_t begin = start + 3, end;

		start = end = find_start_code(buf, size, begin);
		while (end > begin && buf[end - 1] == 0) /* trailing_zero_8bits (B.1) */
			end--;
		if (end > begin) {
			*nalu = buf + begin;
			*nalu_size = end - begin;
			return start;
		}
	}
	return 0;
}
