#include "chan/chan.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RECORD_HEAD = 16, RECORD_ALIGN = 8 };
enum { TYPE_SKIP = 0xffffffff >> 1 }; /* the rest of the ring up to its end is unused */

struct record {
	uint32_t span; /* octets with head and alignment */
	uint32_t type;
	uint64_t size; /* of the data */
};

struct kept {
	struct kept *next;
	unsigned type;
	size_t size;
	uint8_t data[];
};

struct chan {
	uint8_t *ring;
	size_t size;
	uv_async_t *wake;
	/* producer's line */
	_Alignas(64) _Atomic uint64_t head;
	uint64_t tail_seen;
	bool posted;
	struct kept *kept, **kept_end;
	/* consumer's line */
	_Alignas(64) _Atomic uint64_t tail;
	uint64_t head_seen, current_span;
};

struct chan *
chan_new(size_t size, uv_async_t *wake)
{
	struct chan *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
	void *ring;

	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	/* Anonymous pages: what is never used costs nothing. */
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED) {
		free(c);
		return NULL;
	}
	c->ring = ring;
	c->size = size;
	c->wake = wake;
	c->kept_end = &c->kept;
	return c;
}

void
chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	while (c->kept != NULL) {
		struct kept *next = c->kept->next;

		free(c->kept);
		c->kept = next;
	}
	munmap(c->ring, c->size);
	free(c);
}

static bool
has_room(struct chan *c, uint64_t head, size_t span)
{
	if (head + span - c->tail_seen <= c->size)
		return true;
	c->tail_seen = atomic_load_explicit(&c->tail, memory_order_acquire);
	return head + span - c->tail_seen <= c->size;
}

static int
put(struct chan *c, unsigned type, const void *a, size_t a_size, const void *b, size_t b_size)
{
	uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed);
	size_t at = head & (c->size - 1), rest = c->size - at;
	size_t span =
	    (RECORD_HEAD + a_size + b_size + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
	size_t skip = span > rest ? rest : 0;
	struct record r = {.type = TYPE_SKIP, .span = (uint32_t)rest};

	if (!has_room(c, head, skip + span))
		return -ENOBUFS;
	if (skip > 0) {
		if (skip >= RECORD_HEAD)
			memcpy(c->ring + at, &r, sizeof(r));
		head += skip;
		at = 0;
	}
	r = (struct record){.type = type, .span = (uint32_t)span, .size = a_size + b_size};
	memcpy(c->ring + at, &r, sizeof(r));
	if (a_size > 0)
		memcpy(c->ring + at + RECORD_HEAD, a, a_size);
	if (b_size > 0)
		memcpy(c->ring + at + RECORD_HEAD + a_size, b, b_size);
	atomic_store_explicit(&c->head, head + span, memory_order_release);
	c->posted = true;
	return 0;
}

int
chan_post(struct chan *c, unsigned type, const void *head, size_t head_size, const void *data,
	  size_t data_size)
{
	if (c->kept != NULL)
		return -ENOBUFS;
	return put(c, type, head, head_size, data, data_size);
}

void
chan_post_sure(struct chan *c, unsigned type, const void *data, size_t size)
{
	struct kept *k;

	if (c->kept == NULL && put(c, type, data, size, NULL, 0) == 0)
		return;
	k = malloc(sizeof(*k) + size);
	if (k == NULL)
		abort();
	k->next = NULL;
	k->type = type;
	k->size = size;
	if (size > 0)
		memcpy(k->data, data, size);
	*c->kept_end = k;
	c->kept_end = &k->next;
}

bool
chan_kick(struct chan *c)
{
	while (c->kept != NULL &&
	       put(c, c->kept->type, c->kept->data, c->kept->size, NULL, 0) == 0) {
		struct kept *next = c->kept->next;

		free(c->kept);
		c->kept = next;
		if (next == NULL)
			c->kept_end = &c->kept;
	}
	if (c->posted) {
		c->posted = false;
		uv_async_send(c->wake);
	}
	return c->kept != NULL;
}

bool
chan_next(struct chan *c, struct chan_msg *out)
{
	uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

	for (;;) {
		size_t at = tail & (c->size - 1);
		struct record r;

		if (tail == c->head_seen) {
			c->head_seen = atomic_load_explicit(&c->head, memory_order_acquire);
			if (tail == c->head_seen)
				return false;
		}
		if (c->size - at >= RECORD_HEAD)
			memcpy(&r, c->ring + at, sizeof(r));
		else
			r = (struct record){.type = TYPE_SKIP, .span = (uint32_t)(c->size - at)};
		if (r.type == TYPE_SKIP) {
			tail += r.span;
			atomic_store_explicit(&c->tail, tail, memory_order_release);
			continue;
		}
		*out = (struct chan_msg){r.type, c->ring + at + RECORD_HEAD, r.size};
		c->current_span = r.span;
		return true;
	}
}

void
chan_done(struct chan *c)
{
	uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

	atomic_store_explicit(&c->tail, tail + c->current_span, memory_order_release);
}
