#include "link/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "ipc/ipc.h"

enum { QUEUE_MIN = 64 << 10, LENGTH_SIZE = 2, ATTACH_ID = 1, TRACKS_MAX = 8 };

struct link {
	struct ipc_conn *conn;
	const struct link_events *events;
	void *arg;
	enum link_state state;
	bool blocked; /* the socket is full: writable will be called */
	/* Packets that wait, each after its length. */
	uint8_t *queue;
	size_t cap, head, tail;
};

static int
queue_packet(struct link *link, const uint8_t *buf, size_t size)
{
	size_t need, cap = MAX_OF((size_t)QUEUE_MIN, link->cap);
	uint8_t *grown;

	if (link->head > 0 && link->tail + LENGTH_SIZE + size > link->cap) {
		memmove(link->queue, link->queue + link->head, link->tail - link->head);
		link->tail -= link->head;
		link->head = 0;
	}
	need = link->tail + LENGTH_SIZE + size;
	if (need > LINK_QUEUE_MAX)
		return -ENOBUFS;
	while (cap < need)
		cap *= 2;
	if (cap != link->cap) {
		grown = realloc(link->queue, cap);
		if (grown == NULL)
			return -ENOMEM;
		link->queue = grown;
		link->cap = cap;
	}
	put_be16(link->queue + link->tail, (uint16_t)size);
	memcpy(link->queue + link->tail + LENGTH_SIZE, buf, size);
	link->tail = need;
	return 0;
}

static void
flush_queue(struct link *link)
{
	bool was_full = link_is_full(link);

	while (link->head < link->tail && !link->blocked && link->state == LINK_LIVE) {
		const uint8_t *p = link->queue + link->head;

		if (ipc_conn_send_packet(link->conn, p + LENGTH_SIZE, be16(p)) == -EAGAIN)
			link->blocked = true;
		else
			link->head += LENGTH_SIZE + be16(p);
	}
	if (link->head == link->tail)
		link->head = link->tail = 0;
	if (was_full && !link_is_full(link) && link->events->drained != NULL)
		link->events->drained(link->arg, link);
}

int
link_send(struct link *link, const uint8_t *buf, size_t size)
{
	int rc;

	if (link->state == LINK_LIVE && !link->blocked && link->head == link->tail) {
		rc = ipc_conn_send_packet(link->conn, buf, size);
		if (rc != -EAGAIN)
			return 0; /* sent, or the connection is broken: closed is called */
		link->blocked = true;
	}
	return link->state <= LINK_LIVE ? queue_packet(link, buf, size) : 0;
}

bool
link_is_full(const struct link *link)
{
	return link->tail - link->head > LINK_QUEUE_HIGH;
}

static void
enter_state(struct link *link, enum link_state state, const char *words)
{
	link->state = state;
	link->events->state(link->arg, link, state, words);
}

static void
on_reply(struct link *link, json_t *msg)
{
	const char *error = json_string_value(json_object_get(msg, "error"));
	const char *detail = json_string_value(json_object_get(msg, "detail"));

	if (json_is_true(json_object_get(msg, "ok"))) {
		link->state = LINK_LIVE;
		flush_queue(link);
		enter_state(link, LINK_LIVE, "");
	} else if (error != NULL && strcmp(error, "stream-busy") == 0)
		enter_state(link, LINK_BUSY, "the stream has a publisher already");
	else
		enter_state(link, LINK_FAILED, detail != NULL ? detail : "the relay refused");
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct link *link = ipc_conn_arg(conn);
	const char *event = json_string_value(json_object_get(msg, "event"));
	json_int_t track = json_integer_value(json_object_get(msg, "track"));

	if (json_is_integer(json_object_get(msg, "id")) && link->state == LINK_ASKING)
		on_reply(link, msg);
	else if (event == NULL || track < 0 || track >= TRACKS_MAX)
		return;
	else if (strcmp(event, "keyframe") == 0 && link->events->keyframe != NULL)
		link->events->keyframe(link->arg, link, (unsigned)track);
	else if ((strcmp(event, "wanted") == 0 || strcmp(event, "unwanted") == 0) &&
		 link->events->wanted != NULL)
		link->events->wanted(link->arg, link, (unsigned)track, event[0] == 'w');
}

static void
on_writable(struct ipc_conn *conn)
{
	struct link *link = ipc_conn_arg(conn);

	link->blocked = false;
	flush_queue(link);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	struct link *link = ipc_conn_arg(conn);

	ipc_conn_free(conn);
	link->conn = NULL;
	enter_state(link, LINK_FAILED, error != 0 ? strerror(-error) : "the relay hung up");
}

static const struct ipc_handlers handlers = {
    .json = on_json, .writable = on_writable, .closed = on_closed};

static json_t *
attach_message(const struct link_config *config)
{
	json_t *msg =
	    json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:o}", "v", 1, "id", ATTACH_ID, "op",
		      "attach", "as", "publisher", "stream", config->stream, "keyframes",
		      config->on_demand ? "on-demand" : "periodic", "tracks", config->tracks);

	if (msg != NULL && config->credential != NULL)
		json_object_set_new(msg, "credential", json_string(config->credential));
	if (msg != NULL && config->client != NULL)
		json_object_set_new(msg, "client",
				    json_pack("{s:s, s:s}", "address", config->client, "protocol",
					      config->protocol));
	return msg;
}

struct link *
link_new(uv_loop_t *loop, const struct link_config *config, const struct link_events *events,
	 void *arg, const char **words)
{
	struct link *link = calloc(1, sizeof(*link));
	int fd = ipc_connect(config->path, SOCK_SEQPACKET), rc = fd;
	json_t *msg = attach_message(config);

	if (link != NULL && fd >= 0 && msg != NULL) {
		link->events = events;
		link->arg = arg;
		link->conn = ipc_conn_new(loop, fd, &handlers, link);
		fd = -1;
		rc = link->conn != NULL ? ipc_conn_send(link->conn, msg) : -ENOMEM;
	}
	json_decref(msg);
	if (fd >= 0)
		close(fd);
	if (link != NULL && link->conn != NULL && rc >= 0)
		return link;
	*words = rc < 0 ? strerror(-rc) : "out of memory";
	link_free(link);
	return NULL;
}

void
link_free(struct link *link)
{
	if (link == NULL)
		return;
	ipc_conn_free(link->conn);
	free(link->queue);
	free(link);
}
