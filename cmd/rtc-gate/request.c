/* request.c - a request's head: what the parser leaves to check, and where it goes. */
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

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
	size = http_head_parse_request(&head, client->in, client->in_size);
	if (size == -EAGAIN && !client->eof)
		return;
	if (size < 0) {
		int status = http_head_status(size);

		client_problem(client, status, "bad-request", "%s",
			       status == 400 ? "this is not a well-formed HTTP/1.1 request"
					     : http_reason(status));
		return;
	}
	client_request(client, &head, (size_t)size);
}
