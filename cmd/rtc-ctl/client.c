#include "client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "ipc/ipc.h"

enum { PROTOCOL_VERSION = 1, REPLY_TIMEOUT_US = 5000000 };

/* Wait until the socket can be read. 0, -ETIMEDOUT or -errno. */
static int
wait_readable(int fd, uint64_t deadline_us)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now_us = clock_now_us();
		int timeout_ms = -1, n;

		if (deadline_us != CLOCK_NEVER)
			timeout_ms = now_us < deadline_us
					 ? (int)((deadline_us - now_us) / 1000 % INT_MAX) + 1
					 : 0;
		n = poll(&p, 1, timeout_ms);
		if (n > 0)
			return 0;
		if (n == 0 && clock_now_us() >= deadline_us)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int
receive(struct client *c, uint64_t deadline_us, json_t **message)
{
	json_t *msg;
	ssize_t n;

	do {
		int err = wait_readable(c->fd, deadline_us);

		if (err != 0)
			return err;
		n = recv(c->fd, c->buf, IPC_MESSAGE_MAX, 0);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	msg = json_loadb(c->buf, (size_t)n, 0, NULL);
	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EPROTO;
	}
	*message = msg;
	return 0;
}

int
client_next(struct client *c, uint64_t timeout_us, json_t **message)
{
	return receive(c, timeout_us > 0 ? clock_now_us() + timeout_us : CLOCK_NEVER, message);
}

static int
take_hello(struct client *c)
{
	int err = client_next(c, REPLY_TIMEOUT_US, &c->hello);

	if (err != 0)
		return err;
	if (strcmp(json_string_value(json_object_get(c->hello, "event")) ?: "", "hello") != 0)
		return -EPROTO;
	return 0;
}

int
client_open(struct client *c, const char *path, char *path_out, size_t size)
{
	char dir[PATH_MAX];
	int err = 0;

	*c = (struct client){.fd = -1};
	if (path == NULL)
		err = ipc_run_dir(dir, sizeof(dir), false);
	if (err != 0)
		return err;
	if (path != NULL)
		text_copy(path_out, size, path);
	else if (snprintf(path_out, size, "%s/relay/admin.sock", dir) >= (int)size)
		return -ENAMETOOLONG;
	c->buf = malloc(IPC_MESSAGE_MAX);
	if (c->buf == NULL)
		return -ENOMEM;
	c->fd = ipc_connect(path_out, SOCK_SEQPACKET);
	err = c->fd < 0 ? c->fd : take_hello(c);
	if (err != 0)
		client_close(c);
	return err;
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	json_decref(c->hello);
	free(c->buf);
	*c = (struct client){.fd = -1};
}

static int
send_request(struct client *c, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int err = 0;

	if (text == NULL)
		return -ENOMEM;
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		err = -errno;
	free(text);
	return err;
}

int
client_ask(struct client *c, json_t *request, json_t **reply)
{
	uint64_t deadline_us = clock_now_us() + REPLY_TIMEOUT_US;
	int err;

	json_object_set_new(request, "v", json_integer(PROTOCOL_VERSION));
	json_object_set_new(request, "id", json_integer(++c->last_id));
	err = send_request(c, request);
	json_decref(request);
	while (err == 0) {
		json_t *msg;

		err = receive(c, deadline_us, &msg);
		if (err != 0)
			return err;
		if (json_integer_value(json_object_get(msg, "id")) == c->last_id) {
			*reply = msg;
			return 0;
		}
		json_decref(msg);
	}
	return err;
}
