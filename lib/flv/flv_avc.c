/* flv_avc.c - H.264 as FLV and MP4 carry it: parameter sets apart, lengths instead of start codes.
 */
#include "flv/flv.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "h264/h264.h"

enum {
	CONFIG_HEAD_SIZE = 6, /* up to and with the count of SPS */
	START_CODE_SIZE = 4,
	LENGTH_SIZE = 4,
	NALU_TYPE_MASK = 0x1f,
	SPS_WIRE_MAX = 31
};

static const uint8_t start_code[START_CODE_SIZE] = {0, 0, 0, 1};

/* count sets, each after a length of 16 bits. */
static int
read_sets(struct flv_avc_set *sets, size_t *set_count, size_t count, const uint8_t *buf,
	  size_t size, size_t *at)
{
	for (; count > 0; count--) {
		size_t n;

		if (size - *at < 2)
			return -EBADMSG;
		n = be16(buf + *at);
		*at += 2;
		if (n > size - *at)
			return -EBADMSG;
		if (n > 0 && *set_count < FLV_AVC_SETS_MAX)
			sets[(*set_count)++] = (struct flv_avc_set){buf + *at, n};
		*at += n;
	}
	return 0;
}

int
flv_avc_config_parse(struct flv_avc_config *c, const uint8_t *buf, size_t size)
{
	struct flv_avc_config out = {0};
	size_t at = CONFIG_HEAD_SIZE;

	if (size < CONFIG_HEAD_SIZE + 1 || buf[0] != 1)
		return -EBADMSG;
	out.profile_idc = buf[1];
	out.constraints = buf[2];
	out.level_idc = buf[3];
	out.length_size = (uint8_t)((buf[4] & 3) + 1);
	if (out.length_size == 3 ||
	    read_sets(out.sps, &out.sps_count, buf[5] & 0x1f, buf, size, &at) < 0 || at >= size)
		return -EBADMSG;
	at++;
	if (read_sets(out.pps, &out.pps_count, buf[at - 1], buf, size, &at) < 0)
		return -EBADMSG;
	*c = out;
	return 0;
}

static size_t
sets_size(const struct flv_avc_set *sets, size_t count, size_t prefix)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += prefix + sets[i].size;
	return total;
}

static uint8_t *
write_sets(uint8_t *at, const struct flv_avc_set *sets, size_t count)
{
	*at++ = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		put_be16(at, (uint16_t)sets[i].size);
		memcpy(at + 2, sets[i].p, sets[i].size);
		at += 2 + sets[i].size;
	}
	return at;
}

int
flv_avc_config_write(uint8_t *out, size_t cap, const struct flv_avc_config *c)
{
	size_t total = CONFIG_HEAD_SIZE + 1 + sets_size(c->sps, c->sps_count, 2) +
		       sets_size(c->pps, c->pps_count, 2);
	uint8_t *at = out + CONFIG_HEAD_SIZE - 1;

	if (c->sps_count == 0 || c->sps[0].size < 4 || c->sps_count > SPS_WIRE_MAX)
		return -EINVAL;
	for (size_t i = 0; i < c->sps_count + c->pps_count; i++)
		if ((i < c->sps_count ? c->sps[i] : c->pps[i - c->sps_count]).size > UINT16_MAX)
			return -EINVAL;
	if (cap < total)
		return -ENOSPC;
	out[0] = 1;
	memcpy(out + 1, c->sps[0].p + 1, 3);
	out[4] = 0xfc | (LENGTH_SIZE - 1);
	at = write_sets(at, c->sps, c->sps_count);
	out[5] |= 0xe0;
	write_sets(at, c->pps, c->pps_count);
	return (int)total;
}

static uint8_t *
put_annexb(uint8_t *at, const struct flv_avc_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		memcpy(at, start_code, START_CODE_SIZE);
		memcpy(at + START_CODE_SIZE, sets[i].p, sets[i].size);
		at += START_CODE_SIZE + sets[i].size;
	}
	return at;
}

int
flv_avc_config_annexb(uint8_t *out, size_t cap, const struct flv_avc_config *c)
{
	size_t total = sets_size(c->sps, c->sps_count, START_CODE_SIZE) +
		       sets_size(c->pps, c->pps_count, START_CODE_SIZE);

	if (cap < total)
		return -ENOSPC;
	put_annexb(put_annexb(out, c->sps, c->sps_count), c->pps, c->pps_count);
	return (int)total;
}

int
flv_avcc_next(const uint8_t *buf, size_t size, unsigned length_size, size_t *offset,
	      const uint8_t **nalu, size_t *nalu_size)
{
	while (*offset < size) {
		const uint8_t *p = buf + *offset;
		size_t n = 0;

		if (size - *offset < length_size)
			return -EBADMSG;
		for (unsigned i = 0; i < length_size; i++)
			n = n << 8 | p[i];
		if (n > size - *offset - length_size)
			return -EBADMSG;
		*offset += length_size + n;
		if (n == 0)
			continue;
		*nalu = p + length_size;
		*nalu_size = n;
		return 1;
	}
	return 0;
}

int
flv_avcc_to_annexb(uint8_t *out, size_t cap, const uint8_t *buf, size_t size, unsigned length_size)
{
	size_t offset = 0, at = 0, n;
	const uint8_t *nalu;
	int rc;

	for (;;) {
		rc = flv_avcc_next(buf, size, length_size, &offset, &nalu, &n);
		if (rc <= 0)
			return rc < 0 ? rc : (int)at;
		if (cap - at < START_CODE_SIZE + n)
			return -ENOSPC;
		memcpy(out + at, start_code, START_CODE_SIZE);
		memcpy(out + at + START_CODE_SIZE, nalu, n);
		at += START_CODE_SIZE + n;
	}
}

int
flv_annexb_to_avcc(uint8_t *out, size_t cap, const uint8_t *annexb, size_t size)
{
	size_t offset = 0, at = 0, consumed, n;
	const uint8_t *nalu;

	for (;; offset += consumed) {
		consumed = h264_annexb_next(annexb + offset, size - offset, &nalu, &n);
		if (consumed == 0)
			return (int)at;
		if (cap - at < LENGTH_SIZE + n)
			return -ENOSPC;
		put_be32(out + at, (uint32_t)n);
		memcpy(out + at + LENGTH_SIZE, nalu, n);
		at += LENGTH_SIZE + n;
	}
}
