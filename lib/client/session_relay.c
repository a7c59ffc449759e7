/*
 * session_relay.c - the TURN servers of a client session.  They are asked for an address only when
 * UDP was not answered for a while, or cannot be; all at once, since nobody knows which of them can
 * be reached.  What is not needed in the end is given back.
 */
#include "client/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "rtp/rtp.h"

/* ---- what is known ---- */

/* Of those servers the ones that relay. */
void
session_relay_learn(struct client_session *s, const struct turn_servers *servers)
{
	for (size_t i = 0; servers != NULL && i < servers->count; i++) {
		const struct turn_server *server = &servers->servers[i];

		if (!turn_server_relays(server))
			continue;
		if (s->relay == NULL) {
			s->relay = calloc(1, sizeof(*s->relay));
			if (s->relay == NULL)
				return;
			s->relay->at_us = CLOCK_NEVER;
		}
		(void)turn_servers_add(&s->relay->servers, server->uri, server->username,
				       server->credential);
	}
}

void
session_relay_add(struct client_session *s, const struct addr *a, uint32_t priority)
{
	struct session_relay *relay = s->relay;

	if (relay != NULL && relay->remote_count < TURN_PEERS_MAX)
		relay->remotes[relay->remote_count++] = (struct session_target){*a, priority};
}

/* Is this a server that we may use? */
static bool
is_allowed(const struct client_session *s, const struct turn_server *server)
{
	return s->cfg.protocol == CLIENT_PROTOCOL_ALL ||
	       server->tcp == (s->cfg.protocol == CLIENT_PROTOCOL_TCP);
}

/* How long the other ways are given: UDP, then TCP, which waits for UDP itself. */
static uint64_t
patience_us(const struct client_session *s)
{
	uint64_t tcp_us = s->target_count > 0 && s->udp_count > 0 ? SESSION_TCP_AFTER_US : 0;

	return s->pair_count + s->target_count > 0 ? tcp_us + SESSION_TURN_AFTER_US : 0;
}

void
session_relay_plan(struct client_session *s)
{
	struct session_relay *relay = s->relay;
	bool any = false;

	if (relay == NULL || relay->begun || relay->remote_count == 0)
		return;
	for (size_t i = 0; i < relay->servers.count; i++)
		any |= is_allowed(s, &relay->servers.servers[i]);
	if (!any || relay->at_us != CLOCK_NEVER)
		return;
	relay->at_us = clock_now_us() + patience_us(s);
	peer_expect_pairs(s->peer, clock_now_us(), true);
}

void
session_relay_hurry(struct client_session *s, uint64_t now_us)
{
	if (!s->relay->begun)
		s->relay->at_us = MIN_OF(s->relay->at_us, now_us);
}

bool
session_relay_hopes(const struct client_session *s)
{
	const struct session_relay *relay = s->relay;

	if (relay == NULL)
		return false;
	for (unsigned i = 0; i < relay->turn_count; i++)
		if (!relay->turns[i]->over)
			return true;
	return relay->at_us != CLOCK_NEVER;
}

/* ---- one server ---- */

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

/* All failed: is there another way? */
static void
settle_all(struct client_session *s)
{
	if (session_relay_hopes(s) || s->stopping)
		return;
	peer_expect_pairs(s->peer, clock_now_us(), false);
	if (s->pair_count == 0 && s->target_count == 0 && !session_names_pending(s))
		session_end(s, CLIENT_TURN, s->relay->words);
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
static void
update(struct session_turn *t)
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
update_all(struct client_session *s)
{
	for (unsigned i = 0; i < s->relay->turn_count; i++)
		update(s->relay->turns[i]);
	settle_all(s);
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

static void watch(struct session_turn *t);
static void check_release(struct client_session *s);

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
		update_all(s);
	session_leave(s);
	watch(t);
	session_settle(s);
	check_release(s); /* may free s */
}

static void
watch(struct session_turn *t)
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
	watch(t);
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

/* ---- all servers ---- */

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
	settle_all(s);
	session_settle(s);
}

static void
begin_server(struct session_turn *t)
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

static void
begin_all(struct client_session *s)
{
	struct session_relay *relay = s->relay;

	relay->begun = true;
	for (size_t i = 0; i < relay->servers.count && relay->turn_count < SESSION_TURNS_MAX; i++) {
		struct session_turn *t;

		if (!is_allowed(s, &relay->servers.servers[i]))
			continue;
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			break;
		t->session = s;
		t->server = relay->servers.servers[i];
		t->index = relay->turn_count;
		relay->turns[relay->turn_count++] = t;
		begin_server(t);
	}
	settle_all(s);
}

void
session_relay_timeout(struct client_session *s, uint64_t now_us)
{
	struct session_relay *relay = s->relay;

	if (relay == NULL)
		return;
	if (now_us >= relay->at_us) {
		relay->at_us = CLOCK_NEVER;
		if (!peer_has_path(s->peer))
			begin_all(s);
	}
	for (unsigned i = 0; i < relay->turn_count; i++)
		if (relay->turns[i]->conn != NULL)
			turn_conn_timeout(relay->turns[i]->conn, now_us);
	if (relay->begun)
		update_all(s);
}

uint64_t
session_relay_deadline(const struct client_session *s)
{
	const struct session_relay *relay = s->relay;
	uint64_t at = CLOCK_NEVER;

	if (relay == NULL)
		return at;
	for (unsigned i = 0; i < relay->turn_count; i++)
		if (relay->turns[i]->conn != NULL)
			at = MIN_OF(at, turn_conn_deadline(relay->turns[i]->conn));
	return MIN_OF(at, relay->at_us);
}

void
session_relay_send(struct client_session *s, const struct peer_datagram *d)
{
	struct session_turn *t = s->relay != NULL && d->to.channel < s->relay->turn_count
				     ? s->relay->turns[d->to.channel]
				     : NULL;

	if (t != NULL && t->conn != NULL)
		turn_conn_send(t->conn, &d->to.remote, d->buf, d->size);
}

void
session_relay_flush(struct client_session *s)
{
	for (unsigned i = 0; s->relay != NULL && i < s->relay->turn_count; i++) {
		if (s->relay->turns[i]->conn == NULL)
			continue;
		turn_conn_flush(s->relay->turns[i]->conn);
		watch(s->relay->turns[i]);
	}
}

const char *
client_session_relay(const struct client_session *s)
{
	struct peer_info info;

	if (s->relay == NULL || peer_get_info(s->peer, &info) < 0 || info.path.proto != ICE_RELAYED)
		return NULL;
	return s->relay->uri;
}

/* ---- the end ---- */

void
session_relay_prune(struct client_session *s)
{
	struct peer_info info;

	if (s->relay == NULL || peer_get_info(s->peer, &info) < 0)
		return;
	s->relay->at_us = CLOCK_NEVER;
	for (unsigned i = 0; i < s->relay->turn_count; i++) {
		struct session_turn *t = s->relay->turns[i];

		if (info.path.proto == ICE_RELAYED && info.path.channel == i)
			text_copy(s->relay->uri, sizeof(s->relay->uri), t->server.uri);
		else if (t->conn != NULL)
			turn_close(turn_conn_turn_of(t->conn), clock_now_us());
	}
}

static void
close_turn(struct session_turn *t)
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

static void
close_turns(struct client_session *s)
{
	for (unsigned i = 0; i < s->relay->turn_count; i++)
		close_turn(s->relay->turns[i]);
	s->relay->turn_count = 0;
}

static void
on_release_timer(uv_timer_t *timer)
{
	struct client_session *s = timer->data;

	for (unsigned i = 0; i < s->relay->turn_count; i++)
		if (s->relay->turns[i]->conn != NULL)
			turn_conn_timeout(s->relay->turns[i]->conn, clock_now_us());
	check_release(s);
}

/* While allocations are given back: is it done? */
static void
check_release(struct client_session *s)
{
	struct session_relay *relay = s->relay;
	uint64_t now_us = clock_now_us(), at = CLOCK_NEVER;

	if (relay == NULL || !relay->releasing)
		return;
	for (unsigned i = 0; i < relay->turn_count; i++) {
		struct turn_conn *c = relay->turns[i]->conn;

		if (c != NULL && turn_state(turn_conn_turn_of(c)) == TURN_CLOSING)
			at = MIN_OF(at, turn_conn_deadline(c));
	}
	if (at != CLOCK_NEVER) {
		uv_timer_start(&relay->timer, on_release_timer,
			       at > now_us ? (at - now_us + 999) / 1000 : 0, 0);
		return;
	}
	relay->releasing = false;
	uv_timer_stop(&relay->timer);
	close_turns(s);
	session_stopped(s, relay->stop_code, relay->stop_words);
}

bool
session_relay_release(struct client_session *s, enum client_code code, const char *words)
{
	struct session_relay *relay = s->relay;
	bool any = false;

	for (unsigned i = 0; relay != NULL && i < relay->turn_count; i++) {
		struct turn_conn *c = relay->turns[i]->conn;

		if (c == NULL)
			continue;
		turn_close(turn_conn_turn_of(c), clock_now_us());
		turn_conn_flush(c);
		any |= turn_state(turn_conn_turn_of(c)) == TURN_CLOSING;
	}
	if (!any)
		return false;
	relay->releasing = true;
	relay->stop_code = code;
	text_copy(relay->stop_words, sizeof(relay->stop_words), words);
	uv_timer_init(s->cfg.loop, &relay->timer);
	relay->timer.data = s;
	s->handle_count++;
	uv_timer_start(&relay->timer, on_release_timer, 0, 0);
	return true;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct client_session *s = handle->data;

	explicit_bzero(s->relay, sizeof(*s->relay));
	free(s->relay);
	s->relay = NULL;
	session_handle_closed(s);
}

void
session_relay_free(struct client_session *s)
{
	struct session_relay *relay = s->relay;

	if (relay == NULL)
		return;
	close_turns(s);
	tls_ctx_unref(relay->tls);
	relay->tls = NULL;
	if (relay->timer.data != NULL) {
		uv_close((uv_handle_t *)&relay->timer, on_timer_closed);
		return;
	}
	explicit_bzero(relay, sizeof(*relay));
	free(relay);
	s->relay = NULL;
}
