/* rtc-stun-probe: does this host and port answer STUN, and if not, why? */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "client/client.h"
#include "loop/loop.h"
#include "options.h"
#include "probe.h"
#include "report.h"
#include "resolve.h"

enum { TCP_TIMEOUT_US = 3000000 }; /* of each address when UDP has failed */

struct run {
	struct options options, tcp; /* tcp: of the second round, when UDP has failed */
	struct resolve names;
	struct probe probe[2 * RESOLVE_MAX]; /* of the first round, then of the second */
	size_t begun;			     /* of these */
	size_t left;			     /* probes under way */
	bool stopped;
	uv_timer_t patience;
};

/* Somebody waits at a terminal: say that there is a reason for it. */
static void
on_patience(uv_timer_t *timer)
{
	struct run *run = timer->data;

	fprintf(stderr, "rtc-stun-probe: no answer yet, repeating for up to %.1f s (-t)\n",
		(double)run->options.timeout_us / 1e6);
}

static void
on_done(void *arg, struct probe *probe)
{
	struct run *run = arg;

	(void)probe;
	run->left--;
	if (run->left == 0)
		uv_timer_stop(&run->patience);
}

static void
on_stop(void *arg, int signum)
{
	struct run *run = arg;

	(void)signum;
	run->stopped = true;
	for (size_t i = 0; i < run->begun; i++)
		probe_stop(&run->probe[i]);
}

/* One round: every address. */
static void
probe_all(struct run *run, uv_loop_t *loop, const struct options *options)
{
	run->left = run->names.count;
	for (size_t i = 0; i < run->names.count; i++)
		probe_start(&run->probe[run->begun++], loop, options, &run->names.addr[i], on_done,
			    run);
	uv_run(loop, UV_RUN_DEFAULT);
}

static void
probe_first(struct run *run, uv_loop_t *loop)
{
	uv_timer_init(loop, &run->patience);
	run->patience.data = run;
	loop_on_signal(loop, SIGINT, on_stop, run);
	loop_on_signal(loop, SIGTERM, on_stop, run);
	if (!run->options.counting && run->options.timeout_us > 3000000)
		uv_timer_start(&run->patience, on_patience, 3000, 0);
	probe_all(run, loop, &run->options);
}

/* One good address is enough: a name may have an IPv6 one that the server does not use. */
static enum verdict
sum_up(const struct run *run)
{
	enum verdict all = run->probe[0].verdict;

	for (size_t i = 1; i < run->names.count; i++)
		all = verdict_worse(all, run->probe[i].verdict);
	return all;
}

/* UDP does not reach the port: does TCP? True if it does; else the second round is forgotten. */
static bool
tcp_reaches(struct run *run, uv_loop_t *loop, enum verdict udp)
{
	size_t first = run->names.count;
	bool any = false;

	if (run->options.tcp || run->stopped ||
	    (udp != VERDICT_SILENT && udp != VERDICT_CLOSED && udp != VERDICT_LOCAL_FIREWALL))
		return false;
	run->tcp = run->options;
	run->tcp.tcp = true;
	run->tcp.counting = false;
	run->tcp.count = 1;
	run->tcp.timeout_us = MIN_OF(run->options.timeout_us, (uint64_t)TCP_TIMEOUT_US);
	probe_all(run, loop, &run->tcp);
	for (size_t i = first; i < run->begun; i++)
		any |= verdict_status(run->probe[i].verdict) == 0;
	return any;
}

static int
report_unresolved(const struct run *run)
{
	char words[256];
	struct report report = {
	    .options = &run->options, .status = CLIENT_DNS, .name = "dns", .words = words};

	snprintf(words, sizeof(words),
		 "the name does not resolve: %s; check its spelling and the "
		 "domain's A and AAAA records",
		 run->names.words);
	report_print(&report);
	return CLIENT_DNS;
}

static int
report_probes(struct run *run, uv_loop_t *loop)
{
	enum verdict first = sum_up(run);
	bool tcp = tcp_reaches(run, loop, first);
	enum verdict all = tcp ? VERDICT_TCP_ONLY : first;
	struct report report = {.options = &run->options,
				.probes = run->probe,
				.count = tcp ? run->begun : run->names.count,
				.status = verdict_status(all),
				.name = verdict_name(all),
				.words = verdict_words(all, run->options.tcp)};

	report_print(&report);
	return report.status;
}

/* A URL is rtc-doctor's: the program beside this one, with the same arguments. */
static int
run_doctor(char **argv)
{
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - sizeof("rtc-doctor"));
	char *slash;

	path[size > 0 ? size : 0] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash != NULL ? slash + 1 : path, "rtc-doctor", sizeof("rtc-doctor"));
	argv[0] = path;
	execvp(path, argv);
	fprintf(stderr, "rtc-stun-probe: cannot run %s: %s\n", path, strerror(errno));
	return EX_UNAVAILABLE;
}

static bool
is_url(const char *text)
{
	static const char *const schemes[] = {"http://", "https://", "webrtc://"};

	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	static struct run run;
	uv_loop_t loop;
	int status;

	for (int i = 1; i < argc; i++)
		if (is_url(argv[i]))
			return run_doctor(argv);
	status = options_parse(&run.options, argc, argv);
	if (status >= 0)
		return status;
	if (uv_loop_init(&loop) < 0)
		return EX_OSERR;
	if (resolve_host(&loop, &run.options, &run.names) < 0) {
		status = report_unresolved(&run);
		if (run.names.error == UV_ETIMEDOUT) {
			fflush(stdout);
			_Exit(status); /* the resolver's thread cannot be ended */
		}
	} else {
		probe_first(&run, &loop);
		status = report_probes(&run, &loop);
		for (size_t i = 0; i < run.begun; i++)
			probe_fini(&run.probe[i]);
	}
	loop_finish(&loop);
	return fflush(stdout) == 0 && !ferror(stdout) ? status : EX_IOERR;
}
