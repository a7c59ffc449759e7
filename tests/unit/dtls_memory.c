/* What a connected association keeps on the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
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

/* A record of the handshake with ten octets of a message that says it has far more. */
static size_t
write_fragment(uint8_t *out, uint8_t type, uint16_t message, uint32_t said)
{
	enum { HEAD = 13, MESSAGE_HEAD = 12, OCTETS = 10 };

	memset(out, 0, HEAD + MESSAGE_HEAD + OCTETS);
	out[0] = 22;
	put_be16(out + 1, 0xfefd);
	out[10] = (uint8_t)message;
	put_be16(out + 11, MESSAGE_HEAD + OCTETS);
	out[HEAD] = type;
	put_be24(out + HEAD + 1, said);
	put_be16(out + HEAD + 4, message);
	put_be24(out + HEAD + 6, said / 2);
	put_be24(out + HEAD + 9, OCTETS);
	return HEAD + MESSAGE_HEAD + OCTETS;
}

/* Anybody with a session can begin handshakes that never end: what they hold is bounded. */
static void
memory_of_announced_messages(void **state)
{
	static const uint32_t sizes[] = {1000, 8192, 8193, 100000, 0xffffff};
	struct dtls_ctx *ctx = dtls_ctx_new();
	const char *fp = dtls_ctx_fingerprint(ctx);
	uint8_t buf[DATAGRAM];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct dtls *d = dtls_new(ctx, DTLS_SERVER, "sha-256", fp);
		size_t before = heap_used(), held;

		for (uint16_t message = 0; message < 30; message++)
			dtls_input(d, 0, buf,
				   write_fragment(buf, message == 0 ? 1 : 11, message, sizes[i]));
		held = heap_used() - before;
		print_message("# heap for messages of %u octets that were begun: %zu\n", sizes[i],
			      held);
#ifndef __SANITIZE_ADDRESS__
		assert_true(held < 200000);
#endif
		dtls_free(d);
	}
	dtls_ctx_free(ctx);
}

/* Nor does one hide behind another in the same record. */
static void
memory_of_a_message_behind_another(void **state)
{
	enum { HEAD = 13, FRAGMENT = 22 };
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct dtls *d = dtls_new(ctx, DTLS_SERVER, "sha-256", dtls_ctx_fingerprint(ctx));
	uint8_t buf[DATAGRAM], second[DATAGRAM];

	(void)state;
	write_fragment(buf, 1, 0, 1000);
	write_fragment(second, 11, 1, 100000);
	memcpy(buf + HEAD + FRAGMENT, second + HEAD, FRAGMENT);
	put_be16(buf + HEAD - 2, 2 * FRAGMENT);
	assert_int_equal(dtls_input(d, 0, buf, HEAD + 2 * FRAGMENT), -EBADMSG);
	dtls_free(d);
	dtls_ctx_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_of_announced_messages),
	    cmocka_unit_test(memory_of_a_message_behind_another),
	    cmocka_unit_test(memory_of_connected_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
