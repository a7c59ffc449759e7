/* tls_ctx.c - certificates and what is negotiated with them. */
#include "tls/tls_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"

/* RFC 9325 s.4.2: forward secrecy and AEAD only. */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/* OpenSSL's last reason; the queue is empty afterwards. */
static const char *
reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text != NULL ? text : "cannot be read";
}

/* RFC 6066 s.3: the first certificate that covers the name. */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_ctx *ctx = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	for (size_t i = 0; name != NULL && i < ctx->count; i++) {
		if (X509_check_host(SSL_CTX_get0_certificate(ctx->ssl[i]), name, 0, 0, NULL) != 1)
			continue;
		SSL_set_SSL_CTX(ssl, ctx->ssl[i]);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 s.3.2: a client that offers only others is told so. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
	unsigned in_size, void *arg)
{
	const struct tls_ctx *ctx = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_size, (const unsigned char *)ctx->alpn,
				  1 + (unsigned)ctx->alpn[0], in,
				  in_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void
set_options(SSL_CTX *ssl, struct tls_ctx *ctx)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, ctx);
	if (ctx->alpn[0] != 0)
		SSL_CTX_set_alpn_select_cb(ssl, on_alpn, ctx);
}

static SSL_CTX *
load_pair(const struct tls_pair *pair, struct tls_ctx *ctx, char words[static TLS_WORDS_SIZE])
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());

	if (ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ssl, ciphers) != 1)
		snprintf(words, TLS_WORDS_SIZE, "OpenSSL: %s", reason());
	else if (SSL_CTX_use_certificate_chain_file(ssl, pair->cert) != 1)
		snprintf(words, TLS_WORDS_SIZE, "certificate %s: %s", pair->cert, reason());
	else if (SSL_CTX_use_PrivateKey_file(ssl, pair->key, SSL_FILETYPE_PEM) != 1)
		snprintf(words, TLS_WORDS_SIZE, "key %s: %s", pair->key, reason());
	else if (SSL_CTX_check_private_key(ssl) != 1)
		snprintf(words, TLS_WORDS_SIZE, "key %s does not fit certificate %s: %s", pair->key,
			 pair->cert, reason());
	else {
		set_options(ssl, ctx);
		return ssl;
	}
	SSL_CTX_free(ssl);
	return NULL;
}

struct tls_ctx *
tls_ctx_load(const struct tls_pair *pairs, size_t count, const char *alpn,
	     char words[static TLS_WORDS_SIZE])
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	size_t alpn_size = alpn != NULL ? strlen(alpn) : 0;

	if (ctx == NULL || count == 0 || count > TLS_PAIRS_MAX ||
	    alpn_size > sizeof(ctx->alpn) - 1) {
		snprintf(words, TLS_WORDS_SIZE, "no certificate, too many, or no memory");
		free(ctx);
		return NULL;
	}
	ctx->refs = 1;
	ctx->alpn[0] = (char)alpn_size;
	if (alpn_size > 0)
		memcpy(ctx->alpn + 1, alpn, alpn_size);
	for (; ctx->count < count; ctx->count++) {
		ctx->ssl[ctx->count] = load_pair(&pairs[ctx->count], ctx, words);
		if (ctx->ssl[ctx->count] == NULL) {
			tls_ctx_unref(ctx);
			return NULL;
		}
	}
	return ctx;
}

struct tls_ctx *
tls_ctx_client(const char *ca_file, bool insecure, char words[static TLS_WORDS_SIZE])
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1) {
		snprintf(words, TLS_WORDS_SIZE, "OpenSSL: %s", reason());
		goto fail;
	}
	if (ca_file != NULL ? SSL_CTX_load_verify_locations(ssl, ca_file, NULL) != 1
			    : SSL_CTX_set_default_verify_paths(ssl) != 1) {
		snprintf(words, TLS_WORDS_SIZE, "certificates %s: %s",
			 ca_file != NULL ? ca_file : "of the system", reason());
		goto fail;
	}
	SSL_CTX_set_verify(ssl, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	ctx->refs = 1;
	ctx->ssl[ctx->count++] = ssl;
	return ctx;
fail:
	SSL_CTX_free(ssl);
	free(ctx);
	return NULL;
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	ctx->refs++;
	return ctx;
}

void
tls_ctx_unref(struct tls_ctx *ctx)
{
	if (ctx == NULL || --ctx->refs > 0)
		return;
	for (size_t i = 0; i < ctx->count; i++)
		SSL_CTX_free(ctx->ssl[i]);
	free(ctx);
}

int64_t
tls_ctx_left_s(const struct tls_ctx *ctx)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < ctx->count; i++) {
		const X509 *cert = SSL_CTX_get0_certificate(ctx->ssl[i]);
		int days = 0, seconds = 0;

		if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1)
			least = MIN_OF(least, (int64_t)days * 86400 + seconds);
	}
	return least;
}
