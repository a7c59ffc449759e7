/* worker_out.h - where packets leave: the UDP socket of the family, or a TCP connection. */
#ifndef RTC_RELAY_WORKER_OUT_H
#define RTC_RELAY_WORKER_OUT_H

#include "tcp/tcp.h"
#include "udp/udp.h"

struct worker;

/* One of both is set; neither: there is no way. Good until the worker looks at its sockets again.
 */
struct wout {
	struct udp *udp;
	struct tcp_conn *tcp;
};

struct wout worker_out(struct worker *w, const struct ice_tuple *to); /* worker.c */

static inline bool
wout_is_open(const struct wout *o)
{
	return o->udp != NULL || o->tcp != NULL;
}

/* Room for a packet of at most cap octets: write into it, then commit or leave it. */
static inline uint8_t *
wout_reserve(const struct wout *o, size_t cap)
{
	return o->udp != NULL ? udp_reserve(o->udp, cap) : tcp_reserve(o->tcp, cap);
}

static inline void
wout_commit(const struct wout *o, const struct ice_tuple *to, size_t size)
{
	if (o->udp != NULL)
		udp_commit(o->udp, to, size);
	else
		tcp_commit(o->tcp, size);
}

/* The same for what is written already. */
static inline void
wout_send(const struct wout *o, const struct ice_tuple *to, const uint8_t *buf, size_t size)
{
	if (!wout_is_open(o))
		return;
	memcpy(wout_reserve(o, size), buf, size);
	wout_commit(o, to, size);
}

#endif
