/* rtc-ctl - asks the relay: streams, sessions, kick, stats, events. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "ipc/ipc.h"

struct command_line {
	struct request request;
	const char *socket;
};

static const char usage_text[] = "usage: rtc-ctl [-j] [-S socket] streams\n"
				 "       rtc-ctl [-j] [-S socket] sessions [stream]\n"
				 "       rtc-ctl [-S socket] kick session ...\n"
				 "       rtc-ctl [-S socket] set name=value ...\n"
				 "       rtc-ctl [-j] [-S socket] stats\n"
				 "       rtc-ctl [-fj] [-e event] [-t seconds] [-S socket] events\n"
				 "       rtc-ctl [-j] [-S socket] version\n";

static const char help_text[] =
    "  -f, --follow           events: go on after the first\n"
    "  -e, --event NAME       events: this one only\n"
    "  -t, --timeout SECONDS  events: give up, with exit 1 if there was none\n"
    "  -j, --json             one JSON object a line\n"
    "  -S, --socket PATH      the relay's admin socket (default $RTC_RUN/relay/admin.sock)\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version of this program\n";

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE;
}

static int
take_timeout(struct request *r, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(s > 0 && s <= 86400))
		return usage();
	r->timeout_us = (uint64_t)(s * 1e6);
	return -1;
}

/* One option; returns -1 to go on, else the exit code. */
static int
take_option(struct command_line *c, int opt)
{
	switch (opt) {
	case 'f':
		c->request.follow = true;
		return -1;
	case 'j':
		c->request.json = true;
		return -1;
	case 'e':
		c->request.event = optarg;
		return -1;
	case 'S':
		c->socket = optarg;
		return -1;
	case 't':
		return take_timeout(&c->request, optarg);
	case 'h':
		printf("%s%s", usage_text, help_text);
		return EX_OK;
	case 'V':
		printf("rtc-ctl %s\n", RTCKIT_VERSION);
		return EX_OK;
	default:
		return usage();
	}
}

static int
cannot_connect(int err, const char *path)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		fprintf(stderr,
			"rtc-ctl: rtc-relay is not running: nothing listens on %s "
			"(is RTC_RUN right?)\n",
			path);
	else if (err == -EACCES || err == -EPERM)
		fprintf(stderr, "rtc-ctl: %s: not permitted: be root or the relay's user\n", path);
	else if (err == -ENAMETOOLONG)
		fprintf(stderr, "rtc-ctl: %s: %s\n", path, ipc_words(err));
	else
		return command_fault(err);
	return err == -EACCES || err == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

static int
run(struct command_line *c, int count, char **operands)
{
	const struct command *command = count > 0 ? command_find(operands[0]) : NULL;
	struct client client;
	char path[PATH_MAX] = "";
	int err, code;

	if (command == NULL) {
		fprintf(stderr, "rtc-ctl: %s%s\n", count > 0 ? operands[0] : "which command?",
			count > 0 ? ": no such command" : "");
		return usage();
	}
	if (count - 1 < command->min || count - 1 > command->max) {
		fprintf(stderr, "rtc-ctl: %s takes %s operands than these\n", operands[0],
			count - 1 < command->min ? "more" : "fewer");
		return usage();
	}
	err = client_open(&client, c->socket, path, sizeof(path));
	if (err != 0)
		return cannot_connect(err, path);
	c->request.client = &client;
	c->request.operands = operands + 1;
	c->request.count = count - 1;
	code = command->run(&c->request);
	client_close(&client);
	return fflush(stdout) == 0 ? code : EX_IOERR;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"follow", no_argument, NULL, 'f'},	       {"event", required_argument, NULL, 'e'},
	    {"timeout", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'},
	    {"socket", required_argument, NULL, 'S'},  {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
	};
	struct command_line c = {.socket = NULL};
	int opt, code;

	while ((opt = getopt_long(argc, argv, "fe:t:jS:hV", longs, NULL)) != -1) {
		code = take_option(&c, opt);
		if (code >= 0)
			return code;
	}
	return run(&c, argc - optind, argv + optind);
}
