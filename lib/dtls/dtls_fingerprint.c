/* dtls_fingerprint.c - a certificate's fingerprint: text and verification (RFC 8122 s.5). */
#include "dtls/dtls_internal.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"

void
dtls_fingerprint_format(char *text, const uint8_t *digest, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < size; i++) {
		text[3 * i] = digits[digest[i] >> 4];
		text[3 * i + 1] = digits[digest[i] & 15];
		text[3 * i + 2] = i + 1 < size ? ':' : '\0';
	}
}

const EVP_MD *
dtls_hash_find(const char *hash)
{
	static const struct {
		const char *name;
		const EVP_MD *(*md)(void);
	} hashes[] = {
	    {"sha-256", EVP_sha256},
	    {"sha-384", EVP_sha384},
	    {"sha-512", EVP_sha512},
	};

	for (size_t i = 0; i < ARRAY_COUNT(hashes); i++)
		if (strcasecmp(hash, hashes[i].name) == 0)
			return hashes[i].md();
	return NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
dtls_fingerprint_parse(uint8_t *digest, size_t size, const char *text)
{
	if (strlen(text) != 3 * size - 1)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < size && text[3 * i + 2] != ':'))
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/*
 * The certificate is self-signed by rule: what the SDP's fingerprint names is the whole identity
 * (RFC 8122 s.5). Runs before Finished is accepted, so nothing flows to anybody else.
 */
int
dtls_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl;
	struct dtls *d;
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	uint8_t digest[EVP_MAX_MD_SIZE] = {0}; /* it is told, whatever comes of it */
	unsigned size = 0;

	(void)arg;
	ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	d = SSL_get_app_data(ssl);
	if (cert != NULL && X509_digest(cert, d->md, digest, &size) == 1 &&
	    size == d->digest_size && CRYPTO_memcmp(digest, d->digest, size) == 0) {
		d->checked = true;
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	dtls_fail(d,
		  "the certificate does not match the %s fingerprint of the SDP: it is "
		  "%02X:%02X:%02X:.., expected %02X:%02X:%02X:..",
		  EVP_MD_get0_name(d->md), digest[0], digest[1], digest[2], d->digest[0],
		  d->digest[1], d->digest[2]);
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}
