/* session_net.c - the sockets of a client session and the candidates of the other side. */
#include "client/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "client/reach.h"
#include "rtp/rtp.h"

enum {
	BATCH = 16,	      /* datagrams per recvmmsg and sendmmsg */
	BATCHES_PER_WAKE = 8, /* so that one session cannot starve the others */
	BUFFER_SIZE = 2048,
	SOCKET_BUFFER = 1 << 20 /* octets: a keyframe's burst */
};

static int
family_of(unsigned index)
{
	return index == 0 ? AF_INET : AF_INET6;
}

/* ---- receiving ---- */

/* Shared by all sessions of a thread: used inside one call only. */
struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec vecs[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t buf[BATCH][BUFFER_SIZE];
};
static _Thread_local struct batch in;

static int
receive_batch(const struct session_socket *k)
{
	for (unsigned i = 0; i < BATCH; i++) {
		in.vecs[i] = (struct iovec){in.buf[i], BUFFER_SIZE};
		in.msgs[i].msg_hdr = (struct msghdr){.msg_name = &in.from[i],
						     .msg_namelen = sizeof(in.from[i]),
						     .msg_iov = &in.vecs[i],
						     .msg_iovlen = 1};
	}
	return recvmmsg(k->fd, in.msgs, BATCH, MSG_DONTWAIT, NULL);
}

/* True if the peer got something. */
static bool
take_batch(struct client_session *s, uint32_t channel, int count)
{
	uint64_t now_us = clock_now_us();
	bool any = false;

	for (int i = 0; i < count && !s->stopping; i++) {
		size_t size = in.msgs[i].msg_len;
		struct ice_tuple from;

		if (s->cfg.events->datagram != NULL && rtp_accepts(in.buf[i], size) &&
		    s->cfg.events->datagram(s->cfg.arg, now_us, in.buf[i], size)) {
			s->received_us = now_us;
			continue;
		}
		memset(&from, 0, sizeof(from));
		from.proto = ICE_UDP;
		from.channel = channel;
		if ((in.msgs[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 ||
		    addr_from_sockaddr(&from.remote, (struct sockaddr *)&in.from[i]) < 0)
			continue;
		if (session_trickle_input(s, &from.remote, in.buf[i], size)) {
			any = true;
			continue;
		}
		/* What is not for the peer, or does not authenticate, is dropped: anyone can send
		 * it. */
		if (peer_input(s->peer, now_us, &from, in.buf[i], size) == 0)
			s->received_us = now_us;
		any = true;
	}
	return any;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct session_socket *k = poll->data;
	struct client_session *s = k->session;
	int count = BATCH;
	bool any = false;

	(void)events;
	session_enter(s);
	if (status < 0) { /* the socket has an error to tell, and libuv stopped watching it */
		session_icmp_take(s, (uint32_t)(k - s->sockets));
		any = true;
		if (!s->stopping)
			uv_poll_start(poll, UV_READABLE, on_readable);
	}
	for (unsigned i = 0; i < BATCHES_PER_WAKE && count == BATCH && !s->stopping; i++) {
		count = receive_batch(k);
		any |= take_batch(s, (uint32_t)(k - s->sockets), count);
	}
	if (s->cfg.events->drained != NULL && !s->stopping)
		s->cfg.events->drained(s->cfg.arg, clock_now_us());
	session_leave(s);
	if (any || s->cfg.events->drained != NULL)
		session_settle(s);
}

/* ---- sending ---- */

static _Thread_local struct peer_datagram out[BATCH];

static void
send_batch(struct client_session *s, unsigned first, unsigned end)
{
	struct mmsghdr msgs[BATCH];
	struct iovec vecs[BATCH];
	uint32_t channel = out[first].to.channel;
	unsigned done = first;

	if (out[first].to.proto == ICE_TCP) {
		for (; done < end; done++)
			session_tcp_send(s, &out[done]);
		return;
	}
	if (out[first].to.proto == ICE_RELAYED) {
		for (; done < end; done++)
			session_relay_send(s, &out[done]);
		return;
	}

	for (unsigned i = first; i < end; i++) {
		vecs[i] = (struct iovec){out[i].buf, out[i].size};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &out[i].to.remote.sa,
						  .msg_namelen = addr_size(&out[i].to.remote),
						  .msg_iov = &vecs[i],
						  .msg_iovlen = 1};
	}
	if (channel >= SESSION_FAMILIES || s->sockets[channel].fd < 0)
		return;
	while (done < end) { /* a datagram that the kernel refuses is lost, as on any path */
		int n = sendmmsg(s->sockets[channel].fd, msgs + done, end - done, MSG_DONTWAIT);

		/* ICMP's word on an earlier one is told here too, once. */
		if (n < 0 && errno == ECONNREFUSED)
			n = sendmmsg(s->sockets[channel].fd, msgs + done, end - done, MSG_DONTWAIT);
		done += n > 0 ? (unsigned)n : 1;
	}
}

void
session_send_all(struct client_session *s)
{
	unsigned count, first;

	do {
		for (count = 0; count < BATCH && peer_poll(s->peer, &out[count]) > 0; count++)
			;
		first = 0;
		for (unsigned i = 1; i <= count; i++) {
			if (i < count && out[i].to.channel == out[first].to.channel &&
			    out[i].to.proto == out[first].to.proto)
				continue;
			send_batch(s, first, i);
			first = i;
		}
	} while (count == BATCH);
	session_tcp_flush(s);
	session_relay_flush(s);
	session_trickle_flush(s);
}

/* ---- sockets ---- */

static int
bind_any(int fd, int family)
{
	static const int size = SOCKET_BUFFER, on = 1;
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};

	/* Best effort: the kernel caps them at its own limit. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	return bind(fd, (struct sockaddr *)&a,
		    family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) <
		       0
		   ? -errno
		   : 0;
}

int
session_socket_open(struct client_session *s, unsigned family)
{
	struct session_socket *k = &s->sockets[family];
	int r, fd;

	if (k->fd >= 0)
		return 0;
	fd = socket(family_of(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	session_icmp_enable(fd, family_of(family));
	r = bind_any(fd, family_of(family));
	if (r == 0)
		r = uv_poll_init(s->cfg.loop, &k->poll, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	k->fd = fd;
	k->session = s;
	k->poll.data = k;
	s->handle_count++;
	return uv_poll_start(&k->poll, UV_READABLE, on_readable);
}

static void
on_socket_closed(uv_handle_t *handle)
{
	struct session_socket *k = handle->data;

	session_handle_closed(k->session);
}

void
session_sockets_pause(struct client_session *s)
{
	for (unsigned i = 0; i < SESSION_FAMILIES; i++)
		if (s->sockets[i].fd >= 0)
			uv_poll_stop(&s->sockets[i].poll);
	session_tcp_pause(s);
}

void
session_sockets_close(struct client_session *s)
{
	for (unsigned i = 0; i < SESSION_FAMILIES; i++) {
		struct session_socket *k = &s->sockets[i];

		if (k->fd < 0)
			continue;
		uv_close((uv_handle_t *)&k->poll, on_socket_closed);
		close(k->fd);
		k->fd = -1;
	}
	session_tcp_close(s);
}

uint16_t
session_socket_port(const struct client_session *s, unsigned family)
{
	struct addr a;
	socklen_t size = sizeof(a);

	if (s->sockets[family].fd < 0 || getsockname(s->sockets[family].fd, &a.sa, &size) < 0)
		return 0;
	return addr_port(&a);
}

/* ---- the other side's addresses ---- */

int
session_add_address(struct client_session *s, const struct addr *a, uint32_t priority)
{
	unsigned family = a->sa.sa_family == AF_INET6;
	struct ice_tuple tuple;
	int r;

	if (reach_class_of(a) == REACH_CLASS_ANY)
		return -ENETUNREACH;
	session_relay_add(s, a, priority);
	if (s->cfg.relay_only || s->cfg.protocol == CLIENT_PROTOCOL_TCP)
		return -EPERM;
	r = reach_has_route(a) ? session_socket_open(s, family) : -ENETUNREACH;
	if (r < 0)
		return r;
	memset(&tuple, 0, sizeof(tuple));
	tuple.remote = *a;
	tuple.proto = ICE_UDP;
	tuple.channel = family;
	r = peer_add_pair(s->peer, &tuple, priority);
	s->pair_count += r >= 0;
	if (r >= 0 && s->udp_count < SESSION_JUDGED_MAX)
		s->judged[s->udp_count] = *a;
	s->udp_count += r >= 0;
	return r;
}

bool
session_is_unreachable(const struct client_session *s, char *words, size_t size)
{
	char text[ADDR_TEXT_SIZE];
	struct reach_view view;

	if (s->udp_count == 0 || s->udp_count > SESSION_JUDGED_MAX)
		return false;
	reach_look(&view, &s->reached);
	for (unsigned i = 0; i < s->udp_count; i++)
		if (reach_is_useful(reach_judge(&view, &s->judged[i], true)))
			return false;
	snprintf(words, size, "the answer's media address %s is %s: of no use from here",
		 addr_format(&s->judged[0], text), reach_class_name(reach_class_of(&s->judged[0])));
	return true;
}

static void
forget_name(struct session_name *n)
{
	for (unsigned i = 0; n->session != NULL && i < SESSION_NAMES_MAX; i++)
		if (n->session->names[i] == n)
			n->session->names[i] = NULL;
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct session_name *n = request->data;
	struct client_session *s = n->session;
	struct addr a;

	forget_name(n);
	for (struct addrinfo *i = list; s != NULL && status == 0 && i != NULL; i = i->ai_next) {
		if (addr_from_sockaddr(&a, i->ai_addr) < 0)
			continue;
		addr_set_port(&a, n->port);
		if (n->tcp)
			session_tcp_add(s, &a, n->priority);
		else
			(void)session_add_address(s, &a, n->priority);
	}
	uv_freeaddrinfo(list);
	free(n);
	if (s == NULL)
		return;
	session_tcp_plan(s);
	session_relay_plan(s);
	session_settle(s);
	if (s->pair_count + s->target_count == 0 && !session_names_pending(s) &&
	    !session_relay_hopes(s))
		session_end(s, CLIENT_CANDIDATE,
			    "the names in the answer's candidates do not resolve, or no way leads "
			    "to them");
}

void
session_add_name(struct client_session *s, const char *name, uint16_t port, uint32_t priority,
		 bool tcp)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct session_name *n;

	for (unsigned i = 0; i < SESSION_NAMES_MAX; i++) {
		if (s->names[i] != NULL)
			continue;
		n = calloc(1, sizeof(*n));
		if (n == NULL)
			return;
		n->request.data = n;
		n->session = s;
		n->port = port;
		n->priority = priority;
		n->tcp = tcp;
		if (uv_getaddrinfo(s->cfg.loop, &n->request, on_resolved, name, NULL, &hints) == 0)
			s->names[i] = n;
		else
			free(n);
		return;
	}
}

void
session_names_forget(struct client_session *s)
{
	for (unsigned i = 0; i < SESSION_NAMES_MAX; i++) {
		if (s->names[i] == NULL)
			continue;
		s->names[i]->session = NULL;
		(void)uv_cancel((uv_req_t *)&s->names[i]->request); /* its callback frees it */
		s->names[i] = NULL;
	}
}

bool
session_names_pending(const struct client_session *s)
{
	for (unsigned i = 0; i < SESSION_NAMES_MAX; i++)
		if (s->names[i] != NULL)
			return true;
	return false;
}
