#include "whip/whip_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"

static const char usage_text[] =
    "usage: %s [-hV] [-l [address:]port] [-S path] [-r path] [-c candidate]\n"
    "       [-t file] [-u user] [-R fd] [option ...]\n";

static const char help_text[] =
    "\n"
    "  -l, --listen [ADDRESS:]PORT   serve HTTP on TCP; may be repeated\n"
    "  -S, --socket PATH             serve HTTP on a Unix socket (default, unless -l is given)\n"
    "  -r, --relay PATH              the relay's signal socket\n"
    "  -c, --candidate VALUE         address of the relay for clients: *, IP[:PORT], NAME[:PORT], "
    "$NAME\n"
    "      --protocol PROTOCOL       of the candidates in answers: udp, tcp or all (all that the\n"
    "                                relay listens on)\n"
    "      --gate-tcp[=PORT]         rtc-gate takes TCP for the relay: name the port of the\n"
    "                                request's URL, or PORT\n"
    "      --ip-family FAMILY        of addresses found: ipv4, ipv6 or all\n"
    "      --no-detect               do not name the addresses of the interfaces\n"
    "      --no-api-candidate        do not name the host of the request's URL\n"
    "      --no-resolve              do not resolve it if it is a name\n"
    "      --keep-domain             name it as it is\n"
    "  -t, --token-file FILE         tokens of which requests must carry one\n"
    "      --play-token-file FILE    in its place, of requests to play\n"
    "  -p, --trusted-proxy ADDRESS   believe X-Forwarded-* of this peer; may be repeated\n"
    "      --vhost                   ?vhost= is a part of the stream's name\n"
    "      --no-nack, --no-twcc      leave these out of answers\n"
    "      --keep-bframe             do not drop B-frames for players\n"
    "      --dtls-client             be the DTLS client where the offer leaves the choice\n"
    "      --ice-server URI          STUN server to name in answers; may be repeated\n"
    "      --ice-server-file FILE    STUN and TURN servers with their credentials\n"
    "      --redirect URL            a server to share streams with, or self; may be repeated\n"
    "      --rate COUNT              sessions that one client address may ask for in a second\n"
    "      --hook                    ask rtc-hook before a session is made\n"
    "      --stun-timeout SECONDS    a session without connectivity checks for so long ends\n"
    "  -u, --user NAME               become this user once listening\n"
    "  -R, --ready-fd FD             write a line to it once listening\n"
    "      --log-level LEVEL         error, warn, info or debug\n"
    "  -h, --help                    this text\n"
    "  -V, --version                 the version\n";

enum {
	OPT_IP_FAMILY = 256,
	OPT_PLAY_TOKEN_FILE,
	OPT_PROTOCOL,
	OPT_GATE_TCP,
	OPT_NO_DETECT,
	OPT_NO_API,
	OPT_NO_RESOLVE,
	OPT_KEEP_DOMAIN,
	OPT_VHOST,
	OPT_NO_NACK,
	OPT_NO_TWCC,
	OPT_KEEP_BFRAME,
	OPT_DTLS_CLIENT,
	OPT_STUN_TIMEOUT,
	OPT_ICE_SERVER,
	OPT_ICE_SERVER_FILE,
	OPT_REDIRECT,
	OPT_RATE,
	OPT_HOOK,
	OPT_LOG_LEVEL
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"socket", required_argument, NULL, 'S'},
    {"relay", required_argument, NULL, 'r'},
    {"candidate", required_argument, NULL, 'c'},
    {"protocol", required_argument, NULL, OPT_PROTOCOL},
    {"gate-tcp", optional_argument, NULL, OPT_GATE_TCP},
    {"ip-family", required_argument, NULL, OPT_IP_FAMILY},
    {"no-detect", no_argument, NULL, OPT_NO_DETECT},
    {"no-api-candidate", no_argument, NULL, OPT_NO_API},
    {"no-resolve", no_argument, NULL, OPT_NO_RESOLVE},
    {"keep-domain", no_argument, NULL, OPT_KEEP_DOMAIN},
    {"token-file", required_argument, NULL, 't'},
    {"play-token-file", required_argument, NULL, OPT_PLAY_TOKEN_FILE},
    {"trusted-proxy", required_argument, NULL, 'p'},
    {"vhost", no_argument, NULL, OPT_VHOST},
    {"no-nack", no_argument, NULL, OPT_NO_NACK},
    {"no-twcc", no_argument, NULL, OPT_NO_TWCC},
    {"keep-bframe", no_argument, NULL, OPT_KEEP_BFRAME},
    {"dtls-client", no_argument, NULL, OPT_DTLS_CLIENT},
    {"ice-server", required_argument, NULL, OPT_ICE_SERVER},
    {"ice-server-file", required_argument, NULL, OPT_ICE_SERVER_FILE},
    {"redirect", required_argument, NULL, OPT_REDIRECT},
    {"rate", required_argument, NULL, OPT_RATE},
    {"hook", no_argument, NULL, OPT_HOOK},
    {"stun-timeout", required_argument, NULL, OPT_STUN_TIMEOUT},
    {"user", required_argument, NULL, 'u'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static bool
number(const char *text, double min, double max, double *out)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(v >= min && v <= max))
		return false;
	*out = v;
	return true;
}

static bool
take_listen(struct whip_options *o, const char *arg)
{
	if (o->listen_count == WHIP_LISTEN_MAX)
		return false;
	o->listen[o->listen_count++] = arg;
	return true;
}

static bool
take_family(struct whip_options *o, const char *arg)
{
	static const struct {
		const char *name;
		enum whip_family family;
	} rows[] = {{"ipv4", WHIP_IPV4}, {"ipv6", WHIP_IPV6}, {"all", WHIP_IP_ALL}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (strcmp(arg, rows[i].name) == 0) {
			o->rules.family = rows[i].family;
			return true;
		}
	return false;
}

static bool
take_protocol(struct whip_options *o, const char *arg)
{
	static const struct {
		const char *name;
		enum whip_protocol protocol;
	} rows[] = {{"udp", WHIP_UDP}, {"tcp", WHIP_TCP}, {"all", WHIP_UDP_TCP}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (strcmp(arg, rows[i].name) == 0) {
			o->rules.protocol = rows[i].protocol;
			return true;
		}
	return false;
}

/* arg NULL: the port of each request's URL. */
static bool
take_gate_tcp(struct whip_options *o, const char *arg)
{
	double port = 0;

	if (arg != NULL && !number(arg, 1, 65535, &port))
		return false;
	o->rules.gate_tcp = true;
	o->rules.gate_port = (uint16_t)port;
	return true;
}

static bool
take_stun_timeout(struct whip_options *o, const char *arg)
{
	double seconds;

	if (!number(arg, 1, 3600, &seconds))
		return false;
	o->stun_timeout_ms = (unsigned)(seconds * 1000);
	return true;
}

static bool
take_rate(struct whip_options *o, const char *arg)
{
	double rate;

	if (!number(arg, 1, WHIP_RATE_MAX, &rate))
		return false;
	o->rate = (unsigned)rate;
	return true;
}

static bool
take_ready_fd(struct whip_options *o, const char *arg)
{
	double fd;

	if (!number(arg, 0, 65535, &fd))
		return false;
	o->ready_fd = (int)fd;
	return true;
}

static bool
take_log_level(struct whip_options *o, const char *arg)
{
	int level = log_level_parse(arg);

	if (level < 0)
		return false;
	o->log_level = (enum log_level)level;
	return true;
}

/* One option with a value. False: the value is wrong. */
static bool
take_value(struct whip_options *o, int c, const char *arg)
{
	switch (c) {
	case 'l':
		return take_listen(o, arg);
	case 'S':
		o->socket = arg;
		return true;
	case 'r':
		o->relay = arg;
		return true;
	case 'c':
		return whip_rules_add(&o->rules, arg) == 0;
	case 't':
		o->token_file = arg;
		return true;
	case OPT_PLAY_TOKEN_FILE:
		o->play_token_file = arg;
		return true;
	case 'p':
		return http_config_add_proxy(&o->http, arg) == 0;
	case 'u':
		o->user = arg;
		return true;
	case 'R':
		return take_ready_fd(o, arg);
	case OPT_PROTOCOL:
		return take_protocol(o, arg);
	case OPT_IP_FAMILY:
		return take_family(o, arg);
	case OPT_ICE_SERVER:
		return whip_ice_server_add(&o->ice_servers, arg, NULL, NULL) == 0;
	case OPT_ICE_SERVER_FILE:
		o->ice_server_file = arg;
		return true;
	case OPT_REDIRECT:
		return whip_balance_add(&o->balance, arg) == 0;
	case OPT_RATE:
		return take_rate(o, arg);
	case OPT_STUN_TIMEOUT:
		return take_stun_timeout(o, arg);
	case OPT_LOG_LEVEL:
		return take_log_level(o, arg);
	default:
		return false;
	}
}

/* One switch. False: it is none. */
static bool
take_switch(struct whip_options *o, int c)
{
	switch (c) {
	case OPT_NO_DETECT:
		o->rules.detect = false;
		return true;
	case OPT_NO_API:
		o->rules.api = false;
		return true;
	case OPT_NO_RESOLVE:
		o->rules.resolve = false;
		return true;
	case OPT_KEEP_DOMAIN:
		o->rules.keep = true;
		return true;
	case OPT_HOOK:
		o->hook = true;
		return true;
	case OPT_VHOST:
		o->use_vhost = true;
		return true;
	case OPT_NO_NACK:
		o->no_nack = true;
		return true;
	case OPT_NO_TWCC:
		o->no_twcc = true;
		return true;
	case OPT_KEEP_BFRAME:
		o->keep_bframe = true;
		return true;
	case OPT_DTLS_CLIENT:
		o->dtls_client = true;
		return true;
	default:
		return false;
	}
}

static const char *
option_name(int c)
{
	for (const struct option *l = long_options; l->name != NULL; l++)
		if (l->val == c)
			return l->name;
	return "?";
}

static void
options_init(struct whip_options *o)
{
	memset(o, 0, sizeof(*o));
	whip_rules_init(&o->rules);
	o->ready_fd = -1;
	o->log_level = LOG_INFO;
}

static int
usage(const char *program)
{
	fprintf(stderr, usage_text, program);
	fprintf(stderr, "%s --help lists the options\n", program);
	return EX_USAGE;
}

int
whip_options_read(struct whip_options *o, int argc, char **argv, const char *program)
{
	int c;

	options_init(o);
	while (1) {
		c = getopt_long(argc, argv, "l:S:r:c:t:p:u:R:hV", long_options, NULL);
		if (c < 0)
			break;
		if (c == 'h') {
			printf(usage_text, program);
			fputs(help_text, stdout);
			return EX_OK;
		}
		if (c == 'V') {
			printf("%s %s\n", program, RTCKIT_VERSION);
			return EX_OK;
		}
		if (c == '?')
			return usage(program);
		if (c == OPT_GATE_TCP && take_gate_tcp(o, optarg))
			continue;
		if (take_switch(o, c) || (optarg != NULL && take_value(o, c, optarg)))
			continue;
		fprintf(stderr, "%s: fatal: --%s: '%.64s' is not possible here; see %s --help\n",
			program, option_name(c), optarg != NULL ? optarg : "", program);
		return EX_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: fatal: unexpected argument '%.64s'\n", program, argv[optind]);
		return usage(program);
	}
	if (o->rules.entry_count == 0 && getenv("CANDIDATE") != NULL &&
	    whip_rules_add(&o->rules, "$CANDIDATE") < 0) {
		fprintf(
		    stderr,
		    "%s: fatal: CANDIDATE in the environment is no list of *, IP[:PORT] or NAME\n",
		    program);
		return EX_USAGE;
	}
	return -1;
}
