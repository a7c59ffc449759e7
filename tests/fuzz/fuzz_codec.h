/*
 * fuzz_codec.h - one codec of lib/payload on any octets: as a payload, as a run of payloads, as a
 * unit, as a configuration record.  What can be packed comes out of the depacketiser the same at
 * every payload size.
 */
#ifndef RTCKIT_TESTS_FUZZ_CODEC_H
#define RTCKIT_TESTS_FUZZ_CODEC_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "payload/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static inline bool
fuzz_pass(enum payload_codec codec, struct au *au, const uint8_t *unit, size_t size, size_t max)
{
	static struct payload_pack pack;
	static uint8_t payload[1500];
	bool last = false;
	int n;

	payload_pack_init(&pack, codec);
	au_init(au);
	if (payload_pack_start(&pack, unit, size, max) < 0)
		return false;
	while ((n = payload_pack_next(&pack, payload, sizeof(payload), &last)) > 0)
		if ((size_t)n > max || payload_depack_push(codec, au, payload, (size_t)n) < 0)
			return false;
	if (n != 0 || !last)
		abort();
	return payload_depack_end(codec, au);
}

static inline void
fuzz_round_trip(enum payload_codec codec, const uint8_t *buf, size_t size)
{
	struct au first, second;

	if (fuzz_pass(codec, &first, buf, size, 20 + size % 300)) {
		if (!fuzz_pass(codec, &second, first.buf, first.size, 1400) ||
		    first.size != second.size || memcmp(first.buf, second.buf, first.size) != 0)
			abort();
		au_fini(&second);
	}
	au_fini(&first);
}

static inline void
fuzz_payloads(enum payload_codec codec, const uint8_t *buf, size_t size)
{
	uint32_t width, height;
	struct au au;

	au_init(&au);
	for (size_t at = 0; at < size;) {
		size_t n = buf[at++];

		n = n < size - at ? n : size - at;
		(void)payload_depack_push(codec, &au, buf + at, n);
		(void)payload_starts_keyframe(codec, buf + at, n);
		(void)payload_picture_size(codec, buf + at, n, &width, &height);
		at += n;
	}
	(void)payload_depack_end(codec, &au);
	au_fini(&au);
}

static inline void
fuzz_units(enum payload_codec codec, const uint8_t *buf, size_t size)
{
	size_t cap = 4 * size + 4;
	uint8_t *out = malloc(cap), record[PAYLOAD_CONFIG_MAX];
	char text[PAYLOAD_FMTP_SIZE], mime[PAYLOAD_MIME_SIZE];
	struct payload_facts facts;
	uint32_t width, height;
	unsigned length;
	int n;

	if (out == NULL)
		abort();
	(void)payload_look(codec, buf, size, &facts);
	(void)payload_unit_size(codec, buf, size, &width, &height);
	(void)payload_fmtp(codec, text, buf, size);
	(void)payload_headers(codec, out, cap, buf, size);
	(void)payload_mime(codec, mime, buf, size);
	(void)payload_config_headers(codec, out, cap, buf, size, &length);
	for (length = 1; length <= 4; length *= 2)
		if (payload_from_stored(codec, out, cap, buf, size, length) == -ENOSPC)
			abort();
	(void)payload_to_stored(codec, out, cap, buf, size);
	n = payload_config_make(codec, record, sizeof(record), buf, size);
	/* What is made can be read. */
	if (n > 0 &&
	    payload_config_headers(codec, out, cap, record, (size_t)n, &length) == -EBADMSG)
		abort();
	free(out);
}

static inline int
fuzz_codec(enum payload_codec codec, const uint8_t *buf, size_t size)
{
	uint32_t width, height;

	(void)payload_starts_keyframe(codec, buf, size);
	(void)payload_picture_size(codec, buf, size, &width, &height);
	fuzz_payloads(codec, buf, size);
	fuzz_units(codec, buf, size);
	fuzz_round_trip(codec, buf, size);
	return 0;
}

#endif
