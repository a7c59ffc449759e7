#include "hls/hls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
	SECOND_US = 1000000,
	FIRST_CAP = 65536,
	EARLY_US = 100000,	/* a keyframe so early ends a segment */
	FIRST_MIN_US = 500000,	/* the first one may be so short: players wait for it */
	FIRST_MAX_US = 6000000, /* the longest while no target duration is told */
	ROUND_US = 490000,	/* what rounds down to the target (RFC 8216 s.4.3.3.1) */
	HOLE_US = 2500000,	/* nothing at all for so long: times do not go on */
	PAUSE_US = 400000,	/* likewise if the segment would become too long */
	TAIL_US = 40000,	/* of the last unit before a hole */
	WALL_SLACK_US = 500000	/* the wall clock follows the stream's unless it is off by more */
};

void
hls_init(struct hls *h, int64_t fragment_us, int64_t window_us, uint64_t first_number)
{
	memset(h, 0, sizeof(*h));
	h->fragment_us = fragment_us;
	h->window_us = window_us;
	h->next_number = first_number;
	h->target_s = (unsigned)((fragment_us + SECOND_US - 1) / SECOND_US);
}

static void
drop_segment(struct hls_segment *s)
{
	free(s->data);
	piece_drop(s->map);
	memset(s, 0, sizeof(*s));
}

void
hls_fini(struct hls *h)
{
	for (size_t i = 0; i < h->count; i++)
		drop_segment(&h->segments[i]);
	drop_segment(&h->open);
	piece_drop(h->map);
	memset(h, 0, sizeof(*h));
}

static int64_t
duration_of(const struct hls *h, size_t from, size_t to)
{
	int64_t sum_us = 0;

	for (size_t i = from; i < to; i++)
		sum_us += h->segments[i].duration_us;
	return sum_us;
}

/* The first one leaves the playlist. */
static void
unlist(struct hls *h)
{
	h->discontinuity_count += h->segments[h->listed++].discontinuity;
}

static void
drop_first(struct hls *h)
{
	if (h->listed == 0)
		unlist(h);
	h->octets -= h->segments[0].size;
	drop_segment(&h->segments[0]);
	h->count--;
	h->listed--;
	memmove(h->segments, h->segments + 1, h->count * sizeof(h->segments[0]));
}

/* The window, and never less than three segments (RFC 8216 s.6.2.2). */
static bool
is_list_too_long(const struct hls *h)
{
	size_t listed = h->count - h->listed;

	if (listed > HLS_LISTED_MAX)
		return true;
	return listed > 3 && duration_of(h, h->listed + 1, h->count) >= h->window_us;
}

/* One that left stays for its own duration and that of the longest playlist with it (s.6.2.2). */
static bool
is_first_done(const struct hls *h)
{
	int64_t since_us;

	if (h->count == HLS_SEGMENTS_MAX || (h->octets > HLS_OCTETS_MAX && h->count > 1))
		return true;
	if (h->listed == 0)
		return false;
	since_us = duration_of(h, 1, h->listed);
	return since_us > h->segments[0].duration_us + h->window_us + h->fragment_us;
}

static int64_t
longest_us(const struct hls *h)
{
	int64_t target_us = (int64_t)h->target_s * SECOND_US;

	return (h->is_announced ? target_us : MAX_OF(target_us, FIRST_MAX_US)) + ROUND_US;
}

/* Nothing came for long: what comes now does not go on. */
static bool
is_hole(const struct hls *h, int64_t time_us)
{
	int64_t pause_us = time_us - h->last_us;

	return pause_us > HOLE_US || (pause_us > PAUSE_US && time_us - h->begin_us > longest_us(h));
}

bool
hls_cuts_at(const struct hls *h, int64_t time_us, bool keyframe, size_t size)
{
	int64_t age_us = time_us - h->begin_us;
	int64_t least_us = h->count == 0 ? FIRST_MIN_US : h->fragment_us - EARLY_US;

	if (!h->is_open)
		return false;
	if (is_hole(h, time_us) || h->open.size + size > HLS_SEGMENT_MAX)
		return true;
	if (!keyframe) /* rather between keyframes than too long: the next unit may be so late */
		return age_us + time_us - h->last_us + TAIL_US > longest_us(h);
	/* The next keyframe, if they come evenly, would be too late. */
	return age_us >= least_us ||
	       (age_us >= FIRST_MIN_US && age_us + time_us - h->key_us > longest_us(h));
}

void
hls_cut(struct hls *h, int64_t time_us)
{
	struct hls_segment *s = &h->open;

	if (!h->is_open)
		return;
	h->is_broken = is_hole(h, time_us);
	if (h->is_broken)
		time_us = h->last_us + TAIL_US;
	s->duration_us = MAX_OF(time_us - h->begin_us, 1000);
	s->number = h->next_number++;
	h->next_wall_us = s->wall_us + s->duration_us;
	if (!h->is_announced)
		h->target_s =
		    MAX_OF(h->target_s, (unsigned)((s->duration_us + SECOND_US / 2) / SECOND_US));
	while (is_first_done(h))
		drop_first(h);
	h->segments[h->count++] = *s;
	h->octets += s->size;
	memset(s, 0, sizeof(*s));
	h->is_open = false;
	while (is_list_too_long(h))
		unlist(h);
}

static void
open_segment(struct hls *h, int64_t time_us, int64_t wall_us)
{
	int64_t off_us = wall_us - h->next_wall_us;

	h->is_open = true;
	h->begin_us = h->last_us = time_us;
	h->open.discontinuity = h->is_broken && h->listed < h->count;
	/* Arrival has jitter, which is not the stream's. */
	h->open.wall_us = !h->is_broken && h->next_wall_us > 0 && off_us > -WALL_SLACK_US &&
				  off_us < WALL_SLACK_US
			      ? h->next_wall_us
			      : wall_us;
	h->open.map = h->map != NULL ? piece_hold(h->map) : NULL;
	h->is_broken = false;
}

void
hls_note(struct hls *h, int64_t time_us, bool keyframe, int64_t wall_us)
{
	if (!h->is_open)
		open_segment(h, time_us, wall_us);
	h->last_us = MAX_OF(h->last_us, time_us);
	if (keyframe)
		h->key_us = time_us;
}

int
hls_append(struct hls *h, const uint8_t *buf, size_t size)
{
	struct hls_segment *s = &h->open;
	size_t cap = s->cap > 0 ? s->cap : FIRST_CAP;
	uint8_t *data;

	while (cap < s->size + size)
		cap *= 2;
	if (cap != s->cap) {
		data = realloc(s->data, cap);
		if (data == NULL)
			return -ENOMEM;
		s->data = data;
		s->cap = cap;
	}
	memcpy(s->data + s->size, buf, size);
	s->size += size;
	return 0;
}

int
hls_add(struct hls *h, const struct piece *p, int64_t wall_us)
{
	if (hls_cuts_at(h, p->time_us, p->keyframe, p->size))
		hls_cut(h, p->time_us);
	if (!h->is_open && !p->keyframe && h->count == 0)
		return 0;
	hls_note(h, p->time_us, p->keyframe, wall_us);
	return hls_append(h, p->data, p->size);
}

void
hls_break(struct hls *h)
{
	h->is_broken = true;
	if (!h->has_ended)
		return;
	h->has_ended = false;
	while (h->listed < h->count)
		unlist(h);
}

int
hls_set_map(struct hls *h, const uint8_t *buf, size_t size)
{
	struct piece *map = piece_new(buf, size);

	if (map == NULL)
		return -ENOMEM;
	map->number = h->next_number;
	h->is_broken |= h->map != NULL;
	piece_drop(h->map);
	h->map = map;
	return 0;
}

void
hls_end(struct hls *h)
{
	h->has_ended = true;
}

const struct hls_segment *
hls_find(const struct hls *h, uint64_t number)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->segments[i].number == number)
			return &h->segments[i];
	return NULL;
}

const struct piece *
hls_find_map(const struct hls *h, uint64_t number)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->segments[i].map != NULL && h->segments[i].map->number == number)
			return h->segments[i].map;
	return NULL;
}
