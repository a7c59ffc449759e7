#include "admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "log/log.h"

enum { TICK_MS = 1000, PAGE_OCTETS_MAX = IPC_MESSAGE_MAX - 1024 };

struct peer {
	struct peer *prev, *next;
	struct admin *admin;
	struct ipc_conn *conn;
};

struct admin {
	struct live_hub *hub;
	uv_poll_t listener;
	uv_timer_t tick;
	int fd, lock_fd; /* -1: another daemon has the name */
	struct peer *peers;
	unsigned peer_count, handles;
};

/* ---- lists ---- */

struct page {
	size_t start, count, seen, octets;
	json_t *list;
};

static struct page
page_of(const json_t *q)
{
	const json_t *start = json_object_get(q, "start"), *count = json_object_get(q, "count");
	struct page page = {.count = ADMIN_PAGE_MAX, .list = json_array()};

	if (json_is_integer(start) && json_integer_value(start) > 0)
		page.start = (size_t)json_integer_value(start);
	if (json_is_integer(count) && json_integer_value(count) >= 0)
		page.count = MIN_OF((size_t)json_integer_value(count), page.count);
	return page;
}

/* Is the next one on this page? */
static bool
page_wants(struct page *page)
{
	size_t i = page->seen++;

	return i >= page->start && i - page->start < page->count;
}

/* Takes o. A page ends early rather than be longer than a message. */
static void
page_add(struct page *page, json_t *o)
{
	page->octets += json_dumpb(o, NULL, 0, JSON_COMPACT) + 1;
	if (page->octets <= PAGE_OCTETS_MAX) {
		json_array_append_new(page->list, o);
		return;
	}
	json_decref(o);
	page->count = 0;
}

static json_t *
page_reply(struct page *page, const char *name)
{
	return json_pack("{s:I, s:o}", "total", (json_int_t)page->seen, name, page->list);
}

/* ---- operations: a reply without "ok", or NULL with the code of an error ---- */

static json_t *
client_json(const struct roll_entry *e, uint64_t now_us)
{
	struct meter_rates rates = meter_read(&e->meter, now_us, e->octets, 0);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "client", e->id, "type",
			 roll_type_names[e->type], "stream", e->stream, "address", e->address,
			 "agent", e->agent, "age_ms", (json_int_t)((now_us - e->since_us) / 1000),
			 "tx_octets", (json_int_t)e->octets, "tx_bps_30s",
			 (json_int_t)(rates.long_term[0] * 8));
}

static json_t *
op_clients_list(struct live_hub *hub, const json_t *q, const char **code)
{
	const char *stream = json_string_value(json_object_get(q, "stream"));
	const char *id = json_string_value(json_object_get(q, "client"));
	uint64_t now_us = clock_now_us();
	struct page page = page_of(q);
	struct roll_entry *e;

	(void)code;
	DL_FOREACH(hub->roll.entries, e)
	{
		if ((stream != NULL && strcmp(stream, e->stream) != 0) ||
		    (id != NULL && strcmp(id, e->id) != 0))
			continue;
		if (page_wants(&page))
			page_add(&page, client_json(e, now_us));
	}
	return page_reply(&page, "clients");
}

static json_t *
op_client_kick(struct live_hub *hub, const json_t *q, const char **code)
{
	const char *id = json_string_value(json_object_get(q, "client"));
	struct roll_entry *e = id != NULL ? roll_find(&hub->roll, id) : NULL;

	if (e == NULL) {
		*code = "not-found";
		return NULL;
	}
	log_info("live", "%s: %s of %s is kicked", e->stream, e->id, e->address);
	e->kick(e);
	return json_pack("{s:s}", "client", id);
}

static json_t *
stream_json(const struct live_hub *hub, const struct live *l, uint64_t now_us)
{
	struct meter_rates rates = meter_read(&l->meter, now_us, l->sent_octets, 0);
	const struct roll_entry *e;
	int clients = 0;

	DL_FOREACH(hub->roll.entries, e)
	clients += strcmp(e->stream, l->name) == 0;
	return json_pack("{s:s, s:i, s:I, s:I}", "name", l->name, "clients", clients, "tx_octets",
			 (json_int_t)l->sent_octets, "tx_bps_30s",
			 (json_int_t)(rates.long_term[0] * 8));
}

static json_t *
op_streams_list(struct live_hub *hub, const json_t *q, const char **code)
{
	const char *name = json_string_value(json_object_get(q, "stream"));
	uint64_t now_us = clock_now_us();
	struct page page = page_of(q);

	(void)code;
	for (const struct live *l = hub->lives; l != NULL; l = l->next)
		if ((name == NULL || strcmp(name, l->name) == 0) && page_wants(&page))
			page_add(&page, stream_json(hub, l, now_us));
	return page_reply(&page, "streams");
}

static json_t *
op_stats(struct live_hub *hub, const json_t *q, const char **code)
{
	json_t *o = json_pack(
	    "{s:I, s:I, s:I, s:I, s:I}", "streams", (json_int_t)hub->count, "clients",
	    (json_int_t)hub->roll.count, "clients_total", (json_int_t)hub->roll.total, "unlisted",
	    (json_int_t)hub->roll.unlisted, "tx_octets", (json_int_t)hub->sent_octets);

	(void)q;
	(void)code;
	for (unsigned i = 0; i < ROLL_TYPES; i++)
		json_object_set_new(o, roll_type_names[i],
				    json_integer((json_int_t)hub->roll.counts[i]));
	return o;
}

typedef json_t *op_fn(struct live_hub *hub, const json_t *q, const char **code);
static const struct {
	const char *name;
	op_fn *fn;
} ops[] = {{"clients.list", op_clients_list},
	   {"client.kick", op_client_kick},
	   {"streams.list", op_streams_list},
	   {"stats", op_stats}};

/* ---- peers ---- */

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct peer *peer = ipc_conn_arg(conn);
	const char *op = json_string_value(json_object_get(msg, "op")), *code = "unknown-op";
	json_t *id = json_object_get(msg, "id"), *reply = NULL;

	if (op == NULL || !json_is_integer(id))
		code = "bad-request";
	for (size_t i = 0; op != NULL && json_is_integer(id) && i < ARRAY_COUNT(ops); i++)
		if (strcmp(ops[i].name, op) == 0)
			reply = ops[i].fn(peer->admin->hub, msg, &code);
	if (reply != NULL)
		json_object_set_new(reply, "ok", json_true());
	else
		reply = json_pack("{s:b, s:s}", "ok", 0, "error", code);
	json_object_set_new(reply, "v", json_integer(1));
	json_object_set(reply, "id", id);
	ipc_conn_send(conn, reply);
	json_decref(reply);
}

static void
peer_free(struct peer *peer)
{
	DL_DELETE(peer->admin->peers, peer);
	peer->admin->peer_count--;
	ipc_conn_free(peer->conn);
	free(peer);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	(void)error;
	peer_free(ipc_conn_arg(conn));
}

static const struct ipc_handlers handlers = {.json = on_json, .closed = on_closed};

static void
greet(struct ipc_conn *conn)
{
	json_t *hello =
	    json_pack("{s:i, s:s, s:s, s:s, s:s, s:i}", "v", 1, "event", "hello", "role", "live",
		      "program", "rtc2rtmp", "version", RTCKIT_VERSION, "pid", (int)getpid());

	ipc_conn_send(conn, hello);
	json_decref(hello);
}

/* Takes fd. Root, and whoever runs this program: as at the relay's sockets. */
static void
take_peer(struct admin *a, int fd)
{
	struct peer *peer = NULL;
	uid_t uid = (uid_t)-1;
	pid_t pid;

	if (ipc_peer(fd, &uid, &pid) == 0 && (uid == 0 || uid == geteuid()) &&
	    a->peer_count < ADMIN_PEERS_MAX)
		peer = calloc(1, sizeof(*peer));
	if (peer == NULL) {
		close(fd);
		return;
	}
	peer->admin = a;
	peer->conn = ipc_conn_new(a->hub->loop, fd, &handlers, peer);
	if (peer->conn == NULL) {
		free(peer);
		return;
	}
	DL_APPEND(a->peers, peer);
	a->peer_count++;
	greet(peer->conn);
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct admin *a = poll->data;
	int fd;

	(void)events;
	while (status >= 0 && (fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		take_peer(a, fd);
}

static void
on_tick(uv_timer_t *timer)
{
	struct admin *a = timer->data;
	uint64_t now_us = clock_now_us();

	roll_tick(&a->hub->roll, now_us);
	for (struct live *l = a->hub->lives; l != NULL; l = l->next)
		meter_note(&l->meter, now_us, l->sent_octets, 0);
}

/* ---- life ---- */

static void
take_name(struct admin *a)
{
	char path[108]; /* sun_path of unix(7) */
	int rc = ipc_run_make(path, sizeof(path), "live/admin.sock");

	if (rc == 0)
		rc = a->fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &a->lock_fd);
	if (rc < 0) {
		log_warn("live", "nobody can be told who watches here: %s: %s", path,
			 ipc_words(rc));
		return;
	}
	uv_poll_init(a->hub->loop, &a->listener, a->fd);
	a->listener.data = a;
	a->handles++;
	uv_poll_start(&a->listener, UV_READABLE, on_listener);
}

struct admin *
admin_new(struct live_hub *hub)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->hub = hub;
	a->fd = a->lock_fd = -1;
	uv_timer_init(hub->loop, &a->tick);
	a->tick.data = a;
	a->handles++;
	uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
	take_name(a);
	return a;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct admin *a = handle->data;

	if (--a->handles > 0)
		return;
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	while (a->peers != NULL)
		peer_free(a->peers);
	if (a->fd >= 0)
		uv_close((uv_handle_t *)&a->listener, on_handle_closed);
	uv_close((uv_handle_t *)&a->tick, on_handle_closed);
}
