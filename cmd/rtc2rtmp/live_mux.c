/* live_mux.c - the muxers of a stream: each unit's octets as FLV and as MPEG-TS into reels. */
#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"

enum { MADE_CAP = 65536 };

static const char *const formats[LIVE_KINDS] = {
    [LIVE_FLV] = "flv", [LIVE_TS] = "mpegts", [LIVE_MP4] = "mp4"};

static int
take_made(void *arg, const uint8_t *buf, size_t size)
{
	struct live_mux *m = arg;
	size_t cap = MAX_OF(m->made_cap, MADE_CAP);
	uint8_t *made;

	while (cap < m->made_size + size)
		cap *= 2;
	if (cap != m->made_cap) {
		made = realloc(m->made, cap);
		if (made == NULL)
			return -ENOMEM;
		m->made = made;
		m->made_cap = cap;
	}
	memcpy(m->made + m->made_size, buf, size);
	m->made_size += size;
	return 0;
}

/* A muxer that begins with this unit; its header is in m->made. */
static struct media_writer *
open_writer(struct live *l, enum live_kind kind, const struct media_unit *u)
{
	struct live_mux *m = &l->mux[kind];
	struct media_words words = {""};
	bool video = u->kind == MEDIA_VIDEO;
	const struct media_writer_config config = {
	    .path = "-",
	    .format = formats[kind],
	    .codec = l->codec,
	    .has = {[MEDIA_VIDEO] = video, [MEDIA_AUDIO] = l->has_audio},
	    .keyframe = video ? u->data : NULL,
	    .keyframe_size = video ? u->size : 0,
	    .aac = &l->format,
	    .sink = take_made,
	    .sink_arg = m,
	    .live = true};
	struct media_writer *w;

	m->made_size = 0;
	w = media_writer_open(&config, &words);
	if (w == NULL)
		log_warn("live", "%s: %s: %s", l->name, formats[kind], words.text);
	return w;
}

static void
close_one(struct live_mux *m)
{
	struct media_words ignored;

	media_writer_close(m->writer, &ignored);
	m->writer = NULL;
	m->held = 0;
}

void
live_mux_close(struct live *l)
{
	for (unsigned k = 0; k < LIVE_KINDS; k++)
		close_one(&l->mux[k]);
	media_aac_free(l->aac);
	media_video_free(l->video);
	l->aac = NULL;
	l->video = NULL;
}

int
live_mux_open_one(struct live *l, enum live_kind kind, const struct media_unit *u)
{
	close_one(&l->mux[kind]);
	l->mux[kind].writer = open_writer(l, kind, u);
	return l->mux[kind].writer != NULL ? 0 : -EIO;
}

bool
live_carries(const struct live *l, enum live_kind kind)
{
	return !l->has_video || media_writer_takes("-", formats[kind], l->codec);
}

int
live_mux_open(struct live *l, const struct media_unit *u)
{
	for (unsigned k = 0; k < LIVE_ENDLESS; k++) {
		struct live_mux *m = &l->mux[k];

		reel_fini(&m->reel);
		reel_init(&m->reel);
		if (!live_carries(l, k))
			continue;
		if (live_mux_open_one(l, k, u) < 0 ||
		    reel_set_header(&m->reel, m->made, m->made_size) < 0)
			return -EIO;
	}
	return 0;
}

/* Other parameter sets (another size of picture): who joins later needs a header with them. */
static void
renew_header(struct live *l, const struct media_unit *u)
{
	uint8_t record[PAYLOAD_CONFIG_MAX];
	uint32_t width = 0, height = 0;
	int n = payload_config_make(l->codec, record, sizeof(record), u->data, u->size);
	size_t size = n > 0 ? (size_t)n : 0;
	bool first = l->record_size == 0, same;
	struct live_mux *m = &l->mux[LIVE_FLV];
	struct media_words ignored;
	struct media_writer *w;

	(void)payload_unit_size(l->codec, u->data, u->size, &width, &height);
	same = size == l->record_size && memcmp(l->record, record, size) == 0 &&
	       width == l->width && height == l->height;
	if (size == 0 || same)
		return;
	memcpy(l->record, record, size);
	l->record_size = size;
	l->width = width;
	l->height = height;
	if (first)
		return;
	live_hls_change(l, u->time_us - u->lead_us);
	w = live_carries(l, LIVE_FLV) ? open_writer(l, LIVE_FLV, u) : NULL;
	if (w != NULL)
		(void)reel_set_header(&m->reel, m->made, m->made_size);
	media_writer_close(w, &ignored);
}

static int
said(struct live *l, enum live_kind kind, int r, const struct media_words *words)
{
	if (r < 0)
		log_warn("live", "%s: %s: %s", l->name, formats[kind], words->text);
	return r;
}

int
live_mux_one(struct live *l, enum live_kind kind, const struct media_unit *u)
{
	struct media_words words = {""};

	l->mux[kind].made_size = 0;
	return said(l, kind, media_writer_write(l->mux[kind].writer, u, &words), &words);
}

int
live_mux_flush(struct live *l, enum live_kind kind)
{
	struct media_words words = {""};

	l->mux[kind].made_size = 0;
	l->mux[kind].held = 0;
	return said(l, kind, media_writer_flush(l->mux[kind].writer, &words), &words);
}

void
live_mux_write(struct live *l, const struct media_unit *u, bool begin)
{
	int64_t at_us = u->time_us - u->lead_us;

	if (u->kind == MEDIA_VIDEO && u->keyframe)
		renew_header(l, u);
	for (unsigned k = 0; k < LIVE_ENDLESS; k++) {
		struct live_mux *m = &l->mux[k];

		if (m->writer != NULL && live_mux_one(l, k, u) == 0 && m->made_size > 0 &&
		    reel_add(&m->reel, m->made, m->made_size, at_us, begin) < 0)
			log_warn("live", "%s: out of memory", l->name);
	}
}
