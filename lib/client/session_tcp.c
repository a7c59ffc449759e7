/*
 * session_tcp.c - the connections of a client session to TCP candidates (RFC 6544, active).  They
 * are made only when UDP was not answered within half a second, or cannot be.
 */
#include "client/session_impl.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "rtp/rtp.h"

static enum tcp_verdict
on_packet(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	struct client_session *s = arg;
	uint64_t now_us = clock_now_us();

	if (s->stopping || (s->cfg.events->datagram != NULL && rtp_accepts(buf, size) &&
			    s->cfg.events->datagram(s->cfg.arg, now_us, buf, size)))
		return TCP_STAYS;
	(void)peer_input(s->peer, now_us, tcp_conn_tuple(c), buf, size);
	return TCP_STAYS;
}

/* All connections are our own: none moves. */
static void
on_hand_over(void *arg, int fd, const struct ice_tuple *tuple, const uint8_t *octets, size_t size)
{
	(void)arg;
	(void)fd;
	(void)tuple;
	(void)octets;
	(void)size;
}

static void
on_closed(void *arg, struct tcp_conn *c)
{
	struct client_session *s = arg;
	int error = tcp_conn_error(c);

	if (!s->stopping)
		peer_lose_pair(s->peer, clock_now_us(), tcp_conn_tuple(c),
			       error != 0 ? error : -ECONNRESET);
}

static const struct tcp_handlers handlers = {
    .packet = on_packet, .hand_over = on_hand_over, .closed = on_closed};

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct client_session *s = poll->data;

	(void)events;
	if (status < 0)
		return;
	session_enter(s);
	tcp_turn(s->tcp, clock_now_us());
	if (s->cfg.events->drained != NULL && !s->stopping)
		s->cfg.events->drained(s->cfg.arg, clock_now_us());
	session_leave(s);
	session_settle(s);
}

static int
open_tcp(struct client_session *s)
{
	int r;

	if (s->tcp != NULL)
		return 0;
	s->tcp = tcp_new(&handlers, s);
	if (s->tcp == NULL)
		return -ENOMEM;
	r = uv_poll_init(s->cfg.loop, &s->tcp_poll, tcp_fd(s->tcp));
	if (r < 0) {
		tcp_free(s->tcp);
		s->tcp = NULL;
		return r;
	}
	s->tcp_poll.data = s;
	s->handle_count++;
	return uv_poll_start(&s->tcp_poll, UV_READABLE, on_readable);
}

void
session_tcp_add(struct client_session *s, const struct addr *a, uint32_t priority)
{
	if (s->target_count < SESSION_TCP_MAX)
		s->targets[s->target_count++] = (struct session_target){*a, priority};
}

void
session_tcp_plan(struct client_session *s)
{
	if (s->target_next < s->target_count && s->tcp_at_us == CLOCK_NEVER)
		s->tcp_at_us = clock_now_us() + (s->udp_count > 0 ? SESSION_TCP_AFTER_US : 0);
}

static void
connect_to(struct client_session *s, const struct session_target *target)
{
	struct ice_tuple failed = {.remote = target->addr, .proto = ICE_TCP};
	struct tcp_conn *c;
	int r = open_tcp(s);

	if (r == 0)
		r = tcp_connect(s->tcp, clock_now_us(), &target->addr, s, &c);
	s->pair_count +=
	    peer_add_pair(s->peer, r == 0 ? tcp_conn_tuple(c) : &failed, target->priority) == 0;
	if (r < 0)
		peer_lose_pair(s->peer, clock_now_us(), &failed, r);
}

void
session_tcp_timeout(struct client_session *s)
{
	s->tcp_at_us = CLOCK_NEVER;
	if (peer_has_path(s->peer))
		return;
	while (s->target_next < s->target_count)
		connect_to(s, &s->targets[s->target_next++]);
}

void
session_tcp_send(struct client_session *s, const struct peer_datagram *d)
{
	struct tcp_conn *c = s->tcp != NULL ? tcp_find(s->tcp, d->to.channel) : NULL;

	if (c == NULL)
		return;
	memcpy(tcp_reserve(c, d->size), d->buf, d->size);
	tcp_commit(c, d->size);
}

void
session_tcp_flush(struct client_session *s)
{
	if (s->tcp != NULL)
		tcp_flush(s->tcp, clock_now_us());
}

void
session_tcp_pause(struct client_session *s)
{
	if (s->tcp != NULL)
		uv_poll_stop(&s->tcp_poll);
}

static void
on_poll_closed(uv_handle_t *handle)
{
	session_handle_closed(handle->data);
}

void
session_tcp_close(struct client_session *s)
{
	if (s->tcp == NULL)
		return;
	uv_close((uv_handle_t *)&s->tcp_poll, on_poll_closed);
	tcp_free(s->tcp);
	s->tcp = NULL;
}
