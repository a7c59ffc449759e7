/* http.c - the server: sockets, the library's daemons on the uv loop, starting and stopping. */
#include "http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/http_impl.h"
#include "ipc/ipc.h"
#include "log/log.h"

enum {
	TICK_MAX_MS = 1000,
	TICK_MIN_MS = 20,
	POOL_EXTRA =
	    8192,      /* octets the library's pool needs beside the request head: answer heads */
	BACKLOG = 1024 /* a burst of viewers; the kernel refuses a Unix peer above it */
};

static void
config_defaults(struct http_config *c)
{
	c->body_max = c->body_max > 0 ? c->body_max : 65536;
	c->head_max = c->head_max > 0 ? c->head_max : 16384;
	c->connection_max = c->connection_max > 0 ? c->connection_max : 512;
	c->idle_timeout_ms = c->idle_timeout_ms > 0 ? c->idle_timeout_ms : 30000;
	c->request_timeout_ms = c->request_timeout_ms > 0 ? c->request_timeout_ms : 10000;
	c->answer_timeout_ms = c->answer_timeout_ms > 0 ? c->answer_timeout_ms : 10000;
}

static unsigned
tick_ms(const struct http_server *server)
{
	unsigned least =
	    MIN_OF(server->config.request_timeout_ms, server->config.answer_timeout_ms);

	least = server->stopping ? TICK_MIN_MS : least / 8;
	return MAX_OF(TICK_MIN_MS, MIN_OF(TICK_MAX_MS, least));
}

static void library_log(void *cls, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
library_log(void *cls, const char *format, va_list ap)
{
	/* It has no other word for an error that it answers, as it does heads that are too long. */
	static const char answered[] = "Error processing request";
	struct http_server *server = cls;
	char line[256];

	server->own_answers += strncmp(format, answered, sizeof(answered) - 1) == 0;
	vsnprintf(line, sizeof(line), format, ap);
	log_debug("http", "%.*s", (int)strcspn(line, "\n"), line);
}

static void
handle_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	server->handles--;
	if (server->freed && server->handles == 0)
		free(server);
}

static void
listener_closed(uv_handle_t *handle)
{
	struct http_listener *listener = handle->data;
	struct http_server *server = listener->server;

	free(listener);
	server->handles--;
	if (server->freed && server->handles == 0)
		free(server);
}

static void
on_kick(uv_timer_t *timer)
{
	http_server_run(timer->data);
}

void
http_server_run(struct http_server *server)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < server->listener_count; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		server->own_answers = 0;
		MHD_run(server->listeners[i]->daemon);
		if (server->own_answers > 0)
			http_conn_mark_answered(server);
		if (MHD_get_timeout(server->listeners[i]->daemon, &ms) == MHD_YES)
			least = MIN_OF(least, (uint64_t)ms);
	}
	if (least != UINT64_MAX)
		uv_timer_start(&server->kick, on_kick, least, 0);
	else
		uv_timer_stop(&server->kick);
}

void
http_server_kick(struct http_server *server)
{
	uv_timer_start(&server->kick, on_kick, 0, 0);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct http_listener *listener = poll->data;

	(void)status;
	(void)events;
	http_server_run(listener->server);
}

static bool
conn_is_pending(const struct http_conn *conn)
{
	return conn->state != HTTP_CONN_NEW && conn->state != HTTP_CONN_IDLE;
}

/* After http_server_stop(): report once nothing is pending or the grace is over. */
static void
stop_check(struct http_server *server, uint64_t now_us)
{
	bool pending = false;
	void (*fn)(void *) = server->stopped;

	for (struct http_conn *c = server->conns; c != NULL; c = c->next)
		pending = pending || conn_is_pending(c);
	if (fn == NULL || (pending && now_us < server->stop_us))
		return;
	server->stopped = NULL;
	fn(server->stopped_arg);
}

static void
on_tick(uv_timer_t *timer)
{
	struct http_server *server = timer->data;
	uint64_t now_us = clock_now_us();
	struct http_conn *next;

	for (struct http_conn *conn = server->conns; conn != NULL; conn = next) {
		next = conn->next;
		http_conn_check(conn, now_us);
	}
	http_server_run(server);
	if (server->stopping)
		stop_check(server, now_us);
	else if (server->conns == NULL)
		uv_timer_stop(timer);
}

void
http_server_tick_start(struct http_server *server)
{
	unsigned ms = tick_ms(server);

	if (!uv_is_active((uv_handle_t *)&server->tick))
		uv_timer_start(&server->tick, on_tick, ms, ms);
}

struct http_server *
http_server_new(uv_loop_t *loop, const struct http_config *config)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* the library may use sendfile, which has no MSG_NOSIGNAL */
	server->loop = loop;
	server->config = *config;
	config_defaults(&server->config);
	uv_timer_init(loop, &server->kick);
	uv_timer_init(loop, &server->tick);
	server->kick.data = server->tick.data = server;
	server->handles = 2;
	return server;
}

/* Escapes are decoded by our own parser, once. */
static size_t
no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static struct MHD_Daemon *
daemon_start(struct http_server *server, int fd)
{
	const struct http_config *c = &server->config;
	/* Ours are the deadlines that answer; the library's, which just closes, comes after them.
	 */
	unsigned timeout_ms = MAX_OF(c->idle_timeout_ms, c->request_timeout_ms + 1000);

	/* TURBO: no shutdown() before the completion callbacks, which may still have to answer. */
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, http_request_access, server, MHD_OPTION_EXTERNAL_LOGGER, library_log, server,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, c->connection_max,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, c->head_max + POOL_EXTRA,
	    MHD_OPTION_CONNECTION_TIMEOUT, (timeout_ms + 999) / 1000, MHD_OPTION_STRICT_FOR_CLIENT,
	    0, MHD_OPTION_NOTIFY_CONNECTION, http_conn_notify, server, MHD_OPTION_NOTIFY_COMPLETED,
	    http_request_completed, server, MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, server,
	    MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_END);
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t size = sizeof(ss);
	struct addr a;

	if (getsockname(fd, (struct sockaddr *)&ss, &size) != 0 ||
	    addr_from_sockaddr(&a, (struct sockaddr *)&ss) != 0)
		return 0;
	return addr_port(&a);
}

/* Takes fd and lock_fd, on failure too. */
static int
listen_on(struct http_server *server, int fd, int lock_fd)
{
	struct http_listener *listener = calloc(1, sizeof(*listener));
	const union MHD_DaemonInfo *info;
	int error = -ENOMEM;

	if (listener == NULL || server->listener_count == HTTP_LISTENER_MAX)
		goto fail;
	*listener = (struct http_listener){.server = server, .fd = fd, .lock_fd = lock_fd};
	listener->port = port_of(fd);
	listener->daemon = daemon_start(server, fd);
	if (listener->daemon == NULL)
		goto fail;
	info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	error = uv_poll_init(server->loop, &listener->poll, info->epoll_fd);
	if (error != 0) {
		MHD_stop_daemon(listener->daemon);
		fd = -1;
		goto fail;
	}
	listener->poll.data = listener;
	server->handles++;
	server->listeners[server->listener_count++] = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	return 0;
fail:
	free(listener);
	if (fd >= 0)
		close(fd);
	if (lock_fd >= 0)
		close(lock_fd);
	return error;
}

int
http_server_listen_fd(struct http_server *server, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return listen_on(server, fd, -1);
}

static int
tcp_socket(const struct addr *a, bool dual)
{
	int one = 1, zero = 0, error;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? &zero : &one, sizeof(one));
	if (bind(fd, &a->sa, addr_size(a)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* A port alone, on all addresses of the host given as text. */
static int
any_socket(const char *host, const char *port, bool dual)
{
	struct addr a;
	char text[32];

	if (!text_copy(text, sizeof(text), host) ||
	    !text_copy(text + strlen(host), sizeof(text) - strlen(host), port) ||
	    addr_parse(&a, text, 0) != 0)
		return -EINVAL;
	return tcp_socket(&a, dual);
}

int
http_tcp_socket(const char *text)
{
	struct addr a;
	int fd;

	if (strspn(text, "0123456789") == strlen(text)) {
		fd = any_socket("[::]:", text, true);
		if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) /* a host without IPv6 */
			fd = any_socket("0.0.0.0:", text, false);
		return fd;
	}
	return addr_parse(&a, text, 0) == 0 ? tcp_socket(&a, false) : -EINVAL;
}

int
http_server_listen_tcp(struct http_server *server, const char *text)
{
	int fd = http_tcp_socket(text);

	return fd < 0 ? fd : listen_on(server, fd, -1);
}

int
http_server_listen_unix(struct http_server *server, const char *name)
{
	char path[108]; /* sun_path of unix(7) */
	int error = ipc_run_make(path, sizeof(path), name), fd, lock_fd;

	if (error != 0)
		return error;
	fd = ipc_listen(path, SOCK_STREAM, 0600, &lock_fd);
	if (fd >= 0 && listen(fd, BACKLOG) != 0) /* again: to wait longer than ipc_listen's */
		log_warn("http", "cannot widen the backlog of %s: %s", name, strerror(errno));
	return fd < 0 ? fd : listen_on(server, fd, lock_fd);
}

uint16_t
http_server_port(const struct http_server *server, size_t index)
{
	return index < server->listener_count ? server->listeners[index]->port : 0;
}

void
http_server_stop(struct http_server *server, unsigned grace_ms, void (*fn)(void *arg), void *arg)
{
	unsigned ms;

	for (size_t i = 0; i < server->listener_count; i++) {
		MHD_socket fd = MHD_quiesce_daemon(server->listeners[i]->daemon);

		if (fd != MHD_INVALID_SOCKET)
			close(fd);
		server->listeners[i]->fd = -1;
	}
	server->stopping = true;
	http_stream_end_all(server);
	server->stop_us = clock_now_us() + (uint64_t)grace_ms * 1000;
	server->stopped = fn;
	server->stopped_arg = arg;
	uv_timer_stop(&server->tick);
	ms = tick_ms(server);
	uv_timer_start(&server->tick, on_tick, 0, ms);
}

void
http_server_free(struct http_server *server)
{
	if (server == NULL)
		return;
	for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
		if (conn->state == HTTP_CONN_ANSWERING)
			http_request_vanish(conn->req, 503);
	http_stream_end_all(server);
	for (size_t i = 0; i < server->listener_count; i++) {
		struct http_listener *listener = server->listeners[i];

		MHD_run(listener->daemon); /* lets the last answers out */
		uv_poll_stop(&listener->poll);
		MHD_stop_daemon(listener->daemon);
		if (listener->lock_fd >= 0)
			close(listener->lock_fd);
		uv_close((uv_handle_t *)&listener->poll, listener_closed);
	}
	server->listener_count = 0;
	server->freed = true;
	uv_close((uv_handle_t *)&server->kick, handle_closed);
	uv_close((uv_handle_t *)&server->tick, handle_closed);
}

void *
http_server_arg(const struct http_server *server)
{
	return server->config.arg;
}

int
http_config_add_proxy(struct http_config *config, const char *text)
{
	struct addr a;

	if (config->proxy_count == HTTP_PROXY_MAX)
		return -ENOSPC;
	if (addr_parse(&a, text, 0) != 0)
		return -EINVAL;
	config->proxies[config->proxy_count++] = a;
	return 0;
}
