/*
 * keyhash.h - SipHash-2-4 under a key of the process, and uthash over it: whoever chooses the keys
 * of a table (ufrags, addresses, names) cannot make them collide.  Include this instead of
 * <uthash.h>.
 */
#ifndef RTCKIT_BASE_KEYHASH_H
#define RTCKIT_BASE_KEYHASH_H

#include <stddef.h>
#include <stdint.h>

enum { KEYHASH_KEY_SIZE = 16 };

/*
 * Set the key, once, before the first table and the first thread. Without it the key is zero, and
 * the tables work, but unkeyed.
 */
void keyhash_init(const uint8_t key[static KEYHASH_KEY_SIZE]);
/* SipHash-2-4 (Aumasson, Bernstein 2012) of size octets under the process's key. */
uint64_t keyhash(const void *data, size_t size);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned)keyhash(keyptr, keylen))

#include <uthash.h>

#endif
