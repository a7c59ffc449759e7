/*
 * session_relay.c - the TURN servers of a client session.  They are asked for an address only when
 * UDP was not answered for a while, or cannot be; all at once, since nobody knows which of them can
 * be reached.  What is not needed in the end is given back.
 */
#include "client/session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

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

/* ---- all servers ---- */

/* All failed: is there another way? */
void
session_relay_settle(struct client_session *s)
{
	if (session_relay_hopes(s) || s->stopping)
		return;
	peer_expect_pairs(s->peer, clock_now_us(), false);
	if (s->pair_count == 0 && s->target_count == 0 && !session_names_pending(s))
		session_end(s, CLIENT_TURN, s->relay->words);
}

void
session_relay_update(struct client_session *s)
{
	for (unsigned i = 0; i < s->relay->turn_count; i++)
		session_turn_update(s->relay->turns[i]);
	session_relay_settle(s);
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
		session_turn_begin(t);
	}
	session_relay_settle(s);
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
		session_relay_update(s);
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
		session_turn_watch(s->relay->turns[i]);
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
close_turns(struct client_session *s)
{
	for (unsigned i = 0; i < s->relay->turn_count; i++)
		session_turn_close(s->relay->turns[i]);
	s->relay->turn_count = 0;
}

static void
on_release_timer(uv_timer_t *timer)
{
	struct client_session *s = timer->data;

	for (unsigned i = 0; i < s->relay->turn_count; i++)
		if (s->relay->turns[i]->conn != NULL)
			turn_conn_timeout(s->relay->turns[i]->conn, clock_now_us());
	session_relay_check_release(s);
}

/* While allocations are given back: is it done? */
void
session_relay_check_release(struct client_session *s)
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
