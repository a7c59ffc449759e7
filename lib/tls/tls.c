/* tls.c - one connection: two memory BIOs around an SSL object. */
#include "tls/tls_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/addr.h"
#include "base/bytes.h"

struct tls {
	struct tls_ctx *ctx;
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	bool failed;
	const char *words; /* OpenSSL's own, never freed */
};

static struct tls *
make(struct tls_ctx *ctx)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ssl = SSL_new(ctx->ssl[0]);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
		BIO_free(t->in);
		BIO_free(t->out);
		SSL_free(t->ssl);
		free(t);
		return NULL;
	}
	BIO_set_mem_eof_return(t->in, -1); /* empty means "later", not "the end" */
	SSL_set_bio(t->ssl, t->in, t->out);
	t->ctx = tls_ctx_ref(ctx);
	t->words = "";
	return t;
}

struct tls *
tls_new(struct tls_ctx *ctx)
{
	struct tls *t = make(ctx);

	if (t != NULL)
		SSL_set_accept_state(t->ssl);
	return t;
}

struct tls *
tls_new_client(struct tls_ctx *ctx, const char *host)
{
	struct tls *t = make(ctx);
	struct addr a;
	bool is_address = addr_parse(&a, host, 0) == 0;

	if (t == NULL)
		return NULL;
	SSL_set_connect_state(t->ssl);
	/* RFC 6066 s.3: an address is no server name. */
	if (is_address
		? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) != 1
		: SSL_set1_host(t->ssl, host) != 1 || SSL_set_tlsext_host_name(t->ssl, host) != 1) {
		tls_free(t);
		return NULL;
	}
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	tls_ctx_unref(t->ctx);
	free(t);
}

int
tls_input(struct tls *t, const uint8_t *buf, size_t size)
{
	if (size == 0)
		return 0;
	return BIO_write(t->in, buf, (int)MIN_OF(size, (size_t)INT32_MAX)) == (int)size ? 0
											: -ENOMEM;
}

static int
fail(struct tls *t)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	if (!SSL_is_server(t->ssl) && !t->failed &&
	    SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE &&
	    SSL_get_verify_result(t->ssl) != X509_V_OK)
		text = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
	if (!t->failed)
		t->words = text != NULL ? text : "the connection broke off";
	t->failed = true;
	return -EPROTO;
}

int
tls_read(struct tls *t, void *out, size_t cap)
{
	int count;

	if (t->failed)
		return -EPROTO;
	ERR_clear_error();
	count = SSL_read(t->ssl, out, (int)MIN_OF(cap, (size_t)INT32_MAX));
	if (count > 0)
		return count;
	switch (SSL_get_error(t->ssl, count)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return fail(t);
	}
}

int
tls_write(struct tls *t, const void *buf, size_t size)
{
	if (t->failed)
		return -EPROTO;
	if (!SSL_is_init_finished(t->ssl))
		return -ENOTCONN;
	if (size == 0)
		return 0;
	ERR_clear_error();
	return SSL_write(t->ssl, buf, (int)size) == (int)size ? 0 : fail(t);
}

void
tls_shutdown(struct tls *t)
{
	if (!t->failed && SSL_is_init_finished(t->ssl))
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

size_t
tls_output(struct tls *t, const uint8_t **out)
{
	char *data;
	long size = BIO_get_mem_data(t->out, &data);

	*out = (const uint8_t *)data;
	return size > 0 ? (size_t)size : 0;
}

void
tls_output_taken(struct tls *t)
{
	(void)BIO_reset(t->out);
}

bool
tls_established(const struct tls *t)
{
	return SSL_is_init_finished(t->ssl) == 1;
}

const char *
tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *
tls_server_name(const struct tls *t)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return name != NULL ? name : "";
}

const char *
tls_words(const struct tls *t)
{
	return t->words;
}
