#include "udp/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, Linux 4.18 */
#endif

enum { NO_GSO_SLOTS = 64 };

union control {
	char buf[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
	struct cmsghdr align;
};

/* One message to send: a run of segments of equal size (the last may be shorter). */
struct run {
	struct ice_tuple to;
	size_t segment_size, last_size;
	unsigned segments;
};

struct udp {
	int fd, family;
	struct udp_counters counters;
	/* receive */
	struct mmsghdr rx[UDP_BATCH];
	struct iovec rx_iov[UDP_BATCH];
	struct sockaddr_storage rx_name[UDP_BATCH];
	union control rx_control[UDP_BATCH];
	struct udp_in in[UDP_BATCH];
	uint16_t port; /* host order, as bound */
	/* send */
	struct mmsghdr tx[UDP_OUT_MESSAGES];
	struct iovec tx_iov[UDP_OUT_MESSAGES];
	union control tx_control[UDP_OUT_MESSAGES];
	struct run runs[UDP_OUT_MESSAGES];
	unsigned tx_count;
	size_t tx_used;
	uint64_t no_gso[NO_GSO_SLOTS]; /* hashes of destinations that refused UDP_SEGMENT */
	uint8_t rx_buf[UDP_BATCH][UDP_DATAGRAM_MAX];
	uint8_t tx_buf[UDP_OUT_SIZE];
};

static void
enlarge_buffers(int fd)
{
	int size = UDP_SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int
open_socket(const struct addr *a, bool reuse)
{
	int on = 1, fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool v6 = a->sa.sa_family == AF_INET6;

	if (fd < 0)
		return -errno;
	if ((v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    (v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))
		: setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on))) < 0 ||
	    (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
	    bind(fd, &a->sa, addr_size(a)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	enlarge_buffers(fd);
	return fd;
}

struct udp *
udp_open(const struct addr *a, bool reuse, int *error)
{
	struct udp *u = calloc(1, sizeof(*u));
	struct addr bound;

	if (u == NULL) {
		*error = -ENOMEM;
		return NULL;
	}
	u->fd = open_socket(a, reuse);
	if (u->fd < 0) {
		*error = u->fd;
		free(u);
		return NULL;
	}
	u->family = a->sa.sa_family;
	bound = udp_address(u);
	u->port = addr_port(&bound);
	for (size_t i = 0; i < UDP_BATCH; i++) {
		u->rx_iov[i] = (struct iovec){u->rx_buf[i], UDP_DATAGRAM_MAX};
		u->rx[i].msg_hdr = (struct msghdr){.msg_name = &u->rx_name[i],
						   .msg_iov = &u->rx_iov[i],
						   .msg_iovlen = 1,
						   .msg_control = &u->rx_control[i]};
		u->in[i].buf = u->rx_buf[i];
	}
	return u;
}

void
udp_close(struct udp *u)
{
	if (u == NULL)
		return;
	close(u->fd);
	free(u);
}

int
udp_fd(const struct udp *u)
{
	return u->fd;
}

int
udp_family(const struct udp *u)
{
	return u->family;
}

struct addr
udp_address(const struct udp *u)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr a;

	memset(&a, 0, sizeof(a));
	if (getsockname(u->fd, (struct sockaddr *)&ss, &size) == 0)
		addr_from_sockaddr(&a, (struct sockaddr *)&ss);
	return a;
}

const struct udp_counters *
udp_counters(const struct udp *u)
{
	return &u->counters;
}

/* The address a datagram was sent to. */
static void
local_address(struct addr *local, const struct msghdr *msg, uint16_t port)
{
	memset(local, 0, sizeof(*local));
	for (const struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR((struct msghdr *)msg, (struct cmsghdr *)c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			local->v4.sin_family = AF_INET;
			local->v4.sin_addr = info.ipi_addr;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			local->v6.sin6_family = AF_INET6;
			local->v6.sin6_addr = info.ipi6_addr;
			if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				local->v6.sin6_scope_id = info.ipi6_ifindex;
		}
	}
	addr_set_port(local, port);
}

int
udp_receive(struct udp *u, const struct udp_in **in)
{
	int n, kept = 0;

	for (size_t i = 0; i < UDP_BATCH; i++) {
		u->rx[i].msg_hdr.msg_namelen = sizeof(u->rx_name[i]);
		u->rx[i].msg_hdr.msg_controllen = sizeof(u->rx_control[i]);
	}
	*in = u->in;
	n = recvmmsg(u->fd, u->rx, UDP_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct udp_in *d = &u->in[kept];

		if ((u->rx[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			continue;
		if (addr_from_sockaddr(&d->tuple.remote, (struct sockaddr *)&u->rx_name[i]) < 0)
			continue;
		local_address(&d->tuple.local, &u->rx[i].msg_hdr, u->port);
		d->tuple.proto = ICE_UDP;
		d->buf = u->rx_buf[i];
		d->size = u->rx[i].msg_len;
		kept++;
	}
	return kept;
}

uint8_t *
udp_reserve(struct udp *u, size_t cap)
{
	if (u->tx_used + cap > UDP_OUT_SIZE || u->tx_count == UDP_OUT_MESSAGES)
		udp_flush(u);
	return u->tx_buf + u->tx_used;
}

static uint64_t *
no_gso_slot(struct udp *u, const struct ice_tuple *to, uint64_t *hash)
{
	*hash = addr_hash(&to->remote) | 1;
	return &u->no_gso[*hash >> 1 & (NO_GSO_SLOTS - 1)];
}

/* May a datagram of size octets join the last message as another segment? */
static bool
joins(struct udp *u, const struct ice_tuple *to, size_t size)
{
	struct run *r = u->tx_count > 0 ? &u->runs[u->tx_count - 1] : NULL;
	uint64_t hash;

	return r != NULL && r->last_size == r->segment_size && size <= r->segment_size &&
	       r->segments < UDP_GSO_SEGMENTS && (r->segments + 1) * r->segment_size < 65000 &&
	       addr_equal(&r->to.remote, &to->remote) && addr_same_host(&r->to.local, &to->local) &&
	       *no_gso_slot(u, to, &hash) != hash;
}

void
udp_commit(struct udp *u, const struct ice_tuple *to, size_t size)
{
	if (joins(u, to, size)) {
		struct run *r = &u->runs[u->tx_count - 1];

		r->segments++;
		r->last_size = size;
		u->tx_iov[u->tx_count - 1].iov_len += size;
	} else {
		u->runs[u->tx_count] = (struct run){*to, size, size, 1};
		u->tx_iov[u->tx_count] = (struct iovec){u->tx_buf + u->tx_used, size};
		u->tx_count++;
	}
	u->tx_used += size;
}

static void
add_control(struct msghdr *m, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	m->msg_controllen += CMSG_SPACE(size);
}

static void
add_source(struct msghdr *m, const struct addr *local)
{
	if (local->sa.sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = local->v4.sin_addr};

		add_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (local->sa.sa_family == AF_INET6) {
		struct in6_pktinfo info = {local->v6.sin6_addr, local->v6.sin6_scope_id};

		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void
prepare(struct udp *u, unsigned i)
{
	struct run *r = &u->runs[i];
	struct msghdr *m = &u->tx[i].msg_hdr;

	*m = (struct msghdr){.msg_name = &r->to.remote.sa,
			     .msg_namelen = addr_size(&r->to.remote),
			     .msg_iov = &u->tx_iov[i],
			     .msg_iovlen = 1,
			     .msg_control = &u->tx_control[i]};
	memset(&u->tx_control[i], 0, sizeof(u->tx_control[i]));
	add_source(m, &r->to.local);
	if (r->segments > 1) {
		uint16_t size = (uint16_t)r->segment_size;

		add_control(m, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
	if (m->msg_controllen == 0)
		m->msg_control = NULL;
}

/* The kernel refused a message with segments: send them one by one, and so from now on. */
static void
send_one_by_one(struct udp *u, unsigned i)
{
	struct run *r = &u->runs[i];
	struct msghdr m = u->tx[i].msg_hdr;
	uint8_t *p = u->tx_iov[i].iov_base;
	size_t left = u->tx_iov[i].iov_len;
	uint64_t hash, *slot = no_gso_slot(u, &r->to, &hash);

	*slot = hash;
	m.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	while (left > 0) {
		struct iovec iov = {p, left < r->segment_size ? left : r->segment_size};

		m.msg_iov = &iov;
		if (sendmsg(u->fd, &m, MSG_DONTWAIT) < 0)
			u->counters.dropped++;
		p += iov.iov_len;
		left -= iov.iov_len;
	}
}

void
udp_flush(struct udp *u)
{
	unsigned done = 0;

	for (unsigned i = 0; i < u->tx_count; i++) {
		prepare(u, i);
		u->counters.packets += u->runs[i].segments;
		u->counters.octets += u->tx_iov[i].iov_len;
	}
	while (done < u->tx_count) {
		int n = sendmmsg(u->fd, u->tx + done, u->tx_count - done, MSG_DONTWAIT);

		if (n > 0) {
			done += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (u->runs[done].segments > 1 && errno != EAGAIN && errno != ENOBUFS)
			send_one_by_one(u, done);
		else
			u->counters.dropped += u->runs[done].segments;
		done++; /* sendmmsg() stops at the first bad message: skip it and go on */
	}
	u->tx_count = 0;
	u->tx_used = 0;
}
