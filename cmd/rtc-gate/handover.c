/*
 * handover.c - media by TCP (ICE-TCP, RFC 6544) on a port of the web: the connection's first frame
 * (RFC 4571) is a STUN request, and with it the connection goes to the relay (rtc-control(5)).
 */
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/ipc.h"
#include "log/log.h"
#include "tcp/tcp_handover.h"

bool
handover_may_begin(uint8_t first)
{
	return tcp_handover_judge(&first, 1) >= 0;
}

size_t
handover_room(const struct client *client)
{
	return TCP_HANDOVER_OCTETS_MAX - client->in_size;
}

/* The relay's socket; one that was restarted is found again. */
static int
connect_relay(struct gate *gate)
{
	char path[4096];
	int error;

	if (gate->relay_fd >= 0)
		close(gate->relay_fd);
	gate->relay_fd = -1;
	error = ipc_run_path(path, sizeof(path), "relay/tcp.sock");
	if (error == 0)
		error = gate->relay_fd = ipc_connect(path, SOCK_SEQPACKET);
	return error < 0 ? error : 0;
}

static int
send_fd(int to, const uint8_t *buf, size_t size, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} room = {0};
	struct iovec iov = {(void *)(uintptr_t)buf, size};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room.buf,
			   .msg_controllen = sizeof(room.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* 0 or -errno. A connection to a relay that is gone shows only when something is sent. */
static int
pass_on(struct gate *gate, const uint8_t *buf, size_t size, int fd)
{
	int error = -ENOTCONN;

	if (gate->relay_fd >= 0)
		error = send_fd(gate->relay_fd, buf, size, fd);
	if (error == 0 || error == -EAGAIN)
		return error;
	error = connect_relay(gate);
	return error == 0 ? send_fd(gate->relay_fd, buf, size, fd) : error;
}

static void
complain(struct log_limit *limit, const struct client *client, const char *what, const char *why)
{
	char peer[ADDR_TEXT_SIZE];
	unsigned held;

	if (log_allow(limit, clock_now_us(), &held))
		log_warn("tcp", "%s: %s%s", addr_format(&client->peer, peer), what, why);
}

static void
hand_over(struct client *client)
{
	static struct log_limit limit = {.interval_us = 1000000, .burst = 1};
	const struct tcp_handover h = {
	    .tuple = {.remote = client->peer, .local = client->local, .proto = ICE_TCP},
	    .octets = (const uint8_t *)client->in,
	    .size = client->in_size};
	uint8_t buf[TCP_HANDOVER_SIZE_MAX];
	char peer[ADDR_TEXT_SIZE];
	int size, error, fd;

	client_read(client, false);
	size = error = tcp_handover_write(buf, &h);
	if (size > 0)
		error = uv_fileno((uv_handle_t *)&client->tcp, &fd);
	if (error == 0)
		error = pass_on(client->gate, buf, (size_t)size, fd);
	if (error == 0)
		log_info("tcp", "%s goes to the relay", addr_format(&client->peer, peer));
	else
		complain(
		    &limit, client,
		    "cannot go to the relay (is it started with --tcp-gate?): ", ipc_words(error));
	client_close(client); /* our copy only */
}

void
handover_input(struct client *client)
{
	static struct log_limit limit = {.interval_us = 1000000, .burst = 1};
	int result = tcp_handover_judge((const uint8_t *)client->in, client->in_size);

	if (result > 0) {
		hand_over(client);
	} else if (result < 0) {
		complain(&limit, client, "neither a request nor media by TCP", "");
		client_close(client);
	} else if (client->state == CLIENT_DOOR) {
		client_enter(client, CLIENT_FRAME);
	}
}
