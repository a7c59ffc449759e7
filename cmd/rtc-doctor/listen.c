#include "listen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/http.h"
#include "http/url.h"
#include "log/log.h"
#include "loop/loop.h"
#include "stun/stun.h"
#include "udp/udp.h"
#include "visit.h"
#include "whip/whip_endpoint.h"

enum { VISITS = 8, FAMILIES = 2, BATCHES = 8 };

static struct responder {
	uv_loop_t loop;
	struct http_server *http;
	struct dtls_ctx *dtls;
	struct udp *udp[FAMILIES];
	uv_poll_t polls[FAMILIES];
	struct loop_driver driver;
	struct visit visits[VISITS];
	uint16_t port;
} l;

/* ---- media ---- */

static void
on_time(void *object, uint64_t now_us)
{
	(void)object;
	for (unsigned i = 0; i < VISITS; i++)
		if (l.visits[i].peer != NULL)
			visit_timeout(&l.visits[i], now_us);
}

static uint64_t
next_time(void *object, uint64_t now_us)
{
	uint64_t at_us = CLOCK_NEVER;

	(void)object;
	(void)now_us;
	for (unsigned i = 0; i < VISITS; i++)
		if (l.visits[i].peer != NULL)
			at_us = MIN_OF(at_us, visit_deadline(&l.visits[i]));
	return at_us;
}

static void
send_all(struct peer *peer)
{
	struct peer_datagram out;

	while (peer_poll(peer, &out) > 0) {
		struct udp *u = l.udp[out.to.remote.sa.sa_family == AF_INET6];

		if (u == NULL)
			continue;
		memcpy(udp_reserve(u, out.size), out.buf, out.size);
		udp_commit(u, &out.to, out.size);
	}
}

/* The end of a session is taken note of here, outside its callbacks. */
static void
flush(void *object, uint64_t now_us)
{
	(void)object;
	(void)now_us;
	for (unsigned i = 0; i < VISITS; i++) {
		if (l.visits[i].peer == NULL)
			continue;
		send_all(l.visits[i].peer);
		if (l.visits[i].over)
			visit_end(&l.visits[i]);
	}
	for (unsigned i = 0; i < FAMILIES; i++)
		if (l.udp[i] != NULL)
			udp_flush(l.udp[i]);
}

static const struct loop_driver_ops driver_ops = {on_time, next_time, flush};

/* A plain STUN question (rtc-stun-probe): no more octets than it has, but for the address. */
static void
answer_plain(struct udp *u, const struct udp_in *in)
{
	size_t size;
	struct stun_msg m;
	struct stun_writer w;
	uint8_t *out;
	int n;

	if (stun_parse(&m, in->buf, in->size) != 0 || m.class != STUN_REQUEST ||
	    m.method != STUN_BINDING || stun_attr(&m, STUN_USERNAME, &size) != NULL)
		return;
	out = udp_reserve(u, STUN_MESSAGE_MAX);
	stun_start(&w, out, STUN_MESSAGE_MAX, STUN_SUCCESS, m.txid);
	stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &in->tuple.remote);
	n = stun_finish(&w, NULL, stun_attr(&m, STUN_FINGERPRINT, &size) != NULL);
	if (n > 0)
		udp_commit(u, &in->tuple, (size_t)n);
}

static void
take(struct udp *u, const struct udp_in *in, uint64_t now_us)
{
	for (unsigned i = 0; i < VISITS; i++) {
		int r;

		if (l.visits[i].peer == NULL)
			continue;
		/* Others' datagrams are refused before they are touched. */
		r = peer_input(l.visits[i].peer, now_us, &in->tuple, in->buf, in->size);
		if (r == -ENOMSG || r == -EACCES)
			continue;
		send_all(l.visits[i].peer);
		return;
	}
	answer_plain(u, in);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp *u = poll->data;
	const struct udp_in *in;
	uint64_t now_us = clock_now_us();
	int count = status < 0 ? 0 : UDP_BATCH;

	(void)events;
	for (unsigned i = 0; i < BATCHES && count == UDP_BATCH; i++) {
		count = udp_receive(u, &in);
		for (int k = 0; k < count; k++)
			take(u, &in[k], now_us);
	}
	loop_driver_settle(&l.driver, now_us);
}

/* ---- HTTP ---- */

static void
find_candidates(const struct http_request *req, struct whip_candidates *out)
{
	struct addr interfaces[WHIP_INTERFACES_MAX];
	struct whip_question q = {
	    .interfaces = interfaces,
	    .interface_count = whip_interfaces(interfaces, ARRAY_COUNT(interfaces)),
	    .ports = {.udp4 = l.udp[0] != NULL ? l.port : 0, .udp6 = l.udp[1] != NULL ? l.port : 0},
	};
	const char *text = http_host(req);
	char host[URL_HOST_MAX + 1] = "";
	struct whip_rules rules;
	struct url_span span;
	bool is_ipv6;
	uint16_t port;

	whip_rules_init(&rules);
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

	for (unsigned i = 0; i < VISITS && v == NULL; i++)
		if (l.visits[i].peer == NULL)
			v = &l.visits[i];
	if (v == NULL) {
		http_problem(req, 503, "busy", "Too many sessions", "at most %d at a time", VISITS);
		return;
	}
	body = http_body(req, &size);
	find_candidates(req, &candidates);
	if (visit_begin(v, l.dtls, body, size, play, &candidates, answer, sizeof(answer),
			&problem) < 0) {
		http_problem(req, 422, "offer", "The offer cannot be used", "%s", problem.detail);
		return;
	}
	snprintf(location, sizeof(location), "/session/%s", v->secret);
	http_reply(req, 201, headers, answer, strlen(answer));
	loop_driver_settle(&l.driver, clock_now_us());
}

static void
on_delete(struct http_request *req)
{
	const char *name = http_rest(req);

	for (unsigned i = 0; i < VISITS; i++) {
		struct visit *v = &l.visits[i];

		if (v->peer == NULL || name[0] != '/' || !text_equal_secret(name + 1, v->secret))
			continue;
		visit_end(v);
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
	uv_stop(&l.loop);
}

/* UDP beside the TCP port that was taken; a family that this machine lacks is left out. */
static int
open_udp(const struct addr *want)
{
	int error = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < FAMILIES; i++) {
		struct addr a = {0};

		a.sa.sa_family = i == 0 ? AF_INET : AF_INET6;
		if (want->sa.sa_family != 0 && want->sa.sa_family != a.sa.sa_family)
			continue;
		if (want->sa.sa_family != 0)
			a = *want;
		addr_set_port(&a, l.port);
		l.udp[i] = udp_open(&a, false, &error);
		if (l.udp[i] == NULL)
			continue;
		uv_poll_init(&l.loop, &l.polls[i], udp_fd(l.udp[i]));
		l.polls[i].data = l.udp[i];
		uv_poll_start(&l.polls[i], UV_READABLE, on_readable);
	}
	return l.udp[0] != NULL || l.udp[1] != NULL ? 0 : error;
}

static int
set_up(const char *where)
{
	static const struct http_config config = {.routes = routes, .cors = true};
	struct addr want = {0};
	int r;

	signal(SIGPIPE, SIG_IGN);
	media_init();
	l.dtls = dtls_ctx_new();
	l.http = http_server_new(&l.loop, &config);
	if (l.dtls == NULL || l.http == NULL)
		return -ENOMEM;
	r = http_server_listen_tcp(l.http, where);
	if (r < 0)
		return r;
	l.port = http_server_port(l.http, 0);
	(void)addr_parse(&want, where, l.port); /* a port alone: all addresses */
	loop_on_signal(&l.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&l.loop, SIGTERM, on_signal, NULL);
	return open_udp(&want);
}

int
listen_run(const char *where)
{
	int r;

	uv_loop_init(&l.loop);
	loop_driver_init(&l.driver, &l.loop, &driver_ops, &l);
	r = set_up(where);
	if (r < 0) {
		log_error("listen", "%s: %s", where, strerror(-r));
	} else {
		printf("listening on TCP and UDP %u; on the other machine: rtc-doctor --media "
		       "http://ADDRESS:%u/whip (and --whep http://ADDRESS:%u/whep)\n",
		       l.port, l.port, l.port);
		fflush(stdout);
		uv_run(&l.loop, UV_RUN_DEFAULT);
	}
	for (unsigned i = 0; i < VISITS; i++)
		visit_end(&l.visits[i]);
	http_server_free(l.http);
	loop_finish(&l.loop);
	for (unsigned i = 0; i < FAMILIES; i++)
		udp_close(l.udp[i]);
	dtls_ctx_free(l.dtls);
	return r < 0 ? EX_UNAVAILABLE : EX_OK;
}
