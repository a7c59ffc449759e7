/* h265_config.c - HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 s.8.3.2.1). */
#include "h265/h265.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	HEAD_SIZE = 23, /* up to and with the count of arrays */
	ARRAY_HEAD_SIZE = 3,
	LENGTH_SIZE_AT = 21,
	ARRAY_COMPLETE = 0x80,
	TYPE_MASK = 0x3f
};

static const uint8_t set_types[] = {H265_VPS, H265_SPS, H265_PPS};

/* One array: type, count, and so many NALUs with their lengths. */
static int
read_array(struct h265_config *c, const uint8_t *buf, size_t size, size_t *at)
{
	unsigned type, count;

	if (size - *at < ARRAY_HEAD_SIZE)
		return -EBADMSG;
	type = buf[*at] & TYPE_MASK;
	count = be16(buf + *at + 1);
	*at += ARRAY_HEAD_SIZE;
	for (; count > 0; count--) {
		size_t n;

		if (size - *at < 2 || be16(buf + *at) > size - *at - 2)
			return -EBADMSG;
		n = be16(buf + *at);
		*at += 2;
		if (n > H265_NALU_HEADER_SIZE && type >= H265_VPS && type <= H265_PPS &&
		    c->set_count < H265_SETS_MAX) {
			c->sets[c->set_count].p = buf + *at;
			c->sets[c->set_count++].size = n;
		}
		*at += n;
	}
	return 0;
}

int
h265_config_parse(struct h265_config *c, const uint8_t *buf, size_t size)
{
	struct h265_config out = {0};
	size_t at = HEAD_SIZE;

	/* Version 0 was written by encoders before the standard was final. */
	if (size < HEAD_SIZE || buf[0] > 1)
		return -EBADMSG;
	out.length_size = (uint8_t)((buf[LENGTH_SIZE_AT] & 3) + 1);
	if (out.length_size == 3)
		return -EBADMSG;
	for (unsigned left = buf[HEAD_SIZE - 1]; left > 0; left--)
		if (read_array(&out, buf, size, &at) < 0)
			return -EBADMSG;
	*c = out;
	return 0;
}

static int
find_sps(const struct h265_config *c, struct h265_sps *sps)
{
	for (size_t i = 0; i < c->set_count; i++)
		if (h265_sps_parse(sps, c->sets[i].p, c->sets[i].size) == 0)
			return 0;
	return -EINVAL;
}

/* Octets of the arrays; 0 if a kind is missing or a set too large. */
static size_t
arrays_size(const struct h265_config *c)
{
	unsigned seen = 0;
	size_t total = sizeof(set_types) * ARRAY_HEAD_SIZE;

	for (size_t i = 0; i < c->set_count; i++) {
		unsigned type =
		    c->sets[i].size > H265_NALU_HEADER_SIZE ? h265_nalu_type(c->sets[i].p) : 0;

		if (c->sets[i].size > UINT16_MAX || type < H265_VPS || type > H265_PPS)
			return 0;
		seen |= 1u << (type - H265_VPS);
		total += 2 + c->sets[i].size;
	}
	return seen == 7 ? total : 0;
}

static void
write_head(uint8_t *out, const struct h265_sps *sps)
{
	out[0] = 1;
	out[1] = (uint8_t)(sps->profile_space << 6 | sps->tier << 5 | sps->profile_idc);
	put_be32(out + 2, sps->compatibility);
	memcpy(out + 6, sps->constraints, sizeof(sps->constraints));
	out[12] = sps->level_idc;
	put_be16(out + 13, 0xf000); /* min_spatial_segmentation_idc 0: unknown */
	out[15] = 0xfc;		    /* parallelismType 0: unknown */
	out[16] = 0xfc | sps->chroma_format;
	out[17] = (uint8_t)(0xf8 | ((sps->luma_depth - 8) & 7));
	out[18] = (uint8_t)(0xf8 | ((sps->chroma_depth - 8) & 7));
	put_be16(out + 19, 0); /* avgFrameRate unknown */
	out[LENGTH_SIZE_AT] = (uint8_t)(sps->sub_layer_count << 3 | sps->nested << 2 | 3);
	out[HEAD_SIZE - 1] = sizeof(set_types);
}

int
h265_config_write(uint8_t *out, size_t cap, const struct h265_config *c)
{
	size_t arrays = arrays_size(c);
	struct h265_sps sps;
	uint8_t *at = out + HEAD_SIZE;

	if (arrays == 0 || find_sps(c, &sps) < 0)
		return -EINVAL;
	if (cap < HEAD_SIZE + arrays)
		return -ENOSPC;
	write_head(out, &sps);
	for (size_t t = 0; t < sizeof(set_types); t++) {
		uint8_t *head = at;
		uint16_t count = 0;

		at += ARRAY_HEAD_SIZE;
		for (size_t i = 0; i < c->set_count; i++) {
			if (h265_nalu_type(c->sets[i].p) != set_types[t])
				continue;
			put_be16(at, (uint16_t)c->sets[i].size);
			memcpy(at + 2, c->sets[i].p, c->sets[i].size);
			at += 2 + c->sets[i].size;
			count++;
		}
		head[0] = ARRAY_COMPLETE | set_types[t];
		put_be16(head + 1, count);
	}
	return (int)(HEAD_SIZE + arrays);
}
