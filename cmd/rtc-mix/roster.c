#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "ipc/ipc.h"
#include "log/log.h"

enum { RETRY_MS = 500, PAGE = 100, SUBSCRIBE_ID = 1, LIST_ID = 2 };

struct roster {
	uv_loop_t *loop;
	const char *path, *room;
	const struct roster_events *events;
	void *arg;
	struct ipc_conn *conn;
	uv_timer_t retry;
	size_t listed; /* streams of the pages that came */
	bool told, freed;
};

static void open_conn(struct roster *r);

static void
on_retry(uv_timer_t *timer)
{
	open_conn(timer->data);
}

static void
try_again(struct roster *r, int error)
{
	ipc_conn_free(r->conn);
	r->conn = NULL;
	if (!r->told)
		log_warn("room", "%s: %s; trying again", r->path, strerror(-error));
	r->told = true;
	if (!r->freed)
		uv_timer_start(&r->retry, on_retry, RETRY_MS, 0);
}

/* Is it a stream of the room, and not of a deeper one? */
static bool
is_of_room(const struct roster *r, const char *stream)
{
	size_t n = strlen(r->room);

	return stream != NULL && strncmp(stream, r->room, n) == 0 && stream[n] == '/' &&
	       strchr(stream + n + 1, '/') == NULL && text_is_stream(stream);
}

static void
ask_page(struct roster *r)
{
	json_t *msg = json_pack("{s:i, s:i, s:s, s:I, s:i}", "v", 1, "id", LIST_ID, "op",
				"streams.list", "start", (json_int_t)r->listed, "count", PAGE);

	ipc_conn_send(r->conn, msg);
	json_decref(msg);
}

static void
on_page(struct roster *r, const json_t *msg)
{
	const json_t *streams = json_object_get(msg, "streams"), *s;
	json_int_t total = json_integer_value(json_object_get(msg, "total"));
	size_t i, count = json_array_size(streams);

	json_array_foreach(streams, i, s)
	{
		const char *name = json_string_value(json_object_get(s, "name"));

		if (!r->freed && is_of_room(r, name) &&
		    json_is_string(json_object_get(s, "publisher")))
			r->events->joined(r->arg, name);
	}
	if (r->freed)
		return;
	r->listed += count;
	if (count > 0 && (json_int_t)r->listed < total)
		ask_page(r);
	else
		r->events->end(r->arg);
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct roster *r = ipc_conn_arg(conn);
	const char *event = json_string_value(json_object_get(msg, "event"));
	const char *stream = json_string_value(json_object_get(msg, "stream"));

	if (json_integer_value(json_object_get(msg, "id")) == LIST_ID)
		on_page(r, msg);
	else if (event == NULL || !is_of_room(r, stream))
		return;
	else if (strcmp(event, "stream.publish") == 0)
		r->events->joined(r->arg, stream);
	else if (strcmp(event, "stream.unpublish") == 0)
		r->events->left(r->arg, stream);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	try_again(ipc_conn_arg(conn), error != 0 ? error : -ECONNRESET);
}

static const struct ipc_handlers handlers = {.json = on_json, .closed = on_closed};

static void
open_conn(struct roster *r)
{
	int fd = ipc_connect(r->path, SOCK_SEQPACKET);
	json_t *msg;

	if (fd >= 0)
		r->conn = ipc_conn_new(r->loop, fd, &handlers, r);
	if (r->conn == NULL) {
		try_again(r, fd < 0 ? fd : -ENOMEM);
		return;
	}
	r->told = false;
	/* Events first, so that nobody who comes while the list is on its way is missed. */
	msg = json_pack("{s:i, s:i, s:s}", "v", 1, "id", SUBSCRIBE_ID, "op", "events.subscribe");
	ipc_conn_send(r->conn, msg);
	json_decref(msg);
	r->events->begin(r->arg);
	r->listed = 0;
	ask_page(r);
}

struct roster *
roster_new(uv_loop_t *loop, const char *path, const char *room, const struct roster_events *events,
	   void *arg)
{
	struct roster *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->loop = loop;
	r->path = path;
	r->room = room;
	r->events = events;
	r->arg = arg;
	uv_timer_init(loop, &r->retry);
	r->retry.data = r;
	uv_timer_start(&r->retry, on_retry, 0, 0); /* no callback before we return */
	return r;
}

static void
release(uv_handle_t *handle)
{
	free(handle->data);
}

void
roster_free(struct roster *r)
{
	if (r == NULL || r->freed)
		return;
	r->freed = true;
	ipc_conn_free(r->conn);
	r->conn = NULL;
	uv_close((uv_handle_t *)&r->retry, release);
}
