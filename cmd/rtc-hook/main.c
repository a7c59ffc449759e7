/*
 * rtc-hook - asks web servers before somebody publishes or plays, and tells them when it is over:
 * HTTP hooks.
 */
#include "hook.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/random.h"
#include "log/log.h"
#include "loop/loop.h"

enum { TICK_MS = 1000, RELAY_TIMEOUT_MS = 3000, TIMEOUT_MS = 2500 };

static const char usage_text[] =
    "usage: rtc-hook [-qv] [--on-publish url] [--on-unpublish url] [--on-play url]\n"
    "                [--on-stop url] [--timeout s] [--ca-file file] [-u user] [-R fd]\n";

static const char help_text[] =
    "      --on-publish URL     ask before somebody publishes; each may be repeated\n"
    "      --on-unpublish URL   tell that a publisher is gone\n"
    "      --on-play URL        ask before somebody plays\n"
    "      --on-stop URL        tell that a player is gone\n"
    "      --timeout S          seconds for an answer (2.5)\n"
    "      --ca-file FILE       certificates to trust, PEM, instead of the system's\n"
    "  -u, --user USER          become this user once the socket is taken\n"
    "  -R, --ready-fd FD        write a line to FD when serving\n"
    "  -q, --quiet              warnings and errors only\n"
    "  -v, --verbose            more lines in the log\n"
    "  -h, --help               this text\n"
    "  -V, --version            the version\n";

enum { OPT_TIMEOUT = 256, OPT_CA, OPT_URL }; /* OPT_URL + action */

static const struct option options[] = {
    {"on-publish", required_argument, NULL, OPT_URL + HOOK_PUBLISH},
    {"on-unpublish", required_argument, NULL, OPT_URL + HOOK_UNPUBLISH},
    {"on-play", required_argument, NULL, OPT_URL + HOOK_PLAY},
    {"on-stop", required_argument, NULL, OPT_URL + HOOK_STOP},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"ca-file", required_argument, NULL, OPT_CA},
    {"user", required_argument, NULL, 'u'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

struct command_line {
	const char *user;
	int ready_fd;
};

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE;
}

static int
bad(const char *what, const char *value)
{
	fprintf(stderr, "rtc-hook: fatal: %s: %s\n", what, value);
	return usage();
}

static int
take_url(struct urls *urls, const char *url)
{
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return bad("a hook is a URL of http or https, not", url);
	if (urls->count == URLS_MAX)
		return bad("more than 8 URLs of one hook", url);
	urls->list[urls->count++] = url;
	return -1;
}

/* -1 to go on, else the exit code. */
static int
apply(struct hooks *h, struct command_line *cl, int option, const char *value)
{
	char *end;
	double seconds;

	switch (option) {
	case OPT_TIMEOUT:
		seconds = strtod(value, &end);
		if (end == value || *end != '\0' || !(seconds >= 0.1 && seconds <= 60))
			return bad("--timeout is 0.1 to 60 seconds, not", value);
		h->timeout_ms = (long)(seconds * 1000);
		return -1;
	case OPT_CA:
		h->ca_file = value;
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
	case 'h':
		fputs(usage_text, stdout);
		fputs(help_text, stdout);
		return EX_OK;
	case 'V':
		puts("rtc-hook " RTCKIT_VERSION);
		return EX_OK;
	default:
		return option >= OPT_URL ? take_url(&h->urls[option - OPT_URL], value) : usage();
	}
}

static int
parse_command_line(struct hooks *h, struct command_line *cl, int argc, char **argv)
{
	int code = -1;

	while (code < 0) {
		int option = getopt_long(argc, argv, "u:R:qvhV", options, NULL);

		if (option == -1)
			break;
		code = apply(h, cl, option, optarg);
	}
	return code < 0 && optind != argc ? usage() : code;
}

static void
on_tick(uv_timer_t *timer)
{
	struct hooks *h = timer->data;

	visits_tick(h, clock_now_us());
	relay_tick(h);
}

static void
on_stop(void *arg, int signum)
{
	struct hooks *h = arg;

	log_info("hook", "stopping: %s", strsignal(signum));
	uv_stop(&h->loop);
}

static int
set_up(struct hooks *h)
{
	char path[PATH_MAX];
	int r = uv_loop_init(&h->loop);

	if (r < 0)
		return r;
	random_text(h->server_id, SERVER_ID_SIZE - 1);
	h->http = whip_http_new(&h->loop);
	r = ipc_run_path(path, sizeof(path), "relay/admin.sock");
	h->relay = r == 0 ? ipc_client_new(&h->loop, path, RELAY_TIMEOUT_MS) : NULL;
	if (h->http == NULL || h->relay == NULL)
		return r < 0 ? r : -ENOMEM;
	ipc_client_on_event(h->relay, relay_on_event, h);
	uv_timer_init(&h->loop, &h->timer);
	h->timer.data = h;
	uv_timer_start(&h->timer, on_tick, 0, TICK_MS);
	return 0;
}

static int
serve(struct hooks *h, const struct command_line *cl)
{
	int r = set_up(h);

	if (r < 0) {
		log_error("hook", "unable to start: %s", strerror(-r));
		return EX_OSERR;
	}
	if (doors_open(h) < 0)
		return EX_UNAVAILABLE;
	r = loop_drop_privileges(cl->user);
	if (r < 0) {
		log_error("hook", "cannot become %s: %s", cl->user, strerror(-r));
		return EX_NOUSER;
	}
	loop_on_signal(&h->loop, SIGTERM, on_stop, h);
	loop_on_signal(&h->loop, SIGINT, on_stop, h);
	loop_ready(cl->ready_fd);
	uv_run(&h->loop, UV_RUN_DEFAULT);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	static struct hooks h = {.listen_fd = -1, .lock_fd = -1, .timeout_ms = TIMEOUT_MS};
	struct command_line cl = {.ready_fd = -1};
	int code;

	log_init("rtc-hook", LOG_INFO);
	code = parse_command_line(&h, &cl, argc, argv);
	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	code = serve(&h, &cl);
	posts_free(&h);
	visits_free(&h);
	doors_close(&h);
	ipc_client_free(h.relay);
	whip_http_free(h.http);
	loop_finish(&h.loop);
	return code;
}
