/* The HTTP server on a real loop: a raw client on loopback TCP or a Unix socket in the same thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
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

enum { ANSWER_MAX = 1 << 20, DEADLINE_US = 10000000 };

static struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct sockaddr_un local;
	struct http_request *later;
	int calls, gone;
	char answer[ANSWER_MAX];
	size_t size;
	bool stopped;
} fx;

static void
on_gone(struct http_request *req, void *arg)
{
	(void)req;
	assert_ptr_equal(arg, &fx);
	fx.gone++;
	fx.later = NULL;
}

static void
handle_echo(struct http_request *req)
{
	static const struct http_header headers[] = {{"Content-Type", "text/plain"}, {NULL, NULL}};
	char text[4096], base[HTTP_BASE_SIZE], client[ADDR_TEXT_SIZE] = "-";
	size_t size;
	const char *body = http_body(req, &size);
	struct addr a;

	fx.calls++;
	if (http_client(req, &a))
		addr_format_host(&a, client);
	snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%s|%s|%zu:%.100s", http_method(req),
		 http_path(req), http_rest(req),
		 http_query(req, "q") != NULL ? http_query(req, "q") : "(none)",
		 http_base(req, base), client, http_content_type(req), size, body);
	http_reply(req, 200, headers, text, strlen(text));
}

static void
handle_later(struct http_request *req)
{
	fx.calls++;
	fx.later = req;
	http_on_gone(req, on_gone, &fx);
}

static void
handle_file(struct http_request *req)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	for (int i = 0; i < 100000; i++)
		fputc('x', f);
	fflush(f);
	http_reply_file(req, 200, NULL, dup(fileno(f)), 100000);
	fclose(f);
}

static const struct http_route routes[] = {
    {"GET", "/echo", true, handle_echo},     {"POST", "/echo", true, handle_echo},
    {"POST", "/later", false, handle_later}, {"GET", "/file", false, handle_file},
    {"GET", "/", false, handle_echo},	     {NULL, NULL, false, NULL}};

static void
start(const struct http_config *config)
{
	int fd;

	memset(&fx, 0, sizeof(fx));
	uv_loop_init(&fx.loop);
	fx.server = http_server_new(&fx.loop, config);
	assert_non_null(fx.server);
	fd = support_listen(&fx.local);
	assert_int_equal(http_server_listen_tcp(fx.server, "127.0.0.1:0"), 0);
	assert_int_equal(http_server_listen_fd(fx.server, fd), 0);
	assert_int_not_equal(http_server_port(fx.server, 0), 0);
}

static void
finish(void)
{
	http_server_free(fx.server);
	while (uv_run(&fx.loop, UV_RUN_DEFAULT) != 0)
		continue;
	assert_int_equal(uv_loop_close(&fx.loop), 0);
}

static int
dial(bool local)
{
	int fd;
	struct addr a;

	if (local) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&fx.local, sizeof(sa_family_t) + 6),
				 0); /* an autobound name has 6 octets */
		return fd;
	}
	addr_parse(&a, "127.0.0.1", http_server_port(fx.server, 0));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, &a.sa, addr_size(&a)), 0);
	return fd;
}

/* Turn the loop until more arrives on fd: octets, 0 at the end, -1 when the deadline passed. */
static ssize_t
turn(int fd, uint64_t deadline_us)
{
	while (clock_now_us() < deadline_us) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		uv_run(&fx.loop, UV_RUN_NOWAIT);
		if (poll(&p, 1, 1) > 0) {
			ssize_t n =
			    recv(fd, fx.answer + fx.size, sizeof(fx.answer) - fx.size - 1, 0);

			if (n <= 0)
				return 0;
			fx.size += (size_t)n;
			fx.answer[fx.size] = '\0';
			return n;
		}
	}
	return -1;
}

/* Read until the server closes. */
static void
read_all(int fd)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;
	ssize_t n = 1;

	fx.size = 0;
	fx.answer[0] = '\0';
	while (n > 0)
		n = turn(fd, deadline_us);
	assert_int_equal(n, 0);
}

/* Read until text was seen. */
static void
read_until(int fd, const char *text)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	fx.size = 0;
	fx.answer[0] = '\0';
	while (strstr(fx.answer, text) == NULL)
		assert_true(turn(fd, deadline_us) > 0);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One request whose answer ends with the connection. */
static const char *
ask(bool local, const char *text)
{
	int fd = dial(local);

	say(fd, text);
	read_all(fd);
	close(fd);
	return fx.answer;
}

static void
wait_for(const int *value, int wanted)
{
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	while (*value != wanted && clock_now_us() < deadline_us) {
		uv_run(&fx.loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	assert_int_equal(*value, wanted);
}

static void
assert_answer(const char *answer, int status, const char *part)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(answer, line, strlen(line)) != 0 || strstr(answer, part) == NULL)
		fail_msg("wanted %d and '%s', got:\n%s", status, part, answer);
}

static void
rows_of_requests_are_answered(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} rows[] = {
	    {"GET /echo/a%20b?q=%2fx+y HTTP/1.1\r\nHost: h:1\r\n", 200,
	     "GET|/echo/a b|/a b|/x+y|http://h:1|127.0.0.1||0:"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: Application/SDP ; "
	     "a=b\r\nContent-Length: 3\r\n",
	     200, "|application/sdp|3:abc"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n", 200, "|3:abc"},
	    {"GET http://x/echo/1?q=2 HTTP/1.1\r\nHost: h\r\n", 200, "GET|/echo/1|/1|2|"},
	    {"HEAD /echo HTTP/1.1\r\nHost: h\r\n", 200, "Content-Length: "},
	    {"GET /nowhere HTTP/1.1\r\nHost: h\r\n", 404, "urn:rtckit:problem:not-found"},
	    {"GET /echoes HTTP/1.1\r\nHost: h\r\n", 404, "application/problem+json"},
	    {"DELETE /echo/1 HTTP/1.1\r\nHost: h\r\n", 405, "Allow: GET, HEAD, POST, OPTIONS"},
	    {"OPTIONS /later HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Headers: x-a\r\n", 200,
	     "Access-Control-Allow-Headers: x-a"},
	    {"OPTIONS /later HTTP/1.1\r\nHost: h\r\n", 200, "Access-Control-Allow-Origin: *"},
	    {"GET /echo/../x HTTP/1.1\r\nHost: h\r\n", 400, "malformed"},
	    {"GET /echo/%2e%2e/x HTTP/1.1\r\nHost: h\r\n", 400, "malformed"},
	    {"GET /echo/%zz HTTP/1.1\r\nHost: h\r\n", 400, "malformed"},
	    {"GET /echo/%00 HTTP/1.1\r\nHost: h\r\n", 400, "malformed"},
	    {"GET /echo?q=%1 HTTP/1.1\r\nHost: h\r\n", 400, "query"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n", 400,
	     "frame"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
	     "chunked\r\n",
	     400, "frame"},
	    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n", 413,
	     "at most 1024 octets"},
	    {"GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n", 400, "frame"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[4096], body[2048] = "";

		if (strstr(rows[i].request, "chunked") != NULL)
			strcpy(body, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
		else if (strstr(rows[i].request, "2000") != NULL)
			snprintf(body, sizeof(body), "%02000d", 0);
		else if (strstr(rows[i].request, "Length") != NULL)
			strcpy(body, "abc");
		snprintf(text, sizeof(text), "%sConnection: close\r\n\r\n%s", rows[i].request,
			 body);
		assert_answer(ask(false, text), rows[i].status, rows[i].part);
		if (strncmp(text, "HEAD", 4) == 0)
			assert_null(strstr(fx.answer, "HEAD|"));
	}
}

static void
forwarded_fields_are_believed_from_the_unix_peer_alone(void **state)
{
	static const char request[] =
	    "GET /echo HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 6.6.6.6, 9.8.7.6\r\n"
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 81\r\nX-Forwarded-Host: "
	    "outer:444\r\nX-Forwarded-Prefix: "
	    "/pre/fix\r\n"
	    "Connection: close\r\n\r\n";
	static const char *const ports[][3] = {
	    {"[2001:db8::7]", "81", "|http://[2001:db8::7]:81|"}, /* a host that has none gets it */
	    {"h:1", "81", "|http://h:1|"},
	    {"h", "80", "|http://h|"},
	    {"h", "0", "|http://h|"},
	    {"h", "65536", "|http://h|"},
	    {"h", "1x", "|http://h|"}};
	char text[256];

	for (size_t i = 0; i < ARRAY_COUNT(ports); i++) {
		snprintf(text, sizeof(text),
			 "GET /echo HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Port: %s\r\n"
			 "Connection: close\r\n\r\n",
			 ports[i][0], ports[i][1]);
		assert_answer(ask(true, text), 200, ports[i][2]);
	}
	(void)state;
	assert_answer(ask(true, request), 200, "|https://outer:444/pre/fix|9.8.7.6|");
	assert_answer(ask(false, request), 200, "|http://inner|127.0.0.1|");
}

/* Some proxies append to the client's field, others add one of their own behind it. */
static void
the_last_forwarded_field_is_the_proxys_own(void **state)
{
	static const char request[] =
	    "GET /echo HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 127.0.0.1\r\n"
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nx-forwarded-for: 9.8.7.6\r\n"
	    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: outer\r\nConnection: close\r\n\r\n";

	(void)state;
	assert_answer(ask(true, request), 200, "|http://outer|9.8.7.6|");
}

static void
garbage_gets_an_answer(void **state)
{
	static const char *const rows[] = {
	    "GARBAGE\r\n\r\n",
	    "GET\r\n\r\n",
	    "\x16\x03\x01\x02\r\n\r\n",
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET / HTTP/9.1\r\nHost: h\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
	    "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *answer = ask(false, rows[i]);

		if (strncmp(answer, "HTTP/1.1 4", 10) != 0 &&
		    strncmp(answer, "HTTP/1.1 505", 12) != 0)
			fail_msg("row %zu: '%s'", i, answer);
	}
}

static void
an_answer_may_come_later(void **state)
{
	int fd = dial(false);
	uint64_t replied_us;

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	wait_for(&fx.calls, 1);
	replied_us = clock_now_us();
	http_reply(fx.later, 201, NULL, "done", 4);
	read_until(fd, "done");
	assert_in_range(clock_now_us() - replied_us, 0, 500000); /* not with the next tick */
	assert_answer(fx.answer, 201, "done");
	say(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection goes on */
	read_until(fd, "GET|");
	/* A half-closed client still gets its answer. */
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	shutdown(fd, SHUT_WR);
	wait_for(&fx.calls, 3);
	for (int i = 0; i < 20; i++)
		uv_run(&fx.loop, UV_RUN_NOWAIT);
	assert_int_equal(fx.gone, 0);
	http_reply(fx.later, 201, NULL, "done", 4);
	read_until(fd, "done");
	close(fd);
}

static void
a_vanished_client_is_noticed(void **state)
{
	int fd = dial(true);

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	wait_for(&fx.calls, 1);
	close(fd);
	wait_for(&fx.gone, 1);
	assert_answer(ask(true, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 200,
		      "GET|");
}

static void
deadlines_answer(void **state)
{
	int fd = dial(false);

	(void)state;
	say(fd, "GET /echo HTTP/1.1\r\nHos");
	read_all(fd);
	assert_answer(fx.answer, 408, "in time");
	close(fd);
	fd = dial(false);
	say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	read_all(fd);
	assert_answer(fx.answer, 408, "in time");
	close(fd);
	assert_int_equal(fx.calls, 0);
	fd = dial(false);
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	read_until(fd, "try again");
	assert_answer(fx.answer, 503, "too-late");
	assert_int_equal(fx.gone, 1);
	close(fd);
}

static void
big_bodies_and_heads_are_bounded(void **state)
{
	enum { BIG = 70000 };
	char *big = malloc(BIG);
	int fd = dial(false), size;

	(void)state;
	assert_non_null(big);
	size = snprintf(big, BIG,
			"GET /echo HTTP/1.1\r\nHost: h\r\nX: %060000d\r\nConnection: close\r\n\r\n",
			0);
	assert_true(size > 60000);
	say(fd, big);
	read_all(fd);
	assert_answer(fx.answer, 431, "");
	close(fd);
	snprintf(
	    big, BIG,
	    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
	    "\r\nc350\r\n%050000d\r\n0\r\n\r\n",
	    0);
	assert_answer(ask(false, big), 413, "at most 1024 octets");
	assert_answer(ask(false, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
				 "Content-Length: 99999\r\n\r\n"),
		      413, "");
	assert_int_equal(fx.calls, 0);
	free(big);
}

static void
a_trusted_proxy_on_tcp_is_believed(void **state)
{
	static const char request[] = "GET /echo HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n"
				      "X-Forwarded-For: bogus\r\nX-Forwarded-Host: a b\r\n"
				      "X-Forwarded-Prefix: /a/../b\r\n\r\n";

	(void)state;
	/* What does not fit its grammar is left out. */
	assert_answer(ask(false, request), 200, "|http://inner|127.0.0.1|");
	assert_answer(ask(false,
			  "GET /echo HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n"
			  "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: https\r\n\r\n"),
		      200, "|https://inner|2001:db8::7|");
}

static void
connections_of_one_address_are_limited(void **state)
{
	int held[2], fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		held[i] = dial(false);
		say(held[i], "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
		read_until(held[i], "GET|");
	}
	fd = dial(false);
	read_all(fd);
	assert_answer(fx.answer, 503, "Retry-After: 1\r\n");
	close(fd);
	close(held[0]);
	close(held[1]);
}

static void
files_are_sent_whole(void **state)
{
	(void)state;
	assert_answer(ask(false, "GET /file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 200,
		      "Content-Length: 100000\r\n");
	assert_int_equal(fx.size - (size_t)(strstr(fx.answer, "\r\n\r\n") + 4 - fx.answer), 100000);
	assert_answer(ask(false, "HEAD /file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
		      200, "Content-Length: 100000\r\n");
	assert_string_equal(strstr(fx.answer, "\r\n\r\n"), "\r\n\r\n");
}

static void
on_stopped(void *arg)
{
	*(bool *)arg = true;
}

static void
stopping_lets_the_running_request_finish(void **state)
{
	int fd = dial(false);
	uint64_t deadline_us = clock_now_us() + DEADLINE_US;

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	wait_for(&fx.calls, 1);
	http_server_stop(fx.server, 5000, on_stopped, &fx.stopped);
	for (int i = 0; i < 20; i++)
		uv_run(&fx.loop, UV_RUN_NOWAIT);
	assert_false(fx.stopped);
	http_reply(fx.later, 200, NULL, "end", 3);
	read_all(fd);
	assert_answer(fx.answer, 200, "end");
	while (!fx.stopped && clock_now_us() < deadline_us)
		uv_run(&fx.loop, UV_RUN_ONCE);
	assert_true(fx.stopped);
	close(fd);
}

static void
freeing_ends_pending_requests(void **state)
{
	int fd = dial(false);

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	wait_for(&fx.calls, 1);
	http_server_free(fx.server);
	fx.server = NULL;
	assert_int_equal(fx.gone, 1);
	close(fd);
}

static int
setup(void **state)
{
	static const struct http_config config = {.routes = routes,
						  .body_max = 1024,
						  .cors = true,
						  .request_timeout_ms = 10000,
						  .answer_timeout_ms = 10000};

	(void)state;
	start(&config);
	return 0;
}

static int
setup_short(void **state)
{
	static const struct http_config config = {.routes = routes,
						  .body_max = 1024,
						  .per_address_max = 2,
						  .request_timeout_ms = 150,
						  .answer_timeout_ms = 150};

	(void)state;
	start(&config);
	return 0;
}

static int
setup_guarded(void **state)
{
	struct http_config config = {.routes = routes};

	(void)state;
	assert_int_equal(http_config_add_proxy(&config, "name"), -EINVAL);
	assert_int_equal(http_config_add_proxy(&config, "127.0.0.1"), 0);
	start(&config);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	finish();
	return 0;
}

#define LIVE(fn)    cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define GUARDED(fn) cmocka_unit_test_setup_teardown(fn, setup_guarded, teardown)
#define SHORT(fn)   cmocka_unit_test_setup_teardown(fn, setup_short, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    LIVE(rows_of_requests_are_answered),
	    LIVE(forwarded_fields_are_believed_from_the_unix_peer_alone),
	    LIVE(the_last_forwarded_field_is_the_proxys_own),
	    LIVE(garbage_gets_an_answer),
	    LIVE(an_answer_may_come_later),
	    LIVE(a_vanished_client_is_noticed),
	    SHORT(deadlines_answer),
	    LIVE(big_bodies_and_heads_are_bounded),
	    LIVE(files_are_sent_whole),
	    GUARDED(a_trusted_proxy_on_tcp_is_believed),
	    SHORT(connections_of_one_address_are_limited),
	    LIVE(stopping_lets_the_running_request_finish),
	    LIVE(freeing_ends_pending_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
