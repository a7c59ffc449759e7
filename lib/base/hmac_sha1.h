/*
 * hmac_sha1.h - HMAC-SHA1 (RFC 2104) with the key's half of the work done once, in plain memory:
 * no allocation and no lock per message, which OpenSSL's EVP_MAC does not promise.
 */
#ifndef RTCKIT_BASE_HMAC_SHA1_H
#define RTCKIT_BASE_HMAC_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* the plain SHA_CTX is what this is about */
#include <openssl/sha.h>

enum { HMAC_SHA1_SIZE = 20 };

/* The states after the inner and the outer pad: stored by the caller, secret like the key. */
struct hmac_sha1_key {
	SHA_CTX inner, outer;
};

/* One message. Plain data. */
struct hmac_sha1 {
	const struct hmac_sha1_key *key; /* borrowed */
	SHA_CTX ctx;
};

/* key of any size. */
void hmac_sha1_key_init(struct hmac_sha1_key *k, const void *key, size_t size);

void hmac_sha1_start(struct hmac_sha1 *h, const struct hmac_sha1_key *key);
void hmac_sha1_add(struct hmac_sha1 *h, const void *data, size_t size);
void hmac_sha1_finish(struct hmac_sha1 *h, uint8_t mac[static HMAC_SHA1_SIZE]);

#endif
