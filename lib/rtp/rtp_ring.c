#include "rtp/rtp_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"

enum { PAYLOAD_ALIGN = 16 }; /* octets: keeps the cipher's loads within cache lines */

/*
 * One anonymous mapping holds slots, index and arena: pages cost memory only once packets have been
 * written to them, so that an idle track costs next to nothing.
 */
struct rtp_ring {
	struct rtp_ring_slot *slots; /* by position & slot_mask */
	uint32_t *index;	     /* low half of the position, by seq & slot_mask */
	uint8_t *arena;
	void *map;
	size_t map_size;
	uint64_t slot_mask, arena_mask;
	uint64_t head, tail; /* positions; tail is 1 while nothing was overwritten */
	uint64_t end;	     /* arena offset of the next packet, monotonic */
	uint64_t keyframe;   /* position; 0 none */
};

static size_t
power_of_two(size_t n)
{
	size_t p = 16;

	while (p < n && p <= SIZE_MAX / 4)
		p *= 2;
	return p;
}

struct rtp_ring *
rtp_ring_new(size_t slot_count, size_t arena_size)
{
	struct rtp_ring *ring = calloc(1, sizeof(*ring));
	size_t slots_size, index_size;

	if (ring == NULL)
		return NULL;
	slot_count = power_of_two(slot_count);
	arena_size = power_of_two(arena_size);
	slots_size = slot_count * sizeof(*ring->slots);
	index_size = slot_count * sizeof(*ring->index);
	ring->map_size = slots_size + index_size + arena_size;
	ring->map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ring->map == MAP_FAILED) {
		free(ring);
		return NULL;
	}
	/* A huge page would back an idle track with 2 MiB at its first packet. */
	(void)madvise(ring->map, ring->map_size, MADV_NOHUGEPAGE);
	ring->arena = ring->map;
	ring->slots = (struct rtp_ring_slot *)(void *)(ring->arena + arena_size);
	ring->index = (uint32_t *)(void *)(ring->arena + arena_size + slots_size);
	ring->slot_mask = slot_count - 1;
	ring->arena_mask = arena_size - 1;
	ring->tail = 1;
	return ring;
}

void
rtp_ring_free(struct rtp_ring *ring)
{
	if (ring == NULL)
		return;
	munmap(ring->map, ring->map_size);
	free(ring);
}

/* Where size octets go contiguously: an offset that does not cross the arena's end. */
static uint64_t
place(const struct rtp_ring *ring, size_t size)
{
	uint64_t at = ring->end & ring->arena_mask;

	if (at + size > ring->arena_mask + 1)
		return ring->end + (ring->arena_mask + 1 - at);
	return ring->end;
}

static bool
is_whole(const struct rtp_ring *ring, uint64_t position)
{
	const struct rtp_ring_slot *slot = &ring->slots[position & ring->slot_mask];

	return ring->head - position <= ring->slot_mask &&
	       slot->offset + ring->arena_mask + 1 >= ring->end;
}

/*
 * A keyframe begins at its first packet: parameter sets and the first slice are both marked, and
 * have one timestamp. A repaired packet of an older keyframe does not make that the newest.
 */
static bool
is_newest_keyframe(const struct rtp_ring *ring, const struct rtp_ring_slot *meta)
{
	const struct rtp_ring_slot *last = &ring->slots[ring->keyframe & ring->slot_mask];

	if ((meta->flags & RTP_RING_KEYFRAME) == 0)
		return false;
	if (ring->keyframe == 0 || ring->keyframe < ring->tail)
		return true;
	if (meta->ts == last->ts)
		return false;
	return (meta->flags & RTP_RING_LATE) == 0 || meta->seq > last->seq;
}

uint64_t
rtp_ring_append(struct rtp_ring *ring, const struct rtp_ring_slot *meta, const uint8_t *payload)
{
	struct rtp_ring_slot *slot;
	uint64_t position = ring->head + 1;
	uint64_t offset = place(ring, meta->payload_size);
	bool keyframe = is_newest_keyframe(ring, meta);

	if (meta->payload_size > ring->arena_mask + 1)
		return 0;
	slot = &ring->slots[position & ring->slot_mask];
	*slot = *meta;
	slot->offset = offset;
	if (meta->payload_size > 0)
		memcpy(ring->arena + (offset & ring->arena_mask), payload, meta->payload_size);
	ring->end =
	    (offset + meta->payload_size + PAYLOAD_ALIGN - 1) & ~(uint64_t)(PAYLOAD_ALIGN - 1);
	ring->head = position;
	ring->index[meta->seq & ring->slot_mask] = (uint32_t)position;
	if (keyframe)
		ring->keyframe = position;
	/* Each position is passed once: constant time per packet in the long run. */
	while (!is_whole(ring, ring->tail))
		ring->tail++;
	return position;
}

/* How many packets from a position on are nearly equal; *longest is set to the longest of them. */
static uint64_t
nearly_equal(const struct rtp_ring *ring, uint64_t from, uint16_t *longest)
{
	uint16_t low = UINT16_MAX, high = 0;
	uint64_t at;

	for (at = from; at <= ring->head; at++) {
		uint16_t size = ring->slots[at & ring->slot_mask].payload_size;
		uint16_t l = MIN_OF(low, size), h = MAX_OF(high, size);

		if (h - l > RTP_RING_PAD_MAX || size == 0)
			break;
		low = l;
		high = h;
	}
	*longest = high;
	return at - from;
}

void
rtp_ring_equalise(struct rtp_ring *ring, uint64_t from)
{
	from = MAX_OF(from, ring->tail);
	while (from <= ring->head) {
		uint16_t longest;
		uint64_t count = nearly_equal(ring, from, &longest);

		for (uint64_t at = from; count > 1 && at < from + count; at++) {
			struct rtp_ring_slot *slot = &ring->slots[at & ring->slot_mask];

			slot->pad = (uint8_t)(longest - slot->payload_size);
		}
		from += MAX_OF(count, 1);
	}
}

uint64_t
rtp_ring_head(const struct rtp_ring *ring)
{
	return ring->head;
}

uint64_t
rtp_ring_tail(const struct rtp_ring *ring)
{
	return ring->tail;
}

const struct rtp_ring_slot *
rtp_ring_get(const struct rtp_ring *ring, uint64_t position, const uint8_t **payload)
{
	const struct rtp_ring_slot *slot = &ring->slots[position & ring->slot_mask];

	if (position < ring->tail || position > ring->head)
		return NULL;
	*payload = ring->arena + (slot->offset & ring->arena_mask);
	return slot;
}

uint64_t
rtp_ring_find(const struct rtp_ring *ring, uint64_t seq)
{
	uint32_t low = ring->index[seq & ring->slot_mask];
	uint64_t position = ring->head - (uint32_t)((uint32_t)ring->head - low);

	if (position < ring->tail || position > ring->head)
		return 0;
	return ring->slots[position & ring->slot_mask].seq == seq ? position : 0;
}

uint64_t
rtp_ring_keyframe(const struct rtp_ring *ring)
{
	return ring->keyframe >= ring->tail ? ring->keyframe : 0;
}
