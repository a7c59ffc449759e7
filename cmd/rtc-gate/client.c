/* client.c - client connections: reading, states and their deadlines, limits. */
#include "gate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

static void
on_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->handles--;
	if (client->handles > 0)
		return;
	tls_free(client->tls);
	free(client);
}

void
client_close(struct client *client)
{
	struct gate *gate = client->gate;
	/* Elsewhere the missing goodbye tells that something is missing. */
	bool is_orderly = client->state == CLIENT_IDLE;

	if (client->state == CLIENT_CLOSED)
		return;
	client->state = CLIENT_CLOSED;
	if (is_orderly)
		link_goodbye(client);
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
	uv_close((uv_handle_t *)&client->more, on_closed);
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
    [CLIENT_DOOR] = door_timeout,
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
	bool is_plain = client->listener->speech == GATE_HTTP;
	/* The door's deadline is that of what the first octets begin. */
	bool goes_on = client->state == CLIENT_DOOR &&
		       (state == CLIENT_HANDSHAKE || (state == CLIENT_HEAD && is_plain));
	const unsigned ms[CLIENT_STATES] = {
	    [CLIENT_DOOR] = is_plain ? c->head_ms : c->handshake_ms,
	    [CLIENT_FRAME] = MIN_OF(c->head_ms, (unsigned)GATE_FRAME_MS),
	    [CLIENT_IDLE] = c->idle_ms,
	    [CLIENT_HEAD] = c->head_ms,
	    [CLIENT_BODY] = c->body_ms,
	    [CLIENT_WAIT] = c->answer_ms,
	    [CLIENT_ANSWER] = c->idle_ms, /* answer.c renews it with every write */
	    [CLIENT_LINGER] = GATE_LINGER_MS,
	};

	client->state = state;
	if (goes_on)
		return;
	if (ms[state] > 0)
		uv_timer_start(&client->timer, on_timeout, ms[state], 0);
	else
		uv_timer_stop(&client->timer);
}

/* The client's octets have ended. A whole request still gets its answer. */
void
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
	case CLIENT_DOOR:
	case CLIENT_FRAME:
	case CLIENT_HANDSHAKE:
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

void
client_lost(struct client *client)
{
	client->status = 499;
	client_log(client);
	client_close(client);
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
	/* After a tunnel there is no HTTP on this connection any more. */
	bool whole = client->ex->request_done && client->state != CLIENT_TUNNEL;

	client_log(client);
	exchange_end(client->ex);
	if (client->keep_alive && whole && !client->gate->stopping)
		client_next(client);
	else
		client_finish(client);
}

void
client_process(struct client *client)
{
	if (client->state == CLIENT_IDLE || client->state == CLIENT_HEAD)
		client_head(client);
	else if (client->state == CLIENT_BODY || client->state == CLIENT_TUNNEL)
		exchange_pump(client->ex);
	/* Otherwise: a next request, sent ahead; it waits in the buffer. */
}
