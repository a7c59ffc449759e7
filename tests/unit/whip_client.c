/* Unit tests of lib/client/whip_client.h against a scripted HTTP server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "client/whip_client.h"
#include "loop/loop.h"

enum { REQUEST_SIZE = 8192, STEPS_MAX = 8, CONNS_MAX = 16, FLOOD = 200000 };

#define OFFER "v=0\r\nthe offer\r\n"
#define CREATED(headers, body)                                                                     \
	"HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\n" headers                        \
	"Connection: close\r\n\r\n" body

/* One connection of the server: it reads a whole request, then sends the next of the replies. */
struct conn {
	uv_tcp_t tcp;
	uv_write_t write;
	char request[REQUEST_SIZE];
	size_t size;
};

static struct fixture {
	uv_loop_t loop;
	uv_tcp_t listener;
	int port;
	const char *replies[STEPS_MAX]; /* NULL: close without a word */
	unsigned reply_count, request_count;
	char requests[STEPS_MAX][REQUEST_SIZE];
	struct conn conns[CONNS_MAX];
	unsigned conn_count;
	struct whip_http *http;
	struct whip_options options;
	struct whip_client *client;
	unsigned done;
	struct whip_result result;
	char words[WHIP_WORDS_SIZE], answer[256], session_url[WHIP_URL_SIZE];
} f;

static void
after_reply(uv_write_t *write, int status)
{
	(void)status;
	uv_close((uv_handle_t *)write->handle, NULL);
}

/* The head, and for a POST the whole offer. */
static bool
request_is_whole(const struct conn *c)
{
	const char *end = strstr(c->request, "\r\n\r\n");

	return end != NULL &&
	       (strncmp(c->request, "POST", 4) != 0 || strstr(end, "the offer\r\n") != NULL);
}

static void
answer(struct conn *c)
{
	const char *reply = f.request_count < f.reply_count ? f.replies[f.request_count] : NULL;
	uv_buf_t b;

	assert_in_range(f.request_count, 0, STEPS_MAX - 1);
	memcpy(f.requests[f.request_count++], c->request, sizeof(c->request));
	uv_read_stop((uv_stream_t *)&c->tcp);
	if (reply == NULL) {
		uv_close((uv_handle_t *)&c->tcp, NULL);
		return;
	}
	b = uv_buf_init((char *)(uintptr_t)reply, (unsigned)strlen(reply));
	uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, after_reply);
}

static void
give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct conn *c = handle->data;

	(void)size;
	*out = uv_buf_init(c->request + c->size, (unsigned)(sizeof(c->request) - 1 - c->size));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = stream->data;

	(void)b;
	if (n < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		return;
	}
	c->size += (size_t)n;
	if (request_is_whole(c))
		answer(c);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct conn *c = &f.conns[f.conn_count];

	assert_int_equal(status, 0);
	assert_in_range(f.conn_count++, 0, CONNS_MAX - 1);
	uv_tcp_init(listener->loop, &c->tcp);
	c->tcp.data = c;
	uv_accept(listener, (uv_stream_t *)&c->tcp);
	uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_read);
}

static int
setup(void **state)
{
	struct sockaddr_in a;
	int size = sizeof(a);

	(void)state;
	memset(&f, 0, sizeof(f));
	uv_loop_init(&f.loop);
	uv_tcp_init(&f.loop, &f.listener);
	uv_ip4_addr("127.0.0.1", 0, &a);
	uv_tcp_bind(&f.listener, (struct sockaddr *)&a, 0);
	if (uv_listen((uv_stream_t *)&f.listener, 8, on_connection) < 0)
		return -1;
	uv_tcp_getsockname(&f.listener, (struct sockaddr *)&a, &size);
	f.port = ntohs(a.sin_port);
	f.http = whip_http_new(&f.loop);
	f.options.timeout_ms = 5000;
	return f.http != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	whip_client_free(f.client);
	whip_http_free(f.http);
	loop_finish(&f.loop);
	return 0;
}

static void
on_done(void *arg, const struct whip_result *r)
{
	assert_ptr_equal(arg, &f);
	f.done++;
	uv_stop(&f.loop); /* a turn that did this by a timer would go on to wait for descriptors */
	f.result = *r;
	snprintf(f.words, sizeof(f.words), "%s", r->words);
	snprintf(f.answer, sizeof(f.answer), "%s", r->answer);
	snprintf(f.session_url, sizeof(f.session_url), "%s", r->session_url);
}

static void
run_until_done(unsigned want)
{
	while (f.done < want)
		uv_run(&f.loop, UV_RUN_ONCE);
}

/* POST to a path of the server and wait; the code. */
static enum client_code
post(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", f.port, path);
	f.client = whip_client_post(f.http, &f.options, url, OFFER, on_done, &f);
	assert_non_null(f.client);
	run_until_done(1);
	return f.result.code;
}

static void
reply(const char *text)
{
	f.replies[f.reply_count++] = text;
}

static void
a_session_is_made_and_deleted(void **state)
{
	(void)state;
	f.options.token = "s3cret";
	reply(CREATED("Location: /session/abc\r\n", "v=0\r\nanswer"));
	reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(post("/rtc/v1/whip/?app=live&stream=x"), CLIENT_OK);
	assert_int_equal(f.result.status, 201);
	assert_string_equal(f.answer, "v=0\r\nanswer");
	assert_non_null(strstr(f.session_url, "/session/abc"));
	assert_null(strchr(f.session_url, '?'));
	assert_non_null(strstr(f.requests[0], "POST /rtc/v1/whip/?app=live&stream=x HTTP/1.1\r\n"));
	assert_non_null(strstr(f.requests[0], "Content-Type: application/sdp\r\n"));
	assert_non_null(strstr(f.requests[0], "Authorization: Bearer s3cret\r\n"));
	assert_null(strstr(f.requests[0], "Expect:"));
	assert_int_equal(whip_client_delete(f.client, on_done, &f), 0);
	run_until_done(2);
	assert_int_equal(f.result.code, CLIENT_OK);
	assert_non_null(strstr(f.requests[1], "DELETE /session/abc HTTP/1.1\r\n"));
	assert_non_null(strstr(f.requests[1], "Authorization: Bearer s3cret\r\n"));
	assert_int_equal(whip_client_delete(f.client, on_done, &f), -ENOENT);
}

static void
candidates_are_told_by_patch(void **state)
{
	const char *body = "a=ice-ufrag:x\r\n";

	(void)state;
	f.options.token = "s3cret";
	reply(CREATED("Location: /session/abc\r\nETag: \"g1\"\r\n", "x"));
	reply("HTTP/1.1 204 No Content\r\n\r\n");
	reply("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
	reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(post("/"), CLIENT_OK);
	assert_true(whip_client_can_patch(f.client));
	assert_int_equal(whip_client_patch(f.client, body, on_done, &f), 0);
	assert_int_equal(whip_client_patch(f.client, body, on_done, &f), -EBUSY);
	run_until_done(2);
	assert_int_equal(f.result.code, CLIENT_OK);
	assert_non_null(strstr(f.requests[1], "PATCH /session/abc HTTP/1.1\r\n"));
	assert_non_null(strstr(f.requests[1], "If-Match: \"g1\"\r\n"));
	assert_non_null(strstr(f.requests[1], "Content-Type: application/trickle-ice-sdpfrag\r\n"));
	assert_non_null(strstr(f.requests[1], "Authorization: Bearer s3cret\r\n"));
	assert_non_null(strstr(f.requests[1], "Content-Length: 15\r\n"));
	assert_int_equal(whip_client_patch(f.client, body, on_done, &f), 0);
	run_until_done(3);
	assert_int_equal(f.result.code, CLIENT_HTTP);
	assert_non_null(strstr(f.words, "HTTP 405 to the PATCH"));
	assert_int_equal(whip_client_delete(f.client, on_done, &f), 0);
	run_until_done(4);
	assert_int_equal(f.result.code, CLIENT_OK);
	assert_non_null(strstr(f.requests[3], "DELETE /session/abc HTTP/1.1\r\n"));
	assert_int_equal(whip_client_patch(f.client, body, on_done, &f), -ENOENT);
}

static void
a_patch_does_not_hold_up_the_delete(void **state)
{
	(void)state;
	reply(CREATED("Location: /s\r\nETag: \"g1\"\r\n", "x"));
	reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(post("/"), CLIENT_OK);
	assert_int_equal(whip_client_patch(f.client, "x", on_done, &f), 0);
	assert_int_equal(whip_client_delete(f.client, on_done, &f), 0);
	run_until_done(2); /* the DELETE's alone */
	assert_int_equal(f.result.code, CLIENT_OK);
	assert_non_null(strstr(f.requests[f.request_count - 1], "DELETE /s "));
}

static void
a_session_without_etag_takes_no_candidates(void **state)
{
	(void)state;
	reply(CREATED("Location: /s\r\n", "x"));
	assert_int_equal(post("/"), CLIENT_OK);
	assert_false(whip_client_can_patch(f.client));
	assert_int_equal(whip_client_patch(f.client, "x", on_done, &f), -ENOENT);
}

static void
links_name_ice_servers(void **state)
{
	const struct turn_servers *list;

	(void)state;
	reply(
	    CREATED("Location: /s\r\nLink: <stun:a>; rel=\"ice-server\"\r\nLink: </x>; rel=next\r\n"
		    "Link: <turn:b?transport=tcp>; rel=\"ice-server\"; username=\"u\"; "
		    "credential=\"c\"\r\nLink: nonsense\r\n",
		    "x"));
	assert_int_equal(post("/"), CLIENT_OK);
	list = f.result.ice_servers; /* lives as long as the client */
	assert_non_null(list);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->servers[0].uri, "stun:a");
	assert_string_equal(list->servers[1].username, "u");
}

static void
locations_are_resolved(void **state)
{
	static const struct {
		const char *header, *want;
	} rows[] = {
	    {CREATED("Location: other\r\n", "x"), "/a/b/other"},
	    {CREATED("Location: ../up\r\n", "x"), "/a/up"},
	    {CREATED("Location: /top?k=v\r\n", "x"), "/top?k=v"},
	    {CREATED("Location: http://127.0.0.1:1/x/../y\r\n", "x"), "http://127.0.0.1:1/y"},
	    {CREATED("Location: //127.0.0.1:2/z\r\n", "x"), "http://127.0.0.1:2/z"},
	    {CREATED("Location: ?only=query\r\n", "x"), "/a/b/c?only=query"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char want[128];

		if (i > 0)
			setup(state);
		reply(rows[i].header);
		assert_int_equal(post("/a/b/c?q=1"), CLIENT_OK);
		snprintf(want, sizeof(want), "http://127.0.0.1:%d%s", f.port, rows[i].want);
		assert_string_equal(f.session_url, rows[i].want[0] == 'h' ? rows[i].want : want);
		if (i + 1 < ARRAY_COUNT(rows))
			teardown(state);
	}
}

static void
redirects_307_and_308_are_followed(void **state)
{
	(void)state;
	f.options.token = "t";
	reply("HTTP/1.1 307 Temporary Redirect\r\nLocation: /two\r\nContent-Length: 0\r\n\r\n");
	reply("HTTP/1.1 308 Permanent Redirect\r\nLocation: three\r\nContent-Length: 0\r\n\r\n");
	reply(CREATED("Location: s\r\n", "x"));
	assert_int_equal(post("/one"), CLIENT_OK);
	assert_int_equal(f.result.redirects, 2);
	assert_non_null(strstr(f.requests[1], "POST /two "));
	assert_non_null(strstr(f.requests[2], "POST /three "));
	assert_non_null(strstr(f.requests[2], OFFER));
	assert_non_null(strstr(f.requests[2], "Authorization: Bearer t\r\n"));
}

static void
endless_redirects_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STEPS_MAX; i++)
		reply("HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: "
		      "0\r\n\r\n");
	assert_int_equal(post("/again"), CLIENT_HTTP);
	assert_int_equal(f.request_count, WHIP_REDIRECTS_MAX + 1);
}

static void
refusals_name_their_stage(void **state)
{
	static const struct {
		const char *reply, *words;
		enum client_code code;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "HTTP 200: the status must be 201",
	     CLIENT_HTTP},
	    {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "307 or 308",
	     CLIENT_HTTP},
	    {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "token", CLIENT_AUTH},
	    {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "token", CLIENT_AUTH},
	    {"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: "
	     "40\r\n\r\n"
	     "{\"title\":\"busy\",\"detail\":\"it is\\nlive\"}  ",
	     "already: it is?live", CLIENT_HTTP},
	    {"HTTP/1.1 422 No\r\nContent-Type: application/problem+json\r\nContent-Length: "
	     "65\r\n\r\n"
	     "{\"title\":\"No Codec In Common\",\"detail\":\"the publisher sends VP8\"}",
	     "422: No Codec In Common: the publisher sends VP8", CLIENT_HTTP},
	    {"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n", "422: the offer is refused (WHIP",
	     CLIENT_HTTP},
	    {CREATED("", "x"), "no Location", CLIENT_HEADERS},
	    {CREATED("Location: ftp://h/x\r\n", "x"), "not a usable URL", CLIENT_HEADERS},
	    {CREATED("Location: /s\r\n", ""), "no body", CLIENT_SDP},
	    {"nonsense\r\n\r\n", "", CLIENT_HTTP},
	    {NULL, "", CLIENT_HTTP},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (i > 0)
			setup(state);
		reply(rows[i].reply);
		assert_int_equal(post("/"), rows[i].code);
		assert_non_null(strstr(f.words, rows[i].words));
		assert_string_not_equal(f.words, "");
		if (i + 1 < ARRAY_COUNT(rows))
			teardown(state);
	}
}

static void
an_answer_is_bounded(void **state)
{
	char *flood = malloc(FLOOD + 200);
	int n = snprintf(flood, 200, "%s", CREATED("Location: /s\r\n", ""));

	(void)state;
	memset(flood + n, 'x', FLOOD);
	flood[n + FLOOD] = '\0';
	reply(flood);
	assert_int_equal(post("/"), CLIENT_HTTP);
	assert_non_null(strstr(f.words, "too large"));
	free(flood);
}

static void
a_closed_port_and_an_unknown_name(void **state)
{
	(void)state;
	f.client = whip_client_post(f.http, &f.options, "http://127.0.0.1:1/", OFFER, on_done, &f);
	run_until_done(1);
	assert_int_equal(f.result.code, CLIENT_TCP);
	whip_client_free(f.client);
	f.client =
	    whip_client_post(f.http, &f.options, "http://nosuch.invalid/", OFFER, on_done, &f);
	run_until_done(2);
	assert_int_equal(f.result.code, CLIENT_DNS);
}

static void
a_silent_server_times_out_and_freeing_cancels(void **state)
{
	char url[128];

	(void)state;
	f.options.timeout_ms = 100;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", f.port);
	f.client =
	    whip_client_post(f.http, &f.options, url, "short", on_done, &f); /* never whole */
	run_until_done(1);
	assert_int_equal(f.result.code, CLIENT_HTTP);
	assert_non_null(strstr(f.words, "timed out"));
	whip_client_free(f.client);
	f.client = whip_client_post(f.http, &f.options, url, "short", on_done, &f);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	whip_client_free(f.client);
	f.client = NULL;
	assert_int_equal(f.done, 1);
}

static void
urls_of_users(void **state)
{
	static const struct {
		const char *in, *publish;
	} rows[] = {
	    {"webrtc://h/live/a", "http://h:1985/rtc/v1/whip/?app=live&stream=a"},
	    {"webrtc://h:8/live/a?secret=1", "http://h:8/rtc/v1/whip/?app=live&stream=a&secret=1"},
	    {"webrtc://[::1]/live/a", "http://[::1]:1985/rtc/v1/whip/?app=live&stream=a"},
	    {"webrtc://h/live/a?x=1&schema=https",
	     "https://h:443/rtc/v1/whip/?app=live&stream=a&x=1&schema=https"},
	    {"https://h/x?y", "https://h/x?y"},
	    {"HTTP://h", "HTTP://h"},
	};
	static const char *const bad[] = {"",
					  "h/live/a",
					  "rtmp://h/live/a",
					  "webrtc://h/live",
					  "webrtc://h/live/a/b",
					  "webrtc://h/li ve/a",
					  "webrtc://h/live/..",
					  "http://",
					  "http://h:x/"};
	char out[WHIP_URL_SIZE], small[20] = "before";

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(whip_url(out, sizeof(out), rows[i].in, WHIP_PUBLISH), 0);
		assert_string_equal(out, rows[i].publish);
	}
	assert_int_equal(whip_url(out, sizeof(out), "webrtc://h/live/a", WHIP_PLAY), 0);
	assert_string_equal(out, "http://h:1985/rtc/v1/whep/?app=live&stream=a");
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(whip_url(out, sizeof(out), bad[i], WHIP_PUBLISH), -EINVAL);
	assert_int_equal(whip_url(small, sizeof(small), rows[0].in, WHIP_PUBLISH), -ENOSPC);
	assert_string_equal(small, "before");
}

static void
tokens_come_from_file_or_environment(void **state)
{
	char token[WHIP_TOKEN_SIZE], path[] = "/tmp/rtckit-token-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abc.def\nrest", 12), 12);
	assert_int_equal(whip_token(token, path), 0);
	assert_string_equal(token, "abc.def");
	assert_int_equal(pwrite(fd, "a b", 3, 0), 3);
	assert_int_equal(whip_token(token, path), -EINVAL);
	assert_int_equal(whip_token(token, "/nonexistent/token"), -ENOENT);
	setenv("RTC_TOKEN", "from-env", 1);
	assert_int_equal(whip_token(token, NULL), 0);
	assert_string_equal(token, "from-env");
	unsetenv("RTC_TOKEN");
	assert_int_equal(whip_token(token, NULL), 0);
	assert_string_equal(token, "");
	close(fd);
	unlink(path);
}

#define NETWORK_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    NETWORK_TEST(a_session_is_made_and_deleted),
	    NETWORK_TEST(candidates_are_told_by_patch),
	    NETWORK_TEST(a_patch_does_not_hold_up_the_delete),
	    NETWORK_TEST(a_session_without_etag_takes_no_candidates),
	    NETWORK_TEST(links_name_ice_servers),
	    NETWORK_TEST(locations_are_resolved),
	    NETWORK_TEST(redirects_307_and_308_are_followed),
	    NETWORK_TEST(endless_redirects_end),
	    NETWORK_TEST(refusals_name_their_stage),
	    NETWORK_TEST(an_answer_is_bounded),
	    NETWORK_TEST(a_closed_port_and_an_unknown_name),
	    NETWORK_TEST(a_silent_server_times_out_and_freeing_cancels),
	    cmocka_unit_test(urls_of_users),
	    cmocka_unit_test(tokens_come_from_file_or_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
