/*
 * turn_server.h - STUN and TURN servers as they are named: URIs (RFC 7064, RFC 7065), the Link
 * fields of WHIP and WHEP answers (RFC 9725 s.4.6, RFC 8288), lines of a file.  Pure.
 */
#ifndef RTCKIT_TURN_TURN_SERVER_H
#define RTCKIT_TURN_TURN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TURN_SERVERS_MAX = 8,
	TURN_URI_MAX = 300,  /* characters */
	TURN_LOGIN_MAX = 512 /* characters of a user name or a credential */
};

enum turn_scheme { TURN_STUN, TURN_STUNS, TURN_TURN, TURN_TURNS };

struct turn_server {
	enum turn_scheme scheme;
	bool tcp; /* ?transport=tcp; "turns:" alone means it, too */
	uint16_t port;
	char host[256]; /* without brackets */
	char uri[TURN_URI_MAX + 1];
	char username[TURN_LOGIN_MAX + 1], credential[TURN_LOGIN_MAX + 1]; /* "" without */
};

struct turn_servers {
	size_t count;
	struct turn_server servers[TURN_SERVERS_MAX];
};

/* Does it relay, or only tell our address? */
bool turn_server_relays(const struct turn_server *server);

/*
 * Add a server; username and credential may be NULL. 0; -EINVAL: the URI is none, or a text is too
 * long or has control characters; -ENOSPC. One that is there already with the same user is left.
 */
int turn_servers_add(struct turn_servers *list, const char *uri, const char *username,
		     const char *credential);

/*
 * Add those with rel="ice-server" of a Link field's value. Their count; -EBADMSG if the value is
 * malformed from some point on, or one of them is no server (the others are added); -ENOSPC.
 */
int turn_servers_add_link(struct turn_servers *list, const char *value);

/* "URI", or "URI USERNAME CREDENTIAL"; blank ones and # comments are nothing. As
 * turn_servers_add(); line is written to. */
int turn_servers_add_line(struct turn_servers *list, char *line);

#endif
