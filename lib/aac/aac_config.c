/* aac_config.c - AudioSpecificConfig, and the fmtp that carries it (RFC 3640 s.4.1). */
#include "aac/aac.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
	OBJECT_LC = 2,
	OBJECT_SBR = 5,
	OBJECT_SCALABLE = 6,
	OBJECT_ER_LC = 17,
	OBJECT_PS = 29,
	OBJECT_ESCAPE = 31,
	RATE_ESCAPE = 15,
	CHANNELS_71_BACK = 7, /* channelConfiguration 7 means 8 channels */
	CHANNELS_MAX = 7
};

static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
				 22050, 16000, 12000, 11025, 8000,  7350};

struct bits {
	const uint8_t *buf;
	size_t size, at; /* at: in bits */
	bool overrun;
};

static uint32_t
take_bits(struct bits *b, unsigned count)
{
	uint32_t v = 0;

	for (; count > 0; count--, b->at++) {
		if (b->at / 8 >= b->size) {
			b->overrun = true;
			return 0;
		}
		v = v << 1 | (b->buf[b->at / 8] >> (7 - b->at % 8) & 1);
	}
	return v;
}

/* GetAudioObjectType (s.1.6.2.1). */
static unsigned
take_object_type(struct bits *b)
{
	unsigned type = take_bits(b, 5);

	return type == OBJECT_ESCAPE ? 32 + take_bits(b, 6) : type;
}

/* 0 if reserved. */
static uint32_t
take_rate(struct bits *b)
{
	unsigned index = take_bits(b, 4);

	if (index == RATE_ESCAPE)
		return take_bits(b, 24);
	return index < ARRAY_COUNT(rates) ? rates[index] : 0;
}

/* GASpecificConfig (s.4.4.1) begins with frameLengthFlag: for the object types that have one. */
static bool
has_ga_config(unsigned type)
{
	return (type >= 1 && type <= 4) || type == OBJECT_SCALABLE || type == 7 ||
	       (type >= OBJECT_ER_LC && type <= 23 && type != 18);
}

int
aac_config_parse(struct aac_config *c, const uint8_t *asc, size_t size)
{
	struct bits b = {.buf = asc, .size = size};
	struct aac_config out = {.unit_samples = 1024};
	unsigned type = take_object_type(&b), channels;

	out.rate_hz = out.output_rate_hz = take_rate(&b);
	channels = take_bits(&b, 4);
	if (type == OBJECT_SBR || type == OBJECT_PS) {
		out.sbr = true;
		out.ps = type == OBJECT_PS;
		out.output_rate_hz = take_rate(&b);
		type = take_object_type(&b);
	}
	if (has_ga_config(type) && take_bits(&b, 1) != 0)
		out.unit_samples = 960;
	if (b.overrun || type == 0 || channels > CHANNELS_MAX || out.rate_hz == 0 ||
	    out.output_rate_hz == 0 || out.rate_hz > 192000 || out.output_rate_hz > 192000)
		return -EBADMSG;
	out.object_type = (uint8_t)type;
	out.channel_count = (uint8_t)(channels == CHANNELS_71_BACK ? 8 : channels);
	*c = out;
	return 0;
}

int
aac_fmtp_write(char *text, size_t cap, const uint8_t *asc, size_t size)
{
	char hex[2 * AAC_CONFIG_MAX + 1];
	int n;

	if (size > AAC_CONFIG_MAX)
		return -ENOSPC;
	n = snprintf(text, cap,
		     "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
		     "indexdeltalength=3;config=%s",
		     text_hex(hex, asc, size));
	return n > 0 && (size_t)n < cap ? n : -ENOSPC;
}

/* The value of a parameter and its length; NULL if there is none. Names have no case. */
static const char *
find_parameter(const char *fmtp, const char *name, size_t *size)
{
	size_t n = strlen(name);

	for (const char *p = fmtp; *p != '\0';) {
		p += strspn(p, "; ");
		if (strncasecmp(p, name, n) == 0 && p[n] == '=') {
			*size = strcspn(p + n + 1, "; ");
			return p + n + 1;
		}
		p += strcspn(p, ";");
	}
	return NULL;
}

static bool
parameter_is(const char *fmtp, const char *name, const char *value)
{
	size_t size = 0;
	const char *p = find_parameter(fmtp, name, &size);

	return p != NULL && size == strlen(value) && strncasecmp(p, value, size) == 0;
}

int
aac_fmtp_config(uint8_t *asc, size_t cap, const char *fmtp)
{
	char hex[2 * AAC_CONFIG_MAX + 1];
	size_t size = 0;
	const char *p = find_parameter(fmtp, "config", &size);

	if (p == NULL)
		return -ENOENT;
	if (size % 2 != 0 || size == 0 || !parameter_is(fmtp, "mode", "AAC-hbr") ||
	    !parameter_is(fmtp, "sizelength", "13") || !parameter_is(fmtp, "indexlength", "3") ||
	    !parameter_is(fmtp, "indexdeltalength", "3"))
		return -EBADMSG;
	if (size / 2 > cap || size >= sizeof(hex))
		return -ENOSPC;
	memcpy(hex, p, size);
	hex[size] = '\0';
	return text_unhex(asc, size / 2, hex) < 0 ? -EBADMSG : (int)(size / 2);
}
