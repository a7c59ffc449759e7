/* fuzz_flv.c - the container, the bodies' heads, H.264's configuration and lengths, onMetaData. */
#include <stdlib.h>
#include <string.h>

#include "flv/flv.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
avc(const uint8_t *buf, size_t size)
{
	struct flv_avc_config c, again;
	uint8_t *out = malloc(4 * size + 4);
	int n;

	if (flv_avc_config_parse(&c, buf, size) == 0) {
		n = flv_avc_config_write(out, 4 * size + 4, &c);
		if (n > 0 && (flv_avc_config_parse(&again, out, (size_t)n) < 0 ||
			      again.sps_count != c.sps_count || again.pps_count != c.pps_count))
			abort();
		(void)flv_avc_config_annexb(out, 4 * size + 4, &c);
	}
	for (unsigned length_size = 1; length_size <= 4; length_size++)
		if (flv_avcc_to_annexb(out, 4 * size + 4, buf, size, length_size) == -28)
			if (length_size > 1)
				abort();
	(void)flv_annexb_to_avcc(out, 4 * size + 4, buf, size);
	free(out);
}

static void
body(const struct flv_tag *tag)
{
	struct flv_video v;
	struct flv_audio a;
	struct flv_metadata m;
	uint8_t head[FLV_BODY_HEAD_MAX];

	if (flv_video_parse(&v, tag->data, tag->size) == 0) {
		(void)flv_write_video(head, sizeof(head), &v);
		avc(v.data, v.size);
	}
	if (flv_audio_parse(&a, tag->data, tag->size) == 0)
		(void)flv_write_audio(head, sizeof(head), &a);
	(void)flv_metadata_parse(&m, tag->data, tag->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	const struct flv_tag whole = {.data = buf, .size = size};
	struct flv_reader r;
	struct flv_tag tag;

	body(&whole);
	flv_reader_init(&r);
	for (size_t at = 0, piece; at < size; at += piece) {
		piece = 1 + buf[at] % 64u;
		piece = piece < size - at ? piece : size - at;
		if (flv_reader_push(&r, buf + at, piece) < 0)
			abort();
		while (flv_reader_next(&r, &tag) == 1)
			body(&tag);
	}
	flv_reader_fini(&r);
	return 0;
}
