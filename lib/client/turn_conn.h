/*
 * turn_conn.h - the way to one TURN server: a connected UDP socket, or TCP, or TLS over it, and the
 * allocation at its end (lib/turn).  Non-blocking, and of no loop: whoever owns it polls its
 * descriptor.  What a stream does not take at once waits in a bounded queue; beyond it datagrams
 * are lost, as they would be over UDP.
 */
#ifndef RTCKIT_CLIENT_TURN_CONN_H
#define RTCKIT_CLIENT_TURN_CONN_H

#include "tls/tls.h"
#include "turn/turn.h"
#include "turn/turn_server.h"

enum {
	TURN_CONN_QUEUE_MAX = 512 << 10, /* octets waiting; a large keyframe */
	TURN_CONN_WORDS_SIZE = 160
};

struct turn_conn;

struct turn_conn_config {
	const struct turn_server *server; /* borrowed for the call */
	struct addr at;			  /* its address and port */
	struct tls_ctx *tls;		  /* of "turns:"; a reference is taken */
	int family;			  /* of the relayed address */
	uint32_t lifetime_s;		  /* see struct turn_config */
	uint64_t timeout_us;
};

/* A datagram of a peer's; buf is borrowed, and may be written to. */
typedef void turn_conn_fn(void *arg, const struct addr *peer, uint8_t *buf, size_t size);

/* NULL with errno. */
struct turn_conn *turn_conn_new(const struct turn_conn_config *config, uint64_t now_us);
void turn_conn_free(struct turn_conn *c); /* closes it at once; takes NULL */

int turn_conn_fd(const struct turn_conn *c);
/* Does it wait until it can be written to? To be asked after each call. */
bool turn_conn_wants_write(const struct turn_conn *c);
/* Read what came and write what waits: one round, bounded. */
void turn_conn_turn(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg);
void turn_conn_timeout(struct turn_conn *c, uint64_t now_us);
uint64_t turn_conn_deadline(const struct turn_conn *c);
/* A datagram to a peer; lost where it cannot be sent. On a stream it leaves with the next flush. */
void turn_conn_send(struct turn_conn *c, const struct addr *peer, const void *buf, size_t size);
/* Send the requests that are due, and what waits. After turn_add_peer(), turn_close() and sends. */
void turn_conn_flush(struct turn_conn *c);

/* The allocation. Borrowed. */
struct turn *turn_conn_turn_of(const struct turn_conn *c);
/* Why it failed, as words that follow the server's name; see turn_explain(). */
const char *turn_conn_explain(struct turn_conn *c);

#endif
