/* tcp_impl.h - what the files of lib/tcp share.  Private. */
#ifndef RTCKIT_TCP_TCP_IMPL_H
#define RTCKIT_TCP_TCP_IMPL_H

#include "base/keyhash.h"
#include "tcp/tcp.h"

enum {
	TCP_EVENTS = 64,      /* taken from epoll in one turn */
	TCP_ACCEPTS = 16,     /* connections taken from a listener in one turn */
	TCP_BACKLOG = 512,    /* connections that the kernel keeps for us */
	TCP_HOST_KEY_SIZE = 8 /* octets of a host: IPv4 address or IPv6 /64, told apart */
};

/* What an event of epoll is about; the first member of listeners and connections. */
struct tcp_source {
	int fd; /* -1: closed in this turn */
	bool listens;
};

struct tcp_listener {
	struct tcp_source source;
};

struct tcp_chunk {
	struct tcp_chunk *next;
	uint32_t start, end; /* of what waits in it */
	uint8_t buf[TCP_CHUNK_SIZE - 16];
};

/* One remote host: how many connections it has. */
struct tcp_host {
	uint8_t key[1 + TCP_HOST_KEY_SIZE];
	unsigned count, pending;
	UT_hash_handle hh;
};

struct tcp_conn {
	struct tcp_source source;
	struct tcp *tcp;
	struct ice_tuple tuple;
	void *owner;
	struct tcp_host *host;
	struct tcp_conn *prev, *next; /* among the pending, the oldest first; then alone */
	struct tcp_conn *dead_next;
	uint64_t since_us; /* accepted */
	struct tcp_chunk *first, *last;
	size_t queued;
	uint64_t behind_us; /* since when the queue is not empty */
	int error;	    /* -errno of what ended it */
	bool wants_out;	    /* epoll tells when it is writable */
	bool broken;	    /* nothing can be sent any more; epoll will say why */
	struct frame_reader reader;
	UT_hash_handle hh;
};

struct tcp {
	const struct tcp_handlers *handlers;
	void *arg;
	int epoll_fd, spare_fd; /* spare: given up to refuse a connection when there is no other */
	struct tcp_listener listeners[TCP_LISTENERS_MAX];
	size_t listener_count, limit;
	struct tcp_conn *conns, *pending, *dead;
	size_t pending_count;
	struct tcp_host *hosts;
	uint32_t last_channel;
	uint64_t now_us;
	struct tcp_counters counters;
	struct tcp_conn *current; /* whose packets are in out */
	size_t out_used;
	struct tcp_chunk *spares;
	size_t chunk_count, spare_count;
	uint8_t in[TCP_READ_SIZE];
	uint8_t out[TCP_OUT_SIZE];
};

/* tcp_out.c */
void tcp_conn_flush(struct tcp_conn *c); /* what waits, and what is in out if it is its */
void tcp_queue_free(struct tcp_conn *c);
void tcp_chunks_free(struct tcp *t);

/* tcp_host.c: a connection is counted for its host; NULL: over a limit, or no memory. */
struct tcp_host *tcp_host_enter(struct tcp *t, const struct addr *remote);
void tcp_host_owned(struct tcp_host *h);
void tcp_host_leave(struct tcp *t, struct tcp_host *h, bool pending);

#endif
