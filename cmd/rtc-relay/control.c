/* control.c - the control thread's loop, and the workers' words. */
#include "control.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

enum {
	TICK_MS = 1000,
	RETRY_MS = 2,	 /* when a channel to a worker was full */
	STOP_US = 700000 /* sessions' farewells may take so long */
};

static const char *const socket_names[ROLES] = {
    [ROLE_SIGNAL] = "relay/signal.sock",
    [ROLE_MEDIA] = "relay/media.sock",
    [ROLE_ADMIN] = "relay/admin.sock",
};

typedef void msg_fn(struct control *c, unsigned worker, const struct chan_msg *msg);

static struct csession *
session_of(struct control *c, uint64_t serial)
{
	struct csession *cs = csession_find(c, serial);

	return cs != NULL && cs->state != STATE_ENDING ? cs : NULL;
}

static void
on_claimed(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct msg_path m;
	struct csession *cs;

	memcpy(&m, msg->data, sizeof(m));
	cs = session_of(c, m.serial);
	if (cs == NULL)
		return;
	if (cs->stream->publisher == cs) {
		cstream_home(cs->stream, c, (int)worker);
		cstream_tell_wanted(cs->stream);
	} else if (cs->shared.kind == SESSION_LOCAL_CONTRIBUTE)
		cstream_tell_wanted(cs->stream);
	else
		csession_bind(cs);
}

static void
on_selected(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct msg_path m;
	struct csession *cs;

	(void)worker;
	memcpy(&m, msg->data, sizeof(m));
	cs = session_of(c, m.serial);
	if (cs == NULL)
		return;
	cs->path = m.tuple;
	cs->has_path = true;
	cdtls_path(cs);
}

static void
on_dtls(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct msg_datagram m;
	struct csession *cs;

	(void)worker;
	memcpy(&m, msg->data, sizeof(m));
	cs = session_of(c, m.serial);
	if (cs != NULL)
		cdtls_input(cs, msg->data + sizeof(m), msg->size - sizeof(m));
}

static void
on_ended(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct msg_ended m;
	struct csession *cs;

	(void)worker;
	memcpy(&m, msg->data, sizeof(m));
	cs = session_of(c, m.serial);
	if (cs != NULL)
		csession_end(cs, m.reason);
}

static void
on_forgotten(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct session *s;

	(void)worker;
	memcpy(&s, msg->data, sizeof(s));
	csession_forgotten(c, s);
}

static void
on_interest(struct control *c, unsigned worker, const struct chan_msg *msg)
{
	struct msg_interest m;

	memcpy(&m, msg->data, sizeof(m));
	cstream_interest(c, worker, &m);
}

static msg_fn *const dispatch[M_TYPES] = {
    [M_CLAIMED] = on_claimed, [M_SELECTED] = on_selected,   [M_DTLS_IN] = on_dtls,
    [M_ENDED] = on_ended,     [M_FORGOTTEN] = on_forgotten, [M_INTEREST] = on_interest,
};

void
control_settle(struct control *c)
{
	bool kept = false;

	for (unsigned i = 0; i < c->worker_count; i++)
		kept |= chan_kick(c->to[i]);
	if (kept && uv_timer_get_due_in(&c->tick) > RETRY_MS)
		uv_timer_start(&c->tick, c->tick.timer_cb, RETRY_MS, TICK_MS);
}

static void
on_wake(uv_async_t *async)
{
	struct control *c = async->data;
	struct chan_msg msg;

	c->now_us = clock_now_us();
	for (unsigned i = 0; i < c->worker_count; i++)
		while (chan_next(c->from[i], &msg)) {
			if (msg.type < M_TYPES && dispatch[msg.type] != NULL)
				dispatch[msg.type](c, i, &msg);
			chan_done(c->from[i]);
		}
	control_settle(c);
	if (c->stopping && c->by_serial == NULL)
		uv_stop(&c->loop);
}

static void
on_tick(uv_timer_t *timer)
{
	struct control *c = timer->data;

	c->now_us = clock_now_us();
	csession_expire(c);
	control_measure(c);
	control_settle(c);
	if (c->stopping && c->now_us - c->stop_us > STOP_US)
		uv_stop(&c->loop);
}

static void
on_handshake_tick(uv_timer_t *timer)
{
	struct control *c = timer->data;

	c->now_us = clock_now_us();
	cdtls_tick(c);
	control_settle(c);
}

void
control_post(struct control *c, unsigned worker, unsigned type, const void *data, size_t size)
{
	chan_post_sure(c->to[worker], type, data, size);
}

void
control_post_all(struct control *c, unsigned type, const void *data, size_t size)
{
	for (unsigned i = 0; i < c->worker_count; i++)
		chan_post_sure(c->to[i], type, data, size);
}

struct control *
control_new(bool rsa)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->dtls_ctx = rsa ? dtls_ctx_new_rsa() : dtls_ctx_new();
	if (c->dtls_ctx == NULL || uv_loop_init(&c->loop) < 0) {
		dtls_ctx_free(c->dtls_ctx);
		free(c);
		return NULL;
	}
	for (size_t i = 0; i < ROLES; i++)
		c->listen_fds[i] = c->lock_fds[i] = -1;
	c->gate_fd = c->gate_lock_fd = -1;
	c->now_us = c->started_us = clock_now_us();
	c->next_serial = 1;
	c->stun_timeout_us = (uint64_t)STUN_TIMEOUT_DEFAULT_MS * 1000;
	c->nack = c->twcc = true;
	c->limit_log = (struct log_limit){.interval_us = 10000000, .burst = 3};
	c->dtls_log = (struct log_limit){.interval_us = 10000000, .burst = 10};
	uv_async_init(&c->loop, &c->wake, on_wake);
	uv_timer_init(&c->loop, &c->tick);
	uv_timer_init(&c->loop, &c->handshake_tick);
	c->wake.data = c->tick.data = c->handshake_tick.data = c;
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
	c->handshake_tick.timer_cb = on_handshake_tick;
	return c;
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	enum role role = (enum role)(poll - c->listeners);
	int fd;

	(void)events;
	if (status < 0)
		return;
	c->now_us = clock_now_us();
	while ((fd = accept4(c->listen_fds[role], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		peer_accept(c, role, fd);
	control_settle(c);
}

int
control_listen(struct control *c)
{
	for (size_t i = 0; i < ROLES; i++) {
		char path[4096];
		int rc = ipc_run_make(path, sizeof(path), socket_names[i]);

		if (rc == 0)
			rc = c->listen_fds[i] =
			    ipc_listen(path, SOCK_SEQPACKET, 0600, &c->lock_fds[i]);
		if (rc < 0) {
			log_error("control", "cannot listen on %s: %s", path, ipc_words(rc));
			return rc;
		}
		uv_poll_init(&c->loop, &c->listeners[i], c->listen_fds[i]);
		c->listeners[i].data = c;
		uv_poll_start(&c->listeners[i], UV_READABLE, on_listener);
	}
	return 0;
}

void
control_run(struct control *c)
{
	uv_run(&c->loop, UV_RUN_DEFAULT);
}

void
control_stop(struct control *c)
{
	struct csession *cs, *next;

	if (c->stopping)
		return;
	c->stopping = true;
	c->now_us = c->stop_us = clock_now_us();
	HASH_ITER(by_serial, c->by_serial, cs, next)
	if (cs->state != STATE_ENDING)
		csession_end(cs, END_SHUTDOWN);
	control_settle(c);
	uv_timer_start(&c->tick, on_tick, STOP_US / 1000, 100);
	if (c->by_serial == NULL)
		uv_stop(&c->loop);
}

void
control_free(struct control *c)
{
	struct csession *cs, *next;
	struct stream *s, *next_stream;

	/* The workers are gone: nobody forgets any more. */
	HASH_ITER(by_serial, c->by_serial, cs, next)
	{
		cs->forgets = 1;
		csession_forgotten(c, &cs->shared);
	}
	HASH_ITER(by_serial, c->streams_by_serial, s, next_stream)
	{
		HASH_DELETE(by_serial, c->streams_by_serial, s);
		HASH_DELETE(by_name, c->streams_by_name, s);
		free(s);
	}
	while (c->peers != NULL)
		peer_free(c->peers);
	control_close_gates(c);
	loop_finish(&c->loop);
	for (size_t i = 0; i < ROLES; i++) {
		if (c->listen_fds[i] >= 0)
			close(c->listen_fds[i]);
		if (c->lock_fds[i] >= 0)
			close(c->lock_fds[i]);
	}
	dtls_ctx_free(c->dtls_ctx);
	free(c);
}
