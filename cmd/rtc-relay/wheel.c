#include "wheel.h"

#include <stddef.h>
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
	(void)w;
	if (e->prev == NULL)
		return;
	*e->prev = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->prev = NULL;
	e->next = NULL;
	/* The slot's bit may stay set: wheel_due() clears it when it finds the slot empty. */
}

void
wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t at_us)
{
	uint64_t last = w->done_us + (uint64_t)(WHEEL_SLOTS - 2) * WHEEL_SLOT_US;
	uint64_t place = at_us < w->done_us ? w->done_us : at_us > last ? last : at_us;
	size_t slot = place / WHEEL_SLOT_US % WHEEL_SLOTS;

	wheel_clear(w, e);
	e->at_us = at_us;
	e->next = w->slots[slot];
	e->prev = &w->slots[slot];
	if (e->next != NULL)
		e->next->prev = &e->next;
	w->slots[slot] = e;
	w->occupied[slot / 64] |= 1ull << slot % 64;
}

struct wheel_entry *
wheel_due(struct wheel *w, uint64_t now_us)
{
	while (w->done_us + WHEEL_SLOT_US <= now_us) {
		size_t slot = w->done_us / WHEEL_SLOT_US % WHEEL_SLOTS;
		struct wheel_entry *e = w->slots[slot];

		if (e == NULL) {
			w->occupied[slot / 64] &= ~(1ull << slot % 64);
			w->done_us += WHEEL_SLOT_US;
			continue;
		}
		if (e->at_us >= w->done_us + WHEEL_SLOT_US) { /* beyond the horizon when set */
			uint64_t at = e->at_us;

			/* Same slot again only if at the horizon's end: move done_us on first. */
			wheel_clear(w, e);
			w->done_us += WHEEL_SLOT_US;
			wheel_set(w, e, at);
			w->done_us -= WHEEL_SLOT_US;
			continue;
		}
		wheel_clear(w, e);
		return e;
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
