/* worker.c - the media thread: its loop, its turn, its messages. */
#include "worker.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

enum {
	RECEIVE_ROUNDS = 4, /* batches taken from a socket before the fan-out */
	RETRY_US = 1000	    /* when a channel was full */
};

static void stop(struct worker *w, const struct chan_msg *msg);

typedef void msg_fn(struct worker *w, const struct chan_msg *msg);

static msg_fn *const dispatch[M_TYPES] = {
    [M_SESSION_ADD] = ws_add,
    [M_SESSION_DEL] = ws_del,
    [M_DTLS_OUT] = ws_dtls_out,
    [M_KEYS] = ws_keys,
    [M_BIND] = ws_bind,
    [M_RESTART] = ws_restart,
    [M_STREAM_PUBLISH] = stream_publish,
    [M_STREAM_MASK] = stream_mask,
    [M_STREAM_END] = stream_end,
    [M_STREAM_FREE] = stream_release,
    [M_LOCAL_ADD] = local_add,
    [M_LOCAL_TEXT] = local_text,
    [M_STOP] = stop,
    [M_RAW] = ingress_forwarded,
    [M_HELD] = path_held,
    [M_STRAY] = moved_stray,
    [M_MOVED] = path_moved,
    [M_TCP] = wtcp_adopt,
    [M_PACKET] = stream_packet,
    [M_KEYFRAME] = stream_keyframe_message,
    [M_CLOCK] = stream_clock_message,
};

static void
stop(struct worker *w, const struct chan_msg *msg)
{
	(void)msg;
	w->stopping = true;
	uv_stop(&w->loop);
}

static void
drain(struct worker *w, struct chan *c)
{
	struct chan_msg msg;

	while (c != NULL && chan_next(c, &msg)) {
		if (msg.type < M_TYPES && dispatch[msg.type] != NULL)
			dispatch[msg.type](w, &msg);
		chan_done(c);
	}
}

static void
drain_all(struct worker *w)
{
	drain(w, w->from_control);
	for (unsigned i = 0; i < w->count; i++)
		drain(w, w->from[i]);
}

static void
on_wake(uv_async_t *async)
{
	struct worker *w = async->data;

	w->now_us = clock_now_us();
	drain_all(w);
	worker_settle(w);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct worker *w = ((struct worker *)poll->data);
	struct udp *u = w->udp[poll - w->polls];

	(void)events;
	if (status < 0)
		return;
	w->now_us = clock_now_us();
	for (int round = 0; round < RECEIVE_ROUNDS; round++) {
		const struct udp_in *in;
		int n = udp_receive(u, &in);

		/* What was sent after a session was announced, or a path was held by another
		 * worker, finds it so, whoever wakes us first. */
		drain_all(w);

		for (int i = 0; i < n; i++) {
			STAT_ADD(w->stats.rx_packets, 1);
			STAT_ADD(w->stats.rx_octets, in[i].size);
			ingress_datagram(w, &in[i].tuple, in[i].buf, in[i].size);
		}
		if (n < UDP_BATCH)
			break;
	}
	worker_settle(w);
}

static void
on_tcp(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;

	(void)events;
	if (status < 0)
		return;
	w->now_us = clock_now_us();
	drain_all(w); /* as for datagrams */
	tcp_turn(w->tcp, w->now_us);
	worker_settle(w);
}

static void
on_check(uv_check_t *check)
{
	struct worker *w = check->data;

	if (w->dirty != NULL)
		worker_settle(w);
}

static void
on_timer(uv_timer_t *timer)
{
	struct worker *w = timer->data;
	struct wheel_entry *e;

	w->now_us = clock_now_us();
	w->timer_us = CLOCK_NEVER;
	while ((e = wheel_due(&w->wheel, w->now_us)) != NULL)
		ws_timeout((struct wsession *)((char *)e - offsetof(struct wsession, timer)));
	if (w->tcp != NULL)
		tcp_timeout(w->tcp, w->now_us);
	worker_settle(w);
}

static void
fan_out(struct worker *w)
{
	while (w->dirty != NULL) {
		struct wstream *s = w->dirty;

		w->dirty = s->dirty_next;
		s->dirty = false;
		stream_forward(s, w);
		stream_equalise(s);
		if (s->layered)
			layers_update(s, w->now_us);
		for (size_t i = 0; i < s->subscriber_count; i++) {
			struct wsession *ws = s->subscribers[i];

			if (ws->local != NULL)
				local_fanout(ws, s);
			else
				play_fanout(ws, s);
		}
	}
}

static void
arm(struct worker *w, uint64_t at_us)
{
	if (at_us == w->timer_us)
		return;
	w->timer_us = at_us;
	if (at_us == CLOCK_NEVER) {
		uv_timer_stop(&w->timer);
		return;
	}
	uv_update_time(&w->loop);
	uv_timer_start(&w->timer, on_timer,
		       at_us > w->now_us ? (at_us - w->now_us + 999) / 1000 : 0, 0);
}

static void
count_sent(struct worker *w)
{
	struct udp_counters sum = {0};

	for (size_t i = 0; i < w->udp_count; i++) {
		const struct udp_counters *c = udp_counters(w->udp[i]);

		sum.packets += c->packets;
		sum.octets += c->octets;
		sum.dropped += c->dropped;
	}
	if (w->tcp != NULL) {
		const struct tcp_counters *c = tcp_counters(w->tcp);

		sum.packets += c->packets;
		sum.octets += c->octets;
		sum.dropped += c->dropped;
		STAT_SET(w->stats.tcp_connections, c->connections);
		STAT_SET(w->stats.tcp_accepted, c->accepted);
		STAT_SET(w->stats.tcp_refused, c->refused);
	}
	STAT_SET(w->stats.tx_packets, sum.packets);
	STAT_SET(w->stats.tx_octets, sum.octets);
	STAT_SET(w->stats.tx_dropped, sum.dropped);
}

void
worker_settle(struct worker *w)
{
	uint64_t at;
	bool kept;

	fan_out(w);
	for (size_t i = 0; i < w->udp_count; i++)
		udp_flush(w->udp[i]);
	if (w->tcp != NULL)
		tcp_flush(w->tcp, w->now_us);
	count_sent(w);
	kept = chan_kick(w->to_control);
	for (unsigned i = 0; i < w->count; i++)
		kept |= w->to[i] != NULL && chan_kick(w->to[i]);
	at = wheel_next(&w->wheel);
	if (w->tcp != NULL)
		at = MIN_OF(at, tcp_deadline(w->tcp));
	arm(w, kept ? MIN_OF(at, w->now_us + RETRY_US) : at);
}

struct wout
worker_out(struct worker *w, const struct ice_tuple *to)
{
	struct wout o = {NULL, NULL};

	if (to->proto == ICE_TCP) {
		o.tcp = w->tcp != NULL ? tcp_find(w->tcp, to->channel) : NULL;
		return o;
	}
	for (size_t i = 0; i < w->udp_count && o.udp == NULL; i++)
		if (udp_family(w->udp[i]) == to->remote.sa.sa_family)
			o.udp = w->udp[i];
	return o;
}

void
worker_post(struct worker *w, unsigned type, const void *data, size_t size)
{
	chan_post_sure(w->to_control, type, data, size);
}

struct worker *
worker_new(unsigned index, unsigned count)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->index = index;
	w->count = count;
	w->timer_us = CLOCK_NEVER;
	w->now_us = clock_now_us();
	wheel_init(&w->wheel, w->now_us);
	stun_limit_init(&w->limit, w->now_us);
	if (uv_loop_init(&w->loop) < 0 || uv_async_init(&w->loop, &w->wake, on_wake) < 0 ||
	    uv_timer_init(&w->loop, &w->timer) < 0 || uv_check_init(&w->loop, &w->check) < 0) {
		free(w);
		return NULL;
	}
	w->wake.data = w;
	w->timer.data = w;
	w->check.data = w;
	uv_check_start(&w->check, on_check);
	return w;
}

static void
run(void *arg)
{
	struct worker *w = arg;

	/* What was posted before the loop ran has woken nobody. */
	on_wake(&w->wake);
	while (!w->stopping)
		uv_run(&w->loop, UV_RUN_DEFAULT);
}

int
worker_start(struct worker *w)
{
	for (size_t i = 0; i < w->udp_count; i++) {
		uv_poll_init(&w->loop, &w->polls[i], udp_fd(w->udp[i]));
		w->polls[i].data = w;
		uv_poll_start(&w->polls[i], UV_READABLE, on_readable);
	}
	if (w->tcp != NULL) {
		uv_poll_init(&w->loop, &w->tcp_poll, tcp_fd(w->tcp));
		w->tcp_poll.data = w;
		uv_poll_start(&w->tcp_poll, UV_READABLE, on_tcp);
	}
	return uv_thread_create(&w->thread, run, w);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void
worker_free(struct worker *w)
{
	struct known *k, *next_known;
	struct wstream *s, *next_stream;

	/* The thread is gone: its sessions and streams are ours to drop. */
	HASH_ITER(by_serial, w->by_serial, k, next_known)
	{
		struct msg_session_del del = {k->session, false};
		struct chan_msg msg = {M_SESSION_DEL, (const uint8_t *)&del, sizeof(del)};

		ws_del(w, &msg);
	}
	HASH_ITER(hh, w->streams, s, next_stream)
	{
		struct msg_stream m = {s->serial, s->epoch};
		struct chan_msg msg = {M_STREAM_FREE, (const uint8_t *)&m, sizeof(m)};

		stream_release(w, &msg);
	}
	uv_walk(&w->loop, close_handle, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_loop_close(&w->loop);
	for (size_t i = 0; i < w->udp_count; i++)
		udp_close(w->udp[i]);
	tcp_free(w->tcp);
	free(w);
}
