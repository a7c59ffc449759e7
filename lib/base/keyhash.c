#include "base/keyhash.h"

#include <string.h>

static uint64_t key0, key1; /* of the process; written before there are threads */

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t
rotate(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static inline void
mix(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void
absorb(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	mix(s);
	s->v0 ^= word;
}

void
keyhash_init(const uint8_t key[static KEYHASH_KEY_SIZE])
{
	key0 = le64(key);
	key1 = le64(key + 8);
}

uint64_t
keyhash(const void *data, size_t size)
{
	struct sip s = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
			key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	uint8_t last[8] = {0};
	size_t whole = size & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		absorb(&s, le64(p + i));
	if (size > whole)
		memcpy(last, p + whole, size - whole);
	last[7] = (uint8_t)size;
	absorb(&s, le64(last));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
