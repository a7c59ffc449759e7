/* main.c - command line, sockets, stopping. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/keyhash.h"
#include "base/random.h"
#include "ipc/ipc.h"
#include "log/log.h"
#include "loop/loop.h"
#include "server.h"

enum {
	LISTEN_MAX = 8,
	BACKLOG = 512,
	PATH_SIZE = 108, /* sun_path of unix(7) */
	OPT_CONNECTIONS = 256,
	OPT_PER_ADDRESS,
	OPT_ROOMS,
	OPT_PARTICIPANTS
};

static struct {
	uv_loop_t loop;
	struct limits limits;
	const char *listen[LISTEN_MAX], *user;
	size_t listen_count;
	int ready_fd;
	struct ws *ws;
	struct door *door;
	bool stopping;
} s = {.limits = {.connections = 2000, .per_address = 100, .rooms = 1000, .participants = 32},
       .ready_fd = -1};

static const char usage_text[] =
    "usage: rtc-signal [-qv] [-l [address:]port] [-R fd] [-u user] [--max-connections n]\n"
    "                  [--max-per-address n] [--max-rooms n] [--max-participants n]\n";

static const char help_text[] =
    "  -l, --listen [ADDRESS:]PORT  serve here beside signal.sock (1989); may be repeated\n"
    "      --max-connections N      in all (2000)\n"
    "      --max-per-address N      of one address (100)\n"
    "      --max-rooms N            at a time (1000)\n"
    "      --max-participants N     of a room (32)\n"
    "  -u, --user USER              become this user once the sockets are taken\n"
    "  -R, --ready-fd FD            write a line to FD when serving\n"
    "  -q, --quiet                  warnings and errors only\n"
    "  -v, --verbose                more lines in the log\n"
    "  -h, --help                   this text\n"
    "  -V, --version                the version\n";

static const struct option options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"max-connections", required_argument, NULL, OPT_CONNECTIONS},
    {"max-per-address", required_argument, NULL, OPT_PER_ADDRESS},
    {"max-rooms", required_argument, NULL, OPT_ROOMS},
    {"max-participants", required_argument, NULL, OPT_PARTICIPANTS},
    {"user", required_argument, NULL, 'u'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static unsigned
number(const char *name, unsigned long low, unsigned long high)
{
	char *end;
	unsigned long v = strtoul(optarg, &end, 10);

	if (optarg[0] >= '0' && optarg[0] <= '9' && *end == '\0' && v >= low && v <= high)
		return (unsigned)v;
	log_error("options", "--%s wants a number from %lu to %lu", name, low, high);
	usage();
}

static void
take_option(int opt)
{
	switch (opt) {
	case 'l':
		if (s.listen_count == LISTEN_MAX)
			usage();
		s.listen[s.listen_count++] = optarg;
		break;
	case OPT_CONNECTIONS:
		s.limits.connections = number("max-connections", 1, 100000);
		break;
	case OPT_PER_ADDRESS:
		s.limits.per_address = number("max-per-address", 1, 100000);
		break;
	case OPT_ROOMS:
		s.limits.rooms = number("max-rooms", 1, 100000);
		break;
	case OPT_PARTICIPANTS:
		s.limits.participants = number("max-participants", 1, 100);
		break;
	case 'u':
		s.user = optarg;
		break;
	case 'R':
		s.ready_fd = (int)number("ready-fd", 0, 65535);
		break;
	case 'q':
		log_set_level(LOG_WARN);
		break;
	case 'v':
		log_set_level(LOG_DEBUG);
		break;
	case 'h':
		fputs(usage_text, stdout);
		fputs(help_text, stdout);
		exit(EX_OK);
	case 'V':
		puts("rtc-signal " RTCKIT_VERSION);
		exit(EX_OK);
	default:
		usage();
	}
}

/* ---- sockets ---- */

static int
listen_on(const struct addr *a)
{
	int on = 1, rc, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[ADDR_TEXT_SIZE];
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr bound = *a;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->sa, addr_size(a)) < 0 || listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	if (getsockname(fd, (struct sockaddr *)&ss, &size) == 0)
		addr_from_sockaddr(&bound, (struct sockaddr *)&ss);
	log_info("listen", "listening on %s", addr_format(&bound, text));
	return door_listen(s.door, fd, false);
}

/* A port alone is of both families, where there are both. */
static int
listen_text(const char *text)
{
	char with_host[ADDR_TEXT_SIZE];
	struct addr a;
	int v4, v6;

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return addr_parse(&a, text, 0) < 0 ? -EINVAL : listen_on(&a);
	snprintf(with_host, sizeof(with_host), "0.0.0.0:%s", text);
	if (addr_parse(&a, with_host, 0) < 0)
		return -EINVAL;
	v4 = listen_on(&a);
	snprintf(with_host, sizeof(with_host), "[::]:%s", text);
	addr_parse(&a, with_host, 0);
	v6 = listen_on(&a);
	return v4 == 0 || (v6 == 0 && v4 == -EAFNOSUPPORT) ? 0 : v4;
}

static int
take_unix(void)
{
	char path[PATH_SIZE];
	int lock_fd, rc = ipc_run_make(path, sizeof(path), "signal.sock");

	if (rc == 0)
		rc = ipc_listen(path, SOCK_STREAM, 0600, &lock_fd);
	if (rc >= 0)
		return door_listen(s.door, rc, true);
	log_error("listen", "cannot listen on %s: %s", path, ipc_words(rc));
	return rc;
}

static int
take_sockets(void)
{
	int rc = take_unix();

	if (rc < 0)
		return EX_UNAVAILABLE;
	for (size_t i = 0; i < s.listen_count; i++) {
		rc = listen_text(s.listen[i]);
		if (rc == -EINVAL) {
			log_error("listen", "%s: want [ADDRESS:]PORT", s.listen[i]);
			return EX_USAGE;
		}
		if (rc < 0) {
			log_error("listen", "%s: %s", s.listen[i], strerror(-rc));
			return EX_UNAVAILABLE;
		}
	}
	rc = loop_drop_privileges(s.user);
	if (rc == 0)
		return EX_OK;
	log_error("options", "user %s: %s", s.user, strerror(-rc));
	return EX_NOUSER;
}

/* ---- the process ---- */

static void
stop(void)
{
	if (s.stopping)
		return;
	s.stopping = true;
	door_stop(s.door);
	ws_stop(s.ws);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	log_info("signal", "stopping: %s", strsignal(signum));
	stop();
}

static int
serve(void)
{
	int code = EX_OSERR;

	s.ws = ws_new(&s.loop, &s.limits);
	s.door = s.ws != NULL ? door_new(&s.loop, s.ws) : NULL;
	if (s.door != NULL) {
		code = take_sockets();
		if (code == EX_OK)
			loop_ready(s.ready_fd);
		else
			stop();
		uv_run(&s.loop, UV_RUN_DEFAULT);
	}
	return code;
}

int
main(int argc, char **argv)
{
	uint8_t key[KEYHASH_KEY_SIZE];
	int opt, code;

	log_init("rtc-signal", LOG_INFO);
	while ((opt = getopt_long(argc, argv, "l:u:R:qvhV", options, NULL)) != -1)
		take_option(opt);
	if (optind != argc)
		usage();
	if (s.listen_count == 0)
		s.listen[s.listen_count++] = "1989";
	random_bytes(key, sizeof(key));
	keyhash_init(key);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&s.loop);
	loop_on_signal(&s.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&s.loop, SIGTERM, on_signal, NULL);
	code = serve();
	loop_finish(&s.loop);
	door_free(s.door);
	ws_free(s.ws);
	return code;
}
