/* Comparing codecs and their parameters. */
#include "sdp/sdp.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

bool
sdp_codec_is(const struct sdp_codec *c, const char *name)
{
	return strcasecmp(c->name, name) == 0;
}

bool
sdp_fmtp_get(const char *fmtp, const char *key, char *out, size_t cap)
{
	size_t key_size = strlen(key);

	while (*fmtp != '\0') {
		size_t n;

		fmtp += strspn(fmtp, "; ");
		n = strcspn(fmtp, ";");
		if (n > key_size && strncasecmp(fmtp, key, key_size) == 0 &&
		    fmtp[key_size] == '=') {
			size_t size = n - key_size - 1;

			while (size > 0 && fmtp[key_size + size] == ' ')
				size--;
			size = MIN_OF(size, cap - 1);
			memcpy(out, fmtp + key_size + 1, size);
			out[size] = '\0';
			return true;
		}
		fmtp += n;
	}
	return false;
}

/* A parameter as text, with its default. */
static void
get_or(const char *fmtp, const char *key, const char *fallback, char out[static 16])
{
	if (!sdp_fmtp_get(fmtp, key, out, 16))
		text_copy(out, 16, fallback);
}

static bool
same_parameter(const struct sdp_codec *a, const struct sdp_codec *b, const char *key,
	       const char *fallback)
{
	char left[16], right[16];

	get_or(a->fmtp, key, fallback, left);
	get_or(b->fmtp, key, fallback, right);
	return strcasecmp(left, right) == 0;
}

/*
 * The profile of a profile-level-id (RFC 6184 s.8.1, table 5) as a number; equal numbers are equal
 * profiles. The default is Constrained Baseline, which is what senders that say nothing send.
 */
static uint32_t
h264_profile(const char *fmtp)
{
	enum { BASELINE = 0x10000 };
	uint8_t raw[3];
	char text[16];

	get_or(fmtp, "profile-level-id", "42e01f", text);
	if (text_unhex(raw, sizeof(raw), text) < 0)
		return BASELINE;
	if (raw[0] == 0x42 || (raw[0] == 0x4d && (raw[1] & 0x80) != 0) ||
	    (raw[0] == 0x58 && (raw[1] & 0x80) != 0))
		return BASELINE;
	if (raw[0] == 0x4d)
		return 0x4d00; /* constraint_set0 and 2 apart, Main has no variants */
	return (uint32_t)raw[0] << 8 | raw[1];
}

bool
sdp_codec_matches(const struct sdp_codec *a, const struct sdp_codec *b)
{
	if (strcasecmp(a->name, b->name) != 0 || a->clock_rate != b->clock_rate ||
	    a->channels != b->channels || a->name[0] == '\0')
		return false;
	if (sdp_codec_is(a, "H264"))
		return same_parameter(a, b, "packetization-mode", "0") &&
		       h264_profile(a->fmtp) == h264_profile(b->fmtp);
	if (sdp_codec_is(a, "VP9"))
		return same_parameter(a, b, "profile-id", "0");
	if (sdp_codec_is(a, "AV1"))
		return same_parameter(a, b, "profile", "0");
	if (sdp_codec_is(a, "H265"))
		return same_parameter(a, b, "profile-id", "1");
	return true;
}
