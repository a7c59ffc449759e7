/* wire.h - the octets of one connection: a socket, with TLS on it or without. */
#ifndef RTMP2RTC_WIRE_H
#define RTMP2RTC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tls/tls.h"

struct wire {
	int fd; /* borrowed */
	struct tls *tls;
	size_t sent; /* of the records that wait */
};

/* ctx: speak TLS with these certificates (a reference is taken), NULL: plain. 0 or -ENOMEM. */
int wire_init(struct wire *w, int fd, struct tls_ctx *ctx);
void wire_fini(struct wire *w);

/*
 * Reads the socket once: plain octets, their count; 0 when the peer has closed; -EAGAIN; -EPROTO:
 * TLS failed, see wire_words(); -errno. What it read may be more than cap: wire_more() has the
 * rest.
 */
ssize_t wire_recv(struct wire *w, void *out, size_t cap);
/* The rest: their count, 0, -EPROTO as above; -EAGAIN: nothing is left. */
ssize_t wire_more(struct wire *w, void *out, size_t cap);
/* Octets of buf that were taken; 0: none now (see wire_waits()); -errno. */
ssize_t wire_send(struct wire *w, const void *buf, size_t size);
/* Are there records that the socket has not taken? */
bool wire_waits(const struct wire *w);
/* Can it take octets at all: is TLS's handshake done? */
bool wire_is_open(const struct wire *w);
/* No more will be sent. */
void wire_shutdown(struct wire *w);
/* What -EPROTO means. */
const char *wire_words(const struct wire *w);

#endif
