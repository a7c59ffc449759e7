/* dtls_ctx.c - the process-wide half: certificate, SSL_CTX of each role, fingerprint checks. */
#include "dtls/dtls_internal.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/srtp.h>

#include "base/bytes.h"

/* P-256 and ECDSA because some clients know nothing else (RFC 8827 s.6.5). */
static const char groups[] = "P-256:X25519:P-384";
/* Forward secrecy and AEAD only; RSA for servers that bring such a certificate. */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
/* Cheapest first; as server OpenSSL goes by this order whatever the client prefers. */
static const char profiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80";

enum {
	CERT_DAYS = 3650, /* nobody checks; a server may run for long */
	RSA_BITS = 2048	  /* the least that OpenSSL's security level 2 takes */
};

static bool
cert_fill(X509 *cert, EVP_PKEY *key)
{
	static const unsigned char common_name[] = "rtckit";
	uint8_t serial[8];
	X509_NAME *name = X509_get_subject_name(cert);

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	return X509_set_version(cert, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), be64(serial) >> 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), CERT_DAYS, 0, NULL) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool
cert_make(struct dtls_ctx *ctx, bool is_rsa)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	ctx->key = is_rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
	ctx->cert = X509_new();
	if (ctx->key == NULL || ctx->cert == NULL || !cert_fill(ctx->cert, ctx->key))
		return false;
	if (X509_digest(ctx->cert, EVP_sha256(), digest, &size) != 1 ||
	    3 * size > sizeof(ctx->fingerprint))
		return false;
	dtls_fingerprint_format(ctx->fingerprint, digest, size);
	return true;
}

static void
ssl_ctx_options(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
				     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, dtls_verify, NULL);
	SSL_CTX_set_read_ahead(ssl, 1);
}

static SSL_CTX *
ssl_ctx_make(struct dtls_ctx *ctx, const SSL_METHOD *method, const struct dtls_manner *manner)
{
	const char *curves = manner->groups != NULL ? manner->groups : groups;
	const char *srtp = manner->profiles != NULL ? manner->profiles : profiles;
	SSL_CTX *ssl = SSL_CTX_new(method);

	if (ssl == NULL)
		return NULL;
	ssl_ctx_options(ssl);
	if (SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ssl, ciphers) != 1 ||
	    SSL_CTX_set1_groups_list(ssl, curves) != 1 ||
	    SSL_CTX_set_tlsext_use_srtp(ssl, srtp) != 0 || /* 0 is success here */
	    SSL_CTX_use_certificate(ssl, ctx->cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ssl, ctx->key) != 1) {
		SSL_CTX_free(ssl);
		return NULL;
	}
	return ssl;
}

static const struct dtls_manner own_manner;

static struct dtls_ctx *
ctx_make(bool is_rsa, const struct dtls_manner *manner)
{
	struct dtls_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return NULL;
	ctx->method = dtls_bio_method_new();
	if (ctx->method == NULL || !cert_make(ctx, is_rsa))
		goto fail;
	ctx->ssl[DTLS_SERVER] = ssl_ctx_make(ctx, DTLS_server_method(), manner);
	ctx->ssl[DTLS_CLIENT] = ssl_ctx_make(ctx, DTLS_client_method(), manner);
	if (ctx->ssl[DTLS_SERVER] == NULL || ctx->ssl[DTLS_CLIENT] == NULL)
		goto fail;
	return ctx;
fail:
	dtls_ctx_free(ctx);
	return NULL;
}

struct dtls_ctx *
dtls_ctx_new(void)
{
	return ctx_make(false, &own_manner);
}

struct dtls_ctx *
dtls_ctx_new_rsa(void)
{
	return ctx_make(true, &own_manner);
}

struct dtls_ctx *
dtls_ctx_new_like(const struct dtls_manner *manner)
{
	return ctx_make(false, manner);
}

void
dtls_ctx_free(struct dtls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl[DTLS_SERVER]);
	SSL_CTX_free(ctx->ssl[DTLS_CLIENT]);
	X509_free(ctx->cert);
	EVP_PKEY_free(ctx->key);
	BIO_meth_free(ctx->method);
	free(ctx);
}

const char *
dtls_ctx_fingerprint(const struct dtls_ctx *ctx)
{
	return ctx->fingerprint;
}
