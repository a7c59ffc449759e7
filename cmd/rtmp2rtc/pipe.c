/* pipe.c - FLV on standard input, at the pace of who writes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "ingest.h"
#include "log/log.h"
#include "loop/loop.h"
#include "modes.h"

enum { READ_SIZE = 64 << 10, GRACE_MS = 300, RETRY_MS = 10 };

static struct {
	uv_loop_t loop;
	uv_poll_t input;
	uv_timer_t timer; /* tracks that do not come; input that cannot be polled; the end */
	bool polled, paused, at_end;
	struct flv_reader flv;
	struct ingest *ingest;
	int code;
} p;

static void
finish(int code)
{
	p.code = code;
	uv_stop(&p.loop);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	(void)signum;
	finish(EX_OK);
}

static void
on_grace(uv_timer_t *timer)
{
	(void)timer;
	finish(EX_OK);
}

/* The input has ended: let the relay take what waits. */
static void
begin_end(void)
{
	p.at_end = true;
	if (p.polled)
		uv_poll_stop(&p.input);
	ingest_flush(p.ingest, clock_now_us());
	if (p.flv.used < p.flv.size)
		log_warn("input", "the last tag is cut off");
	if (!ingest_is_published(p.ingest)) {
		log_error("input", "it has ended before a codec was known: nothing was published");
		finish(EX_DATAERR);
		return;
	}
	uv_timer_start(&p.timer, on_grace, GRACE_MS, 0);
}

static int
take_tags(void)
{
	struct flv_tag tag;
	int rc;

	while ((rc = flv_reader_next(&p.flv, &tag)) == 1) {
		rc = ingest_tag(p.ingest, &tag, clock_now_us());
		if (rc < 0)
			break;
	}
	return rc;
}

/* One read. Returns false when there is nothing more to read now. */
static bool
read_some(void)
{
	static uint8_t buf[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		if (n == 0 && !p.flv.begun) {
			log_error("input", "no FLV on standard input");
			finish(EX_DATAERR);
		} else
			begin_end();
		return false;
	}
	rc = flv_reader_push(&p.flv, buf, (size_t)n);
	if (rc == 0)
		rc = take_tags();
	if (rc >= 0)
		return true;
	log_error("input", "%s",
		  rc == -EBADMSG ? "this is not FLV, or it is damaged" : strerror(-rc));
	finish(EX_DATAERR);
	return false;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
	if (p.at_end || p.code != -1)
		return;
	read_some();
	if (!p.at_end && ingest_is_full(p.ingest)) {
		p.paused = true;
		uv_poll_stop(&p.input);
	}
}

/* A file cannot be polled: a read, then the loop again. */
static void
on_turn(uv_timer_t *timer)
{
	bool more = !ingest_is_full(p.ingest) ? read_some() : true;

	if (!p.at_end && p.code == -1)
		uv_timer_start(timer, on_turn, more && !ingest_is_full(p.ingest) ? 0 : RETRY_MS, 0);
}

static void
on_drained(void *arg)
{
	(void)arg;
	if (!p.paused || p.at_end)
		return;
	p.paused = false;
	uv_poll_start(&p.input, UV_READABLE, on_readable);
}

static void
on_state(void *arg, enum link_state state, const char *words)
{
	(void)arg;
	if (state == LINK_LIVE)
		return;
	log_error("relay", "%s", words);
	finish(state == LINK_BUSY ? EX_TEMPFAIL : EX_UNAVAILABLE);
}

static const struct ingest_events events = {.state = on_state, .drained = on_drained};

static void
start_reading(void)
{
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	p.polled = uv_poll_init(&p.loop, &p.input, STDIN_FILENO) == 0;
	if (p.polled)
		uv_poll_start(&p.input, UV_READABLE, on_readable);
	else
		uv_timer_start(&p.timer, on_turn, 0, 0);
}

int
pipe_run(const struct options *o, const char *media_socket)
{
	const struct ingest_config config = {.loop = &p.loop,
					     .media_socket = media_socket,
					     .stream = o->stream,
					     .opus_bps = o->opus_bps,
					     .playout_delay_ms = o->playout_delay_ms,
					     .video = o->video};
	const char *words = "";

	p.code = -1;
	uv_loop_init(&p.loop);
	uv_timer_init(&p.loop, &p.timer);
	flv_reader_init(&p.flv);
	loop_on_signal(&p.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&p.loop, SIGTERM, on_signal, NULL);
	p.ingest = ingest_new(&config, &events, NULL, &words);
	if (p.ingest == NULL) {
		log_error("relay", "%s: %s", media_socket, words);
		p.code = EX_UNAVAILABLE;
	} else {
		loop_ready(o->ready_fd);
		start_reading();
		uv_run(&p.loop, UV_RUN_DEFAULT);
	}
	ingest_free(p.ingest);
	flv_reader_fini(&p.flv);
	loop_finish(&p.loop);
	return p.code == -1 ? EX_OK : p.code;
}
