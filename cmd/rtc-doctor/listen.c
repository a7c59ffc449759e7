#include "listen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "front.h"
#include "http/url.h"
#include "log/log.h"
#include "media/media.h"
#include "responder.h"
#include "whip/whip_endpoint.h"

struct responder responder;
static struct front *front;
static char bound[ADDR_TEXT_SIZE]; /* the one address that it listens on; "": all */

/* ---- HTTP ---- */

static void
find_candidates(const struct http_request *req, struct whip_candidates *out)
{
	struct addr interfaces[WHIP_INTERFACES_MAX];
	uint16_t v4 = responder.udp[0] != NULL ? responder.port : 0;
	uint16_t v6 = responder.udp[1] != NULL ? responder.port : 0;
	struct whip_question q = {
	    .interfaces = interfaces,
	    .interface_count = whip_interfaces(interfaces, ARRAY_COUNT(interfaces)),
	    .ports = {v4, v6, v4, v6},
	};
	const char *text = http_host(req);
	char host[URL_HOST_MAX + 1] = "";
	struct whip_rules rules;
	struct url_span span;
	bool is_ipv6;
	uint16_t port;

	whip_rules_init(&rules);
	if (bound[0] != '\0')
		(void)whip_rules_add(&rules, bound);
	rules.family = WHIP_IP_ALL;
	rules.resolve = false;
	rules.keep = true; /* a name is as good as an address: the client has resolved it */
	if (text != NULL && url_parse_host(&span, &port, &is_ipv6, text, strlen(text)) == 0) {
		memcpy(host, span.ptr, span.size);
		host[span.size] = '\0';
		q.api_host = host;
	}
	whip_candidates_find(out, &rules, &q);
}

/* Answers what has no token, or another. */
static bool
is_allowed(struct http_request *req)
{
	static const struct http_header challenge[] = {{"WWW-Authenticate", "Bearer"},
						       {NULL, NULL}};
	const char *token = http_bearer(req);

	if (responder.token[0] == '\0' ||
	    (token != NULL && text_equal_secret(token, responder.token)))
		return true;
	http_problem_with(req, challenge, 401, "token", "A token is wanted", "%s",
			  token == NULL ? "the request has none" : "this one is another");
	return false;
}

static void
on_post(struct http_request *req)
{
	static char answer[SDP_SIZE_MAX];
	bool play = strstr(http_path(req), "whep") != NULL;
	char location[VISIT_SECRET_SIZE + 16];
	struct http_header headers[] = {
	    {"Content-Type", "application/sdp"}, {"Location", location}, {NULL, NULL}};
	struct whip_candidates candidates;
	struct sdp_problem problem = {SDP_NO_MEMORY, "out of memory"};
	struct visit *v = NULL;
	const char *body;
	size_t size;

	if (!is_allowed(req))
		return;
	for (unsigned i = 0; i < RESPONDER_VISITS && v == NULL; i++)
		if (responder.visits[i].peer == NULL)
			v = &responder.visits[i];
	if (v == NULL) {
		http_problem(req, 503, "busy", "Too many sessions", "at most %d at a time",
			     RESPONDER_VISITS);
		return;
	}
	body = http_body(req, &size);
	find_candidates(req, &candidates);
	if (visit_begin(v, responder.dtls, body, size, play, &candidates, answer, sizeof(answer),
			&problem) < 0) {
		http_problem(req, 422, "offer", "The offer cannot be used", "%s", problem.detail);
		return;
	}
	snprintf(location, sizeof(location), "/session/%s", v->secret);
	http_reply(req, 201, headers, answer, strlen(answer));
	responder_settle();
}

static void
on_delete(struct http_request *req)
{
	const char *name = http_rest(req);

	if (!is_allowed(req))
		return;
	for (unsigned i = 0; i < RESPONDER_VISITS; i++) {
		struct visit *v = &responder.visits[i];

		if (v->peer == NULL || name[0] != '/' || !text_equal_secret(name + 1, v->secret))
			continue;
		responder_end(v);
		http_reply(req, 200, NULL, "", 0);
		return;
	}
	http_problem(req, 404, "no-session", "No such session", "it has ended, or never was");
}

static const struct http_route routes[] = {
    {"DELETE", "/session", true, on_delete},
    {"POST", "/", true, on_post},
    {NULL, NULL, false, NULL},
};

/* ---- life ---- */

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	(void)signum;
	uv_stop(&responder.loop);
}

/* HTTP itself is on the loopback, behind the front. */
static int
open_front(int fd, struct tls_ctx *tls)
{
	struct addr inner, own;
	socklen_t size = sizeof(own);
	int r = http_server_listen_tcp(responder.http, "127.0.0.1:0");

	if (r < 0 || getsockname(fd, &own.sa, &size) < 0) {
		close(fd);
		return r < 0 ? r : -errno;
	}
	responder.port = addr_port(&own);
	(void)addr_parse(&inner, "127.0.0.1", http_server_port(responder.http, 0));
	front = front_new(&responder.loop, &inner, tls, responder_take_tcp);
	if (front == NULL)
		close(fd);
	return front != NULL ? front_listen(front, fd) : -ENOMEM;
}

static int
set_up(const struct listen_config *c, struct tls_ctx *tls)
{
	static const struct http_config config = {.routes = routes, .cors = true};
	struct addr want = {0};
	int r;

	signal(SIGPIPE, SIG_IGN);
	media_init();
	responder.token = c->token;
	responder.dtls = dtls_ctx_new();
	responder.http = http_server_new(&responder.loop, &config);
	if (responder.dtls == NULL || responder.http == NULL)
		return -ENOMEM;
	r = http_tcp_socket(c->where);
	if (r >= 0)
		r = open_front(r, tls);
	if (r < 0)
		return r;
	if (addr_parse(&want, c->where, 0) == 0 && !addr_is_any(&want)) /* not a port alone */
		addr_format_host(&want, bound);
	loop_on_signal(&responder.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&responder.loop, SIGTERM, on_signal, NULL);
	return responder_open_media(&want);
}

static void
tell(const struct listen_config *c)
{
	const char *scheme = c->tls.cert != NULL ? "https" : "http";

	printf("listening on TCP and UDP %u; on the other machine: rtc-doctor --media "
	       "%s://ADDRESS:%u/whip (and --whep %s://ADDRESS:%u/whep)%s\n",
	       responder.port, scheme, responder.port, scheme, responder.port,
	       c->token[0] != '\0' ? ", with the token" : "");
	fflush(stdout);
}

int
listen_run(const struct listen_config *c)
{
	char words[TLS_WORDS_SIZE];
	struct tls_ctx *tls = NULL;
	int r;

	if (c->tls.cert != NULL) {
		tls = tls_ctx_load(&c->tls, 1, "http/1.1", words);
		if (tls == NULL) {
			log_error("listen", "%s", words);
			return EX_NOINPUT;
		}
	}
	uv_loop_init(&responder.loop);
	r = set_up(c, tls);
	if (r < 0) {
		log_error("listen", "%s: %s", c->where, strerror(-r));
	} else {
		tell(c);
		uv_run(&responder.loop, UV_RUN_DEFAULT);
	}
	for (unsigned i = 0; i < RESPONDER_VISITS; i++)
		visit_end(&responder.visits[i]);
	http_server_free(responder.http);
	loop_finish(&responder.loop);
	front_free(front);
	tls_ctx_unref(tls);
	responder_close_media();
	dtls_ctx_free(responder.dtls);
	return r < 0 ? EX_UNAVAILABLE : EX_OK;
}
