/* fuzz_aac.c - AudioSpecificConfig, fmtp and RFC 3640 payloads. */
#include <stdlib.h>
#include <string.h>

#include "aac/aac.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
take(void *arg, const uint8_t *unit, size_t size, unsigned index)
{
	size_t *sum = arg;

	if (size == 0 || size > AAC_UNIT_MAX || index >= AAC_UNITS_MAX)
		abort();
	*sum += size + unit[0] + unit[size - 1];
}

/* Octets in pieces, each a payload; a piece begins with its size and whether time moves. */
static void
payloads(const uint8_t *buf, size_t size)
{
	static struct aac_depack d;
	size_t sum = 0;
	uint32_t ts = 0;

	memset(&d, 0, sizeof(d));
	for (size_t at = 0; at < size;) {
		size_t n = buf[at] & 0x7f;

		ts += buf[at++] >> 7;
		n = n < size - at ? n : size - at;
		(void)aac_depack_push(&d, buf + at, n, ts, take, &sum);
		at += n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct aac_config c;
	struct aac_pack pack;
	uint8_t out[AAC_CONFIG_MAX];
	char *text = malloc(size + 1);
	bool last;

	memcpy(text, buf, size);
	text[size] = '\0';
	(void)aac_fmtp_config(out, sizeof(out), text);
	free(text);
	(void)aac_config_parse(&c, buf, size);
	payloads(buf, size);
	if (aac_pack_start(&pack, &(struct aac_unit){buf, size}, 20) == 0)
		while (aac_pack_next(&pack, out, sizeof(out), &last) > 0)
			;
	return 0;
}
