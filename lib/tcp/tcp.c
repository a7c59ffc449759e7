#include "tcp/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tcp/tcp_impl.h"

/* ---- the end of a connection ---- */

/* Out of every table; the memory goes at the end of the turn, for epoll may have named it. */
static void
conn_unlink(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;

	epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, c->source.fd, NULL); /* others may hold it, too */
	c->source.fd = -1;
	if (t->current == c) {
		t->current = NULL;
		t->out_used = 0;
	}
	if (c->owner == NULL) {
		DL_DELETE(t->pending, c);
		t->pending_count--;
	}
	tcp_host_leave(t, c->host, c->owner == NULL);
	tcp_queue_free(c);
	HASH_DEL(t->conns, c);
	t->counters.connections--;
	c->dead_next = t->dead;
	t->dead = c;
}

static void
conn_end(struct tcp_conn *c)
{
	int fd = c->source.fd;

	conn_unlink(c);
	close(fd);
}

void
tcp_conn_close(struct tcp_conn *c)
{
	tcp_conn_flush(c);
	conn_end(c);
}

static void
reap(struct tcp *t)
{
	while (t->dead != NULL) {
		struct tcp_conn *c = t->dead;

		t->dead = c->dead_next;
		free(c);
	}
}

/* Room for a newer one. False: nobody is pending. */
static bool
shed(struct tcp *t)
{
	if (t->pending == NULL)
		return false;
	t->counters.refused++;
	conn_end(t->pending);
	return true;
}

/* ---- its beginning ---- */

static void
set_options(int fd)
{
	static const int on = 1, unsent = TCP_UNSENT_MAX;

	/* Best effort: without them it works, with more delay. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

static int
get_tuple(struct ice_tuple *tuple, int fd)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);

	memset(tuple, 0, sizeof(*tuple));
	if (getpeername(fd, (struct sockaddr *)&ss, &size) < 0 ||
	    addr_from_sockaddr(&tuple->remote, (struct sockaddr *)&ss) < 0)
		return -ENOTCONN;
	size = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &size) < 0 ||
	    addr_from_sockaddr(&tuple->local, (struct sockaddr *)&ss) < 0)
		return -ENOTCONN;
	return 0;
}

static uint32_t
next_channel(struct tcp *t)
{
	do
		t->last_channel++;
	while (t->last_channel == 0 || tcp_find(t, t->last_channel) != NULL);
	return t->last_channel;
}

static int
conn_add(struct tcp *t, int fd, const struct ice_tuple *tuple, struct tcp_conn **out)
{
	struct tcp_conn *c = calloc(1, sizeof(*c));
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	int r = c == NULL ? -ENOMEM : 0;

	if (r == 0 && t->counters.connections >= t->limit)
		r = -EMFILE;
	if (r == 0 && t->pending_count >= TCP_PENDING_MAX)
		shed(t);
	if (r == 0) {
		c->host = tcp_host_enter(t, &tuple->remote);
		r = c->host == NULL ? -EMFILE : 0;
	}
	if (r == 0 && epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
		r = -errno;
		tcp_host_leave(t, c->host, true);
	}
	if (r < 0) {
		t->counters.refused += r == -EMFILE;
		free(c);
		return r;
	}
	set_options(fd);
	c->source.fd = fd;
	c->tcp = t;
	c->since_us = t->now_us;
	c->tuple = *tuple;
	c->tuple.proto = ICE_TCP;
	c->tuple.channel = next_channel(t);
	frame_reader_init(&c->reader);
	HASH_ADD(hh, t->conns, tuple.channel, sizeof(c->tuple.channel), c);
	DL_APPEND(t->pending, c);
	t->pending_count++;
	t->counters.connections++;
	*out = c;
	return 0;
}

/* There is no descriptor left: somebody pending goes, or, if none is, who wants to come. */
static void
refuse_one(struct tcp *t, int listener)
{
	int fd;

	if (shed(t))
		return;
	close(t->spare_fd);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	t->counters.refused++;
}

static void
accept_some(struct tcp *t, int listener)
{
	for (int i = 0; i < TCP_ACCEPTS; i++) {
		struct ice_tuple tuple;
		struct tcp_conn *c;
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			t->counters.accepted++;
			if (get_tuple(&tuple, fd) < 0 || conn_add(t, fd, &tuple, &c) < 0)
				close(fd);
		} else if (errno == EMFILE || errno == ENFILE) {
			refuse_one(t, listener);
		} else if (errno == EAGAIN) {
			return;
		} /* else that one failed before we came to it */
	}
}

/* ---- what comes ---- */

/* The packet and all behind it go with the descriptor. */
static void
hand_over(struct tcp_conn *c, const uint8_t *packet, size_t packet_size, const uint8_t *rest,
	  size_t rest_size)
{
	struct tcp *t = c->tcp;
	uint8_t octets[TCP_REST_MAX];
	struct ice_tuple tuple = c->tuple;
	int fd = c->source.fd;

	if (FRAME_HEAD_SIZE + packet_size + rest_size > sizeof(octets)) {
		tcp_conn_close(c);
		return;
	}
	frame_write_head(octets, packet_size);
	memcpy(octets + FRAME_HEAD_SIZE, packet, packet_size);
	memcpy(octets + FRAME_HEAD_SIZE + packet_size, rest, rest_size);
	conn_unlink(c);
	t->handlers->hand_over(t->arg, fd, &tuple, octets,
			       FRAME_HEAD_SIZE + packet_size + rest_size);
}

static void
feed(struct tcp_conn *c, uint8_t *data, size_t size)
{
	struct tcp *t = c->tcp;
	uint8_t *packet;
	size_t packet_size;
	int n;

	while ((n = frame_next(&c->reader, &data, &size, &packet, &packet_size)) != 0) {
		enum tcp_verdict verdict = TCP_ENDS;

		if (n < 0 && c->owner != NULL)
			continue; /* too long for us, as a datagram may be: skipped */
		if (n > 0) {
			t->counters.rx_packets++;
			t->counters.rx_octets += packet_size;
			verdict = t->handlers->packet(t->arg, c, packet, packet_size);
		}
		if (c->source.fd < 0)
			return;
		if (verdict == TCP_ENDS)
			tcp_conn_close(c);
		else if (verdict == TCP_MOVES)
			hand_over(c, packet, packet_size, data, size);
		if (verdict != TCP_STAYS)
			return;
	}
}

static void
conn_read(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	/* From a stranger no more than can be handed over. */
	size_t cap = c->owner != NULL ? sizeof(t->in) : TCP_REST_MAX / 2;
	ssize_t n = recv(c->source.fd, t->in, cap, MSG_DONTWAIT);

	if (n > 0) {
		feed(c, t->in, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && c->error == 0)
		c->error = -errno;
	if (c->owner != NULL)
		t->handlers->closed(t->arg, c);
	if (c->source.fd >= 0)
		conn_end(c);
}

static void
conn_event(struct tcp_conn *c, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && c->wants_out)
		tcp_conn_flush(c);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		conn_read(c);
}

void
tcp_turn(struct tcp *t, uint64_t now_us)
{
	struct epoll_event events[TCP_EVENTS];
	int n = epoll_wait(t->epoll_fd, events, TCP_EVENTS, 0);

	t->now_us = now_us;
	for (int i = 0; i < n; i++) {
		struct tcp_source *s = events[i].data.ptr;

		if (s->fd < 0)
			continue; /* closed by an event before */
		if (s->listens)
			accept_some(t, s->fd);
		else
			conn_event((struct tcp_conn *)s, events[i].events);
	}
	reap(t);
}

int
tcp_adopt(struct tcp *t, uint64_t now_us, int fd, const struct ice_tuple *tuple,
	  const uint8_t *octets, size_t size)
{
	struct tcp_conn *c;
	int r = size > TCP_REST_MAX ? -EMSGSIZE : fcntl(fd, F_SETFL, O_NONBLOCK);

	t->now_us = now_us;
	if (r < 0)
		r = size > TCP_REST_MAX ? r : -errno;
	else
		r = conn_add(t, fd, tuple, &c);
	if (r < 0) {
		close(fd);
		return r;
	}
	memcpy(t->in, octets, size);
	feed(c, t->in, size);
	reap(t);
	return 0;
}

int
tcp_connect(struct tcp *t, uint64_t now_us, const struct addr *to, void *owner,
	    struct tcp_conn **out)
{
	struct ice_tuple tuple = {.remote = *to};
	int r, fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	t->now_us = now_us;
	if (fd < 0)
		return -errno;
	r = connect(fd, &to->sa, addr_size(to)) == 0 || errno == EINPROGRESS ? 0 : -errno;
	if (r == 0)
		r = conn_add(t, fd, &tuple, out);
	if (r < 0)
		close(fd);
	else
		tcp_conn_own(*out, owner);
	return r;
}

uint64_t
tcp_deadline(const struct tcp *t)
{
	return t->pending != NULL ? t->pending->since_us + TCP_FIRST_US : CLOCK_NEVER;
}

void
tcp_timeout(struct tcp *t, uint64_t now_us)
{
	t->now_us = now_us;
	while (tcp_deadline(t) <= now_us)
		tcp_conn_close(t->pending);
	reap(t);
}

/* ---- connections, for their owners ---- */

const struct ice_tuple *
tcp_conn_tuple(const struct tcp_conn *c)
{
	return &c->tuple;
}

struct tcp_conn *
tcp_find(struct tcp *t, uint32_t channel)
{
	struct tcp_conn *c;

	HASH_FIND(hh, t->conns, &channel, sizeof(channel), c);
	return c;
}

int
tcp_conn_error(const struct tcp_conn *c)
{
	return c->error;
}

void *
tcp_conn_owner(const struct tcp_conn *c)
{
	return c->owner;
}

void
tcp_conn_own(struct tcp_conn *c, void *owner)
{
	struct tcp *t = c->tcp;

	DL_DELETE(t->pending, c);
	t->pending_count--;
	tcp_host_owned(c->host);
	c->prev = c->next = NULL;
	c->owner = owner;
}

/* ---- life ---- */

struct tcp *
tcp_new(const struct tcp_handlers *handlers, void *arg)
{
	struct tcp *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->handlers = handlers;
	t->arg = arg;
	t->limit = TCP_CONNECTIONS_MAX;
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (t->epoll_fd >= 0 && t->spare_fd >= 0)
		return t;
	tcp_free(t);
	return NULL;
}

void
tcp_free(struct tcp *t)
{
	struct tcp_conn *c, *next;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->conns, c, next)
	tcp_conn_close(c);
	reap(t);
	tcp_chunks_free(t);
	for (size_t i = 0; i < t->listener_count; i++)
		close(t->listeners[i].source.fd);
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
	if (t->spare_fd >= 0)
		close(t->spare_fd);
	free(t);
}

void
tcp_set_limit(struct tcp *t, size_t connections)
{
	t->limit = MIN_OF(connections, (size_t)TCP_CONNECTIONS_MAX);
}

static int
open_listener(const struct addr *a, bool reuse)
{
	int on = 1, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool v6 = a->sa.sa_family == AF_INET6;
	int error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (!v6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    (!reuse || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	    bind(fd, &a->sa, addr_size(a)) == 0 && listen(fd, TCP_BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int
tcp_listen(struct tcp *t, const struct addr *a, bool reuse)
{
	struct tcp_listener *l = &t->listeners[t->listener_count];
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
	int fd;

	if (t->listener_count == TCP_LISTENERS_MAX)
		return -ENOSPC;
	fd = open_listener(a, reuse);
	if (fd < 0)
		return fd;
	if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	l->source = (struct tcp_source){fd, true};
	t->listener_count++;
	return 0;
}

size_t
tcp_listener_count(const struct tcp *t)
{
	return t->listener_count;
}

struct addr
tcp_address(const struct tcp *t, size_t listener)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr a;

	memset(&a, 0, sizeof(a));
	if (getsockname(t->listeners[listener].source.fd, (struct sockaddr *)&ss, &size) == 0)
		addr_from_sockaddr(&a, (struct sockaddr *)&ss);
	return a;
}

int
tcp_fd(const struct tcp *t)
{
	return t->epoll_fd;
}

const struct tcp_counters *
tcp_counters(const struct tcp *t)
{
	return &t->counters;
}
