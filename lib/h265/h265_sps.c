/* h265_sps.c - sequence parameter set of H.265 (7.3.2.2.1) as far as the depth of samples. */
#include "h265/h265.h"

#include <errno.h>

#include "base/bits.h"

enum {
	SPS_ID_MAX = 15,
	SUB_LAYERS_MAX = 7,   /* sps_max_sub_layers_minus1 is at most 6 */
	SPS_SIDE_MAX = 16384, /* luma samples; level 6.2 allows less */
	DEPTH_EXTRA_MAX = 8,
	SUB_LAYER_PROFILE_BITS = 88,
	SUB_LAYER_LEVEL_BITS = 8
};

static void
read_profile(struct bits *b, struct h265_sps *out) /* 7.3.3 */
{
	bool profile[SUB_LAYERS_MAX] = {0}, level[SUB_LAYERS_MAX] = {0};
	unsigned sub_layers = out->sub_layer_count - 1u;

	out->profile_space = (uint8_t)bits_u(b, 2);
	out->tier = (uint8_t)bits_u(b, 1);
	out->profile_idc = (uint8_t)bits_u(b, 5);
	out->compatibility = bits_u(b, 32);
	for (unsigned i = 0; i < sizeof(out->constraints); i++)
		out->constraints[i] = (uint8_t)bits_u(b, 8);
	out->level_idc = (uint8_t)bits_u(b, 8);
	for (unsigned i = 0; i < sub_layers; i++) {
		profile[i] = bits_u(b, 1) != 0;
		level[i] = bits_u(b, 1) != 0;
	}
	for (unsigned i = sub_layers; sub_layers > 0 && i < 8; i++)
		bits_skip(b, 2); /* reserved_zero_2bits */
	for (unsigned i = 0; i < sub_layers; i++)
		bits_skip(b, (profile[i] ? SUB_LAYER_PROFILE_BITS : 0u) +
				 (level[i] ? SUB_LAYER_LEVEL_BITS : 0u));
}

static int
read_size(struct bits *b, struct h265_sps *out)
{
	uint64_t unit_x = out->chroma_format == 1 || out->chroma_format == 2 ? 2 : 1;
	uint64_t unit_y = out->chroma_format == 1 ? 2 : 1, crop_x = 0, crop_y = 0;
	uint32_t width = bits_ue(b), height = bits_ue(b);

	if (bits_u(b, 1) != 0) { /* conformance_window_flag */
		crop_x = bits_ue(b);
		crop_x = (crop_x + bits_ue(b)) * unit_x;
		crop_y = bits_ue(b);
		crop_y = (crop_y + bits_ue(b)) * unit_y;
	}
	if (b->overrun || width > SPS_SIDE_MAX || height > SPS_SIDE_MAX || crop_x >= width ||
	    crop_y >= height)
		return -EBADMSG;
	out->width = width - (uint32_t)crop_x;
	out->height = height - (uint32_t)crop_y;
	return 0;
}

int
h265_sps_parse(struct h265_sps *sps, const uint8_t *nalu, size_t size)
{
	struct h265_sps out = {0};
	uint32_t chroma, luma_extra, chroma_extra;
	struct bits b;

	if (size < H265_NALU_HEADER_SIZE || h265_nalu_type(nalu) != H265_SPS)
		return -ENOMSG;
	if ((nalu[0] & 0x80) != 0)
		return -EBADMSG;
	bits_init(&b, nalu + H265_NALU_HEADER_SIZE, size - H265_NALU_HEADER_SIZE, true);
	bits_skip(&b, 4); /* sps_video_parameter_set_id */
	out.sub_layer_count = (uint8_t)(bits_u(&b, 3) + 1);
	out.nested = (uint8_t)bits_u(&b, 1);
	if (out.sub_layer_count > SUB_LAYERS_MAX)
		return -EBADMSG;
	read_profile(&b, &out);
	if (bits_ue(&b) > SPS_ID_MAX)
		return -EBADMSG;
	chroma = bits_ue(&b);
	if (chroma > 3)
		return -EBADMSG;
	if (chroma == 3 && bits_u(&b, 1) != 0)
		chroma = 0; /* three separate planes are coded as monochrome is */
	out.chroma_format = (uint8_t)chroma;
	if (read_size(&b, &out) < 0)
		return -EBADMSG;
	luma_extra = bits_ue(&b);
	chroma_extra = bits_ue(&b);
	if (b.overrun || luma_extra > DEPTH_EXTRA_MAX || chroma_extra > DEPTH_EXTRA_MAX)
		return -EBADMSG;
	out.luma_depth = (uint8_t)(8 + luma_extra);
	out.chroma_depth = (uint8_t)(8 + chroma_extra);
	*sps = out;
	return 0;
}
