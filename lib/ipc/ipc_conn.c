/* ipc_conn.c - one SEQPACKET connection on a uv loop. */
#include "ipc/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS_PER_WAKE = 64 }; /* so that one busy peer does not starve the loop */

struct ipc_text {
	char *p;
	size_t size;
};

struct ipc_conn {
	uv_poll_t poll;
	int fd;
	int error; /* why closed() is about to be called */
	bool freed, closed, want_writable, shut;
	const struct ipc_handlers *handlers;
	void *arg;
	struct ipc_text queue[IPC_QUEUE_MAX]; /* ring of texts not yet sent */
	size_t queue_head, queue_count;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void
arm(struct ipc_conn *conn)
{
	int events = UV_READABLE;

	if (conn->freed || conn->closed)
		return;
	if (conn->queue_count > 0 || conn->want_writable)
		events |= UV_WRITABLE;
	uv_poll_start(&conn->poll, events, on_poll);
}

/* Make the next poll report an end, so that closed() is never called from inside a send. */
static void
fail_later(struct ipc_conn *conn, int error)
{
	if (conn->shut)
		return;
	conn->shut = true;
	conn->error = error;
	shutdown(conn->fd, SHUT_RDWR);
}

static void
report_closed(struct ipc_conn *conn, int error)
{
	uv_poll_stop(&conn->poll);
	conn->closed = true;
	conn->handlers->closed(conn, conn->error != 0 ? conn->error : error);
}

static void
flush_queue(struct ipc_conn *conn)
{
	while (conn->queue_count > 0) {
		struct ipc_text *t = &conn->queue[conn->queue_head];

		if (send(conn->fd, t->p, t->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN)
				fail_later(conn, -errno);
			return;
		}
		free(t->p);
		conn->queue_head = (conn->queue_head + 1) % IPC_QUEUE_MAX;
		conn->queue_count--;
	}
}

/* One message: 0, or -EBADMSG if the peer broke the protocol. */
static int
dispatch(struct ipc_conn *conn, const uint8_t *buf, size_t size)
{
	json_t *msg;

	if (size > 0 && buf[0] >= 128 && buf[0] <= 191) {
		if (conn->handlers->packet == NULL)
			return -EBADMSG;
		conn->handlers->packet(conn, buf, size);
		return 0;
	}
	if (size == 0 || buf[0] != '{')
		return -EBADMSG;
	msg = json_loadb((const char *)buf, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EBADMSG;
	}
	conn->handlers->json(conn, msg);
	json_decref(msg);
	return 0;
}

static void
read_some(struct ipc_conn *conn)
{
	uint8_t buf[IPC_MESSAGE_MAX];

	for (int i = 0; i < READS_PER_WAKE && !conn->freed && !conn->closed; i++) {
		ssize_t n = recv(conn->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			report_closed(conn, n < 0 ? -errno : 0);
			return;
		}
		if ((size_t)n > sizeof(buf) || dispatch(conn, buf, (size_t)n) < 0) {
			if (!conn->freed)
				report_closed(conn, (size_t)n > sizeof(buf) ? -EMSGSIZE : -EBADMSG);
			return;
		}
	}
}

/*
 * The peer closed with messages of ours unread, say: libuv has stopped polling. What the peer sent
 * before is read all the same, up to the end.
 */
static void
on_failure(struct ipc_conn *conn)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (conn->error == 0)
		conn->error = -error;
	read_some(conn);
	arm(conn);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct ipc_conn *conn = poll->data;

	if (status < 0) {
		on_failure(conn);
		return;
	}
	if (events & UV_WRITABLE) {
		flush_queue(conn);
		if (conn->want_writable && conn->queue_count == 0) {
			conn->want_writable = false;
			if (conn->handlers->writable != NULL)
				conn->handlers->writable(conn);
		}
		if (!conn->freed && conn->queue_count == 0 && !conn->want_writable)
			arm(conn);
	}
	if (!conn->freed && (events & UV_READABLE))
		read_some(conn);
}

struct ipc_conn *
ipc_conn_new(uv_loop_t *loop, int fd, const struct ipc_handlers *handlers, void *arg)
{
	struct ipc_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL || uv_poll_init(loop, &conn->poll, fd) < 0) {
		free(conn);
		close(fd);
		return NULL;
	}
	conn->poll.data = conn;
	conn->fd = fd;
	conn->handlers = handlers;
	conn->arg = arg;
	arm(conn);
	return conn;
}

static void
release(uv_handle_t *handle)
{
	free(handle->data);
}

static void
drop(struct ipc_conn *conn)
{
	conn->freed = true;
	while (conn->queue_count > 0) {
		free(conn->queue[conn->queue_head].p);
		conn->queue_head = (conn->queue_head + 1) % IPC_QUEUE_MAX;
		conn->queue_count--;
	}
	uv_poll_stop(&conn->poll);
	uv_close((uv_handle_t *)&conn->poll, release);
}

void
ipc_conn_free(struct ipc_conn *conn)
{
	if (conn == NULL || conn->freed)
		return;
	flush_queue(conn);
	drop(conn);
	close(conn->fd);
	conn->fd = -1;
}

int
ipc_conn_detach(struct ipc_conn *conn)
{
	int fd = conn->fd;

	flush_queue(conn);
	drop(conn);
	return fd;
}

void *
ipc_conn_arg(const struct ipc_conn *conn)
{
	return conn->arg;
}

void
ipc_conn_set_arg(struct ipc_conn *conn, void *arg)
{
	conn->arg = arg;
}

int
ipc_conn_send(struct ipc_conn *conn, const json_t *msg)
{
	char *text = json_dumps(msg, JSON_COMPACT);
	size_t size = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return -ENOMEM;
	if (size > IPC_MESSAGE_MAX) {
		free(text);
		return -EMSGSIZE;
	}
	if (conn->queue_count == 0) {
		if (send(conn->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
		    errno != EAGAIN) {
			free(text); /* an error will be seen by the next read */
			return 0;
		}
	}
	if (conn->queue_count == IPC_QUEUE_MAX) {
		free(text);
		fail_later(conn, -ENOBUFS);
		return -ENOBUFS;
	}
	conn->queue[(conn->queue_head + conn->queue_count++) % IPC_QUEUE_MAX] =
	    (struct ipc_text){text, size};
	arm(conn);
	return 0;
}

int
ipc_conn_send_packet(struct ipc_conn *conn, const uint8_t *buf, size_t size)
{
	if (conn->queue_count == 0 && send(conn->fd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (conn->queue_count > 0 || errno == EAGAIN) {
		conn->want_writable = true;
		arm(conn);
		return -EAGAIN;
	}
	return -errno;
}
