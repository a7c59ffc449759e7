/*
 * rtc-relay - the SFU: ICE-lite, DTLS, SRTP and RTP forwarding on one UDP port.  A control thread
 * for signalling and N workers for media, joined by channels only.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/random.h"
#include "control.h"
#include "loop/loop.h"
#include "options.h"

enum {
	CHAN_CONTROL_SIZE = 1 << 20, /* octets: about 800 handshake datagrams */
	CHAN_MEDIA_SIZE = 4 << 20,   /* octets: about 3000 packets between two workers */
	DESCRIPTORS_KEPT = 512,	     /* for sockets, loops and peers; connections have the rest */
	DESCRIPTORS_WANTED = 65536
};

static struct udp *
open_udp(const struct addr *a, bool reuse)
{
	char text[ADDR_TEXT_SIZE];
	int error = 0;
	struct udp *u = udp_open(a, reuse, &error);

	if (u != NULL || (error == -EAFNOSUPPORT && a->sa.sa_family == AF_INET6))
		return u;
	log_error("udp", "cannot bind %s: %s%s", addr_format(a, text), strerror(-error),
		  error == -EADDRINUSE ? " (is another server using this port?)" : "");
	exit(error == -EADDRINUSE || error == -EACCES ? EX_UNAVAILABLE : EX_OSERR);
}

/*
 * Every worker's sockets on the same port. The first is opened without SO_REUSEPORT and closed
 * again, so that a foreign holder of the port is an error, not a silent partner.
 */
static void
open_sockets(struct control *c, const struct options *o)
{
	struct addr wanted[2];
	size_t count = options_addresses(o, "udp", o->udp, wanted);

	for (size_t i = 0; i < count; i++) {
		struct udp *probe = open_udp(&wanted[i], false);

		if (probe == NULL)
			continue; /* no IPv6 on this host */
		wanted[i] = udp_address(probe);
		udp_close(probe);
		for (unsigned k = 0; k < c->worker_count; k++) {
			struct worker *w = c->workers[k];

			w->udp[w->udp_count++] = open_udp(&wanted[i], true);
		}
		for (size_t k = i + 1; k < count; k++)
			addr_set_port(&wanted[k], addr_port(&wanted[i]));
	}
}

static void
tcp_failed(const struct addr *a, int error)
{
	char text[ADDR_TEXT_SIZE];

	log_error("tcp", "cannot listen on %s: %s%s", addr_format(a, text), strerror(-error),
		  error == -EADDRINUSE ? " (is another server using this port?)" : "");
	exit(error == -EADDRINUSE || error == -EACCES ? EX_UNAVAILABLE : EX_OSERR);
}

/* The port of the first worker's listener; it has none of a family that this host lacks. */
static bool
listen_tcp(struct control *c, struct addr *a)
{
	bool reuse = c->worker_count > 1;
	struct tcp *first = c->workers[0]->tcp;
	struct tcp *probe = tcp_new(NULL, NULL);
	int r = probe != NULL ? tcp_listen(probe, a, false) : -ENOMEM;

	if (r == 0)
		*a = tcp_address(probe, 0);
	tcp_free(probe);
	if (r == -EAFNOSUPPORT && a->sa.sa_family == AF_INET6)
		return false;
	for (unsigned k = 0; r == 0 && k < c->worker_count; k++)
		r = tcp_listen(c->workers[k]->tcp, a, reuse);
	if (r < 0)
		tcp_failed(a, r);
	return tcp_listener_count(first) > 0;
}

/*
 * A connection is a descriptor: as many as the system lets us have, less those for all else.
 */
static void
share_descriptors(struct control *c)
{
	struct rlimit limit;
	rlim_t count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)DESCRIPTORS_WANTED);
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > DESCRIPTORS_KEPT)
		count = (limit.rlim_cur - DESCRIPTORS_KEPT) / c->worker_count;
	for (unsigned k = 0; k < c->worker_count; k++)
		tcp_set_limit(c->workers[k]->tcp, count);
}

/* Every worker's listeners on the same port, as with UDP. */
static void
open_listeners(struct control *c, const struct options *o)
{
	struct addr wanted[2];
	size_t count;

	if (o->tcp == NULL && !o->tcp_gate)
		return;
	count = o->tcp != NULL ? options_addresses(o, "tcp", o->tcp, wanted) : 0;
	for (unsigned k = 0; k < c->worker_count; k++)
		if (wtcp_open(c->workers[k]) < 0)
			exit(EX_OSERR);
	share_descriptors(c);
	for (size_t i = 0; i < count; i++)
		if (listen_tcp(c, &wanted[i]))
			for (size_t k = i + 1; k < count; k++)
				addr_set_port(&wanted[k], addr_port(&wanted[i]));
}

static void
connect_threads(struct control *c)
{
	unsigned n = c->worker_count;

	for (unsigned i = 0; i < n; i++) {
		struct worker *w = c->workers[i];

		c->to[i] = w->from_control = chan_new(CHAN_CONTROL_SIZE, &w->wake);
		c->from[i] = w->to_control = chan_new(CHAN_CONTROL_SIZE, &c->wake);
		if (c->to[i] == NULL || c->from[i] == NULL)
			exit(EX_OSERR);
		for (unsigned k = 0; k < n; k++) {
			if (k == i)
				continue;
			w->to[k] = c->workers[k]->from[i] =
			    chan_new(CHAN_MEDIA_SIZE, &c->workers[k]->wake);
			if (w->to[k] == NULL)
				exit(EX_OSERR);
		}
	}
}

static void
stop_threads(struct control *c)
{
	for (unsigned i = 0; i < c->worker_count; i++)
		control_post(c, i, M_STOP, NULL, 0);
	control_settle(c);
	for (unsigned i = 0; i < c->worker_count; i++)
		uv_thread_join(&c->workers[i]->thread);
	for (unsigned i = 0; i < c->worker_count; i++) {
		struct worker *w = c->workers[i];

		for (unsigned k = 0; k < c->worker_count; k++)
			chan_free(w->to[k]);
	}
	for (unsigned i = 0; i < c->worker_count; i++) {
		worker_free(c->workers[i]);
		chan_free(c->to[i]);
		chan_free(c->from[i]);
	}
}

static void
on_stop_signal(void *arg, int signum)
{
	(void)signum;
	control_stop(arg);
}

static void
announce(const struct control *c)
{
	const struct tcp *t = c->workers[0]->tcp;

	for (size_t i = 0; i < c->workers[0]->udp_count; i++) {
		struct addr a = udp_address(c->workers[0]->udp[i]);
		char text[ADDR_TEXT_SIZE];

		log_info("udp", "listening on %s, %u worker%s", addr_format(&a, text),
			 c->worker_count, c->worker_count == 1 ? "" : "s");
	}
	for (size_t i = 0; t != NULL && i < tcp_listener_count(t); i++) {
		struct addr a = tcp_address(t, i);
		char text[ADDR_TEXT_SIZE];

		log_info("tcp", "listening on %s", addr_format(&a, text));
	}
}

int
main(int argc, char **argv)
{
	static struct control *c; /* static: a start that fails leaves nothing unreachable */
	struct options o;
	uint8_t key[KEYHASH_KEY_SIZE];
	int rc;

	options_parse(&o, argc, argv);
	log_init("rtc-relay", o.verbose ? LOG_DEBUG : LOG_INFO);
	if (o.run != NULL)
		setenv("RTC_RUN", o.run, 1);
	signal(SIGPIPE, SIG_IGN);
	random_bytes(key, sizeof(key));
	keyhash_init(key);
	c = control_new(o.rsa);
	if (c == NULL) {
		log_error("main", "cannot start: no memory, or OpenSSL made no certificate");
		return EX_OSERR;
	}
	c->nack = !o.no_nack;
	c->twcc = !o.no_twcc;
	c->replay = o.replay;
	c->stun_timeout_us = (uint64_t)o.stun_timeout_s * 1000000;
	for (unsigned i = 0; i < o.workers; i++) {
		c->workers[i] = worker_new(i, o.workers);
		if (c->workers[i] == NULL)
			return EX_OSERR;
		c->worker_count++;
	}
	open_sockets(c, &o);
	open_listeners(c, &o);
	connect_threads(c);
	if (control_listen(c) < 0 || (o.tcp_gate && control_listen_gate(c) < 0))
		return EX_UNAVAILABLE;
	rc = loop_drop_privileges(o.user);
	if (rc < 0) {
		log_error("main", "cannot become %s: %s", o.user, strerror(-rc));
		return rc == -ENOENT ? EX_NOUSER : EX_NOPERM;
	}
	for (unsigned i = 0; i < c->worker_count; i++)
		if (worker_start(c->workers[i]) != 0)
			return EX_OSERR;
	loop_on_signal(&c->loop, SIGTERM, on_stop_signal, c);
	loop_on_signal(&c->loop, SIGINT, on_stop_signal, c);
	announce(c);
	loop_ready(o.ready_fd);
	control_run(c);
	stop_threads(c);
	control_free(c);
	return 0;
}
