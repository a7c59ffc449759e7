/*
 * rtc-relay - the SFU: ICE-lite, DTLS, SRTP and RTP forwarding on one UDP port.  A control thread
 * for signalling and N workers for media, joined by channels only.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "control.h"
#include "loop/loop.h"

enum {
	CHAN_CONTROL_SIZE = 1 << 20, /* octets: about 800 handshake datagrams */
	CHAN_MEDIA_SIZE = 4 << 20    /* octets: about 3000 packets between two workers */
};

struct options {
	const char *udp, *user, *run;
	unsigned workers;
	unsigned stun_timeout_s;
	int ready_fd;
	bool nack, twcc, ipv4, ipv6, verbose;
};

enum { OPT_NO_NACK = 256, OPT_NO_TWCC, OPT_USER, OPT_RUN };

static const struct option long_options[] = {
    {"udp", required_argument, NULL, 'u'},
    {"workers", required_argument, NULL, 'w'},
    {"stun-timeout", required_argument, NULL, 't'},
    {"no-nack", no_argument, NULL, OPT_NO_NACK},
    {"no-twcc", no_argument, NULL, OPT_NO_TWCC},
    {"user", required_argument, NULL, OPT_USER},
    {"run", required_argument, NULL, OPT_RUN},
    {"ready-fd", required_argument, NULL, 'R'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void
usage(FILE *to)
{
	fputs("usage: rtc-relay [-46v] [-u [address:]port] [-w workers] [-t seconds] [-R fd]\n"
	      "                 [--no-nack] [--no-twcc] [--user name] [--run directory]\n"
	      "  -u, --udp [ADDR:]PORT   media port, all addresses of both families (8000)\n"
	      "  -4, -6                  only that family\n"
	      "  -w, --workers N         media threads, 1 to 16 (1)\n"
	      "  -t, --stun-timeout S    seconds without a check that end a session (30)\n"
	      "      --no-nack           no retransmission\n"
	      "      --no-twcc           no transport-wide congestion control\n"
	      "      --user NAME         become this user once the port is bound\n"
	      "      --run DIR           run directory (RTC_RUN, run/ of a checkout, /run/rtckit)\n"
	      "  -R, --ready-fd FD       write a newline there when it serves\n"
	      "  -v, --verbose           debugging lines in the log\n"
	      "  -V, --version\n"
	      "  -h, --help\n",
	      to);
}

static bool
get_number(const char *text, unsigned min, unsigned max, unsigned *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v < min || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

/* Exits on a wrong command line. */
static void
parse_options(struct options *o, int argc, char **argv)
{
	unsigned fd;
	int c;

	while ((c = getopt_long(argc, argv, "46u:w:t:R:vVh", long_options, NULL)) != -1) {
		bool ok = true;

		switch (c) {
		case '4':
			o->ipv6 = false;
			break;
		case '6':
			o->ipv4 = false;
			break;
		case 'u':
			o->udp = optarg;
			break;
		case 'w':
			ok = get_number(optarg, 1, WORKERS_MAX, &o->workers);
			break;
		case 't':
			ok = get_number(optarg, 1, 3600, &o->stun_timeout_s);
			break;
		case 'R':
			ok = get_number(optarg, 0, 65535, &fd);
			o->ready_fd = (int)fd;
			break;
		case OPT_NO_NACK:
			o->nack = false;
			break;
		case OPT_NO_TWCC:
			o->twcc = false;
			break;
		case OPT_USER:
			o->user = optarg;
			break;
		case OPT_RUN:
			o->run = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			puts("rtc-relay " RTCKIT_VERSION);
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
		if (!ok) {
			fprintf(stderr, "rtc-relay: '%s' is out of range\n", optarg);
			exit(EX_USAGE);
		}
	}
	if (optind != argc || (!o->ipv4 && !o->ipv6)) {
		usage(stderr);
		exit(EX_USAGE);
	}
}

/* The addresses to bind: the one given, or every address of the families asked for. */
static size_t
bind_addresses(const struct options *o, struct addr out[2])
{
	size_t count = 0;
	unsigned port;

	if (!get_number(o->udp, 0, UINT16_MAX, &port)) {
		if (addr_parse(&out[0], o->udp, 8000) < 0) {
			fprintf(stderr, "rtc-relay: --udp %s: want [address:]port\n", o->udp);
			exit(EX_USAGE);
		}
		return 1;
	}
	if (o->ipv4)
		addr_parse(&out[count++], "0.0.0.0", (uint16_t)port);
	if (o->ipv6)
		addr_parse(&out[count++], "::", (uint16_t)port);
	return count;
}

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
	size_t count = bind_addresses(o, wanted);

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
	for (size_t i = 0; i < c->workers[0]->udp_count; i++) {
		struct addr a = udp_address(c->workers[0]->udp[i]);
		char text[ADDR_TEXT_SIZE];

		log_info("udp", "listening on %s, %u worker%s", addr_format(&a, text),
			 c->worker_count, c->worker_count == 1 ? "" : "s");
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.udp = "8000",
			    .workers = 1,
			    .stun_timeout_s = 30,
			    .ready_fd = -1,
			    .nack = true,
			    .twcc = true,
			    .ipv4 = true,
			    .ipv6 = true};
	struct control *c;
	int rc;

	parse_options(&o, argc, argv);
	log_init("rtc-relay", o.verbose ? LOG_DEBUG : LOG_INFO);
	if (o.run != NULL)
		setenv("RTC_RUN", o.run, 1);
	signal(SIGPIPE, SIG_IGN);
	c = control_new();
	if (c == NULL) {
		log_error("main", "cannot start: no memory, or OpenSSL made no certificate");
		return EX_OSERR;
	}
	c->nack = o.nack;
	c->twcc = o.twcc;
	c->stun_timeout_us = (uint64_t)o.stun_timeout_s * 1000000;
	for (unsigned i = 0; i < o.workers; i++) {
		c->workers[i] = worker_new(i, o.workers);
		if (c->workers[i] == NULL)
			return EX_OSERR;
		c->worker_count++;
	}
	open_sockets(c, &o);
	connect_threads(c);
	if (control_listen(c) < 0)
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
