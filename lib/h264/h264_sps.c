/* h264_sps.c - sequence parameter set (ITU-T H.264 s.7.3.2.1.1 and annex E.1.1). */
#include "h264/h264.h"

#include <errno.h>

#include "base/bits.h"
#include "base/bytes.h"

enum {
	SPS_ID_MAX = 31,
	SPS_SIDE_MAX = 16384, /* luma samples; level 6.2 allows less */
	POC_CYCLE_MAX = 255,  /* num_ref_frames_in_pic_order_cnt_cycle */
	EXTENDED_SAR = 255,
	HRD_CPB_MAX = 31, /* cpb_cnt_minus1 */
	REORDER_MAX = 16  /* frames of the decoded picture buffer */
};

static void
skip_scaling_list(struct bits *b, unsigned count) /* 7.3.2.1.1.1 */
{
	uint32_t last = 8, next = 8;

	for (unsigned i = 0; i < count && next != 0 && !b->overrun; i++) {
		next = (last + (uint32_t)bits_se(b) + 256) & 0xff;
		last = next == 0 ? last : next;
	}
}

static bool
profile_is_high(uint8_t profile)
{
	static const uint8_t high[] = {100, 110, 122, 244, 44,	83, 86,
				       118, 128, 138, 139, 134, 135};

	for (size_t i = 0; i < sizeof(high); i++)
		if (high[i] == profile)
			return true;
	return false;
}

/* Chroma format 0..3 (4 stands for three separate planes, which crop as monochrome does). */
static unsigned
read_chroma(struct bits *b)
{
	unsigned chroma = bits_ue(b), separate = chroma == 3 ? bits_u(b, 1) : 0;

	bits_ue(b); /* bit_depth_luma_minus8 */
	bits_ue(b);
	bits_u(b, 1); /* qpprime_y_zero_transform_bypass_flag */
	if (bits_u(b, 1) != 0)
		for (unsigned i = 0; i < (chroma == 3 ? 12u : 8u); i++)
			if (bits_u(b, 1) != 0)
				skip_scaling_list(b, i < 6 ? 16 : 64);
	if (chroma > 3)
		b->overrun = true;
	return separate ? 4 : chroma;
}

static void
skip_poc(struct bits *b)
{
	uint32_t type = bits_ue(b), count;

	if (type == 0) {
		bits_ue(b);
	} else if (type == 1) {
		bits_u(b, 1);
		bits_se(b);
		bits_se(b);
		count = bits_ue(b);
		if (count > POC_CYCLE_MAX)
			b->overrun = true;
		for (uint32_t i = 0; i < count && !b->overrun; i++)
			bits_se(b);
	} else if (type != 2) {
		b->overrun = true;
	}
}

static void
skip_hrd(struct bits *b) /* E.1.2 */
{
	uint32_t count = bits_ue(b);

	if (count > HRD_CPB_MAX)
		b->overrun = true;
	bits_u(b, 8);
	for (uint32_t i = 0; i <= count && !b->overrun; i++) {
		bits_ue(b);
		bits_ue(b);
		bits_u(b, 1);
	}
	bits_u(b, 20);
}

static double
read_fps(struct bits *b)
{
	uint32_t tick = bits_u(b, 32), scale = bits_u(b, 32);

	return b->overrun || tick == 0 ? 0 : (double)scale / (2.0 * tick);
}

static int
read_reorder_frames(struct bits *b)
{
	unsigned nal_hrd = bits_u(b, 1), vcl_hrd;
	uint32_t reorder;

	if (nal_hrd != 0)
		skip_hrd(b);
	vcl_hrd = bits_u(b, 1);
	if (vcl_hrd != 0)
		skip_hrd(b);
	if (nal_hrd != 0 || vcl_hrd != 0)
		bits_u(b, 1); /* low_delay_hrd_flag */
	bits_u(b, 1);	      /* pic_struct_present_flag */
	if (bits_u(b, 1) == 0)
		return -1;
	bits_u(b, 1); /* motion_vectors_over_pic_boundaries_flag */
	for (int i = 0; i < 4; i++)
		bits_ue(b); /* limits of sizes and motion vectors */
	reorder = bits_ue(b);
	return b->overrun || reorder > REORDER_MAX ? -1 : (int)reorder;
}

/* What follows the timing information may be cut short: then it tells nothing. */
static void
read_vui(struct bits *b, struct h264_sps *out)
{
	struct bits rest;

	if (bits_u(b, 1) != 0 && bits_u(b, 8) == EXTENDED_SAR)
		bits_u(b, 32);
	if (bits_u(b, 1) != 0) /* overscan_info */
		bits_u(b, 1);
	if (bits_u(b, 1) != 0) { /* video_signal_type */
		bits_u(b, 4);
		if (bits_u(b, 1) != 0)
			bits_u(b, 24);
	}
	if (bits_u(b, 1) != 0) { /* chroma_loc_info */
		bits_ue(b);
		bits_ue(b);
	}
	if (bits_u(b, 1) != 0) {
		out->fps = read_fps(b);
		rest = *b;
		bits_u(&rest, 1); /* fixed_frame_rate_flag */
	} else {
		rest = *b;
	}
	out->reorder_frames = read_reorder_frames(&rest);
}

/* Picture size after cropping (equations 7-18 to 7-22). */
static int
read_size(struct bits *b, unsigned chroma, struct h264_sps *out)
{
	uint64_t width = 16u * ((uint64_t)bits_ue(b) + 1), height = (uint64_t)bits_ue(b) + 1;
	unsigned progressive = bits_u(b, 1), fields = 2 - progressive;
	uint64_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1, unit_y = chroma == 1 ? 2 : 1;
	uint64_t crop_x = 0, crop_y = 0;

	height *= 16 * (uint64_t)fields;
	if (progressive == 0)
		bits_u(b, 1);
	bits_u(b, 1); /* direct_8x8_inference_flag */
	if (bits_u(b, 1) != 0) {
		crop_x = bits_ue(b);
		crop_x = (crop_x + bits_ue(b)) * unit_x;
		crop_y = bits_ue(b);
		crop_y = (crop_y + bits_ue(b)) * unit_y * fields;
	}
	if (b->overrun || width > SPS_SIDE_MAX || height > SPS_SIDE_MAX || crop_x >= width ||
	    crop_y >= height)
		return -EBADMSG;
	out->width = (uint32_t)(width - crop_x);
	out->height = (uint32_t)(height - crop_y);
	return 0;
}

int
h264_sps_parse(struct h264_sps *sps, const uint8_t *nalu, size_t size)
{
	struct bits b;
	struct h264_sps out = {.reorder_frames = -1};
	unsigned chroma = 1;

	if (size < 1 || (nalu[0] & 0x1f) != H264_SPS)
		return -ENOMSG;
	if (size < 5 || (nalu[0] & 0x80) != 0)
		return -EBADMSG;
	bits_init(&b, nalu + 4, size - 4, true);
	out.profile_idc = nalu[1];
	out.constraints = nalu[2];
	out.level_idc = nalu[3];
	if (bits_ue(&b) > SPS_ID_MAX)
		return -EBADMSG;
	if (profile_is_high(out.profile_idc))
		chroma = read_chroma(&b);
	bits_ue(&b); /* log2_max_frame_num_minus4 */
	skip_poc(&b);
	bits_ue(&b);   /* max_num_ref_frames */
	bits_u(&b, 1); /* gaps_in_frame_num_value_allowed_flag */
	if (read_size(&b, chroma, &out) < 0)
		return -EBADMSG;
	if (bits_u(&b, 1) != 0)
		read_vui(&b, &out);
	if (b.overrun)
		return -EBADMSG;
	*sps = out;
	return 0;
}

int
h264_payload_sps(struct h264_sps *sps, const uint8_t *payload, size_t size)
{
	size_t at = 1;

	if (size == 0 || (payload[0] & 0x1f) != H264_STAP_A)
		return h264_sps_parse(sps, payload, size);
	while (at + 2 < size) {
		size_t unit = be16(payload + at);
		int rc;

		at += 2;
		if (unit == 0 || unit > size - at)
			return -EBADMSG;
		rc = h264_sps_parse(sps, payload + at, unit);
		if (rc != -ENOMSG)
			return rc;
		at += unit;
	}
	return -ENOMSG;
}
