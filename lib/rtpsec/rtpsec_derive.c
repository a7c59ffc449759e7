/* rtpsec_derive.c - profiles and the derivation of session keys (RFC 3711 s.4.3). */
#include "rtpsec/rtpsec_internal.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	LABEL_ENCRYPTION = 0,
	LABEL_AUTH = 1,
	LABEL_SALT = 2,	  /* of RTP; s.4.3.1 */
	LABEL_RTCP = 3,	  /* to be added for RTCP; s.4.3.2 */
	LABEL_OFFSET = 7, /* octet of the 112-bit salt that the label meets: 6 octets of r follow */
	BLOCK_SIZE = 16
};

static const struct rtpsec_profile profiles[] = {
    {.profile = DTLS_SRTP_AES128_CM_SHA1_80,
     .aead = false,
     .key_size = 16,
     .salt_size = 14,
     .tag_size = 10,
     .packet = EVP_aes_128_ctr,
     .derive = EVP_aes_128_ctr},
    {.profile = DTLS_SRTP_AEAD_AES_128_GCM,
     .aead = true,
     .key_size = 16,
     .salt_size = 12,
     .tag_size = 16,
     .packet = EVP_aes_128_gcm,
     .derive = EVP_aes_128_ctr},
    {.profile = DTLS_SRTP_AEAD_AES_256_GCM,
     .aead = true,
     .key_size = 32,
     .salt_size = 12,
     .tag_size = 16,
     .packet = EVP_aes_256_gcm,
     .derive = EVP_aes_256_ctr},
};

const struct rtpsec_profile *
rtpsec_profile_find(enum dtls_srtp_profile profile)
{
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		if (profiles[i].profile == profile)
			return &profiles[i];
	return NULL;
}

/* AES-CM as pseudo-random function: the key stream for IV = (salt xor label) * 2^16 (s.4.3.3). */
static bool
derive(EVP_CIPHER_CTX *ctx, const struct rtpsec_profile *p, const uint8_t *key, const uint8_t *salt,
       uint8_t label, uint8_t *out, size_t size)
{
	static const uint8_t zeros[RTPSEC_KEY_MAX];
	uint8_t iv[BLOCK_SIZE] = {0};
	int n;

	memcpy(iv, salt, p->salt_size); /* a salt of 96 bits has zeros behind it; RFC 7714 s.11 */
	iv[LABEL_OFFSET] ^= label;
	return EVP_EncryptInit_ex(ctx, p->derive(), NULL, key, iv) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &n, zeros, (int)size) == 1;
}

int
rtpsec_derive(struct rtpsec_keys *out, const struct rtpsec_profile *profile, bool rtcp,
	      const uint8_t *key, const uint8_t *salt)
{
	uint8_t base = rtcp ? LABEL_RTCP : 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok;

	ok =
	    ctx != NULL &&
	    derive(ctx, profile, key, salt, base + LABEL_ENCRYPTION, out->key, profile->key_size) &&
	    derive(ctx, profile, key, salt, base + LABEL_AUTH, out->auth, RTPSEC_AUTH_SIZE) &&
	    derive(ctx, profile, key, salt, base + LABEL_SALT, out->salt, profile->salt_size);
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : -EINVAL;
}
