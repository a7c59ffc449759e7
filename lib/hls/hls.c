#include "hls/hls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { SECOND_US = 1000000, FIRST_CAP = 65536, EARLY_US = 100000, FIRST_MIN_US = 500000 };

void
hls_init(struct hls *h, int64_t fragment_us, int64_t window_us, uint64_t first_number)
{
	memset(h, 0, sizeof(*h));
	h->fragment_us = fragment_us;
	h->window_us = window_us;
	h->next_number = first_number;
	h->target_us = fragment_us;
}

void
hls_fini(struct hls *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->segments[i].data);
	free(h->open.data);
	memset(h, 0, sizeof(*h));
}

static void
drop_first(struct hls *h)
{
	h->octets -= h->segments[0].size;
	free(h->segments[0].data);
	memmove(h->segments, h->segments + 1, --h->count * sizeof(h->segments[0]));
}

/* The window, and never less than three segments (RFC 8216 s.6.2.2), within the limits. */
static bool
is_surplus(const struct hls *h)
{
	int64_t duration_us = 0;

	if (h->count == HLS_SEGMENTS_MAX || (h->octets > HLS_OCTETS_MAX && h->count > 1))
		return true;
	for (size_t i = 1; i < h->count; i++)
		duration_us += h->segments[i].duration_us;
	return h->count > 3 && duration_us >= h->window_us;
}

static void
close_segment(struct hls *h, int64_t time_us)
{
	h->open.duration_us = MAX_OF(time_us - h->begin_us, 1000);
	h->open.number = h->next_number++;
	h->target_us = MAX_OF(h->target_us, h->open.duration_us);
	while (is_surplus(h))
		drop_first(h);
	h->segments[h->count++] = h->open;
	h->octets += h->open.size;
	memset(&h->open, 0, sizeof(h->open));
	h->is_open = false;
}

static int
append(struct hls_segment *s, const struct piece *p)
{
	size_t cap = s->cap > 0 ? s->cap : FIRST_CAP;
	uint8_t *data;

	while (cap < s->size + p->size)
		cap *= 2;
	if (cap != s->cap) {
		data = realloc(s->data, cap);
		if (data == NULL)
			return -ENOMEM;
		s->data = data;
		s->cap = cap;
	}
	memcpy(s->data + s->size, p->data, p->size);
	s->size += p->size;
	return 0;
}

/* The first one may be short, so that players need not wait. */
static bool
is_complete(const struct hls *h, const struct piece *p)
{
	int64_t least_us = h->count == 0 ? FIRST_MIN_US : h->fragment_us - EARLY_US;

	return h->open.size + p->size > HLS_SEGMENT_MAX ||
	       (p->keyframe && p->time_us - h->begin_us >= least_us);
}

int
hls_add(struct hls *h, const struct piece *p)
{
	if (h->is_open && is_complete(h, p))
		close_segment(h, p->time_us);
	if (!h->is_open) {
		if (!p->keyframe && h->count == 0)
			return 0;
		h->is_open = true;
		h->begin_us = p->time_us;
		h->open.discontinuity = h->broken;
		h->broken = false;
	}
	return append(&h->open, p);
}

void
hls_end(struct hls *h, int64_t time_us)
{
	if (h->is_open)
		close_segment(h, time_us);
	h->ended = true;
}

void
hls_restart(struct hls *h)
{
	h->ended = false;
	h->broken = h->count > 0;
}

int
hls_playlist(const struct hls *h, char text[static HLS_PLAYLIST_SIZE], const char *name)
{
	int64_t target_s = (h->target_us + SECOND_US - 1) / SECOND_US;
	size_t used;

	if (h->count == 0)
		return -ENODATA;
	used = (size_t)snprintf(text, HLS_PLAYLIST_SIZE,
				"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:%" PRId64
				"\n#EXT-X-MEDIA-SEQUENCE:%" PRIu64 "\n",
				target_s, h->segments[0].number);
	for (size_t i = 0; i < h->count && used < HLS_PLAYLIST_SIZE; i++) {
		const struct hls_segment *s = &h->segments[i];

		used += (size_t)snprintf(text + used, HLS_PLAYLIST_SIZE - used,
					 "%s#EXTINF:%" PRId64 ".%03d,\n%s%" PRIu64 "\n",
					 s->discontinuity ? "#EXT-X-DISCONTINUITY\n" : "",
					 s->duration_us / SECOND_US,
					 (int)(s->duration_us % SECOND_US / 1000), name, s->number);
	}
	if (h->ended && used < HLS_PLAYLIST_SIZE)
		used += (size_t)snprintf(text + used, HLS_PLAYLIST_SIZE - used, "#EXT-X-ENDLIST\n");
	return used < HLS_PLAYLIST_SIZE ? (int)used : -ENODATA;
}

const struct hls_segment *
hls_find(const struct hls *h, uint64_t number)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->segments[i].number == number)
			return &h->segments[i];
	return NULL;
}
