/* h265_nal.c - NAL units of H.265: keyframe recognition and parameter sets in RTP payloads. */
#include "h265/h265.h"

#include <errno.h>

#include "base/bytes.h"

enum {
	FU_HEADER_AT = 2,
	FU_BODY_AT = 3,
	FU_START = 0x80,
	FU_TYPE_MASK = 0x3f,
	FIRST_SLICE_SEGMENT = 0x80, /* first bit of a slice segment header (7.3.6.1) */
	AP_UNITS_MAX = 64
};

unsigned
h265_nalu_type(const uint8_t *nalu)
{
	return nalu[0] >> 1 & 0x3f;
}

bool
h265_type_is_irap(unsigned type)
{
	return type >= H265_BLA_W_LP && type <= H265_CRA;
}

/* body: what follows the two octets of header. */
static bool
nalu_joins(unsigned type, const uint8_t *body, size_t size)
{
	if (type == H265_VPS || type == H265_SPS)
		return true;
	return h265_type_is_irap(type) && size > 0 && (body[0] & FIRST_SLICE_SEGMENT) != 0;
}

/* The next NALU of an aggregation packet (s.4.4.2): false at its end or where it is malformed. */
static bool
ap_next(const uint8_t *p, size_t size, size_t *at, const uint8_t **nalu, size_t *nalu_size)
{
	size_t n;

	if (size - *at < 2)
		return false;
	n = be16(p + *at);
	if (n < H265_NALU_HEADER_SIZE || n > size - *at - 2)
		return false;
	*nalu = p + *at + 2;
	*nalu_size = n;
	*at += 2 + n;
	return true;
}

bool
h265_payload_starts_keyframe(const uint8_t *payload, size_t size)
{
	size_t at = H265_NALU_HEADER_SIZE, n;
	const uint8_t *nalu;
	unsigned type;

	if (size <= H265_NALU_HEADER_SIZE)
		return false;
	type = h265_nalu_type(payload);
	if (type == H265_FU)
		return (payload[FU_HEADER_AT] & FU_START) != 0 &&
		       nalu_joins(payload[FU_HEADER_AT] & FU_TYPE_MASK, payload + FU_BODY_AT,
				  size - FU_BODY_AT);
	if (type != H265_AP)
		return nalu_joins(type, payload + H265_NALU_HEADER_SIZE,
				  size - H265_NALU_HEADER_SIZE);
	for (int i = 0; i < AP_UNITS_MAX && ap_next(payload, size, &at, &nalu, &n); i++)
		if (nalu_joins(h265_nalu_type(nalu), nalu + H265_NALU_HEADER_SIZE,
			       n - H265_NALU_HEADER_SIZE))
			return true;
	return false;
}

int
h265_payload_sps(struct h265_sps *sps, const uint8_t *payload, size_t size)
{
	size_t at = H265_NALU_HEADER_SIZE, n;
	const uint8_t *nalu;

	if (size <= H265_NALU_HEADER_SIZE)
		return -ENOMSG;
	if (h265_nalu_type(payload) != H265_AP)
		return h265_sps_parse(sps, payload, size);
	for (int i = 0; i < AP_UNITS_MAX && ap_next(payload, size, &at, &nalu, &n); i++)
		if (h265_nalu_type(nalu) == H265_SPS)
			return h265_sps_parse(sps, nalu, n);
	return -ENOMSG;
}
