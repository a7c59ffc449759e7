/* door.c - who comes in: limits, the header of a proxy in front, and what the first octet tells. */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/http_proxy.h"
#include "log/log.h"

static bool
over_limits(const struct client *client)
{
	const struct gate_config *c = &client->gate->config;
	unsigned count = 0;

	if (client->gate->client_count > c->connection_max)
		return true;
	if (client->wants_header) /* all clients of a proxy have its address until then */
		return false;
	for (const struct client *o = client->gate->clients; o != NULL; o = o->next)
		if (!o->wants_header && addr_same_source(&o->peer, &client->peer))
			count++;
	return count > c->per_address_max;
}

/* Say so at once, before a handshake that would cost more than it is worth. */
static void
refuse(struct client *client)
{
	if (client->listener->speech == GATE_HTTPS)
		client_close(client);
	else
		client_problem(client, 503, "too-many-connections",
			       "too many connections are open; close some or try again");
}

/* A plain port needs no look at the first octets: who is refused there has sent none. */
static void
let_in(struct client *client)
{
	if (over_limits(client)) {
		refuse(client);
		return;
	}
	if (client->listener->speech == GATE_HTTP && !client->wants_header &&
	    !client->gate->config.ice_tcp)
		client_enter(client, CLIENT_HEAD);
	client_read(client, true);
}

/* The header of a proxy: 0 once it is there, -EAGAIN, or the client is closed. */
static int
take_header(struct client *client)
{
	struct http_proxy proxy;
	int size = http_proxy_parse(&proxy, (const uint8_t *)client->in, client->in_size);
	char text[ADDR_TEXT_SIZE];

	if (size == -EAGAIN)
		return size;
	if (size < 0) {
		log_warn("proxy", "%s sent no PROXY protocol header of version 2",
			 addr_format_host(&client->peer, text));
		client_close(client);
		return size;
	}
	client->in_size = 0; /* door_room() lets no octet of what follows come with it */
	client->wants_header = false;
	if (proxy.known) {
		client->peer = proxy.client;
		client->local = proxy.local;
		client->secure = proxy.tls;
	}
	return 0;
}

size_t
door_room(const struct client *client)
{
	if (client->wants_header)
		return http_proxy_wants((const uint8_t *)client->in, client->in_size);
	if (client->gate->config.ice_tcp)
		return handover_room(client);
	return sizeof(client->in) - client->in_size;
}

void
door_input(struct client *client)
{
	if (client->wants_header) {
		if (take_header(client) == 0)
			let_in(client);
		return;
	}
	if (client->gate->config.ice_tcp && handover_may_begin((uint8_t)client->in[0])) {
		handover_input(client);
		return;
	}
	if (client->in[0] == GATE_FIRST_OF_TLS && client->listener->speech != GATE_HTTP) {
		link_secure(client);
		return;
	}
	client_enter(client, CLIENT_HEAD);
	client_process(client);
}

/* A plain port owes its client an answer even if nothing came. */
void
door_timeout(struct client *client)
{
	if (client->wants_header || client->listener->speech == GATE_HTTPS)
		client_close(client);
	else
		client_problem(client, 408, "slow-request",
			       "the request's head did not arrive in time");
}

static void
read_addresses(struct client *client)
{
	struct sockaddr_storage ss;
	int size = sizeof(ss);

	if (uv_tcp_getpeername(&client->tcp, (struct sockaddr *)&ss, &size) == 0)
		(void)addr_from_sockaddr(&client->peer, (struct sockaddr *)&ss);
	size = sizeof(ss);
	if (uv_tcp_getsockname(&client->tcp, (struct sockaddr *)&ss, &size) == 0)
		(void)addr_from_sockaddr(&client->local, (struct sockaddr *)&ss);
}

static struct client *
client_new(struct gate_listener *listener)
{
	struct client *client = calloc(1, sizeof(*client));
	struct gate *gate = listener->gate;

	if (client == NULL)
		return NULL;
	client->gate = gate;
	client->listener = listener;
	uv_tcp_init(gate->loop, &client->tcp);
	uv_timer_init(gate->loop, &client->timer);
	uv_timer_init(gate->loop, &client->more);
	client->tcp.data = client->timer.data = client->more.data = client;
	client->handles = 3;
	client->next = gate->clients;
	if (client->next != NULL)
		client->next->prev = client;
	gate->clients = client;
	gate->client_count++;
	return client;
}

void
client_accept(struct gate_listener *listener)
{
	struct client *client = client_new(listener);

	if (client == NULL)
		return;
	client_enter(client, CLIENT_DOOR);
	if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&client->tcp) != 0) {
		client_close(client);
		return;
	}
	uv_tcp_nodelay(&client->tcp, 1);
	uv_tcp_keepalive(&client->tcp, 1, 60);
	read_addresses(client);
	client->wants_header = gate_peers_have(&client->gate->config.proxy_senders, &client->peer);
	let_in(client);
}
