/* answer.c - the answer's way: its head rewritten, its body framed anew, one write at a time. */
#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"

static void up_read(struct exchange *ex, bool on);

/* The upstream is gone or talks nonsense. Before our head went out there is something to say. */
static void
answer_failed(struct exchange *ex, const char *what)
{
	struct client *client = ex->client;

	if (!ex->head_done) {
		client_problem(client, 502, "bad-upstream", "%s %s", ex->route->up.program, what);
		return;
	}
	client_log(client);
	client_close(client); /* the missing octets tell the client */
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct exchange *ex = handle->data;

	(void)hint;
	*buf = uv_buf_init(ex->in + ex->in_size, (unsigned)(sizeof(ex->in) - ex->in_size));
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct exchange *ex = stream->data;

	(void)buf;
	if (size == 0 || ex->client == NULL)
		return;
	if (size < 0) {
		ex->up_eof = true;
		up_read(ex, false);
	} else {
		ex->in_size += (size_t)size;
		if (ex->in_size == sizeof(ex->in))
			up_read(ex, false);
	}
	answer_pump(ex);
}

static void
up_read(struct exchange *ex, bool on)
{
	if (ex->up_reading == on)
		return;
	ex->up_reading = on;
	if (on)
		uv_read_start(&ex->up.stream, on_alloc, on_read);
	else
		uv_read_stop(&ex->up.stream);
}

void
answer_begin(struct exchange *ex)
{
	up_read(ex, true);
}

static void
on_written(uv_write_t *write, int status)
{
	struct exchange *ex = write->data;

	ex->client_writing = false;
	if (ex->client == NULL) {
		exchange_free(ex);
		return;
	}
	if (status != 0) { /* the client is gone */
		ex->client->status = 499;
		client_log(ex->client);
		client_close(ex->client);
		return;
	}
	answer_pump(ex);
}

static void
write_client(struct exchange *ex, const uv_buf_t *bufs, unsigned count)
{
	struct client *client = ex->client;

	ex->client_writing = true;
	if (client->state == CLIENT_ANSWER)
		client_enter(client, CLIENT_ANSWER); /* progress: a new deadline */
	if (client_write(client, &ex->client_write, bufs, count, on_written) != 0) {
		ex->client_writing = false;
		client_close(client);
	}
}

/* How the body is framed towards this client (RFC 9112 s.6.3). */
static enum http_framing
framing_for(const struct client *client, enum http_framing framing)
{
	if (framing != HTTP_BODY_CHUNKED && framing != HTTP_BODY_CLOSE)
		return framing;
	return client->minor > 0 ? HTTP_BODY_CHUNKED : HTTP_BODY_CLOSE;
}

/* The final answer's head, interim ones dropped. 0; -EAGAIN; -EBADMSG. */
static int
parse_head(struct exchange *ex, struct http_head *head)
{
	int size;

	do {
		size = http_head_parse_response(head, ex->in + ex->in_at, ex->in_size - ex->in_at,
						ex->client->is_head);
		if (size < 0)
			return size == -EAGAIN ? size : -EBADMSG;
		ex->in_at += (size_t)size;
	} while (head->status < 200 && head->status != 101);
	return head->status != 101 || ex->client->upgrade ? 0 : -EBADMSG;
}

/* 0 and the head is on its way; -EAGAIN; -EBADMSG. */
static int
answer_head(struct exchange *ex)
{
	struct client *client = ex->client;
	struct http_head head;
	uv_buf_t buf;
	int size = parse_head(ex, &head);

	if (size < 0)
		return size;
	ex->answer_framing = head.framing;
	ex->answer_left = head.content_length;
	ex->client_framing = framing_for(client, head.framing);
	if (ex->client_framing == HTTP_BODY_CLOSE || !ex->request_done || client->gate->stopping)
		client->keep_alive = false;
	size = gate_forward_answer(ex->head, sizeof(ex->head), &head, client, ex->client_framing);
	if (size < 0)
		return -EBADMSG;
	client->status = head.status;
	ex->head_done = true;
	client_enter(client, head.status == 101 ? CLIENT_TUNNEL : CLIENT_ANSWER);
	if (head.status == 101)
		ex->answer_framing = ex->client_framing = HTTP_BODY_CLOSE;
	buf = uv_buf_init(ex->head, (unsigned)size);
	write_client(ex, &buf, 1);
	return 0;
}

/* The next piece of body: 1 with octets, 0 without any now, -ENODATA at the end, -EBADMSG. */
static int
answer_piece(struct exchange *ex, const char **data, size_t *count)
{
	size_t have = ex->in_size - ex->in_at, used = have;
	int result = 1;

	switch (ex->answer_framing) {
	case HTTP_BODY_NONE:
		return -ENODATA;
	case HTTP_BODY_LENGTH:
		if (ex->answer_left == 0)
			return -ENODATA;
		used = (size_t)MIN_OF((uint64_t)have, ex->answer_left);
		ex->answer_left -= used;
		break;
	case HTTP_BODY_CHUNKED:
		result = http_chunked_feed(&ex->answer_chunked, ex->in + ex->in_at, have, &used,
					   data, count);
		if (result != -EBADMSG)
			ex->in_at += used;
		if (result == 0 && ex->up_eof)
			return -EBADMSG;
		return result;
	case HTTP_BODY_CLOSE:
		if (have == 0 && ex->up_eof)
			return -ENODATA;
		break;
	}
	*data = ex->in + ex->in_at;
	*count = used;
	ex->in_at += used;
	if (used == 0 && ex->up_eof)
		return -EBADMSG; /* fewer octets than announced */
	return used > 0 ? result : 0;
}

static void
send_piece(struct exchange *ex, const char *data, size_t count)
{
	static char line_end[] = "\r\n";
	uv_buf_t bufs[3];
	unsigned n = 0;

	ex->client->answer_octets += count;
	if (ex->client_framing == HTTP_BODY_CHUNKED) {
		int size = snprintf(ex->chunk_line, sizeof(ex->chunk_line), "%zx\r\n", count);

		bufs[n++] = uv_buf_init(ex->chunk_line, (unsigned)size);
	}
	bufs[n++] = uv_buf_init(ex->in + (data - ex->in), (unsigned)count);
	if (ex->client_framing == HTTP_BODY_CHUNKED)
		bufs[n++] = uv_buf_init(line_end, 2);
	write_client(ex, bufs, n);
}

static void
answer_end(struct exchange *ex)
{
	static char last_chunk[] = "0\r\n\r\n";
	uv_buf_t buf = uv_buf_init(last_chunk, sizeof(last_chunk) - 1);

	if (ex->client_framing == HTTP_BODY_CHUNKED && !ex->trailer_sent) {
		ex->trailer_sent = true;
		write_client(ex, &buf, 1);
		return;
	}
	client_answered(ex->client);
}

/* Room for more of the upstream's octets, once those before are written. */
static void
refill(struct exchange *ex)
{
	if (ex->in_at > 0) {
		ex->in_size -= ex->in_at;
		memmove(ex->in, ex->in + ex->in_at, ex->in_size);
		ex->in_at = 0;
	}
	if (!ex->up_eof && ex->in_size < sizeof(ex->in))
		up_read(ex, true);
	/* Nothing is owed to the client: an answer may pause as long as its maker likes. */
	if (ex->client->state == CLIENT_ANSWER && !ex->client->eof)
		uv_timer_stop(&ex->client->timer);
}

void
answer_pump(struct exchange *ex)
{
	const char *data;
	size_t count;
	int result;

	if (ex->client_writing) {
		/* in[] belongs to the write until it is done. */
		up_read(ex, false);
		return;
	}
	if (!ex->head_done) {
		result = answer_head(ex);
		if (result == -EAGAIN && !ex->up_eof)
			refill(ex);
		else if (result != 0)
			answer_failed(ex, ex->up_eof && ex->in_size == 0
					      ? "ended before it answered"
					      : "sent a malformed answer");
		return;
	}
	if (ex->trailer_sent) {
		answer_end(ex);
		return;
	}
	result = answer_piece(ex, &data, &count);
	if (result == 1)
		send_piece(ex, data, count);
	else if (result == 0)
		refill(ex);
	else if (result == -ENODATA)
		answer_end(ex);
	else
		answer_failed(ex, "");
}
