/*
 * session_turn.c - one TURN server of a client session: its name, its socket, its allocation, and
 * the pairs that it gives the session.
 */
#include "client/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rtp/rtp.h"

static struct ice_tuple
tuple_of(const struct session_turn *t, const struct addr *remote)
{
	struct ice_tuple tuple;

	memset(&tuple, 0, sizeof(tuple));
	tuple.remote = *remote;
	tuple.proto = ICE_RELAYED;
	tuple.channel = t->index;
	return tuple;
}

static void
on_poll_closed(uv_handle_t *handle)
{
	struct session_turn *t = handle->data;
	struct client_session *s = t->session;

	t->closing = false;
	if (t->dropped)
		free(t);
	session_handle_closed(s);
}

/* Nothing more with this one; its memory goes with the session's. */
static void
give_up(struct session_turn *t)
{
	t->over = true;
	if (t->watched)
		uv_close((uv_handle_t *)&t->poll, on_poll_closed);
	t->closing |= t->watched;
	t->watched = false;
	turn_conn_free(t->conn);
	t->conn = NULL;
}

static void
note_failure(struct session_turn *t, const char *words)
{
	snprintf(t->session->relay->words, sizeof(t->session->relay->words), "TURN: %s %s",
		 t->server.uri, words);
}

/* The server's end of it is over: its pairs are lost. */
static void
on_ended(struct session_turn *t)
{
	struct client_session *s = t->session;
	int error = turn_error(turn_conn_turn_of(t->conn));

	if (error != 0)
		note_failure(t, turn_conn_explain(t->conn));
	give_up(t);
	for (unsigned i = 0; error != 0 && i < s->relay->remote_count; i++) {
		struct ice_tuple tuple = tuple_of(t, &s->relay->remotes[i].addr);

		peer_lose_pair(s->peer, clock_now_us(), &tuple, error > 0 ? -EPROTO : error);
	}
}

static void
add_pair(struct session_turn *t, const struct addr *remote)
{
	struct client_session *s = t->session;
	struct ice_tuple tuple = tuple_of(t, remote);

	for (unsigned i = 0; i < s->relay->remote_count; i++)
		if (addr_equal(&s->relay->remotes[i].addr, remote))
			s->pair_count +=
			    peer_add_pair(s->peer, &tuple, s->relay->remotes[i].priority) == 0;
}

/* Follow what the allocation became. */
void
session_turn_update(struct session_turn *t)
{
	struct client_session *s = t->session;
	struct turn *turn = t->conn != NULL ? turn_conn_turn_of(t->conn) : NULL;
	struct addr remote;

	if (turn == NULL || t->over)
		return;
	if (turn_state(turn) == TURN_READY && !t->ready) {
		t->ready = true;
		session_trickle_add(s, ICE_RELAY, turn_relayed(turn), turn_mapped(turn));
		for (unsigned i = 0; i < s->relay->remote_count; i++)
			(void)turn_add_peer(turn, clock_now_us(), &s->relay->remotes[i].addr);
	}
	while (turn_next_peer(turn, &remote) > 0)
		add_pair(t, &remote);
	if (turn_is_refused(turn) && turn_state(turn) == TURN_READY) {
		note_failure(t, turn_conn_explain(t->conn));
		turn_close(turn, clock_now_us());
	}
	if (turn_state(turn) == TURN_ENDED)
		on_ended(t);
}

static void
on_data(void *arg, const struct addr *peer, uint8_t *buf, size_t size)
{
	struct session_turn *t = arg;
	struct client_session *s = t->session;
	uint64_t now_us = clock_now_us();
	struct ice_tuple from = tuple_of(t, peer);

	if (s->stopping || (s->cfg.events->datagram != NULL && rtp_accepts(buf, size) &&
			    s->cfg.events->datagram(s->cfg.arg, now_us, buf, size)))
		return;
	(void)peer_input(s->peer, now_us, &from, buf, size);
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
	struct session_turn *t = poll->data;
	struct client_session *s = t->session;

	(void)status;
	(void)events;
	if (t->conn == NULL)
		return;
	session_enter(s);
	turn_conn_turn(t->conn, clock_now_us(), on_data, t);
	if (s->cfg.events->drained != NULL && !s->stopping)
		s->cfg.events->drained(s->cfg.arg, clock_now_us());
	if (!s->stopping)
		session_relay_update(s);
	session_leave(s);
	session_turn_watch(t);
	session_settle(s);
	session_relay_check_release(s); /* may free s */
}

void
session_turn_watch(struct session_turn *t)
{
	if (t->conn == NULL || !t->watched)
		return;
	uv_poll_start(&t->poll, UV_READABLE | (turn_conn_wants_write(t->conn) ? UV_WRITABLE : 0),
		      on_ready);
}

/* The family of the other side's addresses, IPv4 if there is one. */
static int
family_wanted(const struct client_session *s)
{
	for (unsigned i = 0; i < s->relay->remote_count; i++)
		if (s->relay->remotes[i].addr.sa.sa_family == AF_INET)
			return AF_INET;
	return AF_INET6;
}

static int
open_conn(struct session_turn *t, const struct addr *at)
{
	struct client_session *s = t->session;
	const struct turn_conn_config config = {.server = &t->server,
						.at = *at,
						.tls = s->relay->tls,
						.family = family_wanted(s),
						/* its reason is to be known before ICE gives up */
						.timeout_us = s->cfg.connect_timeout_us / 2};
	int r;

	t->conn = turn_conn_new(&config, clock_now_us());
	if (t->conn == NULL)
		return -errno;
	r = uv_poll_init(s->cfg.loop, &t->poll, turn_conn_fd(t->conn));
	if (r < 0)
		return r;
	t->poll.data = t;
	t->watched = true;
	s->handle_count++;
	turn_conn_timeout(t->conn, clock_now_us());
	session_turn_watch(t);
	return 0;
}

static void
open_at(struct session_turn *t, const struct addr *at)
{
	int r = open_conn(t, at);

	if (r == 0)
		return;
	note_failure(t, strerror(-r));
	turn_conn_free(t->conn);
	t->conn = NULL;
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct session_turn *t = request->data;
	struct client_session *s = t->session;
	struct addr a;

	t->resolving = false;
	if (s == NULL || s->stopping) {
		uv_freeaddrinfo(list);
		if (s == NULL)
			free(t);
		return;
	}
	if (status != 0)
		note_failure(t, "does not resolve");
	for (struct addrinfo *i = list; status == 0 && i != NULL && t->conn == NULL; i = i->ai_next)
		if (addr_from_sockaddr(&a, i->ai_addr) == 0) {
			addr_set_port(&a, t->server.port);
			open_at(t, &a);
		}
	if (t->conn == NULL)
		give_up(t);
	uv_freeaddrinfo(list);
	session_relay_settle(s);
	session_settle(s);
}

void
session_turn_begin(struct session_turn *t)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct client_session *s = t->session;
	char words[TLS_WORDS_SIZE] = "";
	struct addr a;

	if (t->server.scheme == TURN_TURNS && s->relay->tls == NULL) {
		s->relay->tls = tls_ctx_client(s->cfg.whip->ca_file, s->cfg.whip->insecure, words);
		if (s->relay->tls == NULL) {
			note_failure(t, words);
			give_up(t);
			return;
		}
	}
	if (addr_parse(&a, t->server.host, t->server.port) == 0) {
		open_at(t, &a);
		if (t->conn == NULL)
			give_up(t);
		return;
	}
	t->request.data = t;
	t->resolving = uv_getaddrinfo(s->cfg.loop, &t->request, on_resolved, t->server.host, NULL,
				      &hints) == 0;
	if (!t->resolving)
		give_up(t);
}

void
session_turn_close(struct session_turn *t)
{
	give_up(t);
	if (t->resolving) { /* its callback frees it */
		t->session = NULL;
		(void)uv_cancel((uv_req_t *)&t->request);
	} else if (t->closing) { /* likewise */
		t->dropped = true;
	} else {
		free(t);
	}
}
