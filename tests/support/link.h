/* link.h - a seeded one-way link on virtual time: delay, loss, duplication, reordering. */
#ifndef RTCKIT_TESTS_LINK_H
#define RTCKIT_TESTS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

enum { LINK_DATAGRAM_MAX = 1500, LINK_QUEUE_MAX = 4096 };

struct link_params {
	uint64_t delay_us;   /* of every datagram */
	uint64_t reorder_us; /* up to this much more for those that are reordered */
	uint32_t loss_permille, duplicate_permille, reorder_permille;
};

struct link;

struct link *link_new(const struct link_params *params, uint64_t seed);
void link_free(struct link *l);
/* From now on; what is under way arrives as it would have. */
void link_become(struct link *l, const struct link_params *params);
void link_send(struct link *l, uint64_t now_us, const uint8_t *buf, size_t size);
uint64_t link_next(const struct link *l); /* when the next one arrives; CLOCK_NEVER if none */
/* Takes one that has arrived by now_us: its size, or 0. buf has LINK_DATAGRAM_MAX octets. */
size_t link_recv(struct link *l, uint64_t now_us, uint8_t *buf);
uint64_t link_lost(const struct link *l); /* datagrams swallowed so far */

#endif
