#include "base/wheel.h"

#include <string.h>

#include "base/clock.h"

void
wheel_init(struct wheel *w, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->done_us = now_us / WHEEL_SLOT_US * WHEEL_SLOT_US;
}

void
wheel_clear(struct wheel *w, struct wheel_entry *e)
{
	if (e->prev == NULL)
		return;
	w->count--;
	*e->prev = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->prev = NULL;
	e->next = NULL;
	/* The slot's bit may stay set: wheel_due() clears it when it finds the slot empty. */
}

static void
place(struct wheel *w, struct wheel_entry *e, uint64_t at_us, uint64_t first_us)
{
	uint64_t last = w->done_us + (uint64_t)(WHEEL_SLOTS - 1) * WHEEL_SLOT_US;
	uint64_t when = at_us < first_us ? first_us : at_us > last ? last : at_us;
	size_t slot = when / WHEEL_SLOT_US % WHEEL_SLOTS;

	e->at_us = at_us;
	e->next = w->slots[slot];
	e->prev = &w->slots[slot];
	if (e->next != NULL)
		e->next->prev = &e->next;
	w->slots[slot] = e;
	w->occupied[slot / 64] |= 1ull << slot % 64;
	w->count++;
}

void
wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t now_us, uint64_t at_us)
{
	wheel_clear(w, e);
	if (w->count == 0 && now_us > w->done_us)
		w->done_us = now_us / WHEEL_SLOT_US * WHEEL_SLOT_US;
	/* Not before now: whoever handles an entry and sets it again would never come to an end. */
	place(w, e, at_us, now_us > w->done_us ? now_us : w->done_us);
}

struct wheel_entry *
wheel_due(struct wheel *w, uint64_t now_us)
{
	while (w->count > 0 && w->done_us + WHEEL_SLOT_US <= now_us) {
		size_t slot = w->done_us / WHEEL_SLOT_US % WHEEL_SLOTS;
		struct wheel_entry *e = w->slots[slot];

		if (e == NULL) {
			w->occupied[slot / 64] &= ~(1ull << slot % 64);
			w->done_us += WHEEL_SLOT_US;
			continue;
		}
		wheel_clear(w, e);
		if (e->at_us < w->done_us + WHEEL_SLOT_US)
			return e;
		/* It was beyond the horizon: to the last slot, which is not this one. */
		place(w, e, e->at_us, w->done_us + WHEEL_SLOT_US);
	}
	return NULL;
}

uint64_t
wheel_next(const struct wheel *w)
{
	size_t first = w->done_us / WHEEL_SLOT_US % WHEEL_SLOTS;

	for (size_t i = 0; i < WHEEL_SLOTS; i++) {
		size_t slot = (first + i) % WHEEL_SLOTS;

		if (w->occupied[slot / 64] == 0) {
			i += 63 - slot % 64;
			continue;
		}
		if (w->slots[slot] != NULL)
			return w->done_us + (i + 1) * (uint64_t)WHEEL_SLOT_US;
	}
	return CLOCK_NEVER;
}
