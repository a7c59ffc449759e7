/* whip_ice_server.h - STUN and TURN servers that answers name, one Link each (RFC 9725 s.4.6). */
#ifndef RTCKIT_WHIP_WHIP_ICE_SERVER_H
#define RTCKIT_WHIP_WHIP_ICE_SERVER_H

#include <stddef.h>

enum {
	WHIP_ICE_SERVERS_MAX = 8,
	WHIP_ICE_SERVER_URI_MAX = 300,	/* characters */
	WHIP_ICE_SERVER_TEXT_MAX = 256, /* characters of a user name or a credential */
	WHIP_LINK_SIZE = 1024
};

struct whip_ice_servers {
	size_t count;
	char links[WHIP_ICE_SERVERS_MAX][WHIP_LINK_SIZE]; /* whole values of Link fields */
};

/*
 * Add "stun:", "stuns:" (RFC 7064), "turn:" or "turns:" (RFC 7065) "host[:port][?transport=...]".
 * A TURN server needs a user name and a credential (printable ASCII without blanks, quotes and
 * backslashes), a STUN server has neither (NULL). 0, -EINVAL or -ENOSPC.
 */
int whip_ice_server_add(struct whip_ice_servers *servers, const char *uri, const char *username,
			const char *credential);
/*
 * Add those of a file: "URI" or "URI USERNAME CREDENTIAL" a line; blank lines and # comments are
 * skipped. 0 or -errno (-EINVAL: a line is wrong); nothing is added on error.
 */
int whip_ice_servers_load(struct whip_ice_servers *servers, const char *path);

#endif
