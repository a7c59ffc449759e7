/* Answers without a known end: http_reply_stream() of lib/http/http.h, over loopback TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "http/http.h"

enum { DEADLINE_US = 10000000 };

static struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct http_stream *stream;
	size_t room; /* octets that the stream may give; it ends after them if over is set */
	bool over;
	int closed, fd;
	char answer[1 << 20];
	size_t size;
} fx;

static ssize_t
give(void *arg, uint8_t *buf, size_t cap)
{
	size_t n = MIN_OF(cap, fx.room);

	assert_ptr_equal(arg, &fx);
	memset(buf, 's', n);
	fx.room -= n;
	return n == 0 && fx.over ? -1 : (ssize_t)n;
}

static void
on_closed(void *arg)
{
	assert_ptr_equal(arg, &fx);
	fx.closed++;
}

static void
handle(struct http_request *req)
{
	static const struct http_source source = {give, on_closed};

	fx.stream = http_reply_stream(req, 200, NULL, &source, &fx);
}

static void
dial(const char *request)
{
	struct addr a;

	addr_parse(&a, "127.0.0.1", http_server_port(fx.server, 0));
	fx.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fx.fd, &a.sa, addr_size(&a)), 0);
	assert_int_equal(send(fx.fd, request, strlen(request), MSG_NOSIGNAL),
			 (ssize_t)strlen(request));
	fx.size = 0;
	fx.answer[0] = '\0';
}

/* Turn the loop once and take what came: false at the end. */
static bool
turn(void)
{
	struct pollfd p = {.fd = fx.fd, .events = POLLIN};
	ssize_t n;

	uv_run(&fx.loop, UV_RUN_NOWAIT);
	if (poll(&p, 1, 1) <= 0)
		return true;
	n = recv(fx.fd, fx.answer + fx.size, sizeof(fx.answer) - fx.size - 1, 0);
	fx.size += n > 0 ? (size_t)n : 0;
	fx.answer[fx.size] = '\0';
	return n > 0;
}

static void
read_until(const char *text)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	while (strstr(fx.answer, text) == NULL && clock_now_us() < deadline_us)
		if (!turn())
			break;
	assert_non_null(strstr(fx.answer, text));
}

static void
read_all(void)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	while (turn())
		assert_true(clock_now_us() < deadline_us);
}

static void
wait_closed(int count)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	while (fx.closed != count && clock_now_us() < deadline_us) {
		uv_run(&fx.loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	assert_int_equal(fx.closed, count);
}

static void
test_sleeps_wakes_and_ends(void **state)
{
	(void)state;
	dial("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	read_until("\r\n\r\n");
	assert_non_null(strstr(fx.answer, "Transfer-Encoding: chunked"));
	fx.room = 3;
	http_stream_wake(fx.stream);
	read_until("\r\nsss\r\n");
	fx.room = 2;
	http_stream_wake(fx.stream);
	http_stream_wake(fx.stream); /* twice is once */
	read_until("\r\nss\r\n");
	fx.over = true;
	http_stream_wake(fx.stream);
	read_all();
	assert_string_equal(fx.answer + fx.size - 5, "0\r\n\r\n");
	assert_int_equal(fx.closed, 1);
}

/* Without chunks the end of the connection is the end. */
static void
test_old_clients(void **state)
{
	(void)state;
	fx.room = 100000;
	fx.over = true;
	dial("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
	read_all();
	assert_null(strstr(fx.answer, "chunked"));
	assert_int_equal(fx.size - (size_t)(strstr(fx.answer, "\r\n\r\n") + 4 - fx.answer), 100000);
	assert_int_equal(fx.closed, 1);
}

static void
test_vanished_client(void **state)
{
	(void)state;
	fx.room = SIZE_MAX;
	dial("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	read_until("sss");
	close(fx.fd);
	wait_closed(1);
	dial("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	read_all();
	assert_string_equal(fx.answer + fx.size - 4, "\r\n\r\n");
	wait_closed(2);
}

/* A sleeping stream does not keep the server. */
static void
test_free_ends_streams(void **state)
{
	(void)state;
	fx.room = 1;
	dial("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	read_until("\r\ns\r\n");
	http_server_free(fx.server);
	fx.server = NULL;
	assert_int_equal(fx.closed, 1);
}

static int
setup(void **state)
{
	static const struct http_route routes[] = {{"GET", "/", true, handle},
						   {NULL, NULL, false, NULL}};
	static const struct http_config config = {.routes = routes};

	(void)state;
	memset(&fx, 0, sizeof(fx));
	uv_loop_init(&fx.loop);
	fx.server = http_server_new(&fx.loop, &config);
	return fx.server == NULL || http_server_listen_tcp(fx.server, "127.0.0.1:0") != 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(fx.fd);
	http_server_free(fx.server);
	while (uv_run(&fx.loop, UV_RUN_DEFAULT) != 0)
		continue;
	return uv_loop_close(&fx.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sleeps_wakes_and_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_old_clients, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_vanished_client, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_free_ends_streams, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
