/* What a connected association keeps on the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <cmocka.h>

#include "dtls/dtls.h"

enum { DATAGRAM = 1500 };

static void
plain_connect(struct dtls *server, struct dtls *client)
{
	uint8_t buf[DATAGRAM];
	int moved = 1;

	while (moved > 0) {
		int size;

		moved = 0;
		while ((size = dtls_poll(client, buf, sizeof(buf))) > 0) {
			dtls_input(server, 0, buf, (size_t)size);
			moved++;
		}
		while ((size = dtls_poll(server, buf, sizeof(buf))) > 0) {
			dtls_input(client, 0, buf, (size_t)size);
			moved++;
		}
	}
}

static size_t
heap_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Printed for the record, and bounded: a server holds thousands of these. */
static void
memory_of_connected_servers(void **state)
{
	enum { COUNT = 1000 };
	struct dtls_ctx *ctx = dtls_ctx_new();
	const char *fp = dtls_ctx_fingerprint(ctx);
	struct dtls *server[COUNT];
	size_t before, full, small;

	(void)state;
	before = heap_used();
	for (size_t i = 0; i < COUNT; i++) {
		struct dtls *client = dtls_new(ctx, DTLS_CLIENT, "sha-256", fp);

		server[i] = dtls_new(ctx, DTLS_SERVER, "sha-256", fp);
		plain_connect(server[i], client);
		assert_int_equal(dtls_state(server[i]), DTLS_CONNECTED);
		dtls_free(client);
	}
	full = heap_used() - before;
	for (size_t i = 0; i < COUNT; i++)
		dtls_shrink(server[i]);
	small = heap_used() - before;
	print_message("# heap per connected association: %zu octets, %zu after dtls_shrink\n",
		      full / COUNT, small / COUNT);
#ifndef __SANITIZE_ADDRESS__
	assert_true(small / COUNT < 2048);
#endif
	for (size_t i = 0; i < COUNT; i++)
		dtls_free(server[i]);
	dtls_ctx_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_of_connected_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
