#include "hls/reel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RING_FIRST = 256 };

void
reel_init(struct reel *r)
{
	memset(r, 0, sizeof(*r));
	r->next_number = 1;
}

struct piece *
piece_hold(struct piece *p)
{
	p->refs++;
	return p;
}

void
piece_drop(struct piece *p)
{
	if (p != NULL && --p->refs == 0)
		free(p);
}

struct piece *
piece_new(const uint8_t *buf, size_t size)
{
	struct piece *p = malloc(sizeof(*p) + size);

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->refs = 1;
	p->size = size;
	memcpy(p->data, buf, size);
	return p;
}

static void
drop_first(struct reel *r)
{
	struct piece *p = r->first;

	r->first = p->next;
	if (r->first == NULL)
		r->last = NULL;
	r->octets -= p->size;
	piece_drop(p);
}

void
reel_fini(struct reel *r)
{
	while (r->first != NULL)
		drop_first(r);
	piece_drop(r->header);
	r->header = NULL;
	free(r->ring);
	r->ring = NULL;
	r->ring_cap = 0;
}

int
reel_set_header(struct reel *r, const uint8_t *buf, size_t size)
{
	struct piece *p = size > 0 ? piece_new(buf, size) : NULL;

	if (p == NULL && size > 0)
		return -ENOMEM;
	piece_drop(r->header);
	r->header = p;
	return 0;
}

/* What lies before the newest keyframe and is old goes; whatever is too much goes. */
static bool
is_surplus(const struct reel *r, int64_t now_us)
{
	if (r->first == r->last)
		return false;
	if (r->octets > REEL_OCTETS_MAX)
		return true;
	return r->first->number < r->key_number && r->first->time_us < now_us - REEL_KEEP_US;
}

static void
place(struct reel *r, struct piece *p)
{
	r->ring[p->number & (r->ring_cap - 1)] = p;
}

/* Room in the ring for one more. 0 or -ENOMEM. */
static int
reserve(struct reel *r)
{
	uint64_t first = r->first != NULL ? r->first->number : r->next_number;
	size_t cap = r->ring_cap > 0 ? 2 * r->ring_cap : RING_FIRST;
	struct piece **ring;

	if (r->next_number - first < r->ring_cap)
		return 0;
	ring = realloc(r->ring, cap * sizeof(struct piece *));
	if (ring == NULL)
		return -ENOMEM;
	r->ring = ring;
	r->ring_cap = cap;
	for (struct piece *p = r->first; p != NULL; p = p->next)
		place(r, p);
	return 0;
}

int
reel_add(struct reel *r, const uint8_t *buf, size_t size, int64_t time_us, bool keyframe)
{
	struct piece *p = reserve(r) == 0 ? piece_new(buf, size) : NULL;

	if (p == NULL)
		return -ENOMEM;
	p->number = r->next_number++;
	place(r, p);
	p->time_us = time_us;
	p->keyframe = keyframe;
	if (keyframe)
		r->key_number = p->number;
	if (r->last != NULL)
		r->last->next = p;
	else
		r->first = p;
	r->last = p;
	r->octets += size;
	while (is_surplus(r, time_us))
		drop_first(r);
	return 0;
}

struct piece *
reel_get(const struct reel *r, uint64_t number)
{
	struct piece *p = r->first;

	if (p == NULL || number >= r->next_number)
		return NULL;
	if (number < p->number)
		number = r->key_number;
	/* The newest GOP may have outgrown what is kept: wait for the next keyframe. */
	if (number < p->number)
		return NULL;
	return r->ring[number & (r->ring_cap - 1)];
}
