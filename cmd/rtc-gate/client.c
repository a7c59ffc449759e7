/* client.c - client connections: reading, states and their deadlines, limits. */
#include "gate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/log.h"

static void client_process(struct client *client);

static void
on_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->handles--;
	if (client->handles == 0)
		free(client);
}

void
client_close(struct client *client)
{
	struct gate *gate = client->gate;

	if (client->state == CLIENT_CLOSED)
		return;
	client->state = CLIENT_CLOSED;
	if (client->ex != NULL)
		exchange_end(client->ex);
	if (client->prev != NULL)
		client->prev->next = client->next;
	else
		gate->clients = client->next;
	if (client->next != NULL)
		client->next->prev = client->prev;
	gate->client_count--;
	uv_close((uv_handle_t *)&client->timer, on_closed);
	uv_close((uv_handle_t *)&client->tcp, on_closed);
}

/* One line per request. Queries and what may be a session's secret are not in log_path. */
void
client_log(struct client *client)
{
	const struct exchange *ex = client->ex;
	char peer[ADDR_TEXT_SIZE];

	if (client->began_us == 0 || !log_enabled(LOG_INFO))
		return;
	log_info("access", "%s %s %s %d %" PRIu64 " octets %" PRIu64 " us %s",
		 addr_format_host(&client->peer, peer),
		 client->method[0] != '\0' ? client->method : "-",
		 client->log_path[0] != '\0' ? client->log_path : "-", client->status,
		 client->answer_octets, clock_now_us() - client->began_us,
		 ex != NULL ? ex->route->up.program : "-");
	client->began_us = 0;
}

static void
timeout_head(struct client *client)
{
	client_problem(client, 408, "slow-request", "the request's head did not arrive in time");
}

static void
timeout_body(struct client *client)
{
	client_problem(client, 408, "slow-request", "the request's body did not arrive in time");
}

static void
timeout_wait(struct client *client)
{
	client_problem(client, 504, "no-answer", "%s did not answer in time",
		       client->ex->route->up.program);
}

/* What happens when a state's deadline passes; NULL closes. */
static void (*const timeouts[CLIENT_STATES])(struct client *) = {
    [CLIENT_HEAD] = timeout_head,
    [CLIENT_BODY] = timeout_body,
    [CLIENT_WAIT] = timeout_wait,
};

static void
on_timeout(uv_timer_t *timer)
{
	struct client *client = timer->data;

	if (timeouts[client->state] != NULL) {
		timeouts[client->state](client);
		return;
	}
	if (client->state == CLIENT_ANSWER)
		client_log(client);
	client_close(client);
}

/* Every transition passes here and starts the state's deadline; 0 is none. */
void
client_enter(struct client *client, enum client_state state)
{
	const struct gate_config *c = &client->gate->config;
	const unsigned ms[CLIENT_STATES] = {
	    [CLIENT_IDLE] = c->idle_ms,	      [CLIENT_HEAD] = c->head_ms,
	    [CLIENT_BODY] = c->body_ms,	      [CLIENT_WAIT] = c->answer_ms,
	    [CLIENT_ANSWER] = c->idle_ms, /* answer.c renews it with every write */
	    [CLIENT_LINGER] = GATE_LINGER_MS,
	};

	client->state = state;
	if (ms[state] > 0)
		uv_timer_start(&client->timer, on_timeout, ms[state], 0);
	else
		uv_timer_stop(&client->timer);
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)hint;
	if (client->state == CLIENT_LINGER)
		client->in_size = 0;
	*buf = uv_buf_init(client->in + client->in_size,
			   (unsigned)(sizeof(client->in) - client->in_size));
}

/* The client's octets have ended. A whole request still gets its answer. */
static void
client_ended(struct client *client)
{
	client->eof = true;
	client_read(client, false);
	switch (client->state) {
	case CLIENT_HEAD:
		if (client->in_size > 0)
			client_problem(client, 400, "truncated-request",
				       "the head is not complete");
		else
			client_close(client);
		break;
	case CLIENT_IDLE:
	case CLIENT_LINGER:
		client_close(client);
		break;
	case CLIENT_BODY:
	case CLIENT_TUNNEL:
		exchange_pump(client->ex);
		break;
	case CLIENT_ANSWER: /* an endless answer must not outlive its reader for long */
		client_enter(client, CLIENT_ANSWER);
		break;
	default:
		break;
	}
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	(void)buf;
	if (size == 0)
		return;
	if (size == UV_EOF) {
		client_ended(client);
		return;
	}
	if (size < 0) { /* reset: nobody is there */
		client->status = 499;
		client_log(client);
		client_close(client);
		return;
	}
	if (client->state == CLIENT_LINGER)
		return;
	client->in_size += (size_t)size;
	if (client->in_size == sizeof(client->in))
		client_read(client, false); /* the rest waits in the kernel */
	client_process(client);
}

void
client_read(struct client *client, bool on)
{
	if (client->reading == on || client->state == CLIENT_CLOSED)
		return;
	client->reading = on;
	if (on)
		uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
	else
		uv_read_stop((uv_stream_t *)&client->tcp);
}

void
client_consume(struct client *client, size_t size)
{
	client->in_size -= size;
	memmove(client->in, client->in + size, client->in_size);
	if (client->in_size < sizeof(client->in) && !client->eof)
		client_read(client, true);
}

static void
client_next(struct client *client)
{
	client->is_head = client->upgrade = false;
	client->method[0] = client->log_path[0] = '\0';
	client->status = 0;
	client->answer_octets = 0;
	client_enter(client, CLIENT_IDLE);
	if (client->in_size > 0)
		client_process(client);
	else if (client->eof)
		client_close(client);
	else
		client_read(client, true);
}

void
client_answered(struct client *client)
{
	bool whole = client->ex->request_done;

	client_log(client);
	exchange_end(client->ex);
	if (client->keep_alive && whole && !client->gate->stopping)
		client_next(client);
	else
		client_finish(client);
}

static void
client_process(struct client *client)
{
	if (client->state == CLIENT_IDLE || client->state == CLIENT_HEAD)
		client_head(client);
	else if (client->state == CLIENT_BODY || client->state == CLIENT_TUNNEL)
		exchange_pump(client->ex);
	/* Otherwise: a next request, sent ahead; it waits in the buffer. */
}

/* An address for counting: of IPv6 the network of 64 bits that one customer gets. */
static bool
same_source(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6)
		return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 8) == 0;
	return addr_same_host(a, b);
}

static bool
over_limits(const struct client *client)
{
	const struct gate_config *c = &client->gate->config;
	unsigned count = 0;

	if (client->gate->client_count > c->connection_max)
		return true;
	for (const struct client *o = client->gate->clients; o != NULL; o = o->next)
		if (same_source(&o->peer, &client->peer))
			count++;
	return count > c->per_address_max;
}

static void
client_peer(struct client *client)
{
	struct sockaddr_storage ss;
	int size = sizeof(ss);

	if (uv_tcp_getpeername(&client->tcp, (struct sockaddr *)&ss, &size) == 0)
		(void)addr_from_sockaddr(&client->peer, (struct sockaddr *)&ss);
}

void
client_accept(struct gate *gate, uv_stream_t *listener)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return;
	client->gate = gate;
	uv_tcp_init(gate->loop, &client->tcp);
	uv_timer_init(gate->loop, &client->timer);
	client->tcp.data = client->timer.data = client;
	client->handles = 2;
	client->next = gate->clients;
	if (client->next != NULL)
		client->next->prev = client;
	gate->clients = client;
	gate->client_count++;
	client_enter(client, CLIENT_HEAD);
	if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0) {
		client_close(client);
		return;
	}
	uv_tcp_nodelay(&client->tcp, 1);
	uv_tcp_keepalive(&client->tcp, 1, 60);
	client_peer(client);
	if (over_limits(client))
		client_problem(client, 503, "too-many-connections",
			       "too many connections are open; close some or try again");
	else
		client_read(client, true);
}
