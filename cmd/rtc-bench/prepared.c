#include "prepared.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "media/media_source.h"

enum { FRAME_US = 40000 /* of the last frame, if the file does not say */ };

static int
fail(struct media_words *words, int error, const char *text)
{
	snprintf(words->text, sizeof(words->text), "%s", text);
	return error;
}

/* Room for one frame more, of so many octets. */
static int
reserve(struct prepared *p, size_t size, struct media_words *words)
{
	if (p->count == PREPARED_FRAMES_MAX || size > PREPARED_OCTETS_MAX - p->size)
		return fail(words, -EFBIG, "the file is too long: some minutes are enough");
	if (p->count == p->cap) {
		size_t cap = p->cap > 0 ? 2 * p->cap : 1024;
		void *frames = realloc(p->frames, cap * sizeof(*p->frames));

		if (frames == NULL)
			return fail(words, -ENOMEM, "out of memory");
		p->frames = frames;
		p->cap = cap;
	}
	if (p->room - p->size < size) {
		size_t room = MAX_OF(2 * p->room, p->size + size);
		void *octets = realloc(p->octets, room);

		if (octets == NULL)
			return fail(words, -ENOMEM, "out of memory");
		p->octets = octets;
		p->room = room;
	}
	return 0;
}

static int
add(struct prepared *p, const struct media_unit *u, size_t sound_max, struct media_words *words)
{
	uint64_t last_us = p->count > 0 ? p->frames[p->count - 1].time_us : 0;
	uint64_t lasts_us = u->duration_us > 0 ? (uint64_t)u->duration_us : FRAME_US;
	/* Picture and sound are interleaved only nearly in order. */
	uint64_t time_us = MAX_OF((uint64_t)u->time_us, last_us);
	int r;

	if (u->kind == MEDIA_AUDIO && u->size > sound_max)
		return fail(words, -EMSGSIZE, "a packet of its sound is too large to be sent");
	r = reserve(p, u->size, words);
	if (r < 0)
		return r;
	p->frames[p->count++] = (struct prepared_frame){.kind = u->kind,
							.keyframe = u->keyframe,
							.time_us = time_us,
							.at = p->size,
							.size = u->size};
	memcpy(p->octets + p->size, u->data, u->size);
	p->size += u->size;
	p->duration_us = MAX_OF(p->duration_us, time_us + lasts_us);
	if (u->kind == MEDIA_VIDEO)
		p->video_octets += u->size;
	return 0;
}

int
prepared_load(struct prepared *p, const char *path, size_t sound_max, struct media_words *words)
{
	const struct media_file_config config = {.path = path, .codec = PAYLOAD_H264};
	struct media_source *source;
	struct media_unit unit;
	int r;

	*p = (struct prepared){0};
	media_init();
	source = media_source_file(&config, words);
	if (source == NULL)
		return -EINVAL;
	do {
		r = media_source_next(source, &unit, words);
		if (r > 0)
			r = add(p, &unit, sound_max, words) < 0 ? -EINVAL : 1;
	} while (r > 0);
	media_source_free(source);
	if (r == 0 && p->video_octets == 0)
		r = fail(words, -ENODATA, "there is no picture in it");
	if (r < 0)
		prepared_free(p);
	return r;
}

void
prepared_free(struct prepared *p)
{
	free(p->frames);
	free(p->octets);
	*p = (struct prepared){0};
}
