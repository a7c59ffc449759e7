/* Requests that are too long, in whatever way: one answer by lib/http/http.h, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "http/http.h"
#include "../support/support.h"

enum { DEADLINE_US = 10000000, REQUEST_MAX = 80000, FIRST = 3000 };

static struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct sockaddr_un local;
	int calls;
	char request[REQUEST_MAX], answer[65536];
} fx;

static void
handle(struct http_request *req)
{
	fx.calls++;
	http_reply(req, 200, NULL, "", 0);
}

static int
set_up(void **state)
{
	static const struct http_route routes[] = {
	    {"GET", "/", false, handle}, {NULL, "/echo", false, handle}, {NULL, NULL, false, NULL}};
	static const struct http_config config = {.routes = routes};
	int fd;

	(void)state;
	memset(&fx, 0, sizeof(fx));
	uv_loop_init(&fx.loop);
	fx.server = http_server_new(&fx.loop, &config);
	assert_non_null(fx.server);
	fd = support_listen(&fx.local);
	assert_int_equal(http_server_listen_tcp(fx.server, "127.0.0.1:0"), 0);
	assert_int_equal(http_server_listen_fd(fx.server, fd), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	http_server_free(fx.server);
	while (uv_run(&fx.loop, UV_RUN_DEFAULT) != 0)
		continue;
	return uv_loop_close(&fx.loop);
}

static int
dial(bool local)
{
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	struct addr a;

	addr_parse(&a, "127.0.0.1", http_server_port(fx.server, 0));
	assert_int_equal(local ? connect(fd, (struct sockaddr *)&fx.local,
					 sizeof(sa_family_t) + 6) /* of an autobound name */
			       : connect(fd, &a.sa, addr_size(&a)),
			 0);
	return fd;
}

/* All that comes until the server closes. */
static void
read_all(int fd)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0) {
		assert_true(clock_now_us() < deadline_us);
		uv_run(&fx.loop, UV_RUN_NOWAIT);
		if (poll(&p, 1, 1) <= 0)
			continue;
		n = recv(fd, fx.answer + size, sizeof(fx.answer) - size - 1, 0);
		size += n > 0 ? (size_t)n : 0;
	}
	fx.answer[size] = '\0';
}

/* In two pieces: the answer may come before the second, and the end. */
static void
ask(bool local, bool in_pieces, size_t size)
{
	size_t first = in_pieces ? MIN_OF(size, (size_t)FIRST) : size;
	int fd = dial(local);

	assert_int_equal(send(fd, fx.request, first, MSG_NOSIGNAL), (ssize_t)first);
	for (int n = 0; n < 20 && in_pieces; n++)
		uv_run(&fx.loop, UV_RUN_NOWAIT);
	if (first < size)
		(void)send(fd, fx.request + first, size - first, MSG_NOSIGNAL);
	read_all(fd);
	close(fd);
}

static const struct row {
	const char *head, *fill, *tail;
	size_t count;
	int status;
} rows[] = {
    {"GET /echo HTTP/1.1\r\nHost: h\r\nX: ", "0", "\r\n\r\n", 25000, 431},
    {"GET /echo HTTP/1.1\r\nHost: h\r\nX: ", "0", "\r\n\r\n", 60000, 431},
    {"GET /echo HTTP/1.1\r\nHost: h\r\n", "X: 0\r\n", "\r\n", 2000, 431},
    {"GET /echo HTTP/1.1\r\nHost: h\r\n", "X: 0\r\n", "\r\n", 10000, 431},
    {"GET /", "a", " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 9000, 414},
    {"GET /", "a", " HTTP/1.1\r\nHost: h\r\n\r\n", 30000, 414},
    {"GET /?", "a&", " HTTP/1.1\r\nHost: h\r\n\r\n", 30000, 414},
    {"G", "G", " / HTTP/1.1\r\nHost: h\r\n\r\n", 30000, 414},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", "0",
     "\r\n\r\n", 60000, 431},
};

static size_t
make_request(const struct row *row)
{
	size_t size = strlen(row->head), n = strlen(row->fill);

	memcpy(fx.request, row->head, size);
	for (size_t i = 0; i < row->count; i++, size += n)
		memcpy(fx.request + size, row->fill, n);
	assert_in_range(size, 1, REQUEST_MAX - strlen(row->tail));
	memcpy(fx.request + size, row->tail, strlen(row->tail));
	return size + strlen(row->tail);
}

static int
count_answers(void)
{
	int count = 0;

	for (const char *p = fx.answer; (p = strstr(p, "HTTP/1.1 ")) != NULL; p += 9)
		count += p[9] >= '4' && p[9] <= '5';
	return count;
}

static void
one_answer_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_COUNT(rows); i++) {
		ask((i & 1) != 0, (i & 2) != 0, make_request(&rows[i / 4]));
		if (count_answers() != 1 || atoi(fx.answer + 9) != rows[i / 4].status)
			fail_msg("row %zu.%zu: %d answers:\n%s", i / 4, i % 4, count_answers(),
				 fx.answer);
	}
	assert_int_equal(fx.calls, 0);
}

/* That the library has answered one does not silence us where it says nothing. */
static void
malformed_ones_between_them(void **state)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
	    {"GET /echo HTTP/1.1\r\nHost\r\n\r\n", 400},
	    {"GET /echo HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400},
	    {"GET /echo HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},
	    {"GET /echo HTTP/1.1\r\n: x\r\n\r\n", 400},
	    {"GET /echo HTTP/1.1\r\n\r\n", 400},
	    {"GET /echo HTTP/2.7\r\n\r\n", 505},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
	     400},
	    {"GET\r\n\r\n", 400},
	    {"\x16\x03\x01\r\n\r\n", 400}};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_COUNT(bad); i++) {
		ask((i & 1) != 0, false, make_request(&rows[0]));
		assert_memory_equal(fx.answer, "HTTP/1.1 431 ", 13);
		memcpy(fx.request, bad[i / 2].text, strlen(bad[i / 2].text));
		ask((i & 1) != 0, false, strlen(bad[i / 2].text));
		if (atoi(fx.answer + MIN_OF(strlen(fx.answer), (size_t)9)) != bad[i / 2].status ||
		    count_answers() != 1)
			fail_msg("row %zu: %d answers:\n%s", i, count_answers(), fx.answer);
	}
	assert_int_equal(fx.calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_answer_each, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(malformed_ones_between_them, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("http_refusals", tests, NULL, NULL);
}
