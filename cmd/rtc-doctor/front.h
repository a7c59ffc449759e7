/*
 * front.h - the TCP port of --listen.  The first octet of a connection says what it is: HTTP, TLS
 * with HTTP in it, or ICE-TCP (a length, RFC 4571).  HTTP goes on, as plain octets, to a server on
 * the loopback; ICE-TCP is given away with what was read.
 */
#ifndef RTC_DOCTOR_FRONT_H
#define RTC_DOCTOR_FRONT_H

#include <uv.h>

#include "ice/ice.h"
#include "tls/tls.h"

enum {
	FRONT_DOORS_MAX = 32,	     /* connections; more are closed at once */
	FRONT_QUEUE_MAX = 256 << 10, /* octets that wait for one side; more end it */
	FRONT_FIRST_MS = 10000	     /* for the first octets of HTTP; for the last to leave */
};

/* Takes fd. */
typedef void front_ice_fn(int fd, const struct ice_tuple *tuple, const uint8_t *octets,
			  size_t size);

/* inner: where the HTTP server is. tls may be NULL: then TLS is hung up on; a reference is taken.
 * NULL without memory. */
struct front *front_new(uv_loop_t *loop, const struct addr *inner, struct tls_ctx *tls,
			front_ice_fn *ice);
/* Accept at fd, a listening socket, which it takes. 0 or -errno. */
int front_listen(struct front *f, int fd);
/* After loop_finish(), which closes its handles. Takes NULL. */
void front_free(struct front *f);

#endif
