/* peer.c - connections to the three sockets: requests find their handler in a table
 * (rtc-control.5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "control.h"

static const char *const role_names[ROLES] = {
    [ROLE_SIGNAL] = "signal", [ROLE_MEDIA] = "media", [ROLE_ADMIN] = "admin"};

static const struct {
	const char *name;
	enum role role;
	op_fn *fn;
} ops[] = {
    {"session.create", ROLE_SIGNAL, op_session_create},
    {"session.update", ROLE_SIGNAL, op_session_update},
    {"session.delete", ROLE_SIGNAL, op_session_delete},
    {"session.get", ROLE_SIGNAL, op_session_get},
    {"session.note", ROLE_SIGNAL, op_session_note},
    {"stream.get", ROLE_SIGNAL, op_stream_get},
    {"attach", ROLE_MEDIA, op_attach},
    {"streams.list", ROLE_ADMIN, op_streams_list},
    {"sessions.list", ROLE_ADMIN, op_sessions_list},
    {"session.kick", ROLE_ADMIN, op_session_kick},
    {"stats", ROLE_ADMIN, op_stats},
    {"settings.set", ROLE_ADMIN, op_settings_set},
    {"events.subscribe", ROLE_ADMIN, op_events_subscribe},
};

static void
reply(struct peer *peer, const json_t *request, json_t *msg)
{
	json_object_set_new(msg, "v", json_integer(1));
	json_object_set(msg, "id", json_object_get(request, "id"));
	if (ipc_conn_send(peer->conn, msg) == -EMSGSIZE) {
		json_object_clear(msg);
		json_object_update_new(msg, json_pack("{s:i, s:b, s:s, s:s}", "v", 1, "ok", 0,
						      "error", "limit", "detail",
						      "the reply is over 65536 octets"));
		json_object_set(msg, "id", json_object_get(request, "id"));
		ipc_conn_send(peer->conn, msg);
	}
	json_decref(msg);
}

void
reply_ok(struct peer *peer, const json_t *request, json_t *msg)
{
	json_object_set_new(msg, "ok", json_true());
	reply(peer, request, msg);
}

void
reply_error(struct peer *peer, const json_t *request, const char *code, const char *detail)
{
	json_t *safe = json_string(detail);

	reply(peer, request,
	      json_pack("{s:b, s:s, s:o}", "ok", 0, "error", code, "detail",
			safe != NULL ? safe : json_string("")));
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct peer *peer = ipc_conn_arg(conn);
	struct control *c = peer->control;
	const char *op = json_string_value(json_object_get(msg, "op"));
	json_t *v = json_object_get(msg, "v");

	c->now_us = clock_now_us();
	if (op == NULL || !json_is_integer(json_object_get(msg, "id")) ||
	    (v != NULL && json_integer_value(v) != 1)) {
		reply_error(peer, msg, "bad-request", "v must be 1, id an integer, op a string");
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(ops); i++)
		if (ops[i].role == peer->role && strcmp(ops[i].name, op) == 0) {
			ops[i].fn(peer, msg);
			control_settle(c);
			return;
		}
	reply_error(peer, msg, "unknown-op", op);
}

void
peer_free(struct peer *peer)
{
	DL_DELETE(peer->control->peers, peer);
	peer->control->peer_count--;
	ipc_conn_free(peer->conn);
	free(peer);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	struct peer *peer = ipc_conn_arg(conn);

	if (error != 0 && error != -ECONNRESET)
		log_warn("control", "a peer of the %s socket was dropped: %s",
			 role_names[peer->role],
			 error == -EBADMSG ? "not a message of rtc-control(5)" : strerror(-error));
	peer_free(peer);
}

static const struct ipc_handlers handlers = {.json = on_json, .closed = on_closed};

static void
add_listen(json_t *list, const char *proto, struct addr a)
{
	char host[ADDR_TEXT_SIZE];

	json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s}", "proto", proto, "port",
					      addr_port(&a), "family",
					      a.sa.sa_family == AF_INET6 ? "ipv6" : "ipv4",
					      "address", addr_format_host(&a, host)));
}

static json_t *
hello(const struct control *c, enum role role)
{
	json_t *listen = json_array();

	for (size_t i = 0; i < c->workers[0]->udp_count; i++)
		add_listen(listen, "udp", udp_address(c->workers[0]->udp[i]));
	for (size_t i = 0; c->workers[0]->tcp != NULL && i < tcp_listener_count(c->workers[0]->tcp);
	     i++)
		add_listen(listen, "tcp", tcp_address(c->workers[0]->tcp, i));
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:o}", "v", 1, "event", "hello", "role",
			 role_names[role], "program", "rtc-relay", "version", RTCKIT_VERSION, "pid",
			 (int)getpid(), "listen", listen);
}

bool
peer_may_connect(int fd, const char *socket)
{
	uid_t uid = (uid_t)-1;
	pid_t pid;

	if (ipc_peer(fd, &uid, &pid) == 0 && (uid == 0 || uid == geteuid()))
		return true;
	log_warn("control", "refused user %ld on the %s socket", (long)uid, socket);
	return false;
}

void
peer_accept(struct control *c, enum role role, int fd)
{
	struct peer *peer = NULL;
	json_t *greeting;

	if (!peer_may_connect(fd, role_names[role])) {
		close(fd);
		return;
	}
	if (c->peer_count < PEERS_MAX && !c->stopping)
		peer = calloc(1, sizeof(*peer));
	if (peer == NULL) {
		close(fd);
		return;
	}
	peer->control = c;
	peer->role = role;
	peer->conn = ipc_conn_new(&c->loop, fd, &handlers, peer);
	if (peer->conn == NULL) {
		free(peer);
		return;
	}
	DL_APPEND(c->peers, peer);
	c->peer_count++;
	greeting = hello(c, role);
	ipc_conn_send(peer->conn, greeting);
	json_decref(greeting);
}
