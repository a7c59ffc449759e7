/*
 * control_gate.c - connections that a front door accepted and passes on (relay/tcp.sock,
 * rtc-control.5): each message carries one, which goes to a worker as if that had accepted it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control.h"
#include "tcp/tcp_handover.h"

enum {
	FDS_MAX = 8,		/* taken of one message, so that all can be closed */
	MESSAGES_PER_WAKE = 64, /* of one front door, before the others have a turn */
	MESSAGE_ROOM = TCP_HANDOVER_SIZE_MAX + 1
};

static const char socket_name[] = "relay/tcp.sock";

/* One connected front door. */
struct gate {
	struct control *control;
	uv_poll_t poll;
	int fd;
	struct gate *prev, *next;
};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
gate_free(struct gate *g)
{
	DL_DELETE(g->control->gates, g);
	g->control->gate_count--;
	uv_poll_stop(&g->poll);
	close(g->fd);
	uv_close((uv_handle_t *)&g->poll, on_closed);
}

/* The descriptors of a message; all but the first are closed. Their count. */
static unsigned
take_fds(struct msghdr *m, int *first)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (count++ == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* Takes fd. */
static void
pass_on(struct control *c, int fd, const struct tcp_handover *h)
{
	struct msg_tcp m = {fd, h->tuple};
	uint8_t buf[sizeof(m) + TCP_HANDOVER_OCTETS_MAX];

	memcpy(buf, &m, sizeof(m));
	memcpy(buf + sizeof(m), h->octets, h->size);
	control_post(c, c->gate_turn++ % c->worker_count, M_TCP, buf, sizeof(m) + h->size);
}

/* One message. 0; -EAGAIN: there is none; -ECONNRESET: the end; -EBADMSG. */
static int
receive(struct gate *g)
{
	uint8_t buf[MESSAGE_ROOM];
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} room;
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room.buf,
			   .msg_controllen = sizeof(room.buf)};
	ssize_t n = recvmsg(g->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct tcp_handover h;
	unsigned count;
	int fd = -1;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
	count = take_fds(&m, &fd);
	if (n == 0 && count == 0)
		return -ECONNRESET;
	if (count != 1 || (m.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0 ||
	    tcp_handover_parse(&h, buf, (size_t)n) < 0) {
		if (count > 0)
			close(fd);
		return -EBADMSG;
	}
	pass_on(g->control, fd, &h);
	return 0;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct gate *g = poll->data;
	struct control *c = g->control;
	int r = status < 0 ? -ECONNRESET : 0;

	(void)events;
	c->now_us = clock_now_us();
	for (int i = 0; r == 0 && i < MESSAGES_PER_WAKE; i++)
		r = receive(g);
	if (r == -EBADMSG)
		log_warn("gate", "a front door was dropped: not a message of rtc-control(5)");
	if (r < 0 && r != -EAGAIN)
		gate_free(g);
	control_settle(c);
}

static void
gate_accept(struct control *c, int fd)
{
	struct gate *g = NULL;

	if (!peer_may_connect(fd, "tcp")) {
		close(fd);
		return;
	}
	if (c->gate_count < GATES_MAX && !c->stopping)
		g = calloc(1, sizeof(*g));
	if (g == NULL || uv_poll_init(&c->loop, &g->poll, fd) < 0) {
		free(g);
		close(fd);
		return;
	}
	g->control = c;
	g->fd = fd;
	g->poll.data = g;
	DL_APPEND(c->gates, g);
	c->gate_count++;
	uv_poll_start(&g->poll, UV_READABLE, on_readable);
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	int fd;

	(void)events;
	if (status < 0)
		return;
	while ((fd = accept4(c->gate_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		gate_accept(c, fd);
}

int
control_listen_gate(struct control *c)
{
	char path[4096];
	int rc = ipc_run_make(path, sizeof(path), socket_name);

	if (rc == 0)
		rc = c->gate_fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &c->gate_lock_fd);
	if (rc < 0) {
		log_error("gate", "cannot listen on %s: %s", path, ipc_words(rc));
		return rc;
	}
	uv_poll_init(&c->loop, &c->gate_listener, c->gate_fd);
	c->gate_listener.data = c;
	uv_poll_start(&c->gate_listener, UV_READABLE, on_listener);
	return 0;
}

void
control_close_gates(struct control *c)
{
	while (c->gates != NULL)
		gate_free(c->gates);
	if (c->gate_fd >= 0) {
		uv_close((uv_handle_t *)&c->gate_listener, NULL);
		close(c->gate_fd);
	}
	if (c->gate_lock_fd >= 0)
		close(c->gate_lock_fd);
}
