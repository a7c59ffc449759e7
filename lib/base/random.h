/* random.h - randomness: the kernel's for secrets, a seeded generator for everything replayable. */
#ifndef RTCKIT_BASE_RANDOM_H
#define RTCKIT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fill buf with size octets of the kernel's generator. Cannot fail (aborts if the kernel has none).
 */
void random_bytes(void *buf, size_t size);
uint32_t random_u32(void);
uint64_t random_u64(void);

/*
 * Write count characters of the base64url alphabet (6 random bits each) and a NUL: ICE ufrags and
 * passwords, session secrets. text has room for count + 1. The alphabet is also valid ice-char
 * except '-' and '_', so random_ice_text() uses '+' and '/' (RFC 8839 s.5.4).
 */
void random_text(char *text, size_t count);
void random_ice_text(char *text, size_t count);

/* A seeded generator (splitmix64): tests, simulations, backoff. Never for secrets. */
struct prng {
	uint64_t state;
};

static inline uint64_t
prng_next(struct prng *p)
{
	uint64_t z = (p->state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint32_t
prng_below(struct prng *p, uint32_t bound) /* 0..bound-1; bound > 0 */
{
	return (uint32_t)(((prng_next(p) >> 32) * bound) >> 32);
}

#endif
