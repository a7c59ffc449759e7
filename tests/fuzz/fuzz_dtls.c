/*
 * Each input is a series of datagrams (two octets of size before each), given to a fresh server, to
 * a fresh client, to a server in the middle of a handshake, and to connected associations with and
 * without OpenSSL's objects, which nothing that is not authentic may move.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { DATAGRAM = 1500, DATAGRAMS_MAX = 16 };

static struct dtls_ctx *ctx;
static struct dtls *connected, *shrunk;
static uint8_t hello[DATAGRAM];
static size_t hello_size;

static void
drain(struct dtls *d, struct dtls *to)
{
	uint8_t buf[DATAGRAM];
	int size = dtls_poll(d, buf, sizeof(buf));

	for (; size > 0; size = dtls_poll(d, buf, sizeof(buf))) {
		if (size > DTLS_DATAGRAM_MAX)
			abort();
		if (to != NULL)
			dtls_input(to, 0, buf, (size_t)size);
	}
}

static struct dtls *
fresh(enum dtls_role role)
{
	struct dtls *d = dtls_new(ctx, role, "sha-256", dtls_ctx_fingerprint(ctx));

	if (d == NULL)
		abort();
	return d;
}

static struct dtls *
connect_one(void)
{
	struct dtls *server = fresh(DTLS_SERVER), *client = fresh(DTLS_CLIENT);

	for (int i = 0; i < 4; i++) {
		drain(client, server);
		drain(server, client);
	}
	if (dtls_state(server) != DTLS_CONNECTED)
		abort();
	dtls_free(client);
	return server;
}

static void
init(void)
{
	struct dtls *client;
	int size;

	ctx = dtls_ctx_new();
	connected = connect_one();
	shrunk = connect_one();
	dtls_shrink(shrunk);
	client = fresh(DTLS_CLIENT);
	size = dtls_poll(client, hello, sizeof(hello));
	if (size <= 0)
		abort();
	hello_size = (size_t)size;
	dtls_free(client);
}

/* Give all datagrams of the input, each in a block of its size. */
static void
give(struct dtls *d, const uint8_t *buf, size_t size)
{
	for (int i = 0; i < DATAGRAMS_MAX && size >= 2; i++) {
		size_t n = MIN_OF((size_t)be16(buf), size - 2);
		uint8_t *exact = malloc(n > 0 ? n : 1);

		if (exact == NULL)
			abort();
		memcpy(exact, buf + 2, n);
		dtls_input(d, 0, exact, n);
		free(exact);
		drain(d, NULL);
		buf += 2 + n;
		size -= 2 + n;
	}
	if (dtls_state(d) == DTLS_FAILED && dtls_error(d)[0] == '\0')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct dtls *d;

	if (ctx == NULL)
		init();
	for (int role = 0; role < 2; role++) {
		d = fresh((enum dtls_role)role);
		give(d, buf, size);
		if (dtls_state(d) == DTLS_CONNECTED)
			abort();
		dtls_free(d);
	}
	if (size % 8 == 0) { /* a signature each: not for every input */
		d = fresh(DTLS_SERVER);
		dtls_input(d, 0, hello, hello_size);
		give(d, buf, size);
		dtls_free(d);
	}
	give(connected, buf, size);
	give(shrunk, buf, size);
	if (dtls_state(connected) != DTLS_CONNECTED || dtls_state(shrunk) != DTLS_CONNECTED)
		abort();
	return 0;
}
