/*
 * roll.h - who watches: every consumer of HTTP-FLV, MPEG-TS and RTMP while it is sent to, and every
 * player of HLS, which has no connection of its own: it is known by stream, address and User-Agent,
 * from a playlist on until it has asked for none during three segments of the longest allowed (10 s
 * at least).  Pure: times in, no clock, no randomness.
 *
 * What it does not do: tell apart two HLS players of one program behind one address.
 */
#ifndef RTCKIT_HLS_ROLL_H
#define RTCKIT_HLS_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/keyhash.h"
#include "base/meter.h"
#include "base/random.h"
#include "base/text.h"

enum {
	ROLL_ID_SIZE = 11, /* "l-", eight characters of base64url and a NUL */
	ROLL_AGENT_SIZE = 64,
	ROLL_HLS_MAX = 4096,	    /* players of HLS that are known; more are served unlisted */
	ROLL_HLS_MIN_US = 10000000, /* since its last playlist one is there at least so long */
	ROLL_REFUSE_US = 30000000   /* an HLS player that was kicked gets nothing for so long */
};

enum roll_type { ROLL_FLV, ROLL_TS, ROLL_HLS, ROLL_RTMP, ROLL_TYPES };

/* Where a client comes from; borrowed. address and agent may be "". */
struct roll_origin {
	const char *stream, *address, *agent;
};

struct roll_entry {
	struct roll_entry *prev, *next; /* utlist, in the order of their coming */
	enum roll_type type;
	char id[ROLL_ID_SIZE], stream[TEXT_STREAM_SIZE];
	char address[ADDR_TEXT_SIZE], agent[ROLL_AGENT_SIZE];
	uint64_t since_us, octets; /* octets: what it was sent; the owner counts */
	struct meter meter;
	void (*kick)(struct roll_entry *e); /* may remove it */
};

struct roll_hls;
/* Zeros, and a seed of the owner's. */
struct roll {
	struct prng ids; /* names only, no secrets */
	struct roll_entry *entries;
	size_t counts[ROLL_TYPES], count;
	uint64_t total;		  /* that ever came */
	uint64_t unlisted;	  /* playlists for players beyond ROLL_HLS_MAX */
	struct roll_hls *players; /* uthash */
	size_t player_count;	  /* with those that were kicked */
};

extern const char *const roll_type_names[ROLL_TYPES]; /* "flv-play" ... */

/* Takes none of the entries, which are their owners', but the HLS players. */
void roll_fini(struct roll *r);
/* The caller's storage, from now on listed, until roll_remove(). */
void roll_add(struct roll *r, struct roll_entry *e, enum roll_type type,
	      const struct roll_origin *from, uint64_t now_us);
void roll_remove(struct roll *r, struct roll_entry *e);
/* NULL: nobody has this id. */
struct roll_entry *roll_find(struct roll *r, const char *id);

/*
 * An HLS player asks for a playlist whose longest segment has segment_us: it is listed for three of
 * these. octets: what it gets. False: it was kicked and gets nothing.
 */
bool roll_hls_playlist(struct roll *r, const struct roll_origin *from, size_t octets,
		       uint64_t segment_us, uint64_t now_us);
/* It asks for another part; one that was never listed is not by this. False: it was kicked. */
bool roll_hls_part(struct roll *r, const struct roll_origin *from, size_t octets);

/* About once a second: rates, and HLS players that are gone. */
void roll_tick(struct roll *r, uint64_t now_us);

#endif
