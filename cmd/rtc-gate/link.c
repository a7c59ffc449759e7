/* link.c - octets between a client's buffers and its socket, through TLS if it speaks that. */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/log.h"

static void link_pull(struct client *client);

/* ---- to the client ---- */

/* Records on their way. The caller's write is done when they are. */
struct records {
	uv_write_t write;
	uv_write_t *outer; /* NULL: nobody waits for them */
	uv_write_cb done;
	char data[];
};

static void
on_records_written(uv_write_t *write, int status)
{
	struct records *records = write->data;

	if (records->outer != NULL)
		records->done(records->outer, status);
	free(records);
}

/* Everything that TLS has for the peer. 0 or a libuv error. */
static int
send_records(struct client *client, uv_write_t *outer, uv_write_cb done)
{
	const uint8_t *out;
	size_t size = tls_output(client->tls, &out);
	struct records *records = malloc(sizeof(*records) + size);
	uv_buf_t buf;
	int error;

	if (records == NULL)
		return UV_ENOMEM;
	memcpy(records->data, out, size);
	tls_output_taken(client->tls);
	records->write.data = records;
	records->outer = outer;
	records->done = done;
	buf = uv_buf_init(records->data, (unsigned)size);
	error = uv_write(&records->write, (uv_stream_t *)&client->tcp, &buf, 1, on_records_written);
	if (error != 0)
		free(records);
	return error;
}

int
client_write(struct client *client, uv_write_t *write, const uv_buf_t *bufs, unsigned count,
	     uv_write_cb done)
{
	if (client->tls == NULL)
		return uv_write(write, (uv_stream_t *)&client->tcp, bufs, count, done);
	for (unsigned i = 0; i < count; i++)
		if (tls_write(client->tls, bufs[i].base, bufs[i].len) != 0)
			return UV_EPROTO;
	return send_records(client, write, done);
}

/* What TLS itself has to say: the handshake, answers to key updates, an alert. */
static void
link_flush(struct client *client)
{
	const uint8_t *out;

	if (tls_output(client->tls, &out) == 0)
		return;
	if (uv_stream_get_write_queue_size((uv_stream_t *)&client->tcp) > GATE_QUEUE_MAX ||
	    send_records(client, NULL, NULL) != 0)
		client_close(client);
}

void
link_goodbye(struct client *client)
{
	if (client->tls == NULL)
		return;
	tls_shutdown(client->tls);
	link_flush(client);
}

/* ---- from the client ---- */

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct client *client = handle->data;
	size_t room;

	(void)hint;
	if (client->state == CLIENT_LINGER)
		client->in_size = 0;
	room = sizeof(client->in) - client->in_size;
	if (client->tls != NULL && client->state != CLIENT_LINGER)
		*buf = uv_buf_init((char *)client->gate->raw, GATE_RAW_SIZE);
	else if (client->state == CLIENT_DOOR || client->state == CLIENT_FRAME)
		*buf = uv_buf_init(client->in + client->in_size, (unsigned)door_room(client));
	else
		*buf = uv_buf_init(client->in + client->in_size, (unsigned)room);
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
	} else if (size < 0) {
		client_lost(client);
	} else if (client->state == CLIENT_LINGER) {
		return;
	} else if (client->tls != NULL) {
		if (tls_input(client->tls, client->gate->raw, (size_t)size) == 0)
			link_pull(client);
		else
			client_lost(client);
	} else {
		client->in_size += (size_t)size;
		if (client->state == CLIENT_DOOR || client->state == CLIENT_FRAME) {
			door_input(client);
			return;
		}
		if (client->in_size == sizeof(client->in))
			client_read(client, false); /* the rest waits in the kernel */
		client_process(client);
	}
}

static void
on_more(uv_timer_t *timer)
{
	link_pull(timer->data);
}

void
client_read(struct client *client, bool on)
{
	if (client->state == CLIENT_CLOSED)
		return;
	if (on && client->pending && client->state != CLIENT_LINGER) {
		/* Not from here: the caller is in the middle of using in[]. */
		uv_timer_start(&client->more, on_more, 0, 0);
		return;
	}
	if (client->reading == on)
		return;
	client->reading = on;
	if (on)
		uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
	else
		uv_read_stop((uv_stream_t *)&client->tcp);
}

/* ---- TLS ---- */

static void
link_failed(struct client *client)
{
	static struct log_limit limit = {.interval_us = 1000000, .burst = 5};
	char peer[ADDR_TEXT_SIZE];
	unsigned held;

	if (log_allow(&limit, clock_now_us(), &held))
		log_info("tls", "%s: %s%s", addr_format_host(&client->peer, peer),
			 tls_words(client->tls), held > 0 ? " (and others)" : "");
	if (client->state == CLIENT_CLOSED)
		return;
	/* An alert is on its way: our FIN behind it, not a reset that overtakes it. */
	if (client->state == CLIENT_HANDSHAKE)
		client_finish(client);
	else
		client_lost(client);
}

/* Plain octets into in[], as many as there are and have room. */
static void
link_pull(struct client *client)
{
	size_t before = client->in_size;
	int count = -ENOBUFS;

	if (client->state == CLIENT_CLOSED || client->state == CLIENT_LINGER)
		return;
	while (client->in_size < sizeof(client->in)) {
		count = tls_read(client->tls, client->in + client->in_size,
				 sizeof(client->in) - client->in_size);
		if (count <= 0)
			break;
		client->in_size += (size_t)count;
	}
	client->pending = client->in_size == sizeof(client->in);
	client_read(client, !client->pending && !client->eof);
	link_flush(client);
	if (client->state == CLIENT_HANDSHAKE && tls_established(client->tls))
		client_enter(client, CLIENT_HEAD);
	if (client->in_size > before)
		client_process(client);
	if (client->state == CLIENT_CLOSED || client->state == CLIENT_LINGER)
		return;
	if (count == 0 && !client->pending)
		client_ended(client);
	else if (count == -EPROTO)
		link_failed(client);
}

void
link_secure(struct client *client)
{
	client->tls = tls_new(client->gate->tls);
	if (client->tls == NULL ||
	    tls_input(client->tls, (const uint8_t *)client->in, client->in_size) != 0) {
		client_close(client);
		return;
	}
	client->in_size = 0;
	client->secure = true;
	client_enter(client, CLIENT_HANDSHAKE);
	link_pull(client);
}
