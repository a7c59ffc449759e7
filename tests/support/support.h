/* support.h - what the unit, simulation and fuzz programs share. */
#ifndef RTCKIT_TESTS_SUPPORT_H
#define RTCKIT_TESTS_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "ice/ice.h"

/*
 * A file of tests/vectors ("stun/rfc5769-request.hex") in a heap block of exactly its size, so that
 * a sanitizer sees any read past it. Files that end in .hex are hexadecimal with blanks and #
 * comments. Aborts with a message if it cannot be read. The caller frees.
 */
uint8_t *support_load(const char *name, size_t *size);

/* The same as text, NUL-terminated. */
char *support_text(const char *name);

/* Calls fn for every prefix of buf (0..size octets), each in a heap block of exactly that size. */
void support_truncations(const uint8_t *buf, size_t size,
			 void (*fn)(void *arg, const uint8_t *buf, size_t size), void *arg);

/* The vectors' folder: $RTC_VECTORS, else tests/vectors beside the sources. */
const char *support_vectors(void);

/* A listening socket of an abstract name that the kernel picks (five digits after a NUL); aborts if
 * there is none. */
int support_listen(struct sockaddr_un *local);

/* A tuple of UDP of two addresses with their ports; aborts if one is none. */
struct ice_tuple support_tuple(const char *local, const char *remote);

/* Seed of this run: $RTC_SEED, else the constant default; print it when a test fails. */
uint64_t support_seed(void);

#endif
