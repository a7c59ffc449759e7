#include "options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "worker.h"

/* Options without a short form. */
enum { OPT_TCP_GATE = 256, OPT_NO_NACK, OPT_NO_TWCC, OPT_RSA, OPT_USER, OPT_RUN, OPT_GOP_CACHE };

static const char short_options[] = "46u:T:w:t:R:vVh";
static const struct option long_options[] = {
    {"udp", required_argument, NULL, 'u'},
    {"tcp", required_argument, NULL, 'T'},
    {"tcp-gate", no_argument, NULL, OPT_TCP_GATE},
    {"workers", required_argument, NULL, 'w'},
    {"stun-timeout", required_argument, NULL, 't'},
    {"gop-cache", required_argument, NULL, OPT_GOP_CACHE},
    {"no-nack", no_argument, NULL, OPT_NO_NACK},
    {"no-twcc", no_argument, NULL, OPT_NO_TWCC},
    {"rsa", no_argument, NULL, OPT_RSA},
    {"user", required_argument, NULL, OPT_USER},
    {"run", required_argument, NULL, OPT_RUN},
    {"ready-fd", required_argument, NULL, 'R'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char usage_text[] =
    "usage: rtc-relay [-46v] [-u [address:]port] [-T [address:]port] [-w workers]\n"
    "                 [-t seconds] [-R fd] [--tcp-gate] [--gop-cache mode] [--no-nack]\n"
    "                 [--no-twcc] [--rsa] [--user name] [--run directory]\n";

static const char help_text[] =
    "  -u, --udp [ADDR:]PORT   media port, all addresses of both families (8000)\n"
    "  -T, --tcp [ADDR:]PORT   media over TCP, too (ICE-TCP); off unless given\n"
    "      --tcp-gate          take connections that rtc-gate passes on (relay/tcp.sock)\n"
    "  -4, -6                  only that family\n"
    "  -w, --workers N         media threads, 1 to 16 (1)\n"
    "  -t, --stun-timeout S    seconds without a check that end a session (30)\n"
    "      --gop-cache MODE    replay video since the last keyframe to who joins:\n"
    "                          auto (from sources that make none on demand), on, off\n"
    "      --no-nack           no retransmission\n"
    "      --no-twcc           no transport-wide congestion control\n"
    "      --rsa               an RSA certificate for DTLS instead of an ECDSA one\n"
    "      --user NAME         become this user once the port is bound\n"
    "      --run DIR           run directory (RTC_RUN, run/ of a checkout, /run/rtckit)\n"
    "  -R, --ready-fd FD       write a newline there when it serves\n"
    "  -v, --verbose           debugging lines in the log\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n";

static _Noreturn void
usage(void)
{
	fprintf(stderr, "%srtc-relay --help lists the options\n", usage_text);
	exit(EX_USAGE);
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

static bool
get_replay(const char *text, enum replay_mode *out)
{
	static const char *const names[] = {
	    [REPLAY_AUTO] = "auto", [REPLAY_ON] = "on", [REPLAY_OFF] = "off"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcmp(names[i], text) == 0) {
			*out = (enum replay_mode)i;
			return true;
		}
	return false;
}

/* An option with an argument; false if the argument does not do. */
static bool
apply_argument(struct options *o, int c, const char *argument)
{
	unsigned fd;

	switch (c) {
	case 'u':
		o->udp = argument;
		return true;
	case 'T':
		o->tcp = argument;
		return true;
	case 'w':
		return get_number(argument, 1, WORKERS_MAX, &o->workers);
	case 't':
		return get_number(argument, 1, 3600, &o->stun_timeout_s);
	case 'R':
		if (!get_number(argument, 0, 65535, &fd))
			return false;
		o->ready_fd = (int)fd;
		return true;
	case OPT_GOP_CACHE:
		return get_replay(argument, &o->replay);
	case OPT_USER:
		o->user = argument;
		return true;
	default: /* OPT_RUN */
		o->run = argument;
		return true;
	}
}

static void
apply_switch(struct options *o, int c)
{
	switch (c) {
	case '4':
		o->no_ipv6 = true;
		break;
	case '6':
		o->no_ipv4 = true;
		break;
	case OPT_TCP_GATE:
		o->tcp_gate = true;
		break;
	case OPT_NO_NACK:
		o->no_nack = true;
		break;
	case OPT_NO_TWCC:
		o->no_twcc = true;
		break;
	case OPT_RSA:
		o->rsa = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'V':
		puts("rtc-relay " RTCKIT_VERSION);
		exit(0);
	case 'h':
		printf("%s%s", usage_text, help_text);
		exit(0);
	default:
		usage();
	}
}

/* The option and what it takes. */
static const char *
wanted(int c)
{
	static const char *const rows[] = {['w'] = "workers 1 to 16",
					   ['t'] = "stun-timeout 1 to 3600 (seconds)",
					   ['R'] = "ready-fd 0 to 65535",
					   [OPT_GOP_CACHE] = "gop-cache auto, on or off"};

	return rows[c];
}

void
options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){.udp = "8000", .workers = 1, .stun_timeout_s = 30, .ready_fd = -1};
	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (optarg == NULL || c == '?') {
			apply_switch(o, c);
		} else if (!apply_argument(o, c, optarg)) {
			fprintf(stderr, "rtc-relay: %s: want --%s\n", optarg, wanted(c));
			exit(EX_USAGE);
		}
	}
	if (optind != argc || (o->no_ipv4 && o->no_ipv6)) {
		fprintf(stderr, "rtc-relay: %s\n",
			optind != argc ? "takes options only; --udp 8000 names the port"
				       : "-4 and -6 exclude each other");
		usage();
	}
}

size_t
options_addresses(const struct options *o, const char *option, const char *text, struct addr out[2])
{
	size_t count = 0;
	unsigned port;

	if (!get_number(text, 0, UINT16_MAX, &port)) {
		if (addr_parse(&out[0], text, 8000) < 0) {
			fprintf(stderr, "rtc-relay: --%s %s: want [address:]port\n", option, text);
			exit(EX_USAGE);
		}
		return 1;
	}
	if (!o->no_ipv4)
		addr_parse(&out[count++], "0.0.0.0", (uint16_t)port);
	if (!o->no_ipv6)
		addr_parse(&out[count++], "::", (uint16_t)port);
	return count;
}
