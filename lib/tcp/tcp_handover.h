/*
 * tcp_handover.h - the message with which a front door passes a connection on (rtc-control.5): one
 * descriptor beside it, the connection's addresses and the octets already read in it.  Pure.
 */
#ifndef RTCKIT_TCP_TCP_HANDOVER_H
#define RTCKIT_TCP_TCP_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "ice/ice.h"

enum {
	TCP_HANDOVER_VERSION = 1,
	TCP_HANDOVER_HEAD_SIZE = 40,
	TCP_HANDOVER_OCTETS_MIN = 22, /* a frame with the shortest STUN message */
	TCP_HANDOVER_OCTETS_MAX = 1502,
	TCP_HANDOVER_SIZE_MAX = TCP_HANDOVER_HEAD_SIZE + TCP_HANDOVER_OCTETS_MAX
};

struct tcp_handover {
	struct ice_tuple tuple; /* remote, local, ICE_TCP */
	const uint8_t *octets;	/* borrows from the message */
	size_t size;
};

/* 0, or -EBADMSG: not exactly one message of this form. On error *h is untouched. */
int tcp_handover_parse(struct tcp_handover *h, const uint8_t *buf, size_t size);

/*
 * Write the message of h; both addresses are of one family. Its octets, or -EINVAL: h is none that
 * tcp_handover_parse() takes.
 */
int tcp_handover_write(uint8_t buf[static TCP_HANDOVER_SIZE_MAX], const struct tcp_handover *h);

/*
 * Does a connection whose first octets these are begin with a STUN Binding request in a frame
 * (RFC 4571, RFC 6544 s.10.1)? 1: yes, and the frame is whole; 0: so far, more is needed; -ENOMSG:
 * no. Says so with the tenth octet at the latest. Verifies nothing of the message but its header.
 */
int tcp_handover_judge(const uint8_t *buf, size_t size);

#endif
