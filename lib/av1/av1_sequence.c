/* av1_sequence.c - sequence header OBU (AV1 bit stream s.5.5), and the record that holds it. */
#include "av1/av1_impl.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

enum {
	PROFILE_MAX = 2,
	LEVEL_WITH_TIER = 8, /* levels below 4.0 have one tier */
	SELECT_SCREEN_CONTENT = 2,
	CP_BT_709 = 1, /* s.6.4.2 */
	CP_UNSPECIFIED = 2,
	TC_UNSPECIFIED = 2,
	TC_SRGB = 13,
	MC_IDENTITY = 0,
	MC_UNSPECIFIED = 2,
	CONFIG_VERSION = 0x81 /* marker and version 1 */
};

static void
skip_uvlc(struct bits *b) /* s.4.10.3 */
{
	unsigned zeros = 0;

	while (!b->overrun && bits_u(b, 1) == 0)
		zeros++;
	if (zeros < 32)
		bits_skip(b, zeros);
}

/* Returns the length of the decoder model's delays in bits; 0: there is no model. */
static unsigned
skip_timing(struct bits *b)
{
	unsigned delay_bits = 0;

	if (bits_u(b, 1) == 0) /* timing_info_present_flag */
		return 0;
	bits_skip(b, 64);
	if (bits_u(b, 1) != 0) /* equal_picture_interval */
		skip_uvlc(b);
	if (bits_u(b, 1) != 0) { /* decoder_model_info_present_flag */
		delay_bits = bits_u(b, 5) + 1;
		bits_skip(b, 32 + 5 + 5);
	}
	return delay_bits;
}

static void
read_operating_points(struct bits *b, struct av1_sequence *out)
{
	unsigned delay_bits = skip_timing(b);
	bool display_delay = bits_u(b, 1) != 0;
	unsigned count = bits_u(b, 5) + 1;

	for (unsigned i = 0; i < count && !b->overrun; i++) {
		uint8_t level, tier;

		bits_skip(b, 12); /* operating_point_idc */
		level = (uint8_t)bits_u(b, 5);
		tier = level >= LEVEL_WITH_TIER ? (uint8_t)bits_u(b, 1) : 0;
		if (i == 0) {
			out->level_idx = level;
			out->tier = tier;
		}
		if (delay_bits > 0 && bits_u(b, 1) != 0)
			bits_skip(b, 2 * delay_bits + 1);
		if (display_delay && bits_u(b, 1) != 0)
			bits_skip(b, 4);
	}
}

static void
read_size(struct bits *b, struct av1_sequence *out)
{
	unsigned width_bits = bits_u(b, 4) + 1, height_bits = bits_u(b, 4) + 1;

	out->width = bits_u(b, width_bits) + 1;
	out->height = bits_u(b, height_bits) + 1;
}

/* What lies between the size and the colours: tools of the encoder. */
static void
skip_tools(struct bits *b, bool reduced)
{
	bool order_hint;
	unsigned screen;

	if (!reduced && bits_u(b, 1) != 0) /* frame_id_numbers_present_flag */
		bits_skip(b, 4 + 3);
	bits_skip(b, 3); /* superblocks of 128, filter_intra, intra_edge_filter */
	if (!reduced) {
		bits_skip(b, 4); /* interintra, masked, warped, dual filter */
		order_hint = bits_u(b, 1) != 0;
		if (order_hint)
			bits_skip(b, 2); /* jnt_comp, ref_frame_mvs */
		screen = bits_u(b, 1) != 0 ? SELECT_SCREEN_CONTENT : bits_u(b, 1);
		if (screen > 0 && bits_u(b, 1) == 0) /* seq_choose_integer_mv */
			bits_skip(b, 1);
		if (order_hint)
			bits_skip(b, 3);
	}
	bits_skip(b, 3); /* superres, cdef, restoration */
}

static void
read_color(struct bits *b, struct av1_sequence *out) /* s.5.5.2 */
{
	bool high = bits_u(b, 1) != 0;
	unsigned primaries = CP_UNSPECIFIED, transfer = TC_UNSPECIFIED, matrix = MC_UNSPECIFIED;

	out->depth = high ? 10 : 8;
	if (out->profile == 2 && high)
		out->depth = bits_u(b, 1) != 0 ? 12 : 10;
	out->monochrome = out->profile != 1 && bits_u(b, 1) != 0;
	if (bits_u(b, 1) != 0) { /* color_description_present_flag */
		primaries = bits_u(b, 8);
		transfer = bits_u(b, 8);
		matrix = bits_u(b, 8);
	}
	if (!out->monochrome && primaries == CP_BT_709 && transfer == TC_SRGB &&
	    matrix == MC_IDENTITY)
		return;	 /* 4:4:4, full range */
	bits_skip(b, 1); /* color_range */
	out->subsampling_x = out->subsampling_y = out->monochrome || out->profile == 0;
	if (out->monochrome)
		return;
	if (out->profile == 2) {
		out->subsampling_x = out->depth == 12 ? (uint8_t)bits_u(b, 1) : 1;
		out->subsampling_y =
		    out->depth == 12 && out->subsampling_x ? (uint8_t)bits_u(b, 1) : 0;
	}
	if (out->subsampling_x && out->subsampling_y)
		out->chroma_position = (uint8_t)bits_u(b, 2);
}

int
av1_sequence_parse(struct av1_sequence *s, const uint8_t *body, size_t size)
{
	struct av1_sequence out = {0};
	struct bits b;
	bool reduced;

	bits_init(&b, body, size, false);
	out.profile = (uint8_t)bits_u(&b, 3);
	out.still = bits_u(&b, 1) != 0;
	reduced = bits_u(&b, 1) != 0;
	if (out.profile > PROFILE_MAX)
		return -EBADMSG;
	if (reduced)
		out.level_idx = (uint8_t)bits_u(&b, 5);
	else
		read_operating_points(&b, &out);
	read_size(&b, &out);
	skip_tools(&b, reduced);
	read_color(&b, &out);
	if (b.overrun)
		return -EBADMSG;
	*s = out;
	return 0;
}

int
av1_config_parse(struct av1_config *c, const uint8_t *buf, size_t size)
{
	struct av1_config out;
	struct av1_obu obu;
	size_t at = 0;
	int rc = 1;

	if (size < AV1_CONFIG_HEAD_SIZE || buf[0] != CONFIG_VERSION)
		return -EBADMSG;
	out = (struct av1_config){.profile = buf[1] >> 5,
				  .level_idx = buf[1] & 0x1f,
				  .tier = buf[2] >> 7,
				  .obus = buf + AV1_CONFIG_HEAD_SIZE,
				  .size = size - AV1_CONFIG_HEAD_SIZE};
	while (rc > 0)
		rc = av1_obu_next(out.obus, out.size, &at, &obu);
	if (rc < 0)
		return -EBADMSG;
	*c = out;
	return 0;
}

int
av1_config_write(uint8_t *out, size_t cap, const uint8_t *unit, size_t size)
{
	struct av1_sequence s;
	struct av1_obu obu;
	size_t at = 0, total;

	do {
		if (av1_obu_next(unit, size, &at, &obu) <= 0)
			return -EINVAL;
	} while (obu.type != AV1_SEQUENCE_HEADER);
	if (av1_sequence_parse(&s, obu.body, obu.body_size) < 0)
		return -EINVAL;
	total =
	    AV1_CONFIG_HEAD_SIZE + obu.header_size + av1_leb128_size(obu.body_size) + obu.body_size;
	if (cap < total)
		return -ENOSPC;
	out[0] = CONFIG_VERSION;
	out[1] = (uint8_t)(s.profile << 5 | s.level_idx);
	out[2] =
	    (uint8_t)(s.tier << 7 | (s.depth > 8) << 6 | (s.depth == 12) << 5 | s.monochrome << 4 |
		      s.subsampling_x << 3 | s.subsampling_y << 2 | s.chroma_position);
	out[3] = 0; /* no initial_presentation_delay */
	out += AV1_CONFIG_HEAD_SIZE;
	out += av1_obu_head(out, &obu);
	memcpy(out, obu.body, obu.body_size);
	return (int)total;
}
