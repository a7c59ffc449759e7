#include "rtp/rtp_reorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/median.h"

struct held {
	uint64_t seq, arrival_us;
	size_t size; /* 0: empty */
};

struct rtp_reorder {
	struct held *held; /* by seq & mask */
	uint8_t *data;	   /* packet_size octets per slot */
	size_t packet_size, count;
	uint64_t mask, min_wait_us, max_wait_us;
	uint64_t next, first, last; /* to be released; lowest and highest held */
	uint64_t gap_us;	    /* when the gap in front was noticed */
	uint64_t gone, gone_end;    /* the last gap given up, which is before gone_end */
	uint64_t gone_us;	    /* when it was noticed; 0: none yet */
	struct median repair_us;    /* how long gaps lasted until something came to fill them */
	uint64_t force_below;	    /* packets below it do not wait for a gap: room is needed */
	bool started;
};

struct rtp_reorder *
rtp_reorder_new(size_t slot_count, size_t packet_size, uint64_t min_wait_us, uint64_t max_wait_us)
{
	struct rtp_reorder *r = calloc(1, sizeof(*r));
	size_t count = 2;

	while (count < slot_count)
		count *= 2;
	if (r == NULL)
		return NULL;
	r->held = calloc(count, sizeof(*r->held));
	r->data = malloc(count * packet_size); /* the kernel backs what is written only */
	if (r->held == NULL || r->data == NULL) {
		rtp_reorder_free(r);
		return NULL;
	}
	r->mask = count - 1;
	r->packet_size = packet_size;
	r->min_wait_us = min_wait_us;
	r->max_wait_us = max_wait_us;
	return r;
}

void
rtp_reorder_expect(struct rtp_reorder *r, uint64_t repair_us)
{
	median_add(&r->repair_us, repair_us);
}

void
rtp_reorder_free(struct rtp_reorder *r)
{
	if (r == NULL)
		return;
	free(r->held);
	free(r->data);
	free(r);
}

static void
hold(struct rtp_reorder *r, uint64_t now_us, uint64_t seq, const uint8_t *buf, size_t size)
{
	struct held *h = &r->held[seq & r->mask];

	*h = (struct held){.seq = seq, .arrival_us = now_us, .size = size};
	memcpy(r->data + (seq & r->mask) * r->packet_size, buf, size);
	if (r->count == 0) {
		r->first = r->last = seq;
		r->gap_us = now_us;
	}
	r->first = seq < r->first ? seq : r->first;
	r->last = seq > r->last ? seq : r->last;
	r->count++;
}

/* In the gap in front, or in the one given up last: what came after it waits no longer. */
static void
note_repair(struct rtp_reorder *r, uint64_t now_us, uint64_t seq)
{
	if (r->count > 0 && seq >= r->next && seq < r->first)
		median_add(&r->repair_us, now_us - r->gap_us);
	else if (r->gone_us != 0 && seq >= r->gone && seq < r->gone_end)
		median_add(&r->repair_us, now_us - r->gone_us);
}

static uint64_t
wait_us(const struct rtp_reorder *r)
{
	uint64_t wait = RTP_REORDER_REPAIRS * median_of(&r->repair_us);

	return MIN_OF(MAX_OF(wait, r->min_wait_us), r->max_wait_us);
}

int
rtp_reorder_push(struct rtp_reorder *r, uint64_t now_us, uint64_t ext_seq, const uint8_t *buf,
		 size_t size)
{
	if (size == 0 || size > r->packet_size)
		return -EMSGSIZE;
	if (!r->started) {
		r->started = true;
		r->next = ext_seq;
	}
	note_repair(r, now_us, ext_seq);
	if (ext_seq < r->next)
		return -EALREADY;
	if (r->count > 0) {
		if (ext_seq > r->first && ext_seq - r->first > r->mask) {
			r->force_below = ext_seq - r->mask;
			return -EAGAIN;
		}
		if (ext_seq < r->last && r->last - ext_seq > r->mask)
			return -EALREADY;
		if (r->held[ext_seq & r->mask].size > 0)
			return -EALREADY;
	}
	hold(r, now_us, ext_seq, buf, size);
	return 0;
}

/* After a release: the next one held, which has waited since it came. */
static void
find_first(struct rtp_reorder *r)
{
	if (r->count == 0)
		return;
	r->first = r->next;
	while (r->held[r->first & r->mask].size == 0)
		r->first++;
	if (r->first != r->next)
		r->gap_us = r->held[r->first & r->mask].arrival_us;
}

size_t
rtp_reorder_pop(struct rtp_reorder *r, uint64_t now_us, const uint8_t **buf, uint64_t *lost)
{
	struct held *h;
	size_t size;

	if (r->count == 0)
		return 0;
	if (r->first != r->next && r->first >= r->force_below && now_us - r->gap_us < wait_us(r))
		return 0;
	h = &r->held[r->first & r->mask];
	*lost = r->first - r->next;
	if (*lost > 0) {
		r->gone = r->next;
		r->gone_end = r->first;
		r->gone_us = r->gap_us;
	}
	*buf = r->data + (r->first & r->mask) * r->packet_size;
	size = h->size;
	h->size = 0;
	r->count--;
	r->next = r->first + 1;
	find_first(r);
	return size;
}

uint64_t
rtp_reorder_deadline(const struct rtp_reorder *r)
{
	if (r->count == 0 || r->first == r->next)
		return CLOCK_NEVER;
	return r->gap_us + wait_us(r);
}
