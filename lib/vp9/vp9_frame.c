/* vp9_frame.c - a frame's uncompressed header (VP9 bit stream s.6.2) and the record made of it. */
#include "vp9/vp9.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/bytes.h"

enum {
	FRAME_MARKER = 2,
	SYNC_CODE = 0x498342, /* s.7.2 */
	CS_RGB = 7,
	UNSPECIFIED = 2, /* colour primaries, transfer, matrix (ISO/IEC 23091-2) */
	CHROMA_420 = 1,
	CHROMA_422 = 2,
	CHROMA_444 = 3,
	FULL_BOX_HEAD = 4
};

static void
read_color(struct bits *b, struct vp9_frame *out) /* color_config, s.7.2.2 */
{
	out->depth = 8;
	if (out->profile >= 2)
		out->depth = bits_u(b, 1) != 0 ? 12 : 10;
	out->color_space = (uint8_t)bits_u(b, 3);
	if (out->color_space == CS_RGB) {
		out->full_range = 1;
		if ((out->profile & 1) != 0)
			bits_skip(b, 1);
		return;
	}
	out->full_range = (uint8_t)bits_u(b, 1);
	out->subsampling_x = out->subsampling_y = 1;
	if ((out->profile & 1) != 0) {
		out->subsampling_x = (uint8_t)bits_u(b, 1);
		out->subsampling_y = (uint8_t)bits_u(b, 1);
		bits_skip(b, 1);
	}
}

int
vp9_frame_parse(struct vp9_frame *f, const uint8_t *frame, size_t size)
{
	struct vp9_frame out = {0};
	struct bits b;

	bits_init(&b, frame, size, false);
	if (bits_u(&b, 2) != FRAME_MARKER)
		return -EBADMSG;
	out.profile = (uint8_t)bits_u(&b, 1);
	out.profile |= (uint8_t)(bits_u(&b, 1) << 1);
	if (out.profile == 3 && bits_u(&b, 1) != 0)
		return -EBADMSG;
	if (bits_u(&b, 1) != 0) { /* show_existing_frame */
		out.shows_existing = out.shown = true;
	} else {
		out.key = bits_u(&b, 1) == 0;
		out.shown = bits_u(&b, 1) != 0;
		bits_skip(&b, 1); /* error_resilient_mode */
		if (out.key) {
			if (bits_u(&b, 24) != SYNC_CODE)
				return -EBADMSG;
			read_color(&b, &out);
			out.width = bits_u(&b, 16) + 1;
			out.height = bits_u(&b, 16) + 1;
		}
	}
	if (b.overrun)
		return -EBADMSG;
	*f = out;
	return 0;
}

int
vp9_config_parse(struct vp9_config *c, const uint8_t *buf, size_t size)
{
	static const uint8_t head[FULL_BOX_HEAD] = {1, 0, 0, 0};

	if (size >= FULL_BOX_HEAD + VP9_CONFIG_SIZE && memcmp(buf, head, sizeof(head)) == 0)
		buf += FULL_BOX_HEAD;
	else if (size < VP9_CONFIG_SIZE)
		return -EBADMSG;
	if (buf[0] > 3)
		return -EBADMSG;
	*c = (struct vp9_config){.profile = buf[0],
				 .level = buf[1],
				 .depth = buf[2] >> 4,
				 .chroma = buf[2] >> 1 & 7,
				 .full_range = buf[2] & 1,
				 .primaries = buf[3],
				 .transfer = buf[4],
				 .matrix = buf[5]};
	return 0;
}

/* The least level that takes a picture of this size at usual rates (annex A). */
static uint8_t
level_of(uint64_t area)
{
	static const struct {
		uint32_t area;
		uint8_t level;
	} rows[] = {{36864, 10},  {73728, 11},	 {122880, 20},	{245760, 21},  {552960, 30},
		    {983040, 31}, {2228224, 40}, {8912896, 50}, {35651584, 60}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (area <= rows[i].area)
			return rows[i].level;
	return 62;
}

int
vp9_config_write(uint8_t *out, size_t cap, const struct vp9_frame *f)
{
	/* color_space to primaries, transfer, matrix: BT.601, BT.709, SMPTE 170 and 240, BT.2020 */
	static const uint8_t colors[8][3] = {
	    {2, 2, 2}, {5, 6, 5},  {1, 1, 1}, {6, 6, 6},
	    {7, 7, 7}, {9, 14, 9}, {2, 2, 2}, {1, 13, 0},
	};
	uint8_t chroma;

	if (!f->key)
		return -EINVAL;
	if (cap < VP9_CONFIG_SIZE)
		return -ENOSPC;
	chroma = f->subsampling_y != 0	 ? CHROMA_420
		 : f->subsampling_x != 0 ? CHROMA_422
					 : CHROMA_444;
	out[0] = f->profile;
	out[1] = level_of((uint64_t)f->width * f->height);
	out[2] = (uint8_t)(f->depth << 4 | chroma << 1 | f->full_range);
	memcpy(out + 3, colors[f->color_space & 7], 3);
	out[6] = out[7] = 0; /* codecInitializationDataSize */
	return VP9_CONFIG_SIZE;
}
