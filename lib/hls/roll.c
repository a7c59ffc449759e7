#include "hls/roll.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/bytes.h"

enum { SEGMENTS = 3 /* without a playlist a player has left: it needs one in each */ };

const char *const roll_type_names[ROLL_TYPES] = {[ROLL_FLV] = "flv-play",
						 [ROLL_TS] = "ts-play",
						 [ROLL_HLS] = "hls-play",
						 [ROLL_RTMP] = "rtmp-play"};

/* Without holes: it is hashed as octets. */
struct key {
	char stream[TEXT_STREAM_SIZE], address[ADDR_TEXT_SIZE], agent[ROLL_AGENT_SIZE];
};

struct roll_hls {
	struct roll_entry entry; /* listed unless it was kicked */
	struct key key;
	struct roll *roll;
	bool kicked;
	uint64_t until_us; /* it is there, or refused */
	UT_hash_handle hh;
};

static void
make_id(struct roll *r, char id[static ROLL_ID_SIZE])
{
	static const char chars[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t random = prng_next(&r->ids);

	memcpy(id, "l-", 2);
	for (size_t i = 2; i < ROLL_ID_SIZE - 1; i++, random >>= 6)
		id[i] = chars[random & 63];
	id[ROLL_ID_SIZE - 1] = '\0';
}

/* What a stranger says, fit for JSON and terminals. */
static void
copy_printable(char *dst, size_t size, const char *src)
{
	text_copy(dst, size, src);
	for (; *dst != '\0'; dst++)
		if (*dst < 0x20 || *dst > 0x7e)
			*dst = '?';
}

void
roll_add(struct roll *r, struct roll_entry *e, enum roll_type type, const struct roll_origin *from,
	 uint64_t now_us)
{
	e->type = type;
	make_id(r, e->id);
	text_copy(e->stream, sizeof(e->stream), from->stream);
	text_copy(e->address, sizeof(e->address), from->address);
	copy_printable(e->agent, sizeof(e->agent), from->agent);
	e->since_us = now_us;
	meter_note(&e->meter, now_us, e->octets, 0);
	DL_APPEND(r->entries, e);
	r->counts[type]++;
	r->count++;
	r->total++;
}

void
roll_remove(struct roll *r, struct roll_entry *e)
{
	DL_DELETE(r->entries, e);
	r->counts[e->type]--;
	r->count--;
}

struct roll_entry *
roll_find(struct roll *r, const char *id)
{
	struct roll_entry *e;

	DL_FOREACH(r->entries, e)
	if (strcmp(e->id, id) == 0)
		return e;
	return NULL;
}

/* ---- HLS ---- */

static void
forget(struct roll *r, struct roll_hls *p)
{
	if (!p->kicked)
		roll_remove(r, &p->entry);
	HASH_DEL(r->players, p);
	r->player_count--;
	free(p);
}

static void
kick(struct roll_entry *e)
{
	struct roll_hls *p = (struct roll_hls *)e; /* its first member */

	roll_remove(p->roll, e);
	p->kicked = true;
	p->until_us = 0; /* the next tick says until when */
}

static struct roll_hls *
find_player(struct roll *r, const struct roll_origin *from, struct key *key)
{
	struct roll_hls *p;

	memset(key, 0, sizeof(*key));
	text_copy(key->stream, sizeof(key->stream), from->stream);
	text_copy(key->address, sizeof(key->address), from->address);
	text_copy(key->agent, sizeof(key->agent), from->agent);
	HASH_FIND(hh, r->players, key, sizeof(*key), p);
	return p;
}

static struct roll_hls *
add_player(struct roll *r, const struct roll_origin *from, const struct key *key, uint64_t now_us)
{
	struct roll_hls *p = r->player_count < ROLL_HLS_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL) {
		r->unlisted++;
		return NULL;
	}
	p->roll = r;
	p->key = *key;
	p->entry.kick = kick;
	roll_add(r, &p->entry, ROLL_HLS, from, now_us);
	HASH_ADD(hh, r->players, key, sizeof(p->key), p);
	r->player_count++;
	return p;
}

bool
roll_hls_playlist(struct roll *r, const struct roll_origin *from, size_t octets,
		  uint64_t segment_us, uint64_t now_us)
{
	struct key key;
	struct roll_hls *p = find_player(r, from, &key);

	if (p == NULL)
		p = add_player(r, from, &key, now_us);
	if (p == NULL)
		return true;
	if (p->kicked)
		return false;
	p->entry.octets += octets;
	p->until_us = now_us + MAX_OF((uint64_t)ROLL_HLS_MIN_US, SEGMENTS * segment_us);
	return true;
}

bool
roll_hls_part(struct roll *r, const struct roll_origin *from, size_t octets)
{
	struct key key;
	struct roll_hls *p = find_player(r, from, &key);

	if (p != NULL)
		p->entry.octets += octets;
	return p == NULL || !p->kicked;
}

void
roll_tick(struct roll *r, uint64_t now_us)
{
	struct roll_hls *p, *next;
	struct roll_entry *e;

	HASH_ITER(hh, r->players, p, next)
	{
		if (p->until_us == 0)
			p->until_us = now_us + ROLL_REFUSE_US;
		else if (now_us > p->until_us)
			forget(r, p);
	}
	DL_FOREACH(r->entries, e)
	meter_note(&e->meter, now_us, e->octets, 0);
}

void
roll_fini(struct roll *r)
{
	struct roll_hls *p, *next;

	HASH_ITER(hh, r->players, p, next)
	forget(r, p);
}
