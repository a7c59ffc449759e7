/*
 * rtc-bench - load on streams: N players of each (and, if asked, their publishers) in one process;
 * what they lose, how long they take to join, and what that costs the processes that serve them.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/text.h"
#include "loop/loop.h"

enum {
	TICK_MS = 10, /* of the stages: joins are spread at this grain */
	PUBLISH_TIMEOUT_US = 20000000,
	STOP_TIMEOUT_US = 15000000,
	DESCRIPTORS_SPARE = 256,
	JOINING_MAX = 200,		 /* players that join at the same time */
	LAG_MAX_US = 3 * TICK_MS * 1000, /* between two ticks of a loop that keeps up */
	LAG_WAIT_US = 5000000
};

static void enter(struct bench *b, enum bench_stage stage);

/* ---- stages ---- */

static void
read_processes(const struct bench *b, struct process_use *out)
{
	for (size_t i = 0; i < b->o->pid_count; i++)
		process_read(b->o->pids[i], &out[i]);
}

static bool
start_publisher(struct bench *b, unsigned index)
{
	char url[WHIP_URL_SIZE];

	(void)bench_url(url, b->o->publish_url, index + 1,
			WHIP_PUBLISH); /* the options were tried */
	return publisher_start(&b->publishers.all[index], &b->loop, b->http, b->dtls, &b->o->whip,
			       url, b->o->file != NULL ? &b->file : NULL) == 0;
}

static void
tick_publishing(struct bench *b, uint64_t now_us)
{
	struct publishers *ps = &b->publishers;
	uint64_t due = (now_us - b->stage_us) * b->o->rate / 1000000 + 1;
	unsigned connected = publishers_connected(ps);

	while (ps->started < ps->count && ps->started < due &&
	       ps->started - connected < JOINING_MAX) {
		if (!start_publisher(b, ps->started)) {
			enter(b, BENCH_STOPPING);
			return;
		}
		ps->started++;
	}
	if (connected == ps->count)
		enter(b, BENCH_JOINING);
	else if (publishers_ended(ps) != NULL ||
		 now_us - b->stage_us >
		     PUBLISH_TIMEOUT_US + (uint64_t)ps->count * 1000000 / b->o->rate)
		enter(b, BENCH_STOPPING);
}

static void
tick_joining(struct bench *b, uint64_t now_us)
{
	uint64_t due = (now_us - b->stage_us) * b->o->rate / 1000000 + 1;

	/* Servers limit the sessions of one address that are not connected yet. */
	while (b->started < b->player_count && b->started < due &&
	       b->started - b->playing - b->ended < JOINING_MAX)
		(void)player_start(b, b->started++); /* a failure is counted as an end */
	if (b->started < b->player_count)
		return;
	if (b->playing + b->ended == b->player_count ||
	    now_us - b->stage_us >
		b->o->join_timeout_us + (uint64_t)b->player_count * 1000000 / b->o->rate)
		enter(b, b->playing > 0 || b->player_count == 0 ? BENCH_SETTLING : BENCH_STOPPING);
}

/*
 * The interval begins and ends when the loop has read what waits in the sockets: a backlog would
 * count packets that were sent before it, or miss those sent within.
 */
static bool
keeps_up(const struct bench *b, uint64_t late_us)
{
	return b->lag_us < LAG_MAX_US || late_us > LAG_WAIT_US;
}

static void
tick_settling(struct bench *b, uint64_t now_us)
{
	uint64_t passed_us = now_us - b->stage_us;

	if (passed_us >= b->o->settle_us && keeps_up(b, passed_us - b->o->settle_us))
		enter(b, BENCH_MEASURING);
}

static void
tick_measuring(struct bench *b, uint64_t now_us)
{
	uint64_t passed_us = now_us - b->stage_us;

	if (passed_us >= b->o->duration_us && keeps_up(b, passed_us - b->o->duration_us))
		enter(b, BENCH_STOPPING);
}

static void
on_stopped(void *arg, enum client_code code, const char *words)
{
	struct player *p = arg;

	(void)code;
	(void)words;
	client_session_free(p->session);
	p->session = NULL;
	p->bench->stopped++;
}

static void
tick_stopping(struct bench *b, uint64_t now_us)
{
	uint64_t due = (now_us - b->stage_us) * b->o->rate * 2 / 1000000 + 1;

	while (b->stop_next < b->started && b->stop_next < due)
		player_stop(&b->players[b->stop_next++], on_stopped);
	if (b->stopped == b->started)
		publishers_stop(&b->publishers);
	if ((b->stopped == b->started && publishers_stopped(&b->publishers)) ||
	    now_us - b->stage_us > STOP_TIMEOUT_US + (uint64_t)b->started * 1000000 / b->o->rate)
		enter(b, BENCH_DONE);
}

static void
begin_measuring(struct bench *b)
{
	for (unsigned i = 0; i < b->started; i++)
		player_measure(&b->players[i]);
	publishers_sum(&b->publishers, &b->sent_begin);
	read_processes(b, b->begin);
	process_read(0, &b->own_begin);
	b->measure_begin_us = clock_now_us();
}

static void
end_measuring(struct bench *b)
{
	b->measure_end_us = clock_now_us();
	process_read(0, &b->own_end);
	read_processes(b, b->end);
	publishers_sum(&b->publishers, &b->sent_end);
	b->connected_end = publishers_connected(&b->publishers);
	b->loss_told = publishers_loss(&b->publishers);
}

static void
enter(struct bench *b, enum bench_stage stage)
{
	if (b->stage == BENCH_MEASURING && stage != BENCH_MEASURING) {
		end_measuring(b);
		for (unsigned i = 0; i < b->started; i++)
			player_freeze(&b->players[i]); /* before what comes later changes them */
	}
	b->stage = stage;
	b->stage_us = clock_now_us();
	if (stage == BENCH_MEASURING)
		begin_measuring(b);
	if (stage == BENCH_DONE)
		uv_stop(&b->loop);
}

static void
on_tick(uv_timer_t *timer)
{
	static void (*const ticks[])(struct bench * b, uint64_t now_us) = {
	    [BENCH_PUBLISHING] = tick_publishing, [BENCH_JOINING] = tick_joining,
	    [BENCH_SETTLING] = tick_settling,	  [BENCH_MEASURING] = tick_measuring,
	    [BENCH_STOPPING] = tick_stopping,	  [BENCH_DONE] = NULL,
	};
	struct bench *b = timer->data;
	uint64_t now_us = clock_now_us();

	b->lag_us = now_us - b->tick_us;
	b->tick_us = now_us;
	if (ticks[b->stage] != NULL)
		ticks[b->stage](b, now_us);
}

static void
on_signal(void *arg, int signum)
{
	struct bench *b = arg;

	(void)signum;
	b->interrupted = true;
	enter(b, b->stage < BENCH_STOPPING ? BENCH_STOPPING : BENCH_DONE); /* twice: at once */
}

/* ---- life ---- */

/* A socket per session, and one for each request under way. */
static int
raise_descriptor_limit(unsigned sessions)
{
	struct rlimit limit;
	rlim_t want = 2 * (rlim_t)sessions + DESCRIPTORS_SPARE;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < want) {
		limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > want
				     ? want
				     : limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < sessions + DESCRIPTORS_SPARE ? -EMFILE : 0;
}

static int
set_up(struct bench *b)
{
	int r = uv_loop_init(&b->loop);

	if (r != 0)
		return r;
	uv_timer_init(&b->loop, &b->timer);
	b->timer.data = b;
	b->player_count = b->o->players * b->o->streams;
	b->players = calloc(b->player_count + 1, sizeof(*b->players));
	b->http = whip_http_new(&b->loop);
	b->dtls = dtls_ctx_new();
	if (b->players == NULL || b->http == NULL || b->dtls == NULL)
		return -ENOMEM;
	r = loop_on_signal(&b->loop, SIGINT, on_signal, b);
	if (r == 0)
		r = loop_on_signal(&b->loop, SIGTERM, on_signal, b);
	if (r == 0 && b->o->publish)
		r = publishers_init(&b->publishers, b->o->streams);
	read_processes(b, b->base);
	return r != 0 ? r : uv_timer_start(&b->timer, on_tick, 0, TICK_MS);
}

static void
tear_down(struct bench *b)
{
	for (unsigned i = 0; i < b->started; i++)
		client_session_free(b->players[i].session);
	publishers_free(&b->publishers);
	uv_run(&b->loop, UV_RUN_NOWAIT); /* requests that were cancelled leave the multi handle */
	whip_http_free(b->http);
	loop_finish(&b->loop);
	dtls_ctx_free(b->dtls);
	free(b->players);
	free(b->publishers.all);
	prepared_free(&b->file);
}

/* 0, or the exit status. */
static int
load_file(struct bench *b)
{
	struct media_words words;

	if (b->o->file == NULL ||
	    prepared_load(&b->file, b->o->file, PUBLISHER_PAYLOAD_MAX, &words) == 0)
		return 0;
	fprintf(stderr, "rtc-bench: fatal: %s: %s\n", b->o->file, words.text);
	return EX_NOINPUT;
}

int
main(int argc, char **argv)
{
	static struct bench_options options;
	static struct bench bench = {.o = &options};
	int r = bench_options_parse(&options, argc, argv);
	unsigned sessions = options.streams * (options.players + options.publish);

	if (r != 0)
		return r - 1;
	if (raise_descriptor_limit(sessions) != 0) {
		fprintf(stderr,
			"rtc-bench: fatal: the limit of descriptors is too low for %u sessions\n",
			sessions);
		return EX_OSERR;
	}
	signal(SIGPIPE, SIG_IGN);
	r = load_file(&bench);
	if (r != 0)
		return r;
	r = set_up(&bench);
	if (r != 0) {
		fprintf(stderr, "rtc-bench: fatal: unable to start: %s\n", uv_strerror(r));
		return EX_OSERR;
	}
	bench.stage_us = clock_now_us();
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	r = bench_report(&bench, stdout);
	tear_down(&bench);
	return r;
}
