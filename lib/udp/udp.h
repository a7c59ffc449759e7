/*
 * udp.h - a UDP socket of a worker: datagrams in batches in and out.  Replies leave from the
 * address that was addressed (IP_PKTINFO, IPV6_PKTINFO).  What follows one another to one
 * destination in equal sizes leaves as one message with UDP_SEGMENT (GSO), where the route takes
 * it.
 */
#ifndef RTCKIT_UDP_UDP_H
#define RTCKIT_UDP_UDP_H

#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "ice/ice.h"

enum {
	UDP_BATCH = 64,		    /* datagrams of one recvmmsg() */
	UDP_DATAGRAM_MAX = 2048,    /* octets; longer ones are not for us and are dropped */
	UDP_OUT_MESSAGES = 256,	    /* messages of one sendmmsg() */
	UDP_OUT_SIZE = 512 * 1024,  /* octets waiting to be sent */
	UDP_GSO_SEGMENTS = 32,	    /* segments of one message; the kernel takes 64 */
	UDP_SOCKET_BUFFER = 8 << 20 /* octets asked of the kernel, both ways */
};

struct udp_in {
	struct ice_tuple tuple;
	uint8_t *buf; /* UDP_DATAGRAM_MAX of room; ours until the next udp_receive() */
	size_t size;
};

/* Counters of one socket: sent packets and octets, and what the kernel refused. */
struct udp_counters {
	uint64_t packets, octets, dropped;
};

struct udp;

/* Bind to a (port 0: any). reuse: SO_REUSEPORT, for several workers. NULL with *error = -errno. */
struct udp *udp_open(const struct addr *a, bool reuse, int *error);
void udp_close(struct udp *u);
int udp_fd(const struct udp *u);
int udp_family(const struct udp *u);
/* The address as bound. */
struct addr udp_address(const struct udp *u);

/*
 * Next batch: count of *in, or -errno. 0: the socket is empty, or held only what is too long (then
 * it is still readable).
 */
int udp_receive(struct udp *u, const struct udp_in **in);

/* Room for the next datagram (cap octets): write into it, then commit or leave it. Never NULL. */
uint8_t *udp_reserve(struct udp *u, size_t cap);
void udp_commit(struct udp *u, const struct ice_tuple *to, size_t size);
/* Send all that was committed. */
void udp_flush(struct udp *u);
const struct udp_counters *udp_counters(const struct udp *u);

#endif
