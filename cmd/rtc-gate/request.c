/* request.c - a request's head: what the parser leaves to check, and where it goes. */
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "http/http_problem.h"
#include "http/url.h"

/* Host fits its grammar, and the authority of an absolute-form target is the same (s.3.2.2). */
static bool
host_is_sound(const struct http_head *head)
{
	struct url_span host;
	struct url url;
	uint16_t port;
	bool ipv6;
	size_t scheme;

	if (head->host.size > 0 &&
	    url_parse_host(&host, &port, &ipv6, head->host.ptr, head->host.size) != 0)
		return false;
	if (head->target.ptr[0] == '/' || head->target.ptr[0] == '*')
		return true;
	if (url_parse(&url, head->target.ptr, head->target.size) != 0)
		return false;
	scheme = url.scheme.size + strlen("://");
	host = (struct url_span){head->target.ptr + scheme,
				 (size_t)(url.path.ptr - head->target.ptr) - scheme};
	return head->host.ptr == NULL || (host.size == head->host.size &&
					  strncasecmp(host.ptr, head->host.ptr, host.size) == 0);
}

/* A request that came by http where it should not, or for another host. True: it was answered. */
static bool
is_misdirected(struct client *client, const struct http_head *head)
{
	const struct gate_config *config = &client->gate->config;
	bool is_secure = gate_is_secure(client, head);
	char url[HTTP_HEAD_MAX];

	if (!gate_host_allowed(client, head->host)) {
		client_problem(client, 421, "unknown-host",
			       "this server does not serve \"%.*s\": it is started with --host and "
			       "the names that it serves",
			       (int)MIN_OF(head->host.size, (size_t)128), head->host.ptr);
		return true;
	}
	if (!is_secure && config->redirect && gate_redirect_url(client, head, url, sizeof(url))) {
		client_redirect(client, url);
		return true;
	}
	if (is_secure || client->listener->speech != GATE_HTTPS)
		return false;
	client_problem(client, 400, "not-https",
		       "this port speaks https: use a URL that begins with https://");
	return true;
}

/* A whole head is here: check what the parser leaves to us, find the upstream, start. */
static void
client_request(struct client *client, const struct http_head *head, size_t head_size)
{
	const struct gate_route *route;
	int error;

	memcpy(client->method, head->method.ptr, head->method.size);
	client->method[head->method.size] = '\0';
	client->is_head = http_span_equal(head->method, "HEAD");
	client->keep_alive = head->keep_alive && !client->gate->stopping;
	client->minor = head->minor;
	client->upgrade = head->upgrade && head->framing == HTTP_BODY_NONE && head->minor > 0;
	if (!host_is_sound(head)) {
		client_problem(client, 400, "bad-request",
			       "the Host field is malformed or differs from the request target");
		return;
	}
	route = gate_route_find(&client->gate->config, head->target, client->log_path);
	if (route == NULL) {
		client_problem(client, 400, "bad-request", "the request target is malformed");
		return;
	}
	if (is_misdirected(client, head))
		return;
	error = exchange_start(client, route, head);
	if (error != 0) {
		client_problem(client, 503, "overloaded", "the gate cannot serve this now: %s",
			       uv_strerror(error));
		return;
	}
	client_enter(client, client->ex->request_done ? CLIENT_WAIT : CLIENT_BODY);
	client_consume(client, head_size);
}

void
client_head(struct client *client)
{
	struct http_head head;
	int size;

	if (client->state == CLIENT_IDLE)
		client_enter(client, CLIENT_HEAD);
	if (client->began_us == 0)
		client->began_us = clock_now_us();
	if (client->in[0] == GATE_FIRST_OF_TLS) { /* https:// before a port that speaks http */
		client_problem(client, 400, "not-http", "this is TLS, but this port speaks http");
		return;
	}
	size = http_head_parse_request(&head, client->in, client->in_size);
	if (size == -EAGAIN && !client->eof)
		return;
	if (size < 0) {
		int status = http_head_status(size);

		client_problem(client, status, "bad-request", "%s",
			       status == 400   ? "this is not a well-formed HTTP/1.1 request"
			       : status == 501 ? "of transfer codings chunked is known, alone"
					       : http_reason(status));
		return;
	}
	client_request(client, &head, (size_t)size);
}
