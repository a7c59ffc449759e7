/* ipc_client.c - questions to the relay, one answer each, over a connection made when needed. */
#include "ipc/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { ASKS_MAX = 1024 }; /* questions open at once; one more fails with -ENOBUFS */

struct ask {
	struct ask *next;
	int id;
	int error; /* not 0: to be reported at the next turn of the loop */
	uint64_t deadline_us;
	ipc_reply_fn *fn;
	void *arg;
};

struct ipc_client {
	uv_loop_t *loop;
	uv_timer_t timer;
	char *path;
	uint64_t timeout_us;
	struct ipc_conn *conn;
	struct ask *asks;
	size_t ask_count;
	int next_id;
	json_t *hello;
	void (*on_event)(void *arg, json_t *event);
	void *event_arg;
};

/* Unlink and return the ask of an id, or NULL. */
static struct ask *
take_ask(struct ipc_client *client, int id)
{
	for (struct ask **p = &client->asks; *p != NULL; p = &(*p)->next)
		if ((*p)->id == id) {
			struct ask *ask = *p;

			*p = ask->next;
			client->ask_count--;
			return ask;
		}
	return NULL;
}

static void on_timer(uv_timer_t *timer);

/* Arm the timer for the earliest deadline; at once if an ask already failed. */
static void
arm_timer(struct ipc_client *client)
{
	uint64_t now = clock_now_us(), first = CLOCK_NEVER;

	for (struct ask *a = client->asks; a != NULL; a = a->next) {
		uint64_t at = a->error != 0 ? now : a->deadline_us;

		first = at < first ? at : first;
	}
	if (first == CLOCK_NEVER)
		uv_timer_stop(&client->timer);
	else
		uv_timer_start(&client->timer, on_timer, first > now ? (first - now) / 1000 + 1 : 0,
			       0);
}

/* Report one ask that failed or is overdue. Returns false when there is none. */
static bool
report_one(struct ipc_client *client, uint64_t now)
{
	for (struct ask *a = client->asks; a != NULL; a = a->next) {
		if (a->error == 0 && a->deadline_us > now)
			continue;
		take_ask(client, a->id);
		a->fn(a->arg, NULL, a->error != 0 ? a->error : -ETIMEDOUT);
		free(a);
		return true;
	}
	return false;
}

static void
on_timer(uv_timer_t *timer)
{
	struct ipc_client *client = timer->data;
	uint64_t now = clock_now_us();

	/* No more than there were: one that asks again at once is answered in another turn. */
	for (size_t left = client->ask_count; left > 0 && report_one(client, now); left--)
		;
	arm_timer(client);
}

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct ipc_client *client = ipc_conn_arg(conn);
	json_t *id = json_object_get(msg, "id");
	const char *event = json_string_value(json_object_get(msg, "event"));
	struct ask *ask;

	if (event != NULL && strcmp(event, "hello") == 0) {
		json_decref(client->hello);
		client->hello = json_incref(msg);
		return;
	}
	if (!json_is_integer(id)) {
		if (client->on_event != NULL)
			client->on_event(client->event_arg, msg);
		return;
	}
	ask = take_ask(client, (int)json_integer_value(id));
	if (ask == NULL)
		return; /* cancelled or overdue */
	ask->fn(ask->arg, msg, 0);
	free(ask);
	arm_timer(client);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	struct ipc_client *client = ipc_conn_arg(conn);

	ipc_conn_free(conn);
	client->conn = NULL;
	for (struct ask *a = client->asks; a != NULL; a = a->next)
		a->error = error != 0 ? error : -ECONNRESET;
	arm_timer(client);
}

static const struct ipc_handlers handlers = {.json = on_json, .closed = on_closed};

static int
ensure_connected(struct ipc_client *client)
{
	int fd;

	if (client->conn != NULL)
		return 0;
	fd = ipc_connect(client->path, SOCK_SEQPACKET);
	if (fd < 0)
		return fd;
	client->conn = ipc_conn_new(client->loop, fd, &handlers, client);
	return client->conn != NULL ? 0 : -ENOMEM;
}

struct ipc_client *
ipc_client_new(uv_loop_t *loop, const char *path, uint64_t timeout_ms)
{
	struct ipc_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->path = strdup(path);
	if (client->path == NULL) {
		free(client);
		return NULL;
	}
	client->loop = loop;
	client->timeout_us = timeout_ms * 1000;
	client->next_id = 1;
	uv_timer_init(loop, &client->timer);
	client->timer.data = client;
	ensure_connected(client); /* early, for the hello; not there yet is no error */
	return client;
}

static void
release(uv_handle_t *handle)
{
	free(handle->data);
}

void
ipc_client_free(struct ipc_client *client)
{
	if (client == NULL)
		return;
	ipc_conn_free(client->conn);
	while (client->asks != NULL)
		free(take_ask(client, client->asks->id));
	json_decref(client->hello);
	free(client->path);
	uv_close((uv_handle_t *)&client->timer, release);
}

int
ipc_client_ask(struct ipc_client *client, json_t *msg, ipc_reply_fn *fn, void *arg)
{
	struct ask *ask = client->ask_count < ASKS_MAX ? calloc(1, sizeof(*ask)) : NULL;
	int rc;

	if (ask == NULL) {
		json_decref(msg);
		return -ENOBUFS;
	}
	*ask = (struct ask){.next = client->asks,
			    .id = client->next_id,
			    .fn = fn,
			    .arg = arg,
			    .deadline_us = clock_now_us() + client->timeout_us};
	client->next_id = client->next_id == INT32_MAX ? 1 : client->next_id + 1;
	client->asks = ask;
	client->ask_count++;
	json_object_set_new(msg, "v", json_integer(1));
	json_object_set_new(msg, "id", json_integer(ask->id));
	rc = ensure_connected(client);
	if (rc == 0)
		rc = ipc_conn_send(client->conn, msg);
	ask->error = rc;
	json_decref(msg);
	arm_timer(client);
	return ask->id;
}

void
ipc_client_cancel(struct ipc_client *client, int id)
{
	free(take_ask(client, id));
	arm_timer(client);
}

json_t *
ipc_client_hello(struct ipc_client *client)
{
	return client->hello;
}

void
ipc_client_on_event(struct ipc_client *client, void (*fn)(void *arg, json_t *event), void *arg)
{
	client->on_event = fn;
	client->event_arg = arg;
}
