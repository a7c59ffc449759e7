#include "base/hmac_sha1.h"

#include <string.h>

static void
absorb_pad(SHA_CTX *ctx, const uint8_t *key, size_t size, uint8_t pad)
{
	uint8_t block[SHA_CBLOCK];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < size; i++)
		block[i] ^= key[i];
	SHA1_Init(ctx);
	SHA1_Update(ctx, block, sizeof(block));
	explicit_bzero(block, sizeof(block));
}

void
hmac_sha1_key_init(struct hmac_sha1_key *k, const void *key, size_t size)
{
	uint8_t digest[SHA_DIGEST_LENGTH];

	if (size > SHA_CBLOCK) {
		SHA1(key, size, digest);
		key = digest;
		size = sizeof(digest);
	}
	absorb_pad(&k->inner, key, size, 0x36);
	absorb_pad(&k->outer, key, size, 0x5c);
	explicit_bzero(digest, sizeof(digest));
}

void
hmac_sha1_start(struct hmac_sha1 *h, const struct hmac_sha1_key *key)
{
	h->key = key;
	h->ctx = key->inner;
}

void
hmac_sha1_add(struct hmac_sha1 *h, const void *data, size_t size)
{
	SHA1_Update(&h->ctx, data, size);
}

void
hmac_sha1_finish(struct hmac_sha1 *h, uint8_t mac[static HMAC_SHA1_SIZE])
{
	uint8_t digest[SHA_DIGEST_LENGTH];

	SHA1_Final(digest, &h->ctx);
	h->ctx = h->key->outer;
	SHA1_Update(&h->ctx, digest, sizeof(digest));
	SHA1_Final(mac, &h->ctx);
}
