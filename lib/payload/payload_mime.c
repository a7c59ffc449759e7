/* payload_mime.c - a codec's name for a MIME type or a playlist, from its configuration record. */
#include "payload/payload_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"

enum {
	AVCC_MIN = 7,  /* octets before the first parameter set (ISO 14496-15 s.5.3.3) */
	HVCC_MIN = 23, /* likewise (s.8.3.3) */
	AV1C_MIN = 4
};

static uint32_t
reverse_bits(uint32_t v)
{
	uint32_t out = 0;

	for (int i = 0; i < 32; i++, v >>= 1)
		out = out << 1 | (v & 1);
	return out;
}

/* ISO 14496-15 annex E.3: profile, compatibility bits reversed, tier and level, constraints
 * without the zeros at their end. */
static void
name_h265(char *text, size_t cap, const uint8_t *b)
{
	static const char *const spaces[] = {"", "A", "B", "C"};
	size_t used, last = 12;

	used =
	    (size_t)snprintf(text, cap, "hvc1.%s%u.%" PRIX32 ".%c%u", spaces[b[1] >> 6], b[1] & 31u,
			     reverse_bits(be32(b + 2)), (b[1] & 32) != 0 ? 'H' : 'L', b[12]);
	while (last > 6 && b[last - 1] == 0)
		last--;
	for (size_t i = 6; i < last; i++)
		used += (size_t)snprintf(text + used, cap - used, ".%X", b[i]);
}

char *
payload_mime(enum payload_codec codec, char text[static PAYLOAD_MIME_SIZE], const uint8_t *b,
	     size_t size)
{
	struct vp9_config vp9;

	text[0] = '\0';
	if (codec == PAYLOAD_H264 && size >= AVCC_MIN)
		snprintf(text, PAYLOAD_MIME_SIZE, "avc1.%02x%02x%02x", b[1], b[2], b[3]);
	else if (codec == PAYLOAD_H265 && size >= HVCC_MIN)
		name_h265(text, PAYLOAD_MIME_SIZE, b);
	else if (codec == PAYLOAD_AV1 && size >= AV1C_MIN) /* AV1 in ISOBMFF s.5 */
		snprintf(text, PAYLOAD_MIME_SIZE, "av01.%d.%02d%c.%s", b[1] >> 5, b[1] & 31,
			 (b[2] & 0x80) != 0 ? 'H' : 'M',
			 (b[2] & 0x40) == 0   ? "08"
			 : (b[2] & 0x20) != 0 ? "12"
					      : "10");
	else if (codec == PAYLOAD_VP9 && vp9_config_parse(&vp9, b, size) == 0)
		snprintf(text, PAYLOAD_MIME_SIZE, "vp09.%02d.%02d.%02d", vp9.profile, vp9.level,
			 vp9.depth);
	return text;
}
