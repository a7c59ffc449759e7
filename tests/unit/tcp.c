/* Unit tests of framed TCP connections, over loopback: life, limits, slow readers, hand-over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tcp/tcp.h"

enum { PATIENCE_MS = 5000, SECOND_US = 1000000 };

static struct tcp *t;
static uint64_t now_us = SECOND_US;

/* What the handlers saw. */
static struct {
	struct tcp_conn *conn;
	unsigned packets, closed;
	size_t size;
	uint8_t last[FRAME_PACKET_MAX];
	enum tcp_verdict verdict;
	bool owns;
	int moved_fd, error;
	struct ice_tuple moved_tuple;
	uint8_t moved[TCP_REST_MAX];
	size_t moved_size;
} seen;

static enum tcp_verdict
on_packet(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	assert_ptr_equal(arg, &seen);
	seen.conn = c;
	seen.packets++;
	seen.size = size;
	memcpy(seen.last, buf, size);
	if (seen.owns && tcp_conn_owner(c) == NULL)
		tcp_conn_own(c, &seen);
	return seen.verdict;
}

static void
on_hand_over(void *arg, int fd, const struct ice_tuple *tuple, const uint8_t *octets, size_t size)
{
	(void)arg;
	seen.moved_tuple = *tuple;
	seen.moved_fd = fd;
	seen.moved_size = size;
	memcpy(seen.moved, octets, size);
}

static void
on_closed(void *arg, struct tcp_conn *c)
{
	(void)arg;
	assert_ptr_equal(tcp_conn_owner(c), &seen);
	seen.closed++;
	seen.error = tcp_conn_error(c);
}

static const struct tcp_handlers handlers = {on_packet, on_hand_over, on_closed};

static int
set_up(void **state)
{
	struct addr a;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	t = tcp_new(&handlers, &seen);
	assert_non_null(t);
	addr_parse(&a, "127.0.0.1", 0);
	assert_int_equal(tcp_listen(t, &a, false), 0);
	assert_int_equal(tcp_listener_count(t), 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tcp_free(t);
	tcp_free(NULL);
	return 0;
}

static int
dial(int rcvbuf)
{
	struct addr a = tcp_address(t, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	assert_int_equal(connect(fd, &a.sa, addr_size(&a)), 0);
	return fd;
}

static void
put(int fd, const char *text)
{
	uint8_t buf[256];
	size_t size = strlen(text);

	frame_write_head(buf, size);
	memcpy(buf + FRAME_HEAD_SIZE, text, size);
	assert_int_equal(send(fd, buf, FRAME_HEAD_SIZE + size, 0), FRAME_HEAD_SIZE + size);
}

static void
turn(void)
{
	struct pollfd p = {.fd = tcp_fd(t), .events = POLLIN};

	poll(&p, 1, 20);
	tcp_turn(t, now_us);
	tcp_flush(t, now_us);
}

/* Turn until the condition holds; it fails when patience is over. */
#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (uint64_t end_us = clock_now_us() + PATIENCE_MS * 1000ull;                     \
		     !(condition) && clock_now_us() < end_us;)                                     \
			turn();                                                                    \
		assert_true(condition);                                                            \
	} while (0)

static bool
is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, PATIENCE_MS) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static void
packets_go_both_ways(void **state)
{
	int fd = dial(0);
	uint8_t buf[64];

	(void)state;
	seen.owns = true;
	put(fd, "hello");
	TURN_UNTIL(seen.packets == 1);
	assert_int_equal(seen.size, 5);
	assert_memory_equal(seen.last, "hello", 5);
	assert_int_equal(tcp_conn_tuple(seen.conn)->proto, ICE_TCP);
	assert_ptr_equal(tcp_find(t, tcp_conn_tuple(seen.conn)->channel), seen.conn);
	memcpy(tcp_reserve(seen.conn, 100), "one", 3);
	tcp_commit(seen.conn, 3);
	memcpy(tcp_reserve(seen.conn, 100), "three", 5);
	tcp_commit(seen.conn, 5);
	tcp_flush(t, now_us);
	assert_int_equal(recv(fd, buf, 12, MSG_WAITALL), 12);
	assert_memory_equal(buf, "\0\3one\0\5three", 12);
	assert_int_equal(tcp_counters(t)->packets, 2);
	assert_int_equal(tcp_counters(t)->octets, 8);
	close(fd);
	TURN_UNTIL(seen.closed == 1);
	assert_int_equal(tcp_counters(t)->connections, 0);
}

static void
a_verdict_closes(void **state)
{
	int fd = dial(0);

	(void)state;
	seen.verdict = TCP_ENDS;
	put(fd, "x");
	put(fd, "y");
	TURN_UNTIL(seen.packets == 1);
	assert_true(is_closed(fd));
	assert_int_equal(seen.closed, 0);
	tcp_turn(t, now_us);
	assert_int_equal(seen.packets, 1);
	close(fd);
}

/* The packet that was refused and all behind it go along; where it is adopted it comes again. */
static void
a_connection_moves(void **state)
{
	int fd = dial(0);

	(void)state;
	seen.verdict = TCP_MOVES;
	assert_int_equal(send(fd, "\0\5hello\0\3abc\0", 13, 0), 13);
	TURN_UNTIL(seen.moved_fd > 0);
	assert_int_equal(seen.moved_size, 13);
	assert_memory_equal(seen.moved, "\0\5hello\0\3abc\0", 13);
	assert_int_equal(tcp_counters(t)->connections, 0);
	seen.verdict = TCP_STAYS;
	seen.owns = true;
	addr_set_port(&seen.moved_tuple.remote, 7);
	assert_int_equal(
	    tcp_adopt(t, now_us, seen.moved_fd, &seen.moved_tuple, seen.moved, seen.moved_size), 0);
	assert_int_equal(addr_port(&tcp_conn_tuple(seen.conn)->remote), 7); /* as it was told */
	assert_int_equal(seen.packets, 3);
	assert_memory_equal(seen.last, "abc", 3);
	assert_int_equal(send(fd, "\2hi", 3, 0), 3);
	TURN_UNTIL(seen.packets == 4);
	assert_memory_equal(seen.last, "hi", 2);
	close(fd);
	TURN_UNTIL(seen.closed == 1);
}

static void
what_is_too_much_is_not_adopted(void **state)
{
	static const uint8_t octets[TCP_REST_MAX + 1];
	struct ice_tuple tuple = {0};
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(tcp_adopt(t, now_us, fds[1], &tuple, octets, sizeof(octets)), -EMSGSIZE);
	assert_int_equal(close(fds[1]), -1); /* it was taken */
	close(fds[0]);
	assert_int_equal(tcp_counters(t)->connections, 0);
}

static void
the_silent_are_closed_in_time(void **state)
{
	int fd = dial(0);

	(void)state;
	assert_int_equal(tcp_deadline(t), CLOCK_NEVER);
	TURN_UNTIL(tcp_counters(t)->connections == 1);
	assert_int_equal(tcp_deadline(t), now_us + TCP_FIRST_US);
	tcp_timeout(t, now_us + TCP_FIRST_US - 1);
	assert_int_equal(tcp_counters(t)->connections, 1);
	tcp_timeout(t, now_us + TCP_FIRST_US);
	assert_int_equal(tcp_counters(t)->connections, 0);
	assert_true(is_closed(fd));
	assert_int_equal(tcp_deadline(t), CLOCK_NEVER);
	close(fd);
}

static void
one_host_has_so_many(void **state)
{
	int fds[TCP_PENDING_PER_HOST_MAX + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
		fds[i] = dial(0);
	TURN_UNTIL(tcp_counters(t)->accepted == ARRAY_COUNT(fds));
	assert_int_equal(tcp_counters(t)->connections, TCP_PENDING_PER_HOST_MAX);
	assert_int_equal(tcp_counters(t)->refused, 3);
	/* An owned one is not counted among them. */
	seen.owns = true;
	put(fds[0], "mine");
	TURN_UNTIL(seen.packets == 1);
	close(fds[1]);
	fds[1] = dial(0);
	TURN_UNTIL(tcp_counters(t)->accepted == ARRAY_COUNT(fds) + 1);
	assert_int_equal(tcp_counters(t)->refused, 3);
	tcp_set_limit(t, 1);
	close(fds[2]);
	fds[2] = dial(0);
	TURN_UNTIL(tcp_counters(t)->refused == 4);
	for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
		close(fds[i]);
}

/* Packets of SIZE octets, numbered, until the queue is full; every one that was kept arrives. */
static void
a_slow_reader_loses_whole_packets(void **state)
{
	enum { SIZE = 1000, COUNT = 3000 };
	int fd = dial(4096);
	uint8_t buf[FRAME_HEAD_SIZE + SIZE];
	unsigned kept, last = 0, more = 0;

	(void)state;
	seen.owns = true;
	put(fd, "x");
	TURN_UNTIL(seen.packets == 1);
	for (unsigned i = 1; i <= COUNT; i++) {
		uint8_t *p = tcp_reserve(seen.conn, SIZE);

		memset(p, 0, SIZE);
		put_be32(p, i);
		tcp_commit(seen.conn, SIZE);
		if (i % 50 == 0)
			tcp_flush(t, now_us);
		assert_true(tcp_conn_queued(seen.conn) <= TCP_QUEUE_MAX + SIZE);
	}
	assert_true(tcp_conn_behind(seen.conn, now_us));
	assert_true(tcp_conn_room(seen.conn) < SIZE + FRAME_HEAD_SIZE);
	assert_true(tcp_counters(t)->dropped > 0);
	kept = (unsigned)(COUNT - tcp_counters(t)->dropped);
	assert_int_equal(tcp_counters(t)->packets, kept);
	for (unsigned i = 0; i < kept; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		while (poll(&p, 1, 0) == 0)
			tcp_turn(t, now_us);
		for (size_t got = 0; got < sizeof(buf);) {
			ssize_t n = recv(fd, buf + got, sizeof(buf) - got, MSG_DONTWAIT);

			got += n > 0 ? (size_t)n : 0;
			if (n <= 0)
				tcp_turn(t, now_us);
		}
		assert_int_equal(be16(buf), SIZE);
		assert_true(be32(buf + 2) > last);
		last = be32(buf + 2);
	}
	TURN_UNTIL(tcp_conn_queued(seen.conn) == 0);
	assert_false(tcp_conn_behind(seen.conn, now_us));
	assert_true(tcp_conn_room(seen.conn) == TCP_QUEUE_MAX);
	assert_true(recv(fd, &more, 1, MSG_DONTWAIT) < 0);
	close(fd);
}

/* A reset while the batch is being written: it is told at the next turn, not inside. */
static void
a_reset_is_told_outside_of_the_batch(void **state)
{
	static const struct linger reset = {.l_onoff = 1};
	int fd = dial(0);

	(void)state;
	seen.owns = true;
	put(fd, "x");
	TURN_UNTIL(seen.packets == 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	for (int i = 0; i < 100; i++) {
		memset(tcp_reserve(seen.conn, 1000), 0, 1000);
		tcp_commit(seen.conn, 1000);
		tcp_flush(t, now_us);
	}
	assert_int_equal(seen.closed, 0);
	TURN_UNTIL(seen.closed == 1);
	assert_int_equal(tcp_counters(t)->connections, 0);
}

static void
a_connection_of_our_own_is_owned_and_waits(void **state)
{
	struct addr a = tcp_address(t, 0);
	struct tcp_conn *ours;

	(void)state;
	seen.owns = true;
	assert_int_equal(tcp_connect(t, now_us, &a, &seen, &ours), 0);
	assert_true(addr_equal(&tcp_conn_tuple(ours)->remote, &a));
	memcpy(tcp_reserve(ours, 5), "early", 5);
	tcp_commit(ours, 5);
	TURN_UNTIL(seen.packets == 1); /* by the end that was accepted */
	assert_memory_equal(seen.last, "early", 5);
	assert_ptr_not_equal(seen.conn, ours);
	memcpy(tcp_reserve(seen.conn, 4), "back", 4);
	tcp_commit(seen.conn, 4);
	TURN_UNTIL(seen.packets == 2);
	assert_ptr_equal(seen.conn, ours);
	tcp_conn_close(ours);
	TURN_UNTIL(seen.closed == 1);
}

static void
a_refused_connection_says_why(void **state)
{
	struct tcp *other = tcp_new(&handlers, &seen);
	struct addr a = {0};
	struct tcp_conn *ours;

	(void)state;
	assert_non_null(other);
	addr_parse(&a, "127.0.0.1", 0);
	assert_int_equal(tcp_listen(other, &a, false), 0);
	a = tcp_address(other, 0);
	tcp_free(other);
	assert_int_equal(tcp_connect(t, now_us, &a, &seen, &ours), 0);
	memcpy(tcp_reserve(ours, 5), "early", 5);
	tcp_commit(ours, 5);
	TURN_UNTIL(seen.closed == 1);
	assert_int_equal(seen.error, -ECONNREFUSED);
}

static void
a_taken_port_is_an_error(void **state)
{
	struct tcp *other = tcp_new(&handlers, &seen);
	struct addr a = tcp_address(t, 0);

	(void)state;
	assert_int_equal(tcp_listen(other, &a, false), -EADDRINUSE);
	tcp_free(other);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    T(packets_go_both_ways),
	    T(a_verdict_closes),
	    T(a_connection_moves),
	    T(what_is_too_much_is_not_adopted),
	    T(the_silent_are_closed_in_time),
	    T(one_host_has_so_many),
	    T(a_slow_reader_loses_whole_packets),
	    T(a_reset_is_told_outside_of_the_batch),
	    T(a_connection_of_our_own_is_owned_and_waits),
	    T(a_refused_connection_says_why),
	    T(a_taken_port_is_an_error),
	};

	return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
