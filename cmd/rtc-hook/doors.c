/* doors.c - hook.sock: questions in, verdicts out. */
#include "hook.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "log/log.h"

static void
door_free(struct door *door)
{
	struct hooks *h = door->hooks;

	visits_of_door_end(door);
	DL_DELETE(h->doors, door);
	h->door_count--;
	ipc_conn_free(door->conn);
	free(door);
}

void
door_reply(struct door *door, const json_t *question, bool ok, const char *error,
	   const char *detail)
{
	json_t *msg =
	    json_pack("{s:i, s:O, s:b}", "v", 1, "id", json_object_get(question, "id"), "ok", ok);

	if (msg == NULL)
		return;
	if (!ok) {
		json_object_set_new(msg, "error", json_string(error));
		json_object_set_new(msg, "detail", json_string(detail));
	}
	ipc_conn_send(door->conn, msg);
	json_decref(msg);
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct door *door = ipc_conn_arg(conn);
	const char *op = json_string_value(json_object_get(msg, "op"));
	const char *id = json_string_value(json_object_get(msg, "session"));

	if (!json_is_integer(json_object_get(msg, "id")))
		json_object_set_new(msg, "id", json_null());
	if (op != NULL && strcmp(op, "ask") == 0) {
		visit_ask(door, msg);
	} else if (op != NULL && strcmp(op, "gone") == 0 && id != NULL) {
		visit_gone(door->hooks, id);
		door_reply(door, msg, true, NULL, NULL);
	} else {
		door_reply(door, msg, false, "unknown-op", "ask and gone are known");
	}
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	(void)error;
	door_free(ipc_conn_arg(conn));
}

static const struct ipc_handlers handlers = {.json = on_json, .closed = on_closed};

static void
accept_one(struct hooks *h, int fd)
{
	struct door *door;
	uid_t uid;
	pid_t pid;

	if (h->door_count == DOORS_MAX || ipc_peer(fd, &uid, &pid) < 0 ||
	    (uid != 0 && uid != geteuid())) {
		close(fd);
		return;
	}
	door = calloc(1, sizeof(*door));
	if (door == NULL) {
		close(fd);
		return;
	}
	door->hooks = h;
	door->conn = ipc_conn_new(&h->loop, fd, &handlers, door);
	if (door->conn == NULL) {
		free(door);
		return;
	}
	DL_APPEND(h->doors, door);
	h->door_count++;
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct hooks *h = poll->data;
	int fd;

	(void)events;
	if (status < 0)
		return;
	while ((fd = accept4(h->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		accept_one(h, fd);
}

int
doors_open(struct hooks *h)
{
	char path[PATH_MAX];
	int r = ipc_run_make(path, sizeof(path), "hook.sock");

	if (r == 0) {
		h->listen_fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &h->lock_fd);
		r = h->listen_fd < 0 ? h->listen_fd : 0;
	}
	if (r < 0) {
		log_error("listen", "unable to listen on %s: %s", path, ipc_words(r));
		return r;
	}
	uv_poll_init(&h->loop, &h->listener, h->listen_fd);
	h->listener.data = h;
	uv_poll_start(&h->listener, UV_READABLE, on_listener);
	log_info("listen", "serving on %s", path);
	return 0;
}

void
doors_close(struct hooks *h)
{
	struct door *door, *next;

	DL_FOREACH_SAFE(h->doors, door, next)
	door_free(door);
	if (h->listen_fd >= 0)
		close(h->listen_fd);
	if (h->lock_fd >= 0)
		close(h->lock_fd);
}
