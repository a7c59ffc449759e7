/*
 * session_icmp.c - what the network says of datagrams of ours that did not arrive: a port that
 * nobody has (any more), which is the end of a server that was killed.  Anyone who guesses our port
 * can send such a message, so a path that still works is not given up for it.
 */
#include "client/session_impl.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { CONTROL_SIZE = 512, DRAIN_MAX = 64 };

void
session_icmp_enable(int fd, int family)
{
	static const int on = 1;

	/* Best effort: without it silence tells, later. */
	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

/* Is it ICMP's word that the port is closed? */
static bool
is_refusal(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		struct sock_extended_err e;

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		return e.ee_errno == ECONNREFUSED;
	}
	return false;
}

static void
take_refusal(struct client_session *s, uint32_t channel, const struct sockaddr_storage *to)
{
	uint64_t now_us = clock_now_us();
	bool path = peer_has_path(s->peer);
	struct ice_tuple tuple;

	memset(&tuple, 0, sizeof(tuple));
	tuple.proto = ICE_UDP;
	tuple.channel = channel;
	if (addr_from_sockaddr(&tuple.remote, (const struct sockaddr *)to) < 0 ||
	    (path && now_us - s->received_us < SESSION_QUIET_US))
		return;
	/* The last pair's loss is the end: not while there is more to come. */
	if (!path && session_names_pending(s))
		return;
	if (!path && s->target_next < s->target_count)
		s->tcp_at_us = MIN_OF(s->tcp_at_us, now_us);
	else if (!path && session_relay_hopes(s))
		session_relay_hurry(s, now_us);
	else
		peer_lose_pair(s->peer, now_us, &tuple, -ECONNREFUSED);
}

void
session_icmp_take(struct client_session *s, uint32_t channel)
{
	union {
		struct cmsghdr align;
		uint8_t buf[CONTROL_SIZE];
	} control;

	for (unsigned i = 0; i < DRAIN_MAX && !s->stopping; i++) {
		struct sockaddr_storage to;
		uint8_t octet;
		struct iovec vec = {&octet, 1};
		struct msghdr m = {.msg_name = &to,
				   .msg_namelen = sizeof(to),
				   .msg_iov = &vec,
				   .msg_iovlen = 1,
				   .msg_control = &control,
				   .msg_controllen = sizeof(control)};

		if (recvmsg(s->sockets[channel].fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		if (is_refusal(&m))
			take_refusal(s, channel, &to);
	}
}
