/*
 * fuzz_media_flv.c - units of H265, VP9, AV1 and Opus as FLV: an octet for the codec (and 128 for
 * Opus), then records of an octet (1 keyframe, 2 sound, the rest milliseconds), two of size and a
 * unit.  What is written, an FLV reader takes: whole tags whose heads parse, times that do not go
 * back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "flv/flv.h"
#include "media/media_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static struct flv_reader reader;
static uint32_t last_ms[256];

static int
on_made(void *arg, const uint8_t *buf, size_t size)
{
	struct flv_tag tag;
	struct flv_video v;
	struct flv_audio a;
	int r;

	(void)arg;
	if (flv_reader_push(&reader, buf, size) < 0)
		abort();
	while ((r = flv_reader_next(&reader, &tag)) == 1) {
		if (tag.ts_ms < last_ms[tag.type])
			abort();
		last_ms[tag.type] = tag.ts_ms;
		if (tag.type == FLV_VIDEO && flv_video_parse(&v, tag.data, tag.size) < 0)
			abort();
		if (tag.type == FLV_AUDIO && flv_audio_parse(&a, tag.data, tag.size) < 0)
			abort();
	}
	if (r < 0)
		abort();
	return 0;
}

/* The next record; false: there is none that is whole. */
static bool
next(struct media_unit *u, const uint8_t **p, const uint8_t *end)
{
	size_t size;

	if (end - *p < 3)
		return false;
	size = be16(*p + 1);
	if ((size_t)(end - *p) - 3 < size)
		return false;
	u->kind = (**p & 2) != 0 ? MEDIA_AUDIO : MEDIA_VIDEO;
	u->keyframe = (**p & 1) != 0;
	u->time_us += (**p >> 2) * 1000;
	u->data = *p + 3;
	u->size = size;
	*p += 3 + size;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const enum payload_codec codecs[] = {PAYLOAD_H265, PAYLOAD_VP9, PAYLOAD_AV1,
						    PAYLOAD_H264};
	static const uint8_t aac[] = {0x11, 0x90};
	static const struct media_aac_format format = {aac, sizeof(aac), 48000, 2};
	const uint8_t *p = buf + 1, *end = buf + size;
	struct media_unit u = {.keyframe = true};
	struct media_words words = {""};
	struct media_writer *w;

	if (size == 0 || !next(&u, &p, end))
		return 0;
	media_init();
	memset(last_ms, 0, sizeof(last_ms));
	flv_reader_init(&reader);
	w = media_writer_open(
	    &(struct media_writer_config){.path = "-",
					  .format = "flv",
					  .has = {[MEDIA_VIDEO] = true, [MEDIA_AUDIO] = true},
					  .codec = codecs[(buf[0] & 127) % ARRAY_COUNT(codecs)],
					  .keyframe = u.data,
					  .keyframe_size = u.size,
					  .aac = (buf[0] & 128) != 0 ? NULL : &format,
					  .sink = on_made,
					  .live = true},
	    &words);
	p = buf + 1;
	u = (struct media_unit){0};
	while (w != NULL && next(&u, &p, end))
		if (u.size > 0)
			(void)media_writer_write(w, &u, &words);
	(void)media_writer_close(w, &words);
	flv_reader_fini(&reader);
	return 0;
}
