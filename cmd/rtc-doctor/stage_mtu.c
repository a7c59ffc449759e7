/* stage_mtu.c - how large a datagram gets to the server whole: padded checks that must not be
 * fragmented. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "check.h"

enum { TRIES = 3, RETRY_US = 300000 };

/* Octets of UDP payload: what WebRTC sends at most; IPv6's least MTU; common tunnels; Ethernet. */
static const size_t sizes[] = {1200, 1232, 1372, 1400, 1452, 1472};

struct run {
	int fd;
	struct check_key key;
	bool answered[ARRAY_COUNT(sizes)];
	bool too_large[ARRAY_COUNT(sizes)]; /* the kernel knows that it does not fit */
};

static bool
is_open(const struct run *r)
{
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		if (!r->answered[i] && !r->too_large[i])
			return true;
	return false;
}

static void
send_open(const struct exam *x, struct run *r)
{
	uint8_t buf[CHECK_SIZE_MAX];

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		int size;

		if (r->answered[i] || r->too_large[i])
			continue;
		size = check_write(x, &r->key, (unsigned)i, sizes[i], buf, sizeof(buf));
		if (size > 0 && send(r->fd, buf, (size_t)size, 0) < 0 && errno == EMSGSIZE)
			r->too_large[i] = true;
	}
}

static void
receive(const struct exam *x, struct run *r)
{
	uint8_t buf[CHECK_SIZE_MAX];

	for (unsigned i = 0; i < 2 * ARRAY_COUNT(sizes) * TRIES; i++) {
		ssize_t n = recv(r->fd, buf, sizeof(buf), 0);
		enum check_answer answer;
		unsigned number = 0;
		int error;

		if (n < 0)
			return;
		answer = check_read(x, &r->key, buf, (size_t)n, &number, &error);
		/* An error answer tells as well that the request was whole. */
		if ((answer == CHECK_GOOD || answer == CHECK_ERROR) && number < ARRAY_COUNT(sizes))
			r->answered[number] = true;
	}
}

static void
try_all(struct exam *x, struct run *r)
{
	struct pollfd wait = {.fd = r->fd, .events = POLLIN};

	for (unsigned i = 0; i < TRIES && is_open(r); i++) {
		uint64_t until_us = clock_now_us() + RETRY_US;

		send_open(x, r);
		/* What floods us is always ready. */
		while (is_open(r) && clock_now_us() < until_us &&
		       exam_wait(x, &wait, 1, until_us) > 0)
			receive(x, r);
	}
}

static bool
forbid_fragments(int fd, int family)
{
	static const int v4 = IP_PMTUDISC_DO, v6 = IPV6_PMTUDISC_DO;

	return family == AF_INET
		   ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4)) == 0
		   : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6)) == 0;
}

void
stage_mtu(struct exam *x, struct doctor_finding *f)
{
	int family = x->best.sa.sa_family;
	struct run r = {.fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	size_t best = 0;

	if (r.fd < 0 || !forbid_fragments(r.fd, family) ||
	    connect(r.fd, &x->best.sa, addr_size(&x->best)) < 0) {
		doctor_say(f, "cannot be measured on this machine");
		if (r.fd >= 0)
			close(r.fd);
		return;
	}
	check_key_init(&r.key);
	try_all(x, &r);
	close(r.fd);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		if (r.answered[i])
			best = sizes[i];
	if (best > 0) /* IP and UDP headers */
		doctor_say(f, "%zu octets of UDP go through whole (MTU of at least %zu)", best,
			   best + (family == AF_INET ? 28 : 48));
	if (!r.answered[0]) {
		doctor_say(f, "a packet of 1200 octets does not");
		doctor_blame(f, DOCTOR_MTU_SMALL);
	}
}
