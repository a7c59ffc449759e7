/*
 * parent.c - accepts and does little else: each connection is served by a process of its own,
 * which is this program executed again with the descriptor.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "lobby.h"
#include "log/log.h"
#include "loop/loop.h"
#include "modes.h"
#include "tls/tls.h"
#include "whip/whip_auth.h"

enum {
	BACKLOG = 512,
	CHILD_FD = 3,
	ARGS_MAX = 64,
	SOCKETS_MAX = 4 * LISTEN_MAX, /* both families, with TLS and without */
	STOP_MS = 3000,		      /* for children to say goodbye */
	REST_MS = 100		      /* after accept() found no descriptor left */
};

struct child {
	uv_process_t process;
	struct addr peer;
	struct child *next;
};

static struct {
	const struct options *options;
	uv_loop_t loop;
	uv_poll_t sockets[SOCKETS_MAX];
	struct listener {
		int fd;
		bool tls;
	} listeners[SOCKETS_MAX];
	unsigned socket_count, child_count;
	uv_timer_t stop, rest;
	bool stopping;
	struct child *children;
	char *args[2][ARGS_MAX], fd_text[16]; /* of children without TLS and with it */
	struct log_limit limit;
} p = {.limit = {.interval_us = 10000000, .burst = 5}};

static void on_connection(uv_poll_t *poll, int status, int events);

/* ---- children ---- */

static void
release(uv_handle_t *handle)
{
	free(handle->data);
}

static void
on_exit_of(uv_process_t *process, int64_t status, int signum)
{
	struct child *child = process->data;
	char text[ADDR_TEXT_SIZE];

	for (struct child **at = &p.children; *at != NULL; at = &(*at)->next)
		if (*at == child) {
			*at = child->next;
			break;
		}
	p.child_count--;
	if (signum != 0 && signum != SIGTERM && signum != SIGKILL)
		log_error("child", "of %s died of signal %d", addr_format(&child->peer, text),
			  signum);
	else if (status != 0)
		log_warn("child", "of %s ended with status %d", addr_format(&child->peer, text),
			 (int)status);
	uv_close((uv_handle_t *)process, release);
	if (p.stopping && p.child_count == 0)
		uv_stop(&p.loop);
}

static unsigned
count_of(const struct addr *peer)
{
	unsigned count = lobby_count_of(peer);

	for (const struct child *c = p.children; c != NULL; c = c->next)
		count += addr_same_source(&c->peer, peer);
	return count;
}

static bool
has_room(const struct addr *peer)
{
	bool all = p.child_count + lobby_count() < p.options->children_max;
	bool here = count_of(peer) < p.options->per_address_max;
	char text[ADDR_TEXT_SIZE];
	unsigned suppressed;

	if (all && here)
		return true;
	if (log_allow(&p.limit, clock_now_us(), &suppressed))
		log_warn("limit", "%s is turned away: %s", addr_format(peer, text),
			 all ? "--max-per-address" : "--max-children");
	return false;
}

static void
spawn(int fd, bool tls, const struct addr *peer)
{
	struct child *child = calloc(1, sizeof(*child));
	uv_stdio_container_t stdio[] = {
	    {.flags = UV_IGNORE},
	    {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
	    {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	    {.flags = UV_INHERIT_FD, .data.fd = fd},
	};
	const uv_process_options_t options = {.exit_cb = on_exit_of,
					      .file = "/proc/self/exe",
					      .args = p.args[tls],
					      .stdio_count = ARRAY_COUNT(stdio),
					      .stdio = stdio};
	int rc;

	if (child == NULL)
		return;
	child->peer = *peer;
	child->process.data = child;
	rc = uv_spawn(&p.loop, &child->process, &options);
	if (rc < 0) {
		log_error("child", "%s", strerror(-rc));
		uv_close((uv_handle_t *)&child->process, release);
		return;
	}
	child->next = p.children;
	p.children = child;
	p.child_count++;
}

/* ---- sockets ---- */

static void
resume(uv_timer_t *timer)
{
	(void)timer;
	for (unsigned i = 0; i < p.socket_count; i++)
		uv_poll_start(&p.sockets[i], UV_READABLE, on_connection);
}

static void
rest(void)
{
	for (unsigned i = 0; i < p.socket_count; i++)
		uv_poll_stop(&p.sockets[i]);
	uv_timer_start(&p.rest, resume, REST_MS, 0);
}

static void
on_connection(uv_poll_t *poll, int status, int events)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr peer = {0};
	const struct listener *from = poll->data;
	int fd = accept4(from->fd, (struct sockaddr *)&ss, &size, SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest();
		return;
	}
	addr_from_sockaddr(&peer, (struct sockaddr *)&ss);
	if (has_room(&peer))
		lobby_take(fd, from->tls, &peer);
	else
		close(fd);
}

/* One socket that listens on *a. 0 or -errno. */
static int
listen_on(const struct addr *a, bool tls)
{
	int on = 1, fd, rc;

	if (p.socket_count == SOCKETS_MAX)
		return -ENOBUFS;
	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->sa, addr_size(a)) < 0 || listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	p.listeners[p.socket_count] = (struct listener){.fd = fd, .tls = tls};
	uv_poll_init(&p.loop, &p.sockets[p.socket_count], fd);
	p.sockets[p.socket_count].data = &p.listeners[p.socket_count];
	uv_poll_start(&p.sockets[p.socket_count++], UV_READABLE, on_connection);
	return 0;
}

/* "port", "v4:port", "[v6]:port"; a port alone is of both families, where there are both. */
static int
listen_text(const char *text, bool tls)
{
	char with_host[128];
	struct addr a;
	int v4, v6;

	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		snprintf(with_host, sizeof(with_host), "0.0.0.0:%s", text);
		if (addr_parse(&a, with_host, 0) < 0)
			return -EINVAL;
		v4 = listen_on(&a, tls);
		snprintf(with_host, sizeof(with_host), "[::]:%s", text);
		addr_parse(&a, with_host, 0);
		v6 = listen_on(&a, tls);
		return v4 == 0 || (v6 == 0 && v4 == -EAFNOSUPPORT) ? 0 : v4;
	}
	return addr_parse(&a, text, 0) < 0 || addr_port(&a) == 0 ? -EINVAL : listen_on(&a, tls);
}

static int
listen_all(const char *const *texts, unsigned count, bool tls)
{
	for (unsigned i = 0; i < count; i++) {
		const char *text = texts[i];
		int rc = listen_text(text, tls);

		if (rc == -EINVAL) {
			log_error("listen", "%s: want [ADDRESS:]PORT", text);
			return EX_USAGE;
		}
		if (rc < 0) {
			log_error("listen", "%s: %s", text, strerror(-rc));
			return rc == -EACCES || rc == -EADDRINUSE ? EX_TEMPFAIL : EX_OSERR;
		}
	}
	return EX_OK;
}

/* ---- the process ---- */

static void
on_stop(uv_timer_t *timer)
{
	(void)timer;
	uv_stop(&p.loop);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	(void)signum;
	p.stopping = true;
	for (unsigned i = 0; i < p.socket_count; i++)
		uv_poll_stop(&p.sockets[i]);
	uv_timer_stop(&p.rest);
	lobby_close();
	for (struct child *c = p.children; c != NULL; c = c->next)
		uv_process_kill(&c->process, SIGTERM);
	uv_timer_start(&p.stop, on_stop, p.child_count > 0 ? STOP_MS : 0, 0);
}

/* The same options and the descriptor; not those that are the parent's. */
static void
make_args(char **args, bool tls)
{
	static char opus[16], delay[16],
	    connection[] = "--connection", opus_flag[] = "--opus-bitrate", relay[] = "--relay",
	    token[] = "--token-file", level[] = "--log-level", cert[] = "--cert", key[] = "--key",
	    bframes[] = "--bframes", sei[] = "--no-sei", h265[] = "--h265-to-h264",
	    hook[] = "--hook", delay_flag[] = "--playout-delay", name[] = "rtmp2rtc";
	const struct {
		char *flag;
		const char *value;
	} rows[] = {{relay, p.options->relay},
		    {token, p.options->token_file},
		    {level, p.options->log_level},
		    {opus_flag, opus},
		    {delay_flag, delay},
		    {bframes, bframe_modes[p.options->video.bframes]},
		    {cert, tls ? p.options->cert : NULL},
		    {key, tls ? p.options->key : NULL},
		    {connection, p.fd_text}};
	size_t n = 0;

	snprintf(opus, sizeof(opus), "%u", p.options->opus_bps);
	snprintf(delay, sizeof(delay), "%u", p.options->playout_delay_ms);
	snprintf(p.fd_text, sizeof(p.fd_text), "%d", CHILD_FD);
	args[n++] = name;
	if (p.options->video.h265_to_h264)
		args[n++] = h265;
	if (p.options->video.drop_sei)
		args[n++] = sei;
	if (p.options->hook)
		args[n++] = hook;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].value == NULL)
			continue;
		args[n++] = rows[i].flag;
		args[n++] = (char *)(uintptr_t)rows[i].value;
	}
}

/* A file of tokens that cannot be read would turn everybody away: say so at the start. */
static int
check_tokens(void)
{
	static struct whip_auth auth;
	int rc = p.options->token_file != NULL ? whip_auth_load(&auth, p.options->token_file) : 0;

	whip_auth_fini(&auth);
	if (rc == 0)
		return EX_OK;
	log_error("options", "%s: %s", p.options->token_file, strerror(-rc));
	return EX_NOINPUT;
}

/* Likewise; a child reads the files again, as they are then. */
static int
check_certificate(void)
{
	const struct tls_pair pair = {.cert = p.options->cert, .key = p.options->key};
	char words[TLS_WORDS_SIZE];
	struct tls_ctx *ctx;

	if (pair.cert == NULL)
		return EX_OK;
	ctx = tls_ctx_load(&pair, 1, NULL, words);
	if (ctx == NULL) {
		log_error("tls", "%s", words);
		return EX_CONFIG;
	}
	tls_ctx_unref(ctx);
	return EX_OK;
}

static void
tear_down(void)
{
	while (p.children != NULL) {
		struct child *c = p.children;

		p.children = c->next;
		uv_close((uv_handle_t *)&c->process, release);
	}
	loop_finish(&p.loop);
	for (unsigned i = 0; i < p.socket_count; i++)
		close(p.listeners[i].fd);
}

int
parent_run(const struct options *o)
{
	int code, rc;

	p.options = o;
	code = check_tokens();
	if (code == EX_OK)
		code = check_certificate();
	if (code != EX_OK)
		return code;
	make_args(p.args[false], false);
	make_args(p.args[true], true);
	uv_loop_init(&p.loop);
	uv_timer_init(&p.loop, &p.stop);
	uv_timer_init(&p.loop, &p.rest);
	lobby_open(&p.loop, o->rate, spawn);
	loop_on_signal(&p.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&p.loop, SIGTERM, on_signal, NULL);
	code = listen_all(o->listen, o->listen_count, false);
	if (code == EX_OK)
		code = listen_all(o->tls, o->tls_count, true);
	rc = code == EX_OK ? loop_drop_privileges(o->user) : 0;
	if (rc < 0) {
		log_error("options", "user %s: %s", o->user, strerror(-rc));
		code = EX_NOUSER;
	}
	if (code == EX_OK) {
		loop_ready(o->ready_fd);
		uv_run(&p.loop, UV_RUN_DEFAULT);
	}
	tear_down();
	return code;
}
