#include "attach/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/text.h"
#include "ipc/ipc.h"
#include "loop/loop.h"

struct attach {
	uv_loop_t *loop;
	char stream[TEXT_STREAM_SIZE];
	enum attach_use use;
	const struct attach_events *events;
	void *arg;
	struct gather *gather;
	struct loop_driver driver;
	uv_timer_t retry;
	unsigned handles;
	struct ipc_conn *conn;
	bool live, freed;
};

static void open_conn(struct attach *a);

static void
on_retry(uv_timer_t *timer)
{
	open_conn(timer->data);
}

/* ---- the gatherer's events ---- */

static void
on_unit(void *arg, const struct gather_unit *unit)
{
	struct attach *a = arg;

	if (!a->freed)
		a->events->unit(a->arg, unit);
}

static void
on_changed(void *arg)
{
	struct attach *a = arg;

	a->live = true;
	if (!a->freed)
		a->events->changed(a->arg);
}

static void
on_ended(void *arg)
{
	struct attach *a = arg;

	a->live = false;
	if (!a->freed)
		a->events->ended(a->arg);
}

static void
ask_keyframe(void *arg, unsigned track)
{
	struct attach *a = arg;
	json_t *msg = json_pack("{s:i, s:s, s:i}", "v", 1, "op", "keyframe", "track", (int)track);

	if (a->conn != NULL)
		ipc_conn_send(a->conn, msg);
	json_decref(msg);
}

static const struct gather_events gather_events = {
    .unit = on_unit,
    .changed = on_changed,
    .ended = on_ended,
    .keyframe_wanted = ask_keyframe,
};

/* ---- timer ---- */

static void
driver_timeout(void *object, uint64_t now_us)
{
	gather_timeout(((struct attach *)object)->gather, now_us);
}

static uint64_t
driver_deadline(void *object, uint64_t now_us)
{
	return gather_deadline(((struct attach *)object)->gather, now_us);
}

static void
driver_flush(void *object, uint64_t now_us)
{
	(void)object; /* units leave by callback */
	(void)now_us;
}

static const struct loop_driver_ops driver_ops = {
    .timeout = driver_timeout, .deadline = driver_deadline, .flush = driver_flush};

/* ---- the connection ---- */

static void
try_again(struct attach *a, int error, const char *words)
{
	ipc_conn_free(a->conn);
	a->conn = NULL;
	if (a->live)
		on_ended(a);
	if (!a->freed)
		a->events->trouble(a->arg, error, words);
	if (!a->freed)
		uv_timer_start(&a->retry, on_retry, ATTACH_RETRY_MS, 0);
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct attach *a = ipc_conn_arg(conn);
	const char *detail = json_string_value(json_object_get(msg, "detail"));
	uint64_t now_us = clock_now_us();

	if (json_is_false(json_object_get(msg, "ok"))) {
		try_again(a, -EINVAL, detail != NULL ? detail : "refused");
		return;
	}
	gather_event(a->gather, now_us, msg);
	if (!a->freed)
		loop_driver_settle(&a->driver, now_us);
}

static void
on_packet(struct ipc_conn *conn, const uint8_t *buf, size_t size)
{
	struct attach *a = ipc_conn_arg(conn);
	uint64_t now_us = clock_now_us();

	gather_packet(a->gather, now_us, buf, size);
	if (!a->freed)
		loop_driver_settle(&a->driver, now_us);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	struct attach *a = ipc_conn_arg(conn);

	try_again(a, error != 0 ? error : -ECONNRESET, "the relay closed the connection");
}

static const struct ipc_handlers handlers = {
    .json = on_json, .packet = on_packet, .closed = on_closed};

static void
open_conn(struct attach *a)
{
	char path[108]; /* sun_path of unix(7) */
	int fd = ipc_run_path(path, sizeof(path), "relay/media.sock");
	json_t *msg;

	if (fd == 0)
		fd = ipc_connect(path, SOCK_SEQPACKET);
	if (fd < 0) {
		try_again(a, fd, "rtc-relay cannot be reached");
		return;
	}
	a->conn = ipc_conn_new(a->loop, fd, &handlers, a);
	if (a->conn == NULL) {
		try_again(a, -ENOMEM, "out of memory");
		return;
	}
	msg = json_pack("{s:i, s:i, s:s, s:s, s:s, s:b}", "v", 1, "id", 1, "op", "attach", "as",
			"subscriber", "stream", a->stream, "carrier", a->use == ATTACH_CARRIER);
	ipc_conn_send(a->conn, msg);
	json_decref(msg);
	gather_reconnect(a->gather);
}

/* ---- life ---- */

struct attach *
attach_new(uv_loop_t *loop, const char *stream, enum attach_use use,
	   const struct attach_events *events, void *arg)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->gather = gather_new(&gather_events, a);
	if (a->gather == NULL) {
		free(a);
		return NULL;
	}
	a->loop = loop;
	a->use = use;
	a->events = events;
	a->arg = arg;
	text_copy(a->stream, sizeof(a->stream), stream);
	loop_driver_init(&a->driver, loop, &driver_ops, a);
	uv_timer_init(loop, &a->retry);
	a->retry.data = a;
	a->handles = 2;
	uv_timer_start(&a->retry, on_retry, 0, 0); /* no callback before we return */
	return a;
}

static void
release(struct attach *a)
{
	if (--a->handles > 0)
		return;
	gather_free(a->gather);
	free(a);
}

static void
driver_closed(uv_handle_t *handle)
{
	struct loop_driver *d =
	    (struct loop_driver *)((char *)handle - offsetof(struct loop_driver, timer));

	release(d->object);
}

static void
retry_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void
attach_free(struct attach *a)
{
	if (a == NULL || a->freed)
		return;
	a->freed = true;
	ipc_conn_free(a->conn);
	a->conn = NULL;
	loop_driver_close(&a->driver, driver_closed);
	uv_close((uv_handle_t *)&a->retry, retry_closed);
}

void
attach_keyframe(struct attach *a)
{
	int track = gather_video_track(a->gather);

	if (track >= 0)
		ask_keyframe(a, (unsigned)track);
}

const struct gather *
attach_gather(const struct attach *a)
{
	return a->gather;
}
