/*
 * fuzz_h264.c - SPS, Annex B, packetiser and depacketiser on any octets; what is packed must come
 * out of the depacketiser as it went in.
 */
#include <stdlib.h>
#include <string.h>

#include "h264/h264.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
round_trip(const uint8_t *buf, size_t size)
{
	static struct h264_pack pack;
	struct au out;
	const uint8_t *a, *b;
	uint8_t payload[256];
	size_t a_size, b_size, at = 0, used;
	bool last = false;
	int n;

	if (h264_pack_start(&pack, buf, size, 8 + size % 200) < 0)
		return;
	au_init(&out);
	while ((n = h264_pack_next(&pack, payload, sizeof(payload), &last)) > 0)
		(void)h264_depack_push(&out, payload, (size_t)n);
	if (n != 0 || !last)
		abort();
	for (size_t i = 0; i < pack.nalu_count && !out.damaged; i++) {
		a = pack.nalus[i].p;
		a_size = pack.nalus[i].size;
		used = h264_annexb_next(out.buf + at, out.size - at, &b, &b_size);
		if (used == 0 || a_size != b_size || memcmp(a, b, a_size) != 0)
			abort();
		at += used;
	}
	au_fini(&out);
}

static void
depacketise(const uint8_t *buf, size_t size)
{
	struct au out;

	au_init(&out);
	for (size_t at = 0; at < size;) {
		size_t n = buf[at++];

		n = n < size - at ? n : size - at;
		(void)h264_depack_push(&out, buf + at, n);
		(void)h264_payload_starts_keyframe(buf + at, n);
		at += n;
	}
	au_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct h264_sps sps;

	(void)h264_sps_parse(&sps, buf, size);
	(void)h264_payload_sps(&sps, buf, size);
	(void)h264_payload_starts_keyframe(buf, size);
	round_trip(buf, size);
	depacketise(buf, size);
	return 0;
}
