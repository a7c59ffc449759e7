/*
 * reel.h - what a muxer made for live consumers, kept once for all of them: a header, and pieces in
 * order, each unit's octets by themselves.  A consumer holds a number; one that falls behind what
 * is kept goes on at the newest keyframe.  Pure; knows no format.
 */
#ifndef RTCKIT_HLS_REEL_H
#define RTCKIT_HLS_REEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REEL_OCTETS_MAX = 32 << 20, /* kept in all, the newest GOP included */
	REEL_KEEP_US = 10000000	    /* kept for slow consumers */
};

struct piece {
	unsigned refs;
	uint64_t number;
	int64_t time_us;
	bool keyframe; /* a consumer may begin here */
	size_t size;
	struct piece *next;
	uint8_t data[];
};

struct reel {
	struct piece *header; /* NULL: there is none */
	struct piece *first, *last;
	struct piece **ring; /* of all pieces: that of a number is at number % ring_cap */
	size_t ring_cap;     /* a power of two; 0: none yet */
	uint64_t next_number, key_number; /* key: of the newest keyframe; 0: none yet */
	size_t octets;
};

void reel_init(struct reel *r);
void reel_fini(struct reel *r);
/* 0 or -ENOMEM. An empty header removes it. */
int reel_set_header(struct reel *r, const uint8_t *buf, size_t size);
int reel_add(struct reel *r, const uint8_t *buf, size_t size, int64_t time_us, bool keyframe);
/*
 * The piece of a number, or the newest keyframe if that one is gone, or NULL if it is not yet there
 * (number 0: begin). Borrowed: piece_hold() to keep it.
 */
struct piece *reel_get(const struct reel *r, uint64_t number);
/* With one reference. NULL without memory. */
struct piece *piece_new(const uint8_t *buf, size_t size);
struct piece *piece_hold(struct piece *p);
void piece_drop(struct piece *p); /* takes NULL */

#endif
