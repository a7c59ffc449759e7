/* exchange.c - the request's way: a connection of its own to the upstream, exactly one request on
 * it. */
#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

/* Free what is detached, closed and not part of a write any more. */
void
exchange_free(struct exchange *ex)
{
	if (ex->client == NULL && ex->handles == 0 && !ex->client_writing)
		free(ex);
}

static void on_retry(uv_timer_t *timer);

static void
on_closed(uv_handle_t *handle)
{
	struct exchange *ex = handle->data;

	ex->handles--;
	exchange_free(ex);
}

static void
close_upstream(struct exchange *ex)
{
	if (!ex->up_open)
		return;
	ex->up_open = false;
	uv_close(&ex->up.handle, on_closed);
}

void
exchange_end(struct exchange *ex)
{
	ex->client->ex = NULL;
	ex->client = NULL;
	close_upstream(ex);
	uv_close((uv_handle_t *)&ex->retry, on_closed);
}

static void
on_written(uv_write_t *write, int status)
{
	struct exchange *ex = write->data;

	ex->up_writing = false;
	if (ex->client == NULL)
		return;
	/* A broken upstream may still have answered: its end is read, not written. */
	if (status != 0)
		ex->up_broken = true;
	ex->out_size = 0;
	exchange_pump(ex);
}

static void
write_out(struct exchange *ex)
{
	uv_buf_t buf = uv_buf_init(ex->out, (unsigned)ex->out_size);

	ex->up_writing = true;
	if (uv_write(&ex->up_write, &ex->up.stream, &buf, 1, on_written) != 0) {
		ex->up_writing = false;
		ex->up_broken = true;
		ex->out_size = 0;
	}
}

/* Octets of a body of known length, or of a tunnel. */
static void
take_plain(struct exchange *ex)
{
	struct client *client = ex->client;
	size_t count = MIN_OF(client->in_size, sizeof(ex->out));

	if (client->state != CLIENT_TUNNEL) {
		count = (size_t)MIN_OF((uint64_t)count, ex->left);
		ex->left -= count;
		ex->request_done = ex->left == 0;
	}
	memcpy(ex->out, client->in, count);
	ex->out_size = count;
	client_consume(client, count);
}

/* Decode the client's chunks and frame them anew. 0 or -EBADMSG. */
static int
take_chunked(struct exchange *ex)
{
	enum { FRAME = 24 }; /* size line and two line ends */
	struct client *client = ex->client;
	size_t at = 0, used, count;
	const char *data;
	int result = 0;

	while (at < client->in_size && ex->out_size + FRAME + 1 < sizeof(ex->out)) {
		size_t room = MIN_OF(client->in_size - at, sizeof(ex->out) - ex->out_size - FRAME);

		result =
		    http_chunked_feed(&ex->chunked, client->in + at, room, &used, &data, &count);
		if (result == -EBADMSG)
			return result;
		at += used;
		if (result == -ENODATA)
			break;
		if (result != 1)
			continue;
		ex->out_size += (size_t)sprintf(ex->out + ex->out_size, "%zx\r\n", count);
		memcpy(ex->out + ex->out_size, data, count);
		ex->out_size += count;
		memcpy(ex->out + ex->out_size, "\r\n", 2);
		ex->out_size += 2;
	}
	if (result == -ENODATA) {
		memcpy(ex->out + ex->out_size, "0\r\n\r\n", 5);
		ex->out_size += 5;
		ex->request_done = true;
	}
	client_consume(client, at);
	return 0;
}

/* An upstream that takes no more: the body is read and dropped until its answer is here. */
static void
drop_body(struct exchange *ex)
{
	if (ex->client->in_size > 0)
		client_consume(ex->client, ex->client->in_size);
}

static void
on_shut(uv_shutdown_t *shutdown, int status)
{
	(void)status;
	free(shutdown);
}

/* The client ended its side of a tunnel: so does the upstream's. */
static void
shut_tunnel(struct exchange *ex)
{
	uv_shutdown_t *shutdown = malloc(sizeof(*shutdown));

	ex->shut = true;
	if (shutdown == NULL || uv_shutdown(shutdown, &ex->up.stream, on_shut) != 0)
		free(shutdown);
}

void
exchange_pump(struct exchange *ex)
{
	struct client *client = ex->client;
	bool tunnel = client->state == CLIENT_TUNNEL;

	if (!ex->connected || ex->up_writing || (ex->request_done && !tunnel))
		return;
	if (client->state == CLIENT_ANSWER) /* answered before the request was whole */
		return;
	if (ex->up_broken || ex->shut) {
		drop_body(ex);
		return;
	}
	if (tunnel || ex->framing == HTTP_BODY_LENGTH) {
		take_plain(ex);
	} else if (take_chunked(ex) != 0) {
		client_problem(client, 400, "bad-request", "the chunked body is malformed");
		return;
	}
	if (ex->out_size > 0)
		write_out(ex);
	else if (client->eof && tunnel && !ex->shut)
		shut_tunnel(ex);
	else if (client->eof && !tunnel && !ex->request_done)
		client_problem(client, 400, "truncated-request",
			       "the request's body ended before its announced length");
	if (client->state == CLIENT_BODY && ex->request_done)
		client_enter(client, CLIENT_WAIT);
}

static void
on_continued(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

/* The client waits for leave to send its body (RFC 9110 s.10.1.1). */
static void
send_continue(struct exchange *ex)
{
	static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t buf = uv_buf_init(text, sizeof(text) - 1);
	uv_write_t *write = malloc(sizeof(*write));

	if (write == NULL || client_write(ex->client, write, &buf, 1, on_continued) != 0)
		free(write);
}

/* Nothing was sent yet, so another attempt is safe: a program that was killed is back soon. */
static bool
may_retry(const struct exchange *ex, int status)
{
	const struct gate *gate = ex->client->gate;

	return (status == UV_ECONNREFUSED || status == UV_EAGAIN) && !gate->stopping &&
	       clock_now_us() - ex->client->began_us < (uint64_t)gate->config.restart_ms * 1000;
}

static void
on_connected(uv_connect_t *connect, int status)
{
	struct exchange *ex = connect->data;

	if (ex->client == NULL)
		return;
	if (status != 0 && may_retry(ex, status)) {
		close_upstream(ex);
		uv_timer_start(&ex->retry, on_retry, GATE_RETRY_MS, 0);
		return;
	}
	if (status != 0) {
		client_problem(ex->client, 503, "not-running",
			       status == UV_EAGAIN ? "%s has too many connections waiting"
						   : "%s is not running; it may be starting again",
			       ex->route->up.program);
		return;
	}
	ex->connected = true;
	write_out(ex);
	if (ex->wants_continue)
		send_continue(ex);
	answer_begin(ex);
}

static int
connect_upstream(struct exchange *ex, uv_loop_t *loop)
{
	const struct gate_upstream *up = &ex->route->up;

	ex->connect.data = ex;
	if (up->path[0] != '\0')
		uv_pipe_init(loop, &ex->up.pipe, 0);
	else
		uv_tcp_init(loop, &ex->up.tcp);
	ex->up.handle.data = ex;
	ex->up_open = true;
	ex->handles++;
	if (up->path[0] == '\0')
		return uv_tcp_connect(&ex->connect, &ex->up.tcp, &up->tcp.sa, on_connected);
	uv_pipe_connect(&ex->connect, &ex->up.pipe, up->path, on_connected);
	return 0;
}

static void
on_retry(uv_timer_t *timer)
{
	struct exchange *ex = timer->data;

	if (connect_upstream(ex, timer->loop) != 0)
		client_problem(ex->client, 503, "not-running", "%s cannot be reached",
			       ex->route->up.program);
}

int
exchange_start(struct client *client, const struct gate_route *route, const struct http_head *head)
{
	struct exchange *ex = calloc(1, sizeof(*ex));
	int size, error;

	if (ex == NULL)
		return UV_ENOMEM;
	size = gate_forward_request(ex->out, sizeof(ex->out), head, client);
	if (size < 0) {
		free(ex);
		return size;
	}
	ex->out_size = (size_t)size;
	ex->client = client;
	ex->route = route;
	uv_timer_init(client->gate->loop, &ex->retry);
	ex->retry.data = ex;
	ex->handles = 1;
	ex->up_write.data = ex->client_write.data = ex;
	ex->framing = head->framing;
	ex->left = head->framing == HTTP_BODY_LENGTH ? head->content_length : 0;
	ex->request_done =
	    head->framing == HTTP_BODY_NONE || (head->framing == HTTP_BODY_LENGTH && ex->left == 0);
	ex->wants_continue = head->expect_continue && !ex->request_done;
	client->ex = ex;
	error = connect_upstream(ex, client->gate->loop);
	if (error != 0)
		exchange_end(ex);
	return error;
}
