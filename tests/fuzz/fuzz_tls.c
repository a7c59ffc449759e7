/*
 * A server's side of TLS on any octets, in pieces as the first octet says; and the same after a
 * handshake of ours has begun.  Nobody gets a plain octet out of it.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tls/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static struct tls_ctx *
make_ctx(void)
{
	static const char *const names[] = {"localhost"};
	char dir[] = "/tmp/fuzz_tls.XXXXXX", cert[64], key[64], words[TLS_WORDS_SIZE];
	const struct tls_pair pair = {cert, key};
	struct tls_ctx *ctx;

	assert(mkdtemp(dir) != NULL);
	snprintf(cert, sizeof(cert), "%s/crt", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	assert(tls_make_pair(&pair, names, 1) == 0);
	ctx = tls_ctx_load(&pair, 1, "http/1.1", words);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return ctx;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static struct tls_ctx *ctx;
	const uint8_t *out;
	struct tls *t;
	uint8_t plain[512];
	int n = -EAGAIN;

	if (ctx == NULL)
		ctx = make_ctx();
	assert(ctx != NULL);
	t = tls_new(ctx);
	assert(t != NULL);
	for (size_t at = 1, piece; at < size && n == -EAGAIN; at += piece) {
		piece = MIN_OF((size_t)1 + buf[0] * 4, size - at);
		assert(tls_input(t, buf + at, piece) == 0);
		n = tls_read(t, plain, sizeof(plain));
		assert(n <= 0);
		(void)tls_output(t, &out);
		tls_output_taken(t);
	}
	assert(!tls_established(t) && tls_write(t, "x", 1) != 0);
	assert(n != -EPROTO || tls_words(t)[0] != '\0');
	assert(strlen(tls_server_name(t)) < 256);
	tls_free(t);
	return 0;
}
