/* stage_net.c - dns and tcp: the way to the HTTP server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "exam.h"

/* ---- dns ---- */

/* An entry of --resolve for this host and port: "host:port:address", brackets allowed. */
static bool
take_pinned(struct exam *x)
{
	const struct whip_options *o = &x->o.client.whip;
	size_t size = strlen(x->host);
	char port[16];
	struct addr a;

	snprintf(port, sizeof(port), ":%u:", x->port);
	for (size_t i = 0; i < o->resolve_count; i++) {
		const char *p = o->resolve[i];

		if (strncmp(p, x->host, size) != 0 || strncmp(p + size, port, strlen(port)) != 0 ||
		    addr_parse(&a, p + size + strlen(port), x->port) < 0)
			continue;
		addr_set_port(&a, x->port);
		x->addresses[x->address_count++] = a;
		return true;
	}
	return false;
}

static void
say_addresses(struct doctor_finding *f, const char *kind, const struct addr *list, int count)
{
	char text[ADDR_TEXT_SIZE], all[4 * ADDR_TEXT_SIZE] = "";

	for (int i = 0; i < count && i < 4; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), " %s",
			 addr_format_host(&list[i], text));
	if (count > 0)
		doctor_say(f, "%s%s", kind, all);
}

void
stage_dns(struct exam *x, struct doctor_finding *f)
{
	struct addr *out = x->addresses;
	int v4, v6;

	if (addr_parse(&out[0], x->host, x->port) == 0) {
		addr_set_port(&out[0], x->port);
		x->address_count = 1;
		doctor_say(f, "%s is an address", x->host);
	} else if (take_pinned(x)) {
		say_addresses(f, "from --resolve:", out, 1);
	} else {
		v4 = exam_resolve(x, x->host, AF_INET, x->port, out, EXAM_ADDRESSES_MAX / 2);
		say_addresses(f, "A", out, v4);
		x->address_count = v4 > 0 ? (size_t)v4 : 0;
		out += x->address_count;
		v6 = exam_resolve(x, x->host, AF_INET6, x->port, out, EXAM_ADDRESSES_MAX / 2);
		say_addresses(f, "AAAA", out, v6);
		x->address_count += v6 > 0 ? (size_t)v6 : 0;
		if (x->address_count == 0) {
			bool silent = v4 == -ETIMEDOUT || v6 == -ETIMEDOUT;

			doctor_say(
			    f, silent ? "%s: no answer from the name server" : "%s: no such name",
			    x->host);
			doctor_blame(f, silent ? DOCTOR_DNS_SILENT : DOCTOR_DNS_NONE);
		}
	}
	if (x->address_count > 0)
		x->have |= EXAM_ADDRESS;
}

/* ---- tcp ---- */

struct attempt {
	int fd;
	bool done;
	int error; /* 0: connected */
	uint64_t took_us;
};

static void
begin(struct attempt *t, const struct addr *a)
{
	t->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0 || (connect(t->fd, &a->sa, addr_size(a)) < 0 && errno != EINPROGRESS)) {
		t->done = true;
		t->error = errno;
	}
}

static void
take(struct attempt *t, uint64_t start_us)
{
	socklen_t size = sizeof(t->error);

	t->done = true;
	t->took_us = clock_now_us() - start_us;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &t->error, &size) < 0)
		t->error = errno;
}

/* All at once; when one is through the others get a second more. */
static void
connect_all(struct exam *x, struct attempt *t, size_t count)
{
	enum { MORE_US = 1000000 };
	uint64_t start_us = clock_now_us(), until_us = x->deadline_us;
	struct pollfd wait[EXAM_ADDRESSES_MAX];
	size_t open;

	for (size_t i = 0; i < count; i++)
		begin(&t[i], &x->addresses[i]);
	do {
		open = 0;
		for (size_t i = 0; i < count; i++) {
			wait[i] =
			    (struct pollfd){.fd = t[i].done ? -1 : t[i].fd, .events = POLLOUT};
			open += !t[i].done;
		}
		if (open == 0 || exam_wait(x, wait, count, until_us) <= 0)
			return;
		for (size_t i = 0; i < count; i++) {
			if (t[i].done || wait[i].revents == 0)
				continue;
			take(&t[i], start_us);
			if (t[i].error == 0)
				until_us = MIN_OF(until_us, clock_now_us() + MORE_US);
		}
	} while (open > 0);
}

static enum doctor_cause
cause_of(const struct attempt *t)
{
	if (!t->done || t->error == ETIMEDOUT)
		return DOCTOR_TCP_SILENT;
	if (t->error == ENETUNREACH || t->error == EHOSTUNREACH || t->error == EADDRNOTAVAIL)
		return DOCTOR_TCP_NO_ROUTE;
	return t->error == ECONNREFUSED ? DOCTOR_TCP_REFUSED : DOCTOR_TCP_SILENT;
}

/* What most explains that none works: a refusal tells more than silence, silence than no route. */
static enum doctor_cause
worst_of(const struct attempt *t, size_t count)
{
	enum doctor_cause worst = DOCTOR_TCP_NO_ROUTE;

	for (size_t i = 0; i < count; i++) {
		enum doctor_cause c = cause_of(&t[i]);

		if (c == DOCTOR_TCP_REFUSED ||
		    (c == DOCTOR_TCP_SILENT && worst == DOCTOR_TCP_NO_ROUTE))
			worst = c;
	}
	return worst;
}

void
stage_tcp(struct exam *x, struct doctor_finding *f)
{
	struct attempt t[EXAM_ADDRESSES_MAX] = {0};
	size_t good = 0, routed = 0, count = x->address_count;
	char text[ADDR_TEXT_SIZE];

	connect_all(x, t, count);
	for (size_t i = 0; i < count; i++) {
		bool through = t[i].done && t[i].error == 0;

		addr_format(&x->addresses[i], text);
		if (through)
			doctor_say(f, "%s connects in %.1f ms", text, (double)t[i].took_us / 1e3);
		else
			doctor_say(f, "%s: %s", text,
				   t[i].done ? strerror(t[i].error) : "no answer");
		if (through && good++ == 0)
			x->reached = x->addresses[i];
		routed += cause_of(&t[i]) != DOCTOR_TCP_NO_ROUTE;
		if (t[i].fd >= 0)
			close(t[i].fd);
	}
	if (good == 0)
		doctor_blame(f, worst_of(t, count));
	else if (good < routed) /* without IPv6 here its address costs nobody time */
		doctor_blame(f, DOCTOR_TCP_SOME);
	if (good > 0)
		x->have |= EXAM_TCP;
}
