/*
 * tcp.h - the TCP side of a worker: listeners, and connections whose packets are framed (RFC 4571),
 * as ICE-TCP wants it (RFC 6544).  One epoll descriptor for all of them, which the worker's loop
 * polls.  What is sent is written at once, one system call per connection and batch; what the
 * kernel does not take waits in a bounded queue, so that a slow reader costs memory within limits,
 * and nobody else anything.
 *
 * A connection is pending until somebody owns it: it has TCP_FIRST_US for that, and yields to newer
 * ones.  Knows nothing of STUN or sessions.  One thread.
 */
#ifndef RTCKIT_TCP_TCP_H
#define RTCKIT_TCP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "frame/frame.h"
#include "ice/ice.h"

enum {
	TCP_LISTENERS_MAX = 2,	    /* one for each family */
	TCP_CONNECTIONS_MAX = 8192, /* of one worker */
	TCP_PER_HOST_MAX = 512,	    /* of those, from one IPv4 address or IPv6 /64 */
	TCP_PENDING_MAX = 512,	    /* that nobody owns; the oldest yields */
	TCP_PENDING_PER_HOST_MAX = 64,
	TCP_FIRST_US = 5000000,	     /* pending so long, a connection is closed */
	TCP_OUT_SIZE = 256 << 10,    /* octets of one batch to a connection */
	TCP_QUEUE_MAX = 512 << 10,   /* octets waiting for one connection: a large keyframe */
	TCP_QUEUE_BEHIND = 64 << 10, /* so many, or any for */
	TCP_BEHIND_US = 500000,	     /* so long: it does not keep up */
	TCP_CHUNK_SIZE = 16 << 10,   /* queues are made of these */
	TCP_CHUNKS_MAX = 4096,	     /* of all connections of a worker: 64 MiB */
	TCP_CHUNKS_SPARE = 64,	     /* kept when nobody needs them */
	TCP_UNSENT_MAX = 16 << 10,   /* octets the kernel takes ahead of the network */
	TCP_READ_SIZE = 64 << 10,    /* octets of one read */
	TCP_REST_MAX = 2 * (FRAME_HEAD_SIZE + FRAME_PACKET_MAX) /* octets handed over */
};

struct tcp;
struct tcp_conn;

/* What becomes of a connection after a packet. */
enum tcp_verdict {
	TCP_STAYS,
	TCP_ENDS, /* after what was sent so far; closed is not called */
	TCP_MOVES /* it belongs elsewhere: see hand_over */
};

/* All run inside tcp_turn() and tcp_adopt(); none may free the struct tcp. */
struct tcp_handlers {
	enum tcp_verdict (*packet)(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size);
	/* Takes fd. octets: the packet just refused, in its frame, and all that came behind it. All
	 * of it is what tcp_adopt() wants elsewhere. */
	void (*hand_over)(void *arg, int fd, const struct ice_tuple *tuple, const uint8_t *octets,
			  size_t size);
	void (*closed)(void *arg, struct tcp_conn *c); /* by the peer, or broken; gone after this */
};

struct tcp_counters {
	uint64_t rx_packets, rx_octets; /* octets of packets, without their heads */
	uint64_t packets, octets, dropped;
	uint64_t accepted, refused; /* refused: over a limit, or pushed out by a newer one */
	uint64_t connections;	    /* now */
};

/* handlers are borrowed. NULL without memory or descriptors. */
struct tcp *tcp_new(const struct tcp_handlers *handlers, void *arg);
void tcp_free(struct tcp *t); /* closes everything, calls nothing; takes NULL */
/* Fewer connections than TCP_CONNECTIONS_MAX: what the process's descriptors allow. */
void tcp_set_limit(struct tcp *t, size_t connections);

/* Listen on a (port 0: any). reuse: SO_REUSEPORT, for several workers. 0 or -errno. */
int tcp_listen(struct tcp *t, const struct addr *a, bool reuse);
size_t tcp_listener_count(const struct tcp *t);
struct addr tcp_address(const struct tcp *t, size_t listener); /* as bound */

/* Readable when tcp_turn() has something to do. */
int tcp_fd(const struct tcp *t);
/* Accept, read, write what waits: one round, bounded. */
void tcp_turn(struct tcp *t, uint64_t now_us);
/* Close what is pending for too long; when to look again. */
void tcp_timeout(struct tcp *t, uint64_t now_us);
uint64_t tcp_deadline(const struct tcp *t);

/*
 * A connected descriptor that somebody else accepted, its addresses as he tells them (proto and
 * channel are set here), and the first octets that he read from it (at most TCP_REST_MAX). Takes
 * fd, also on failure. 0 or -errno.
 */
int tcp_adopt(struct tcp *t, uint64_t now_us, int fd, const struct ice_tuple *tuple,
	      const uint8_t *octets, size_t size);

/*
 * A connection of our own to an address, under way: what is sent meanwhile waits. closed is called
 * if it fails. It is owned from the start. 0 or -errno.
 */
int tcp_connect(struct tcp *t, uint64_t now_us, const struct addr *to, void *owner,
		struct tcp_conn **out);

/* remote, local, ICE_TCP; channel is the connection's number, never 0. Borrowed. */
const struct ice_tuple *tcp_conn_tuple(const struct tcp_conn *c);
struct tcp_conn *tcp_find(struct tcp *t, uint32_t channel); /* NULL: it is gone */
/* NULL: pending. An owner is set once. */
void *tcp_conn_owner(const struct tcp_conn *c);
void tcp_conn_own(struct tcp_conn *c, void *owner);
/* In closed: why, -errno; 0: the other side closed it. */
int tcp_conn_error(const struct tcp_conn *c);
/* Closes it after one try to send what waits; closed is not called. */
void tcp_conn_close(struct tcp_conn *c);

/* Octets that can be sent whatever the kernel takes. */
size_t tcp_conn_room(struct tcp_conn *c);
/* It does not keep up with what is sent to it. */
bool tcp_conn_behind(const struct tcp_conn *c, uint64_t now_us);
/* Octets that wait. */
size_t tcp_conn_queued(const struct tcp_conn *c);

/* Room for the next packet (cap <= 65535 octets): write into it, then commit or leave it. */
uint8_t *tcp_reserve(struct tcp_conn *c, size_t cap);
/* Counted as dropped, whole, if there is no room and the kernel does not take it. */
void tcp_commit(struct tcp_conn *c, size_t size);
/* Write all that was committed. */
void tcp_flush(struct tcp *t, uint64_t now_us);

const struct tcp_counters *tcp_counters(const struct tcp *t);

#endif
