/* Unit tests of lib/tls against OpenSSL's own client and its own, all in memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "../support/support.h"
#include "tls/tls.h"

static char dir[] = "/tmp/rtckit-tls-XXXXXX";
static struct tls_pair pairs[2];
static char paths[4][64];

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
};

static void
client_open(struct client *c, int version, const char *name, const char *alpn)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(c->ctx, 0);
	SSL_CTX_set_min_proto_version(c->ctx, version);
	SSL_CTX_set_max_proto_version(c->ctx, version);
	if (alpn != NULL)
		SSL_CTX_set_alpn_protos(c->ctx, (const unsigned char *)alpn,
					(unsigned)strlen(alpn));
	c->ssl = SSL_new(c->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(c->in, -1);
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_connect_state(c->ssl);
	if (name != NULL)
		SSL_set_tlsext_host_name(c->ssl, name);
}

static void
client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	ERR_clear_error();
}

/* Octets both ways until nothing moves: the server's last answer to a read. */
static int
pump(struct tls *t, struct client *c, char *plain, size_t cap)
{
	int result = -EAGAIN;

	for (int round = 0; round < 10; round++) {
		const uint8_t *records;
		char *data;
		long size;
		size_t count;

		if (!SSL_is_init_finished(c->ssl))
			(void)SSL_do_handshake(c->ssl);
		ERR_clear_error();
		size = BIO_get_mem_data(c->out, &data);
		assert_int_equal(tls_input(t, (const uint8_t *)data, (size_t)size), 0);
		(void)BIO_reset(c->out);
		result = tls_read(t, plain, cap);
		count = tls_output(t, &records);
		if (count > 0)
			BIO_write(c->in, records, (int)count);
		tls_output_taken(t);
		if (result != -EAGAIN || (size == 0 && count == 0))
			break;
	}
	return result;
}

static struct tls_ctx *
load(size_t count)
{
	char words[TLS_WORDS_SIZE] = "";
	struct tls_ctx *ctx = tls_ctx_load(pairs, count, "http/1.1", words);

	if (ctx == NULL)
		fail_msg("%s", words);
	return ctx;
}

static int
make_pairs(void **state)
{
	static const char *const first[] = {"localhost", "127.0.0.1", "::1"};
	static const char *const second[] = {"second.example"};

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	for (size_t i = 0; i < 4; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%zu.pem", dir, i);
	pairs[0] = (struct tls_pair){paths[0], paths[1]};
	pairs[1] = (struct tls_pair){paths[2], paths[3]};
	return tls_make_pair(&pairs[0], first, ARRAY_COUNT(first)) |
	       tls_make_pair(&pairs[1], second, ARRAY_COUNT(second));
}

static int
remove_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlink(paths[i]);
	return rmdir(dir);
}

static void
makes_pairs(void **state)
{
	static const char *const bad[] = {"", "two words", "DNS:a", "a,IP:1.2.3.4", "a\nb"};
	struct stat st;

	(void)state;
	assert_int_equal(stat(paths[1], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(tls_make_pair(&pairs[0], &bad[i], 1), -EINVAL);
	assert_int_equal(tls_make_pair(&pairs[0], bad, 0), -EINVAL);
	assert_int_equal(tls_make_pair(&(struct tls_pair){"/nowhere/c", "/nowhere/k"},
				       (const char *const[]){"a"}, 1),
			 -ENOENT);
}

static void
says_what_is_wrong_with_a_pair(void **state)
{
	char words[TLS_WORDS_SIZE];
	struct tls_pair crossed = {paths[0], paths[3]}, missing = {"/nowhere.pem", paths[1]},
			twice = {paths[1], paths[1]};

	(void)state;
	assert_null(tls_ctx_load(&crossed, 1, NULL, words));
	assert_non_null(strstr(words, paths[3]));
	assert_null(tls_ctx_load(&missing, 1, NULL, words));
	assert_non_null(strstr(words, "/nowhere.pem"));
	assert_null(tls_ctx_load(&twice, 1, NULL, words));
	assert_non_null(strstr(words, "certificate"));
	assert_null(tls_ctx_load(pairs, 0, NULL, words));
}

static void
carries_octets(int version, const char *text)
{
	struct tls_ctx *ctx = load(1);
	struct tls *t = tls_new(ctx);
	struct client c;
	char plain[64], *big = calloc(1, 100000);
	int got = 0;

	client_open(&c, version, "localhost", "\x08http/1.1");
	assert_int_equal(tls_write(t, "early", 5), -ENOTCONN);
	assert_int_equal(pump(t, &c, plain, sizeof(plain)), -EAGAIN);
	assert_true(tls_established(t));
	assert_string_equal(tls_version(t), text);
	assert_string_equal(tls_server_name(t), "localhost");
	SSL_write(c.ssl, "hello", 5);
	assert_int_equal(pump(t, &c, plain, sizeof(plain)), 5);
	assert_memory_equal(plain, "hello", 5);
	assert_int_equal(tls_write(t, big, 100000), 0);
	assert_int_equal(pump(t, &c, plain, sizeof(plain)), -EAGAIN);
	while (got < 100000) {
		int n = SSL_read(c.ssl, big, 100000);

		assert_true(n > 0);
		got += n;
	}
	SSL_shutdown(c.ssl);
	assert_int_equal(pump(t, &c, plain, sizeof(plain)), 0);
	tls_shutdown(t);
	(void)pump(t, &c, plain, sizeof(plain));
	assert_int_equal(SSL_read(c.ssl, plain, 1), 0);
	client_close(&c);
	tls_free(t);
	tls_ctx_unref(ctx);
	free(big);
}

static void
speaks_1_2_and_1_3(void **state)
{
	(void)state;
	carries_octets(TLS1_2_VERSION, "TLSv1.2");
	carries_octets(TLS1_3_VERSION, "TLSv1.3");
}

static void
refuses(int version, const char *alpn)
{
	struct tls_ctx *ctx = load(1);
	struct tls *t = tls_new(ctx);
	struct client c;
	char plain[64];

	client_open(&c, version, NULL, alpn);
	assert_int_equal(pump(t, &c, plain, sizeof(plain)), -EPROTO);
	assert_true(tls_words(t)[0] != '\0');
	assert_int_equal(tls_read(t, plain, sizeof(plain)), -EPROTO);
	assert_int_equal(tls_write(t, "x", 1), -EPROTO);
	client_close(&c);
	tls_free(t);
	tls_ctx_unref(ctx);
}

static void
refuses_the_old_and_the_other(void **state)
{
	(void)state;
	refuses(TLS1_1_VERSION, NULL);
	refuses(TLS1_3_VERSION, "\x02h2");
}

static void
chooses_by_name(void **state)
{
	static const struct {
		const char *name;
		size_t pair;
	} cases[] = {{"localhost", 0}, {"second.example", 1}, {"other.example", 0}, {NULL, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct tls_ctx *ctx = load(2);
		struct tls *t = tls_new(ctx);
		struct client c;
		char plain[8];
		X509 *cert;

		tls_ctx_unref(ctx); /* the connection keeps it */
		client_open(&c, TLS1_3_VERSION, cases[i].name, NULL);
		assert_int_equal(pump(t, &c, plain, sizeof(plain)), -EAGAIN);
		cert = SSL_get1_peer_certificate(c.ssl);
		assert_non_null(cert);
		assert_int_equal(X509_check_host(cert, "second.example", 0, 0, NULL),
				 cases[i].pair == 1);
		X509_free(cert);
		client_close(&c);
		tls_free(t);
	}
}

static void
tells_the_expiry(void **state)
{
	struct tls_ctx *ctx = load(2);
	int64_t left = tls_ctx_left_s(ctx);

	(void)state;
	assert_in_range(left, (TLS_SELF_DAYS - 2) * 86400, TLS_SELF_DAYS * 86400);
	tls_ctx_unref(ctx);
}

/* Every truncation of a real first flight waits; the whole of it, with any octet changed, never
 * crashes and never reads past its end. */
static void
input(void *arg, const uint8_t *buf, size_t size)
{
	struct tls *t = tls_new(arg);
	char plain[16];
	int result;

	assert_int_equal(tls_input(t, buf, size), 0);
	result = tls_read(t, plain, sizeof(plain));
	assert_true(result == -EAGAIN || result == -EPROTO);
	tls_free(t);
}

static void
outlasts_nonsense(void **state)
{
	struct tls_ctx *ctx = load(1);
	struct client c;
	char *data;
	long size;
	uint8_t *copy;

	(void)state;
	client_open(&c, TLS1_3_VERSION, "localhost", "\x08http/1.1");
	(void)SSL_do_handshake(c.ssl);
	size = BIO_get_mem_data(c.out, &data);
	assert_true(size > 100);
	support_truncations((const uint8_t *)data, (size_t)size, input, ctx);
	copy = malloc((size_t)size);
	for (long i = 0; i < size; i++) {
		memcpy(copy, data, (size_t)size);
		copy[i] ^= 0x5a;
		input(ctx, copy, (size_t)size);
	}
	free(copy);
	input(ctx, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18);
	client_close(&c);
	tls_ctx_unref(ctx);
}

/* Move what one side has for the other. True if there was something. */
static bool
carry(struct tls *from, struct tls *to)
{
	const uint8_t *records;
	size_t size = tls_output(from, &records);

	assert_int_equal(tls_input(to, records, size), 0);
	tls_output_taken(from);
	return size > 0;
}

/* Our client and our server; what the client's last tls_read() said. */
static int
meet(struct tls *client, struct tls *server)
{
	char buf[64];
	int r = -EAGAIN;

	for (unsigned i = 0; i < 8 && r == -EAGAIN && !tls_established(server); i++) {
		r = tls_read(client, buf, sizeof(buf));
		(void)carry(client, server);
		(void)tls_read(server, buf, sizeof(buf));
		(void)carry(server, client);
	}
	return r;
}

static void
clients_verify(void **state)
{
	static const struct {
		const char *ca, *host, *words; /* words NULL: it works */
		bool insecure;
	} rows[] = {
	    {paths[0], "localhost", NULL, false},
	    {paths[0], "127.0.0.1", NULL, false},
	    {paths[0], "::1", NULL, false},
	    {paths[0], "127.0.0.2", "IP address mismatch", false},
	    {paths[0], "other.example", "hostname mismatch", false},
	    {paths[2], "localhost", "self-signed certificate", false},
	    {paths[2], "other.example", NULL, true},
	};
	struct tls_ctx *ctx = load(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char words[TLS_WORDS_SIZE], buf[8];
		struct tls_ctx *ours = tls_ctx_client(rows[i].ca, rows[i].insecure, words);
		struct tls *client, *server = tls_new(ctx);

		assert_non_null(ours);
		client = tls_new_client(ours, rows[i].host);
		tls_ctx_unref(ours);
		assert_non_null(client);
		if (meet(client, server) != (rows[i].words != NULL ? -EPROTO : -EAGAIN))
			fail_msg("%s: %s", rows[i].host, tls_words(client));
		if (rows[i].words != NULL) {
			assert_string_equal(tls_words(client), rows[i].words);
		} else {
			assert_int_equal(tls_write(client, "hello", 5), 0);
			assert_true(carry(client, server));
			assert_int_equal(tls_read(server, buf, sizeof(buf)), 5);
			assert_memory_equal(buf, "hello", 5);
		}
		tls_free(client);
		tls_free(server);
	}
	tls_ctx_unref(ctx);
}

static void
a_client_without_certificates_says_so(void **state)
{
	char words[TLS_WORDS_SIZE] = "";

	(void)state;
	assert_null(tls_ctx_client("/nonexistent", false, words));
	assert_non_null(strstr(words, "/nonexistent"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makes_pairs),
	    cmocka_unit_test(says_what_is_wrong_with_a_pair),
	    cmocka_unit_test(speaks_1_2_and_1_3),
	    cmocka_unit_test(refuses_the_old_and_the_other),
	    cmocka_unit_test(chooses_by_name),
	    cmocka_unit_test(tells_the_expiry),
	    cmocka_unit_test(outlasts_nonsense),
	    cmocka_unit_test(clients_verify),
	    cmocka_unit_test(a_client_without_certificates_says_so),
	};

	return cmocka_run_group_tests(tests, make_pairs, remove_pairs);
}
