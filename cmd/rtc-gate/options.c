/* options.c - the command line. */
#include "gate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "log/log.h"

static const char usage_text[] =
    "usage: rtc-gate [-qv] [-l [address:]port] [-r prefix=upstream] [-R fd] [-u user]\n"
    "                [--tls-listen [address:]port] [--both-listen [address:]port]\n"
    "                [--cert file --key file] [--self-signed dir] [--redirect[=port]]\n"
    "                [--ice-tcp] [--host name] [--trusted-proxy address] [--proxy-protocol "
    "address]\n"
    "                [--max-connections n] [--max-per-address n] [--handshake-timeout s]\n"
    "                [--head-timeout s] [--body-timeout s] [--answer-timeout s]\n"
    "                [--idle-timeout s] [--restart-wait s]\n";

static const char help_text[] =
    "  -l, --listen [ADDRESS:]PORT   serve http here (1985 and 8080); may be repeated\n"
    "      --tls-listen [ADDR:]PORT  serve https here; may be repeated\n"
    "      --both-listen [ADDR:]PORT serve both here, told apart by the first octet\n"
    "      --cert FILE, --key FILE   PEM: certificate chain and its key; pairs may be repeated\n"
    "      --self-signed DIR         without --cert: a pair of our own, made in DIR if missing\n"
    "      --redirect[=PORT]         answer http with 307 to https (the first such port)\n"
    "      --ice-tcp                 these ports take media by TCP, too, for the relay\n"
    "      --host NAME               serve this name only (*.NAME: those below); may be repeated\n"
    "  -r, --route PREFIX=UPSTREAM   send these paths to a Unix socket or [address:]port\n"
    "      --trusted-proxy ADDRESS   believe the X-Forwarded-* fields of this peer\n"
    "      --proxy-protocol ADDRESS  connections of this peer begin with PROXY protocol v2\n"
    "      --max-connections N       connections in all (2048)\n"
    "      --max-per-address N       connections of one address (256)\n"
    "      --handshake-timeout S     seconds for the handshake of TLS (10)\n"
    "      --head-timeout S          seconds for a request's head (10)\n"
    "      --body-timeout S          seconds for a request's body (30)\n"
    "      --answer-timeout S        seconds for the upstream to answer (30)\n"
    "      --idle-timeout S          seconds between requests and for a stalled reader (60)\n"
    "      --restart-wait S          seconds to wait for a program that was killed (1)\n"
    "  -u, --user USER               become this user once the ports are taken\n"
    "  -R, --ready-fd FD             write a line to FD when serving\n"
    "  -q, --quiet                   warnings and errors only\n"
    "  -v, --verbose                 more lines in the log\n"
    "  -h, --help                    this text\n"
    "  -V, --version                 the version\n";

enum {
	OPT_TLS_LISTEN = 256,
	OPT_BOTH_LISTEN,
	OPT_CERT,
	OPT_KEY,
	OPT_SELF_SIGNED,
	OPT_REDIRECT,
	OPT_ICE_TCP,
	OPT_HOST,
	OPT_PROXY,
	OPT_PROXY_PROTOCOL,
	OPT_MAX,
	OPT_MAX_ADDRESS,
	OPT_HANDSHAKE,
	OPT_HEAD,
	OPT_BODY,
	OPT_ANSWER,
	OPT_IDLE,
	OPT_RESTART
};

static const struct option options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"tls-listen", required_argument, NULL, OPT_TLS_LISTEN},
    {"both-listen", required_argument, NULL, OPT_BOTH_LISTEN},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"self-signed", required_argument, NULL, OPT_SELF_SIGNED},
    {"redirect", optional_argument, NULL, OPT_REDIRECT},
    {"ice-tcp", no_argument, NULL, OPT_ICE_TCP},
    {"host", required_argument, NULL, OPT_HOST},
    {"route", required_argument, NULL, 'r'},
    {"trusted-proxy", required_argument, NULL, OPT_PROXY},
    {"proxy-protocol", required_argument, NULL, OPT_PROXY_PROTOCOL},
    {"max-connections", required_argument, NULL, OPT_MAX},
    {"max-per-address", required_argument, NULL, OPT_MAX_ADDRESS},
    {"handshake-timeout", required_argument, NULL, OPT_HANDSHAKE},
    {"head-timeout", required_argument, NULL, OPT_HEAD},
    {"body-timeout", required_argument, NULL, OPT_BODY},
    {"answer-timeout", required_argument, NULL, OPT_ANSWER},
    {"idle-timeout", required_argument, NULL, OPT_IDLE},
    {"restart-wait", required_argument, NULL, OPT_RESTART},
    {"user", required_argument, NULL, 'u'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE;
}

/* 1..max; 0 if it is none. */
static unsigned
parse_count(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= max ? (unsigned)value
										: 0;
}

/* Seconds with a fraction, up to a day, as milliseconds; 0 if it is none. */
static unsigned
parse_seconds_ms(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < 0.001 || value > 86400)
		return 0;
	return (unsigned)(value * 1000);
}

static bool
add_peer(struct gate_peers *peers, const char *text)
{
	if (peers->count == GATE_PROXY_MAX || addr_parse(&peers->list[peers->count], text, 0) != 0)
		return false;
	peers->count++;
	return true;
}

/* "example.com", "*.example.com" or "*". */
static bool
add_host(struct gate_config *config, const char *text)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	struct url_span host;
	uint16_t port;
	bool ipv6;

	if (config->host_count == GATE_HOST_MAX)
		return false;
	if (strcmp(text, "*") != 0 &&
	    (url_parse_host(&host, &port, &ipv6, name, strlen(name)) != 0 || port != 0))
		return false;
	config->hosts[config->host_count++] = text;
	return true;
}

/* --cert and --key may come in any order; the n-th of one belongs to the n-th of the other. */
static bool
add_pair_file(struct gate_config *config, const char *cert, const char *key)
{
	for (size_t i = 0; i < TLS_PAIRS_MAX; i++) {
		struct tls_pair *pair = &config->pairs[i];
		const char **place = cert != NULL ? &pair->cert : &pair->key;

		if (*place != NULL)
			continue;
		*place = cert != NULL ? cert : key;
		config->pair_count = MAX_OF(config->pair_count, i + 1);
		return true;
	}
	return false;
}

static bool
add_route(struct gate_config *config, char *text)
{
	int error = gate_routes_add(config, text);

	if (error != 0)
		fprintf(stderr, "rtc-gate: --route %s: %s\n", text, strerror(-error));
	return error == 0;
}

static bool
add_listen(struct command_line *cl, const char *text, enum gate_speech speech)
{
	if (cl->listen_count == GATE_LISTENER_MAX)
		return false;
	cl->listen[cl->listen_count].text = text;
	cl->listen[cl->listen_count++].speech = speech;
	return true;
}

/* value NULL: the port is found later. */
static bool
set_redirect(struct gate_config *config, const char *value)
{
	config->redirect = true;
	config->redirect_port = value != NULL ? (uint16_t)parse_count(value, 65535) : 0;
	return value == NULL || config->redirect_port != 0;
}

static bool
set(unsigned *out, unsigned value)
{
	*out = value;
	return value > 0;
}

/* Those that take a text; -1: it is none of them. */
static int
apply_text(struct command_line *cl, int option, char *value)
{
	struct gate_config *c = &cl->config;

	switch (option) {
	case 'l':
		return add_listen(cl, value, GATE_HTTP);
	case OPT_TLS_LISTEN:
		return add_listen(cl, value, GATE_HTTPS);
	case OPT_BOTH_LISTEN:
		return add_listen(cl, value, GATE_BOTH);
	case OPT_CERT:
		return add_pair_file(c, value, NULL);
	case OPT_KEY:
		return add_pair_file(c, NULL, value);
	case OPT_SELF_SIGNED:
		c->self_signed = value;
		return true;
	case OPT_REDIRECT:
		return set_redirect(c, value);
	case OPT_HOST:
		return add_host(c, value);
	case 'r':
		return add_route(c, value);
	case OPT_PROXY:
		return add_peer(&c->proxies, value);
	case OPT_PROXY_PROTOCOL:
		return add_peer(&c->proxy_senders, value);
	case 'u':
		cl->user = value;
		return true;
	default:
		return -1;
	}
}

/* Those that take a number or nothing. */
static bool
apply_number(struct command_line *cl, int option, const char *value)
{
	struct gate_config *c = &cl->config;
	char *end;

	switch (option) {
	case 'R':
		cl->ready_fd = (int)strtol(value, &end, 10);
		return *end == '\0' && cl->ready_fd >= 0;
	case 'q':
		log_set_level(LOG_WARN);
		return true;
	case 'v':
		log_set_level(LOG_DEBUG);
		return true;
	case OPT_ICE_TCP:
		return c->ice_tcp = true;
	case OPT_MAX:
		return set(&c->connection_max, parse_count(value, 100000));
	case OPT_MAX_ADDRESS:
		return set(&c->per_address_max, parse_count(value, 100000));
	case OPT_HANDSHAKE:
		return set(&c->handshake_ms, parse_seconds_ms(value));
	case OPT_HEAD:
		return set(&c->head_ms, parse_seconds_ms(value));
	case OPT_BODY:
		return set(&c->body_ms, parse_seconds_ms(value));
	case OPT_ANSWER:
		return set(&c->answer_ms, parse_seconds_ms(value));
	case OPT_IDLE:
		return set(&c->idle_ms, parse_seconds_ms(value));
	case OPT_RESTART:
		return set(&c->restart_ms, parse_seconds_ms(value));
	default:
		return false;
	}
}

static bool
apply(struct command_line *cl, int option, char *value)
{
	int result = apply_text(cl, option, value);

	return result >= 0 ? result != 0 : apply_number(cl, option, value);
}

/* What does not fit together; false after saying so. */
static bool
check_tls(const struct command_line *cl)
{
	const struct gate_config *c = &cl->config;
	bool has_files = c->pair_count > 0, is_secure = false;
	const char *what = NULL;

	for (size_t i = 0; i < cl->listen_count; i++)
		is_secure = is_secure || cl->listen[i].speech != GATE_HTTP;
	for (size_t i = 0; i < c->pair_count; i++)
		if (c->pairs[i].cert == NULL || c->pairs[i].key == NULL)
			what = "to each --cert belongs a --key";
	if (is_secure && !has_files && c->self_signed == NULL)
		what = "https needs --cert and --key, or --self-signed";
	if (!is_secure && (has_files || c->self_signed != NULL))
		what = "a certificate is of no use without --tls-listen or --both-listen";
	if (c->redirect && !is_secure && c->redirect_port == 0)
		what = "--redirect without a port needs --tls-listen or --both-listen";
	if (what != NULL)
		fprintf(stderr, "rtc-gate: %s\n", what);
	return what == NULL;
}

int
gate_options(struct command_line *cl, int argc, char **argv)
{
	int option;

	for (;;) {
		option = getopt_long(argc, argv, "l:r:u:R:qvhV", options, NULL);
		if (option == -1)
			break;
		if (option == 'h') {
			fputs(usage_text, stdout);
			fputs(help_text, stdout);
			return EX_OK;
		}
		if (option == 'V') {
			puts("rtc-gate " RTCKIT_VERSION);
			return EX_OK;
		}
		if (!apply(cl, option, optarg))
			return usage();
	}
	if (optind != argc)
		return usage();
	if (cl->listen_count == 0) {
		add_listen(cl, "1985", GATE_HTTP);
		add_listen(cl, "8080", GATE_HTTP);
	}
	return check_tls(cl) ? -1 : usage();
}
