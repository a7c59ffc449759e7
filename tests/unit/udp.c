/* Unit tests of UDP in batches, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "udp/udp.h"

enum { PATIENCE_MS = 5000 };

static struct udp *
opened(const char *text)
{
	struct addr a;
	int error = 0;
	struct udp *u;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	u = udp_open(&a, false, &error);
	assert_non_null(u);
	assert_int_equal(udp_family(u), a.sa.sa_family);
	return u;
}

/* A plain socket that is connected to u. */
static int
client_of(const struct udp *u, const char *host)
{
	struct addr to;
	struct addr bound = udp_address(u);
	int fd;

	assert_int_equal(addr_parse(&to, host, addr_port(&bound)), 0);
	fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &to.sa, addr_size(&to)), 0);
	return fd;
}

static bool
readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, PATIENCE_MS) == 1;
}

static void
replies_leave_from_the_address_that_was_asked(void **state)
{
	static const char *const hosts[][2] = {
	    {"0.0.0.0", "127.0.0.1"}, {"0.0.0.0", "127.0.0.9"}, {"::", "::1"}};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct udp *u = opened(hosts[i][0]);
		int fd = client_of(u, hosts[i][1]);
		const struct udp_in *in;
		char buf[16];

		assert_int_equal(send(fd, "ping", 4, 0), 4);
		assert_true(readable(udp_fd(u)));
		assert_int_equal(udp_receive(u, &in), 1);
		assert_int_equal(in[0].size, 4);
		assert_memory_equal(in[0].buf, "ping", 4);
		memcpy(udp_reserve(u, 4), "pong", 4);
		udp_commit(u, &in[0].tuple, 4);
		udp_flush(u);
		/* A connected socket takes it from that address only. */
		assert_true(readable(fd));
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 4);
		assert_memory_equal(buf, "pong", 4);
		assert_int_equal(udp_counters(u)->packets, 1);
		assert_int_equal(udp_counters(u)->dropped, 0);
		assert_int_equal(udp_receive(u, &in), 0);
		close(fd);
		udp_close(u);
	}
}

/* Runs of equal sizes, a shorter end, another size: each datagram arrives as it was committed. */
static void
datagrams_keep_their_boundaries_and_order(void **state)
{
	enum { COUNT = 60 };
	struct udp *u = opened("127.0.0.1");
	int fd = client_of(u, "127.0.0.1");
	const struct udp_in *in;
	struct ice_tuple to;
	uint8_t buf[2048];

	(void)state;
	assert_int_equal(send(fd, "", 1, 0), 1);
	assert_true(readable(udp_fd(u)));
	assert_int_equal(udp_receive(u, &in), 1);
	to = in[0].tuple;
	for (int i = 0; i < COUNT; i++) {
		size_t size = i % 10 < 7 ? 1000 : i % 10 == 7 ? 300 : 500u + (size_t)i;

		memset(udp_reserve(u, sizeof(buf)), i, size);
		udp_commit(u, &to, size);
		if (i == 40)
			udp_flush(u);
	}
	udp_flush(u);
	for (int i = 0; i < COUNT; i++) {
		size_t size = i % 10 < 7 ? 1000 : i % 10 == 7 ? 300 : 500u + (size_t)i;

		assert_true(readable(fd));
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), size);
		assert_int_equal(buf[0], i);
		assert_int_equal(buf[size - 1], i);
	}
	assert_int_equal(udp_counters(u)->packets, COUNT);
	assert_int_equal(udp_counters(u)->dropped, 0);
	close(fd);
	udp_close(u);
}

/* More than the output holds: what is reserved flushes by itself. */
static void
a_full_output_is_sent(void **state)
{
	struct udp *u = opened("127.0.0.1");
	struct ice_tuple to = {0};

	(void)state;
	addr_parse(&to.remote, "127.0.0.1", 9); /* nobody reads */
	for (int i = 0; i < 2000; i++) {
		memset(udp_reserve(u, UDP_DATAGRAM_MAX), i, 1200);
		udp_commit(u, &to, i % 2 == 0 ? 1200 : 1199);
	}
	udp_flush(u);
	assert_int_equal(udp_counters(u)->packets, 2000);
	udp_close(u);
}

/* Datagrams that are too long are dropped; those behind them come, in one call or the next. */
static void
oversized_datagrams_hide_nothing(void **state)
{
	struct udp *u = opened("127.0.0.1");
	int fd = client_of(u, "127.0.0.1");
	static uint8_t big[UDP_DATAGRAM_MAX + 1];
	const struct udp_in *in;
	int n = 0;

	(void)state;
	for (int i = 0; i < 3 * UDP_BATCH; i++)
		assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(send(fd, "end", 3, 0), 3);
	while (n == 0 && readable(udp_fd(u)))
		n = udp_receive(u, &in);
	assert_int_equal(n, 1);
	assert_memory_equal(in[0].buf, "end", 3);
	close(fd);
	udp_close(u);
}

static void
a_taken_port_is_an_error(void **state)
{
	struct udp *u = opened("127.0.0.1");
	struct addr a = udp_address(u);
	int error = 0;

	(void)state;
	assert_null(udp_open(&a, false, &error));
	assert_int_equal(error, -EADDRINUSE);
	udp_close(u);
	udp_close(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies_leave_from_the_address_that_was_asked),
	    cmocka_unit_test(datagrams_keep_their_boundaries_and_order),
	    cmocka_unit_test(a_full_output_is_sent),
	    cmocka_unit_test(oversized_datagrams_hide_nothing),
	    cmocka_unit_test(a_taken_port_is_an_error),
	};

	return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
