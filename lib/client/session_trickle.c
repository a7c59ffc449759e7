/*
 * session_trickle.c - candidates that are found after the offer: our address as STUN servers see
 * it, and relayed ones, told to a full agent by PATCH (RFC 9725 s.4.3, RFC 8840).  A lite agent
 * does not check (RFC 8445 s.2.5), so it needs none of it.
 */
#include "client/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

enum { FRAGMENT_SIZE = 2048 };

/* ---- telling ---- */

static void tell(struct client_session *s);

static void
on_told(void *arg, const struct whip_result *r)
{
	struct client_session *s = arg;

	s->trickle->telling = false;
	/* 405 and the like: it takes no more, which is no fault. */
	if (r->code == CLIENT_OK)
		tell(s);
	else
		s->trickle->waiting_size = 0;
}

/* What waits, in one fragment. */
static void
tell(struct client_session *s)
{
	struct session_trickle *k = s->trickle;
	const struct ice_creds *ice = peer_local(s->peer);
	char text[FRAGMENT_SIZE];
	int n;

	if (k->telling || k->waiting_size == 0 || s->stopping)
		return;
	n = snprintf(
	    text, sizeof(text),
	    "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=%s 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\n%s",
	    ice->ufrag, ice->pwd, s->tracks[0].kind == PEER_AUDIO ? "audio" : "video",
	    s->tracks[0].mid, k->waiting);
	k->waiting_size = 0;
	k->waiting[0] = '\0';
	k->telling = (size_t)n < sizeof(text) && whip_client_patch(s->whip, text, on_told, s) == 0;
}

void
session_trickle_add(struct client_session *s, enum ice_candidate_type type, const struct addr *a,
		    const struct addr *related)
{
	struct session_trickle *k = s->trickle;
	char host[ADDR_TEXT_SIZE], raddr[ADDR_TEXT_SIZE];
	size_t room;
	int n;

	if (k == NULL || k->count == SESSION_TRICKLE_MAX)
		return;
	room = sizeof(k->waiting) - k->waiting_size;
	n = snprintf(k->waiting + k->waiting_size, room,
		     "a=candidate:t%u 1 UDP %u %s %u typ %s raddr %s rport %u\r\n", k->count,
		     ice_priority(type, (uint16_t)(UINT16_MAX - k->count), 1),
		     addr_format_host(a, host), addr_port(a), type == ICE_RELAY ? "relay" : "srflx",
		     related != NULL ? addr_format_host(related, raddr) : "0.0.0.0",
		     related != NULL ? addr_port(related) : 0);
	if ((size_t)n < room)
		k->waiting_size += (size_t)n;
	else
		k->waiting[k->waiting_size] = '\0';
	k->count++;
	tell(s);
}

/* ---- STUN servers ---- */

static void
begin_at(struct session_stun *u, const struct addr *at)
{
	struct client_session *s = u->session;
	const struct turn_config config = {.family = at->sa.sa_family, .seed = random_u64()};
	unsigned family = at->sa.sa_family == AF_INET6;

	if (session_socket_open(s, family) < 0)
		return;
	u->at = *at;
	u->family = family;
	u->turn = turn_new(&config, clock_now_us());
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct session_stun *u = request->data;
	struct addr a;

	u->resolving = false;
	if (u->session == NULL) {
		free(u);
	} else if (status == 0 && list != NULL && !u->session->stopping &&
		   addr_from_sockaddr(&a, list->ai_addr) == 0) {
		addr_set_port(&a, u->port);
		begin_at(u, &a);
		session_settle(u->session);
	}
	uv_freeaddrinfo(list);
}

static void
begin_server(struct client_session *s, const struct turn_server *server)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
	struct session_trickle *k = s->trickle;
	struct session_stun *u = calloc(1, sizeof(*u));
	struct addr a;

	if (u == NULL)
		return;
	u->session = s;
	u->port = server->port;
	k->stuns[k->stun_count++] = u;
	if (addr_parse(&a, server->host, server->port) == 0) {
		begin_at(u, &a);
		return;
	}
	u->request.data = u;
	u->resolving =
	    uv_getaddrinfo(s->cfg.loop, &u->request, on_resolved, server->host, NULL, &hints) == 0;
}

static void
begin_servers(struct client_session *s, const struct turn_servers *servers)
{
	for (size_t i = 0; servers != NULL && i < servers->count; i++)
		if (servers->servers[i].scheme == TURN_STUN &&
		    s->trickle->stun_count < SESSION_STUNS_MAX)
			begin_server(s, &servers->servers[i]);
}

void
session_trickle_begin(struct client_session *s, const struct turn_servers *named)
{
	if (s->remote_lite || !whip_client_can_patch(s->whip))
		return;
	s->trickle = calloc(1, sizeof(*s->trickle));
	if (s->trickle == NULL || s->cfg.relay_only || s->cfg.protocol == CLIENT_PROTOCOL_TCP)
		return;
	begin_servers(s, s->cfg.ice_servers);
	begin_servers(s, named);
}

/* ---- on the session's sockets ---- */

bool
session_trickle_input(struct client_session *s, const struct addr *from, uint8_t *buf, size_t size)
{
	struct turn_data data;

	for (unsigned i = 0; s->trickle != NULL && i < s->trickle->stun_count; i++) {
		struct session_stun *u = s->trickle->stuns[i];

		if (u->turn == NULL || turn_state(u->turn) != TURN_ASKING ||
		    !addr_equal(&u->at, from))
			continue;
		(void)turn_input(u->turn, clock_now_us(), buf, size, &data);
		if (turn_state(u->turn) == TURN_READY && turn_mapped(u->turn) != NULL)
			session_trickle_add(s, ICE_SRFLX, turn_mapped(u->turn), NULL);
		return true;
	}
	return false;
}

void
session_trickle_flush(struct client_session *s)
{
	uint8_t buf[TURN_MESSAGE_MAX];
	size_t size;

	for (unsigned i = 0; s->trickle != NULL && i < s->trickle->stun_count; i++) {
		struct session_stun *u = s->trickle->stuns[i];

		if (u->turn == NULL)
			continue;
		turn_timeout(u->turn, clock_now_us());
		while ((size = turn_poll(u->turn, buf, sizeof(buf))) > 0)
			(void)sendto(s->sockets[u->family].fd, buf, size, MSG_DONTWAIT, &u->at.sa,
				     addr_size(&u->at));
	}
}

uint64_t
session_trickle_deadline(const struct client_session *s)
{
	uint64_t at = CLOCK_NEVER;

	for (unsigned i = 0; s->trickle != NULL && i < s->trickle->stun_count; i++)
		if (s->trickle->stuns[i]->turn != NULL)
			at = MIN_OF(at, turn_deadline(s->trickle->stuns[i]->turn));
	return at;
}

void
session_trickle_free(struct client_session *s)
{
	for (unsigned i = 0; s->trickle != NULL && i < s->trickle->stun_count; i++) {
		struct session_stun *u = s->trickle->stuns[i];

		turn_free(u->turn);
		u->turn = NULL;
		u->session = NULL;
		if (u->resolving) /* its callback frees it */
			(void)uv_cancel((uv_req_t *)&u->request);
		else
			free(u);
	}
	free(s->trickle);
	s->trickle = NULL;
}
