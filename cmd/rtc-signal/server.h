/* server.h - the two halves of rtc-signal: the door takes connections, ws has those that talk. */
#ifndef RTC_SIGNAL_SERVER_H
#define RTC_SIGNAL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "rooms/rooms.h"

enum {
	PEER_SIZE = 64,	     /* an address as text */
	PING_S = 3,	     /* silence after which a client is asked whether it lives, */
	HANGUP_S = 7,	     /* and after which it is dead */
	QUEUE_MAX = 1 << 20, /* octets that wait for a client that does not read */
	PENDING_MAX = 256    /* connections whose request is not whole yet */
};

struct limits {
	unsigned connections, per_address, rooms, participants;
};

/* ---- ws.c ---- */

struct ws;
/* NULL with the reason logged. limits is borrowed. */
struct ws *ws_new(uv_loop_t *loop, const struct limits *limits);
/* Is there room for one more of this peer? */
bool ws_has_room(const struct ws *ws, const char *peer);
/* Takes fd, on which a valid request for WebSocket with this key was read and nothing after it. */
void ws_adopt(struct ws *ws, int fd, const char *key, const char *peer);
/* Begin to close all; the loop ends by itself. */
void ws_stop(struct ws *ws);
void ws_free(struct ws *ws); /* after the loop; takes NULL */

/* ---- door.c ---- */

struct door;
/* NULL without memory. */
struct door *door_new(uv_loop_t *loop, struct ws *ws);
/* A listening stream socket: taken. local: its peers are the set's own gate, which tells for whom
 * it asks. 0 or -errno. */
int door_listen(struct door *door, int fd, bool local);
/* Close everything; the loop ends by itself. */
void door_stop(struct door *door);
void door_free(struct door *door); /* after the loop; takes NULL */

#endif
