/*
 * dtls_record.c - the rest of an association's life without OpenSSL's objects, which keep some
 * 40 KB for it.  After the handshake only three things remain to be done: repeat the last flight
 * when the client asks again, see the other side's close_notify, send our own. The record
 * protection for that is a few octets of keys (RFC 5246 s.6.2.3.3, RFC 5288, RFC 7905).
 */
#include "dtls/dtls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/bytes.h"

enum {
	HEADER_SIZE = 13, /* type, version, epoch, sequence number, length; RFC 6347 s.4.1 */
	NONCE_SIZE = 12,
	EXPLICIT_SIZE = 8, /* of a GCM nonce, sent with the record; RFC 5288 s.3 */
	TAG_SIZE = 16,
	AAD_SIZE = 13,
	PLAIN_MAX = 256, /* a Finished has 24 octets, an alert 2: more is not for us */
	KEY_BLOCK_MAX = 2 * (32 + 12),
	RANDOM_SIZE = 32,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	ALERT_WARNING = 1,
	ALERT_CLOSE_NOTIFY = 0
};

/*
 * Sequence number of our close_notify: above all that OpenSSL used in this epoch, and one that it
 * cannot have used with the same nonce.
 */
static const uint64_t close_sequence = 1ull << 32;
/* The first of the numbers of repeated records: below that, so that it is not stale after them. */
static const uint64_t repeat_sequence = 1ull << 31;

static const struct {
	int cipher_nid;
	const EVP_CIPHER *(*evp)(void);
	size_t key_size, iv_size;
} suites[] = {
    {NID_aes_128_gcm, EVP_aes_128_gcm, 16, 4},
    {NID_aes_256_gcm, EVP_aes_256_gcm, 32, 4},
    {NID_chacha20_poly1305, EVP_chacha20_poly1305, 32, 12},
};

/* RFC 5246 s.5: PRF(master, "key expansion", server_random + client_random). */
static bool
key_block(SSL *ssl, uint8_t *out, size_t size)
{
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
	uint8_t seed[13 + 2 * RANDOM_SIZE] = "key expansion";
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
	size_t master_size;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[4];
	bool ok = false;

	if (ctx == NULL || md == NULL)
		goto out;
	master_size = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	SSL_get_server_random(ssl, seed + 13, RANDOM_SIZE);
	SSL_get_client_random(ssl, seed + 13 + RANDOM_SIZE, RANDOM_SIZE);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						     (char *)(uintptr_t)EVP_MD_get0_name(md), 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_size);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed));
	params[3] = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, size, params) == 1;
	OPENSSL_cleanse(master, sizeof(master));
out:
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

int
dtls_record_init(struct dtls_record *r, SSL *ssl, enum dtls_role role)
{
	int nid = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl));
	struct dtls_record_side *client, *server;
	size_t key, iv;
	uint8_t block[KEY_BLOCK_MAX], *p = block;

	for (size_t i = 0; i < ARRAY_COUNT(suites); i++) {
		if (suites[i].cipher_nid != nid)
			continue;
		key = suites[i].key_size;
		iv = suites[i].iv_size;
		if (!key_block(ssl, block, 2 * (key + iv)))
			return -EINVAL;
		r->suite = (uint8_t)i;
		client = role == DTLS_CLIENT ? &r->local : &r->remote;
		server = role == DTLS_CLIENT ? &r->remote : &r->local;
		memcpy(client->key, p, key);
		memcpy(server->key, p + key, key);
		p += 2 * key;
		memcpy(client->iv, p, iv);
		memcpy(server->iv, p + iv, iv);
		OPENSSL_cleanse(block, sizeof(block));
		return 0;
	}
	return -ENOTSUP;
}

/* The nonce of a record: its explicit part (GCM), or epoch and sequence number (RFC 7905 s.2). */
static void
nonce_make(uint8_t *nonce, const uint8_t *iv, size_t iv_size, const uint8_t *head,
	   const uint8_t *explicit_part)
{
	memcpy(nonce, iv, iv_size);
	if (iv_size == NONCE_SIZE)
		for (size_t i = 0; i < 8; i++)
			nonce[4 + i] ^= head[3 + i];
	else
		memcpy(nonce + iv_size, explicit_part, EXPLICIT_SIZE);
}

/* RFC 5246 s.6.2.3.3: sequence number (with epoch), type, version, length of the plaintext. */
static void
aad_make(uint8_t *aad, const uint8_t *head, size_t plain_size)
{
	memcpy(aad, head + 3, 8);
	memcpy(aad + 8, head, 3);
	put_be16(aad + 11, (uint16_t)plain_size);
}

/* Open one whole record that this side sealed; plain has PLAIN_MAX octets. Its size, or -EACCES. */
static int
record_open(const struct dtls_record *r, const struct dtls_record_side *side, const uint8_t *record,
	    size_t size, uint8_t *plain)
{
	size_t iv_size = suites[r->suite].iv_size;
	size_t extra = iv_size == NONCE_SIZE ? 0 : EXPLICIT_SIZE;
	const uint8_t *body = record + HEADER_SIZE + extra;
	size_t plain_size;
	uint8_t nonce[NONCE_SIZE], aad[AAD_SIZE];
	EVP_CIPHER_CTX *ctx;
	int n, ok;

	if (size < HEADER_SIZE + extra + TAG_SIZE)
		return -EACCES;
	plain_size = size - HEADER_SIZE - extra - TAG_SIZE;
	if (plain_size > PLAIN_MAX)
		return -EACCES;
	nonce_make(nonce, side->iv, iv_size, record, record + HEADER_SIZE);
	aad_make(aad, record, plain_size);
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL &&
	     EVP_DecryptInit_ex(ctx, suites[r->suite].evp(), NULL, side->key, nonce) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
				 (void *)(uintptr_t)(body + plain_size)) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &n, aad, AAD_SIZE) == 1 &&
	     EVP_DecryptUpdate(ctx, plain, &n, body, (int)plain_size) == 1 &&
	     EVP_DecryptFinal_ex(ctx, plain + n, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? (int)plain_size : -EACCES;
}

/* A record of epoch 1 of our own; out has room for plain and RECORD_EXTRA. Its size or -EINVAL. */
static int
record_seal(const struct dtls_record *r, uint8_t type, uint64_t sequence, const uint8_t *plain,
	    size_t plain_size, uint8_t *out)
{
	size_t iv_size = suites[r->suite].iv_size;
	size_t extra = iv_size == NONCE_SIZE ? 0 : EXPLICIT_SIZE;
	uint8_t nonce[NONCE_SIZE], aad[AAD_SIZE], *body = out + HEADER_SIZE + extra;
	EVP_CIPHER_CTX *ctx;
	int n, ok;

	memcpy(out, (const uint8_t[]){type, 0xfe, 0xfd}, 3);
	put_be64(out + 3, 1ull << 48 | sequence); /* epoch 1 */
	put_be16(out + 11, (uint16_t)(extra + plain_size + TAG_SIZE));
	/* OpenSSL counts its explicit nonces up from a random 64-bit number: so draw another. */
	if (extra > 0 && RAND_bytes(out + HEADER_SIZE, EXPLICIT_SIZE) != 1)
		return -EINVAL;
	nonce_make(nonce, r->local.iv, iv_size, out, out + HEADER_SIZE);
	aad_make(aad, out, plain_size);
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL &&
	     EVP_EncryptInit_ex(ctx, suites[r->suite].evp(), NULL, r->local.key, nonce) == 1 &&
	     EVP_EncryptUpdate(ctx, NULL, &n, aad, AAD_SIZE) == 1 &&
	     EVP_EncryptUpdate(ctx, body, &n, plain, (int)plain_size) == 1 &&
	     EVP_EncryptFinal_ex(ctx, body + n, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + plain_size) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? (int)(HEADER_SIZE + extra + plain_size + TAG_SIZE) : -EINVAL;
}

int
dtls_record_close_notify(const struct dtls_record *r, uint8_t *out)
{
	static const uint8_t alert[2] = {ALERT_WARNING, ALERT_CLOSE_NOTIFY};

	return record_seal(r, RECORD_ALERT, close_sequence, alert, sizeof(alert), out);
}

/* One record under another number: as it was in epoch 0, sealed anew in epoch 1. */
static int
renumber(const struct dtls_record *r, uint64_t sequence, uint8_t *record, size_t size)
{
	uint8_t plain[PLAIN_MAX], sealed[DTLS_FLIGHT_MAX];
	int n;

	if (be16(record + 3) == 0) {
		put_be64(record + 3, sequence);
		return 0;
	}
	n = record_open(r, &r->local, record, size, plain);
	if (n < 0 || (size_t)n + HEADER_SIZE + EXPLICIT_SIZE + TAG_SIZE > sizeof(sealed) ||
	    record_seal(r, record[0], sequence, plain, (size_t)n, sealed) != (int)size)
		return -EINVAL;
	memcpy(record, sealed, size);
	return 0;
}

int
dtls_record_renumber(const struct dtls_record *r, uint8_t *flight, size_t size, unsigned *repeats)
{
	size_t at = 0;

	while (at + HEADER_SIZE <= size) {
		size_t record = HEADER_SIZE + be16(flight + at + 11);

		if (record > size - at ||
		    renumber(r, repeat_sequence + (*repeats)++, flight + at, record) < 0)
			return -EINVAL;
		at += record;
	}
	return 0;
}

/*
 * Replays are harmless here: an alert that was authentic once ended the association, and a repeated
 * Finished is answered with what was sent before, about as many octets as came.
 */
enum dtls_record_event
dtls_record_input(const struct dtls_record *r, const uint8_t *buf, size_t size)
{
	uint8_t plain[PLAIN_MAX];

	while (size >= HEADER_SIZE) {
		size_t record = HEADER_SIZE + be16(buf + 11);
		bool ours = be16(buf + 3) == 1 && /* the only epoch with keys */
			    (buf[0] == RECORD_ALERT || buf[0] == RECORD_HANDSHAKE);
		int n;

		if (record > size)
			break;
		n = ours ? record_open(r, &r->remote, buf, record, plain) : -EACCES;
		if (n >= 0 && buf[0] == RECORD_HANDSHAKE)
			return DTLS_RECORD_FINISHED;
		if (n == 2 && plain[1] == ALERT_CLOSE_NOTIFY)
			return DTLS_RECORD_CLOSED;
		if (n == 2 && plain[0] != ALERT_WARNING)
			return DTLS_RECORD_FATAL;
		buf += record;
		size -= record;
	}
	return DTLS_RECORD_NOTHING;
}
