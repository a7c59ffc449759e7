/* wheel.h - many coarse timers in O(1): one hashed wheel per worker, 10 ms a slot. */
#ifndef RTCKIT_BASE_WHEEL_H
#define RTCKIT_BASE_WHEEL_H

#include <stddef.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 512, WHEEL_SLOT_US = 10000 }; /* horizon 5 s; later ones are looked at again */

/* Embedded in the owner; zeroed = not set. */
struct wheel_entry {
	struct wheel_entry *next, **prev;
	uint64_t at_us;
};

struct wheel {
	struct wheel_entry *slots[WHEEL_SLOTS];
	uint64_t occupied[WHEEL_SLOTS / 64];
	uint64_t done_us; /* everything due before was handed out; multiple of a slot */
	size_t count;	  /* entries set */
};

void wheel_init(struct wheel *w, uint64_t now_us);
/*
 * (Re)set an entry. It fires within a slot after at_us; in the past: at the next turn, once. An
 * empty wheel starts from now_us: time without entries costs nothing later.
 */
void wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t now_us, uint64_t at_us);
void wheel_clear(struct wheel *w, struct wheel_entry *e);
/* Next entry that is due, unlinked, or NULL. */
struct wheel_entry *wheel_due(struct wheel *w, uint64_t now_us);
/* When to look again: CLOCK_NEVER if nothing is set. */
uint64_t wheel_next(const struct wheel *w);

#endif
