/* main.c - command line, sockets, stopping. */
#include "web.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/addr.h"
#include "ipc/ipc.h"
#include "log/log.h"
#include "loop/loop.h"

enum {
	GRACE_MS = 1500,
	RELAY_TIMEOUT_MS = 3000,
	LIVE_TIMEOUT_MS = 1000,
	LISTEN_MAX = HTTP_LISTENER_MAX,
	PER_ADDRESS_MAX = 128 /* connections, of 512 */
};

static const struct http_route routes[] = {
    {"GET", "/api/v1/versions", true, web_versions},
    {"POST", "/api/v1/versions", true, web_versions}, /* as tests of others ask */
    {"GET", "/api/v1/summaries", true, web_summaries},
    {"GET", "/api/v1/vhosts", true, web_vhosts},
    {"GET", "/api/v1/streams", true, web_streams},
    {"GET", "/api/v1/clients", true, web_clients},
    {"DELETE", "/api/v1/clients", true, web_kick},
    {"GET", "/metrics", false, web_metrics},
    {"GET", "/", true, web_file},
    {NULL, NULL, false, NULL},
};

struct command_line {
	struct web web;
	struct http_config http;
	const char *listen[LISTEN_MAX];
	size_t listen_count;
	const char *user;
	int ready_fd;
};

static const char usage_text[] =
    "usage: rtc-web [-qv] [-d dir] [-l [address:]port] [-R fd] [-u user]\n"
    "               [--trusted-proxy address] [--api-token-file file]\n";

static const char help_text[] =
    "  -d, --dir DIR                 serve these files before the project's own; may be repeated\n"
    "  -l, --listen [ADDRESS:]PORT   serve here and not on web.sock; may be repeated\n"
    "      --trusted-proxy ADDRESS   believe the X-Forwarded-* fields of this peer\n"
    "      --api-token-file FILE     tokens of which kicking a client needs one\n"
    "  -u, --user USER               become this user once the sockets are taken\n"
    "  -R, --ready-fd FD             write a line to FD when serving\n"
    "  -q, --quiet                   warnings and errors only\n"
    "  -v, --verbose                 more lines in the log\n"
    "  -h, --help                    this text\n"
    "  -V, --version                 the version\n";

enum { OPT_PROXY = 256, OPT_TOKEN };

static const struct option options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"listen", required_argument, NULL, 'l'},
    {"trusted-proxy", required_argument, NULL, OPT_PROXY},
    {"api-token-file", required_argument, NULL, OPT_TOKEN},
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

static int
add_dir(struct web *web, const char *path)
{
	int error = web_add_dir(web, path);

	if (error == 0)
		return -1;
	fprintf(stderr, "rtc-web: --dir %s: %s\n", path, strerror(-error));
	return EX_NOINPUT;
}

/* -1 to go on, else the exit code. */
static int
apply(struct command_line *cl, int option, const char *value)
{
	char *end;

	switch (option) {
	case 'd':
		return add_dir(&cl->web, value);
	case 'l':
		if (cl->listen_count == LISTEN_MAX)
			return usage();
		cl->listen[cl->listen_count++] = value;
		return -1;
	case 'u':
		cl->user = value;
		return -1;
	case 'R':
		cl->ready_fd = (int)strtol(value, &end, 10);
		return *end == '\0' && cl->ready_fd >= 0 ? -1 : usage();
	case 'q':
		log_set_level(LOG_WARN);
		return -1;
	case 'v':
		log_set_level(LOG_DEBUG);
		return -1;
	case OPT_PROXY:
		return http_config_add_proxy(&cl->http, value) == 0 ? -1 : usage();
	case OPT_TOKEN:
		if (web_load_tokens(&cl->web, value) == 0)
			return -1;
		fprintf(stderr, "rtc-web: --api-token-file %s: no token in it\n", value);
		return EX_CONFIG;
	case 'h':
		fputs(usage_text, stdout);
		fputs(help_text, stdout);
		return EX_OK;
	case 'V':
		puts("rtc-web " RTCKIT_VERSION);
		return EX_OK;
	default:
		return usage();
	}
}

static int
parse_command_line(struct command_line *cl, int argc, char **argv)
{
	int code = -1;

	while (code < 0) {
		int option = getopt_long(argc, argv, "d:l:u:R:qvhV", options, NULL);

		if (option == -1)
			break;
		code = apply(cl, option, optarg);
	}
	return code < 0 && optind != argc ? usage() : code;
}

/* 0, or the exit code with the reason logged. */
static int
take_sockets(struct http_server *server, const struct command_line *cl)
{
	int error = cl->listen_count == 0 ? http_server_listen_unix(server, "web.sock") : 0;

	if (error != 0)
		log_error("web", "cannot listen on web.sock: %s", ipc_words(error));
	for (size_t i = 0; error == 0 && i < cl->listen_count; i++) {
		error = http_server_listen_tcp(server, cl->listen[i]);
		if (error != 0)
			log_error("web", "cannot listen on %s: %s", cl->listen[i],
				  strerror(-error));
		else
			log_info("web", "listening on port %u", http_server_port(server, i));
	}
	return error == 0 ? EX_OK : error == -EINVAL ? EX_USAGE : EX_UNAVAILABLE;
}

static void
on_stopped(void *arg)
{
	uv_stop(arg);
}

struct stop {
	struct http_server *server;
	uv_loop_t *loop;
};

static void
on_stop(void *arg, int signum)
{
	struct stop *stop = arg;

	log_info("web", "stopping: %s", strsignal(signum));
	http_server_stop(stop->server, GRACE_MS, on_stopped, stop->loop);
}

static int
serve(struct command_line *cl)
{
	uv_loop_t *loop = uv_default_loop();
	struct http_server *server = http_server_new(loop, &cl->http);
	struct stop stop = {server, loop};
	char path[PATH_MAX];
	int code, error;

	if (server == NULL || ipc_run_path(path, sizeof(path), "relay/admin.sock") < 0)
		return EX_OSERR;
	cl->web.admin = ipc_client_new(loop, path, RELAY_TIMEOUT_MS);
	if (cl->web.admin == NULL || ipc_run_path(path, sizeof(path), "live/admin.sock") < 0)
		return EX_OSERR;
	cl->web.live = ipc_client_new(loop, path, LIVE_TIMEOUT_MS);
	if (cl->web.live == NULL)
		return EX_OSERR;
	code = take_sockets(server, cl);
	if (code != EX_OK)
		goto out;
	error = loop_drop_privileges(cl->user);
	if (error != 0) {
		log_error("web", "cannot become %s: %s", cl->user, strerror(-error));
		code = EX_NOUSER;
		goto out;
	}
	loop_on_signal(loop, SIGTERM, on_stop, &stop);
	loop_on_signal(loop, SIGINT, on_stop, &stop);
	loop_ready(cl->ready_fd);
	uv_run(loop, UV_RUN_DEFAULT);
out:
	http_server_free(server);
	ipc_client_free(cl->web.admin);
	ipc_client_free(cl->web.live);
	whip_auth_fini(&cl->web.auth);
	uv_run(loop, UV_RUN_DEFAULT);
	loop_finish(loop);
	return code;
}

int
main(int argc, char **argv)
{
	static struct command_line cl = {.ready_fd = -1};
	int code;

	log_init("rtc-web", LOG_INFO);
	code = parse_command_line(&cl, argc, argv);
	if (code >= 0)
		return code;
	if (web_add_own_dir(&cl.web) != 0 && cl.web.dir_count == 0)
		log_warn("web", "the project's pages are not beside this program; use --dir");
	cl.http.routes = routes;
	cl.http.arg = &cl.web;
	cl.http.per_address_max = PER_ADDRESS_MAX;
	cl.http.cors = true;
	cl.http.log = cl.listen_count > 0 ? "access" : NULL; /* the gate logs for its upstreams */
	return serve(&cl);
}
