/*
 * lobby.h - where a connection waits until it has said hello and it is its address's turn: starting
 * a process costs some 15 ms of a core, which nobody shall be able to ask for without end.
 */
#ifndef RTMP2RTC_LOBBY_H
#define RTMP2RTC_LOBBY_H

#include <stdbool.h>

#include <uv.h>

#include "base/addr.h"

/* A connection may go on: serve it; the descriptor stays the lobby's, which closes it then. */
typedef void lobby_serve_fn(int fd, bool tls, const struct addr *peer);

/* rate: connections of one address (IPv6: /64) that go on in a second, and as many at once. */
void lobby_open(uv_loop_t *loop, unsigned rate, lobby_serve_fn *serve);
/* Takes the descriptor of a new connection. */
void lobby_take(int fd, bool tls, const struct addr *peer);
unsigned lobby_count(void);
unsigned lobby_count_of(const struct addr *peer);
/* Ends those that wait; the loop has to run once more. */
void lobby_close(void);

#endif
