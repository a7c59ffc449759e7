/* main.c - command line, listeners, stopping. */
#include "gate.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/text.h"
#include "log/log.h"
#include "loop/loop.h"

enum { BACKLOG = 512, WANTED_FILES = 16384 };

struct command_line {
	struct gate_config config;
	const char *listen[GATE_LISTENER_MAX];
	size_t listen_count;
	const char *user;
	int ready_fd;
};

static const char usage_text[] =
    "usage: rtc-gate [-qv] [-l [address:]port] [-r prefix=upstream] [-R fd] [-u user]\n"
    "                [--trusted-proxy address] [--max-connections n] [--max-per-address n]\n"
    "                [--head-timeout s] [--body-timeout s] [--answer-timeout s] [--idle-timeout "
    "s]\n";

static const char help_text[] =
    "  -l, --listen [ADDRESS:]PORT   serve HTTP here (1985 and 8080); may be repeated\n"
    "  -r, --route PREFIX=UPSTREAM   send these paths to a Unix socket or [address:]port\n"
    "      --trusted-proxy ADDRESS   believe the X-Forwarded-* fields of this peer\n"
    "      --max-connections N       connections in all (2048)\n"
    "      --max-per-address N       connections of one address (256)\n"
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
	OPT_PROXY = 256,
	OPT_MAX,
	OPT_MAX_ADDRESS,
	OPT_HEAD,
	OPT_BODY,
	OPT_ANSWER,
	OPT_IDLE,
	OPT_RESTART
};

static const struct option options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"route", required_argument, NULL, 'r'},
    {"trusted-proxy", required_argument, NULL, OPT_PROXY},
    {"max-connections", required_argument, NULL, OPT_MAX},
    {"max-per-address", required_argument, NULL, OPT_MAX_ADDRESS},
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
add_proxy(struct gate_config *config, const char *text)
{
	if (config->proxy_count == GATE_PROXY_MAX ||
	    addr_parse(&config->proxies[config->proxy_count], text, 0) != 0)
		return false;
	config->proxy_count++;
	return true;
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
add_listen(struct command_line *cl, const char *text)
{
	if (cl->listen_count == GATE_LISTENER_MAX)
		return false;
	cl->listen[cl->listen_count++] = text;
	return true;
}

static bool
set(unsigned *out, unsigned value)
{
	*out = value;
	return value > 0;
}

/* One option: false if its value is wrong. */
static bool
apply(struct command_line *cl, int option, char *value)
{
	struct gate_config *c = &cl->config;
	char *end;

	switch (option) {
	case 'l':
		return add_listen(cl, value);
	case 'r':
		return add_route(c, value);
	case 'u':
		cl->user = value;
		return true;
	case 'R':
		cl->ready_fd = (int)strtol(value, &end, 10);
		return *end == '\0' && cl->ready_fd >= 0;
	case 'q':
		log_set_level(LOG_WARN);
		return true;
	case 'v':
		log_set_level(LOG_DEBUG);
		return true;
	case OPT_PROXY:
		return add_proxy(c, value);
	case OPT_MAX:
		return set(&c->connection_max, parse_count(value, 100000));
	case OPT_MAX_ADDRESS:
		return set(&c->per_address_max, parse_count(value, 100000));
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

/* Returns -1 to go on, else the exit code. */
static int
parse_command_line(struct command_line *cl, int argc, char **argv)
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
		add_listen(cl, "1985");
		add_listen(cl, "8080");
	}
	return -1;
}

static void
on_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		client_accept(listener->data, listener);
	else
		log_warn("gate", "cannot accept: %s", uv_strerror(status));
}

static int
bind_listener(uv_tcp_t *tcp, const char *text)
{
	struct addr a;
	char whole[32];
	int error;

	if (strspn(text, "0123456789") != strlen(text)) {
		if (addr_parse(&a, text, 0) != 0)
			return UV_EINVAL;
		return uv_tcp_bind(tcp, &a.sa, 0);
	}
	if (!text_copy(whole, sizeof(whole), "[::]:") ||
	    !text_copy(whole + 5, sizeof(whole) - 5, text) || addr_parse(&a, whole, 0) != 0)
		return UV_EINVAL;
	error = uv_tcp_bind(tcp, &a.sa, 0); /* IPv4 too */
	if (error != UV_EAFNOSUPPORT && error != UV_EADDRNOTAVAIL)
		return error;
	memset(&a, 0, sizeof(a)); /* a host without IPv6 */
	a.v4.sin_family = AF_INET;
	a.v4.sin_port = htons((uint16_t)atoi(text));
	return uv_tcp_bind(tcp, &a.sa, 0);
}

static void
log_listener(const uv_tcp_t *tcp)
{
	struct sockaddr_storage ss;
	struct addr a;
	char text[ADDR_TEXT_SIZE];
	int size = sizeof(ss);

	if (uv_tcp_getsockname(tcp, (struct sockaddr *)&ss, &size) == 0 &&
	    addr_from_sockaddr(&a, (struct sockaddr *)&ss) == 0)
		log_info("gate", "listening on %s", addr_format(&a, text));
}

static int
gate_listen(struct gate *gate, const char *text)
{
	uv_tcp_t *tcp = &gate->listeners[gate->listener_count];
	int error;

	uv_tcp_init(gate->loop, tcp);
	tcp->data = gate;
	gate->listener_count++;
	error = bind_listener(tcp, text);
	if (error == 0)
		error = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
	if (error == 0)
		log_listener(tcp);
	else
		log_error("gate", "cannot listen on %s: %s", text, uv_strerror(error));
	return error;
}

static void
on_grace_over(uv_timer_t *timer)
{
	struct gate *gate = timer->data;
	struct client *next;

	for (struct client *c = gate->clients; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_BODY || c->state == CLIENT_WAIT)
			client_problem(c, 503, "stopping", "the gate is being stopped");
		else if (c->state != CLIENT_LINGER)
			client_close(c);
	}
}

/* Finish what runs, at most GATE_GRACE_MS; then the loop has nothing left and ends. */
static void
on_stop(void *arg, int signum)
{
	struct gate *gate = arg;
	struct client *next;

	if (gate->stopping)
		return;
	log_info("gate", "stopping: %s", strsignal(signum));
	gate->stopping = true;
	for (size_t i = 0; i < gate->listener_count; i++)
		uv_close((uv_handle_t *)&gate->listeners[i], NULL);
	for (struct client *c = gate->clients; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_IDLE || c->state == CLIENT_TUNNEL ||
		    (c->state == CLIENT_HEAD && c->in_size == 0))
			client_close(c);
	}
	uv_timer_start(&gate->grace, on_grace_over, GATE_GRACE_MS - GATE_LINGER_MS, 0);
	uv_unref((uv_handle_t *)&gate->grace);
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= WANTED_FILES)
		return;
	limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)WANTED_FILES);
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	static struct command_line cl = {.ready_fd = -1,
					 .config = {.connection_max = 2048,
						    .per_address_max = 256,
						    .head_ms = 10000,
						    .body_ms = 30000,
						    .answer_ms = 30000,
						    .idle_ms = 60000,
						    .restart_ms = 1000}};
	static struct gate gate;
	int code, error;

	log_init("rtc-gate", LOG_INFO);
	error = gate_routes_init(&cl.config);
	code = parse_command_line(&cl, argc, argv);
	if (code >= 0)
		return code;
	if (error != 0) {
		log_error("gate", "cannot use the run directory: %s", strerror(-error));
		return EX_CANTCREAT;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	gate.loop = uv_default_loop();
	gate.config = cl.config;
	uv_timer_init(gate.loop, &gate.grace);
	gate.grace.data = &gate;
	for (size_t i = 0; i < cl.listen_count; i++)
		if (gate_listen(&gate, cl.listen[i]) != 0)
			return EX_UNAVAILABLE;
	error = loop_drop_privileges(cl.user);
	if (error != 0) {
		log_error("gate", "cannot become %s: %s", cl.user, strerror(-error));
		return EX_NOUSER;
	}
	loop_on_signal(gate.loop, SIGTERM, on_stop, &gate);
	loop_on_signal(gate.loop, SIGINT, on_stop, &gate);
	loop_ready(cl.ready_fd);
	uv_run(gate.loop, UV_RUN_DEFAULT);
	loop_finish(gate.loop);
	return EX_OK;
}
