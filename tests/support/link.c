#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct flight {
	uint64_t due_us, order;
	size_t size;
	uint8_t buf[LINK_DATAGRAM_MAX];
};

struct link {
	struct link_params params;
	struct prng rng;
	uint64_t order, lost;
	size_t count;
	struct flight *heap[LINK_QUEUE_MAX]; /* binary heap by due time, then order */
};

struct link *
link_new(const struct link_params *params, uint64_t seed)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->params = *params;
	l->rng.state = seed;
	return l;
}

void
link_free(struct link *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->heap[i]);
	free(l);
}

void
link_become(struct link *l, const struct link_params *params)
{
	l->params = *params;
}

static int
earlier(const struct flight *a, const struct flight *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void
swap(struct link *l, size_t i, size_t j)
{
	struct flight *f = l->heap[i];

	l->heap[i] = l->heap[j];
	l->heap[j] = f;
}

static void
push(struct link *l, uint64_t due_us, const uint8_t *buf, size_t size)
{
	struct flight *f;
	size_t i = l->count;

	if (i == LINK_QUEUE_MAX || size > LINK_DATAGRAM_MAX)
		abort();
	f = malloc(sizeof(*f));
	if (f == NULL)
		abort();
	f->due_us = due_us;
	f->order = l->order++;
	f->size = size;
	memcpy(f->buf, buf, size);
	l->heap[l->count++] = f;
	for (; i > 0 && earlier(l->heap[i], l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(l, i, (i - 1) / 2);
}

static int
chance(struct link *l, uint32_t permille)
{
	return prng_below(&l->rng, 1000) < permille;
}

void
link_send(struct link *l, uint64_t now_us, const uint8_t *buf, size_t size)
{
	int copies = chance(l, l->params.duplicate_permille) ? 2 : 1;

	while (copies-- > 0) {
		uint64_t due_us = now_us + l->params.delay_us;

		if (chance(l, l->params.loss_permille)) {
			l->lost++;
			continue;
		}
		if (chance(l, l->params.reorder_permille))
			due_us += prng_below(&l->rng, (uint32_t)l->params.reorder_us + 1);
		push(l, due_us, buf, size);
	}
}

uint64_t
link_next(const struct link *l)
{
	return l->count > 0 ? l->heap[0]->due_us : CLOCK_NEVER;
}

size_t
link_recv(struct link *l, uint64_t now_us, uint8_t *buf)
{
	struct flight *f;
	size_t size, i = 0;

	if (l->count == 0 || l->heap[0]->due_us > now_us)
		return 0;
	f = l->heap[0];
	l->heap[0] = l->heap[--l->count];
	for (;;) {
		size_t left = 2 * i + 1, least = i;

		for (size_t c = left; c < left + 2 && c < l->count; c++)
			if (earlier(l->heap[c], l->heap[least]))
				least = c;
		if (least == i)
			break;
		swap(l, i, least);
		i = least;
	}
	size = f->size;
	memcpy(buf, f->buf, size);
	free(f);
	return size;
}

uint64_t
link_lost(const struct link *l)
{
	return l->lost;
}
