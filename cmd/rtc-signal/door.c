/* door.c - connections until their request is whole: answered here, or handed on as WebSocket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/text.h"
#include "http/http_head.h"
#include "http/http_problem.h"
#include "log/log.h"
#include "server.h"

enum {
	LISTENERS_MAX = 17,
	HEAD_MS = 10000,  /* for a request */
	LINGER_MS = 1000, /* until the peer has read its answer */
	PENDING_PEER_MAX = 64,
	REST_MS = 200, /* no descriptors: not asked so long */
	KEY_SIZE = 24, /* characters of Sec-WebSocket-Key (RFC 6455 s.4.1) */
	ANSWER_SIZE = HTTP_PROBLEM_SIZE + 512
};

struct listener {
	uv_poll_t poll;
	struct door *door;
	int fd;
	bool local;
};

struct guest {
	struct guest *prev, *next;
	struct door *door;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	int fd; /* -1: handed on */
	bool local, answered;
	char peer[PEER_SIZE];
	char head[HTTP_HEAD_MAX];
	size_t size;
};

struct door {
	uv_loop_t *loop;
	struct ws *ws;
	struct listener listeners[LISTENERS_MAX];
	unsigned listener_count, guest_count;
	struct guest *guests;
	uv_timer_t rest;
};

/* ---- a guest's end ---- */

static void
on_closed(uv_handle_t *handle)
{
	struct guest *g = handle->data;

	if (--g->handles > 0)
		return;
	if (g->fd >= 0)
		close(g->fd);
	free(g);
}

static void
dismiss(struct guest *g)
{
	if (g->prev != NULL)
		g->prev->next = g->next;
	else
		g->door->guests = g->next;
	if (g->next != NULL)
		g->next->prev = g->prev;
	g->door->guest_count--;
	uv_close((uv_handle_t *)&g->poll, on_closed);
	uv_close((uv_handle_t *)&g->timer, on_closed);
}

static void on_late(uv_timer_t *timer);

/* One answer, then the peer has a moment to read it before the connection ends. */
static void
answer(struct guest *g, int status, const char *fields, const char *type, const char *body)
{
	char text[ANSWER_SIZE];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
			 "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n"
			 "Connection: close\r\n\r\n%s",
			 status, http_reason(status), type, strlen(body), fields, body);

	log_info("http", "%s: %d", g->peer, status);
	g->answered = true;
	if (n < 0 || send(g->fd, text, MIN_OF((size_t)n, sizeof(text) - 1), MSG_NOSIGNAL) < 0 ||
	    shutdown(g->fd, SHUT_WR) < 0)
		dismiss(g);
	else
		uv_timer_start(&g->timer, on_late, LINGER_MS, 0);
}

static void
problem(struct guest *g, int status, const char *fields, const char *detail)
{
	char body[HTTP_PROBLEM_SIZE];

	http_problem_write(body, status, "signal", http_reason(status), detail);
	answer(g, status, fields, HTTP_PROBLEM_TYPE, body);
}

static void
on_late(uv_timer_t *timer)
{
	struct guest *g = timer->data;

	if (g->answered)
		dismiss(g);
	else
		problem(g, 408, "", "the request did not come in time");
}

/* ---- requests ---- */

/*
 * The gate says for whom it asks; from others that is not believed. Of a list the last address is
 * the one that the proxy in front saw: what stands before it is the client's own word.
 */
static void
read_peer(struct guest *g, const struct http_head *head)
{
	const struct http_field *f = http_head_find(head, "X-Forwarded-For");
	struct http_span v = f != NULL ? f->value : (struct http_span){"", 0};
	char text[PEER_SIZE] = "";
	size_t at = v.size;
	struct addr a;

	while (at > 0 && v.ptr[at - 1] != ',' && v.ptr[at - 1] != ' ' && v.ptr[at - 1] != '\t')
		at--;
	if (!g->local || v.size - at >= sizeof(text))
		return;
	memcpy(text, v.ptr + at, v.size - at);
	if (addr_parse(&a, text, 0) == 0)
		addr_format_host(&a, g->peer);
}

static bool
path_is(const struct http_head *head, const char *path)
{
	size_t n = strlen(path);
	const char *at = head->target.ptr;

	return head->target.size >= n && memcmp(at, path, n) == 0 &&
	       (head->target.size == n || at[n] == '?' ||
		(at[n] == '/' && (head->target.size == n + 1 || at[n + 1] == '?')));
}

static bool
is_key(struct http_span v)
{
	static const char base64[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

	if (v.size != KEY_SIZE)
		return false;
	for (size_t i = 0; i < v.size; i++)
		if (v.ptr[i] == '\0' || strchr(base64, v.ptr[i]) == NULL)
			return false;
	return true;
}

/* Hand the socket on: our handles go first, for one descriptor has one watcher. */
static void
hand_on(struct guest *g, struct http_span key)
{
	char text[KEY_SIZE + 1] = "", peer[PEER_SIZE];
	struct ws *ws = g->door->ws;
	int fd = g->fd;

	memcpy(text, key.ptr, KEY_SIZE);
	text_copy(peer, sizeof(peer), g->peer);
	g->fd = -1;
	dismiss(g);
	ws_adopt(ws, fd, text, peer);
}

static void
on_websocket(struct guest *g, const struct http_head *head, bool surplus)
{
	const struct http_field *key = http_head_find(head, "Sec-WebSocket-Key");
	const struct http_field *version = http_head_find(head, "Sec-WebSocket-Version");

	if (!head->upgrade || !http_head_has_token(head, "Upgrade", "websocket"))
		problem(g, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
			"this is the address of a WebSocket");
	else if (version == NULL || !http_span_equal(version->value, "13"))
		problem(g, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
			"Sec-WebSocket-Version 13 is spoken here");
	else if (key == NULL || !is_key(key->value) ||
		 http_head_next(head, "Sec-WebSocket-Key", key) != NULL)
		problem(g, 400, "", "one Sec-WebSocket-Key of 16 octets in base64 is wanted");
	else if (head->framing != HTTP_BODY_NONE || surplus)
		problem(g, 400, "", "nothing may follow the request before its answer");
	else if (!ws_has_room(g->door->ws, g->peer))
		problem(g, 503, "Retry-After: 5\r\n", "as many connections as are allowed");
	else
		hand_on(g, key->value);
}

static void
on_request(struct guest *g, const struct http_head *head, bool surplus)
{
	bool versions = path_is(head, "/sig/v1/versions"), rtc = path_is(head, "/sig/v1/rtc");

	read_peer(g, head);
	if (!versions && !rtc)
		problem(g, 404, "", "here are /sig/v1/rtc and /sig/v1/versions");
	else if (!http_span_equal(head->method, "GET"))
		problem(g, 405, "Allow: GET\r\n", "only GET is allowed here");
	else if (rtc)
		on_websocket(g, head, surplus);
	else
		answer(g, 200, "", "text/plain", "1.0");
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	static char waste[4096];
	struct guest *g = poll->data;
	struct http_head head;
	ssize_t n;
	int rc;

	(void)events;
	n = g->answered ? recv(g->fd, waste, sizeof(waste), 0)
			: recv(g->fd, g->head + g->size, sizeof(g->head) - g->size, 0);
	if (status == 0 && n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dismiss(g);
		return;
	}
	if (g->answered)
		return;
	g->size += (size_t)n;
	rc = http_head_parse_request(&head, g->head, g->size);
	if (rc == -EAGAIN && g->size == sizeof(g->head))
		rc = -EMSGSIZE;
	if (rc > 0)
		on_request(g, &head, (size_t)rc < g->size);
	else if (rc != -EAGAIN)
		problem(g, http_head_status(rc), "", "this is not a request of HTTP/1.1");
}

/* ---- listeners ---- */

/* Those whose request is not whole: of all, and of one address, unless it is the gate's. */
static bool
has_place(const struct door *door, bool local, const char *peer)
{
	unsigned same = 0;

	for (const struct guest *g = door->guests; g != NULL; g = g->next)
		same += !local && addr_text_same_source(g->peer, peer);
	return door->guest_count < PENDING_MAX && same < PENDING_PEER_MAX;
}

static void
turn_away(int fd)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				   "Retry-After: 5\r\nConnection: close\r\n\r\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	close(fd);
}

static void
welcome(struct door *door, int fd, bool local, const char *peer)
{
	struct guest *g = has_place(door, local, peer) ? calloc(1, sizeof(*g)) : NULL;

	if (g == NULL || uv_poll_init(door->loop, &g->poll, fd) < 0) {
		free(g);
		turn_away(fd);
		return;
	}
	g->door = door;
	g->fd = fd;
	g->local = local;
	g->handles = 2;
	text_copy(g->peer, sizeof(g->peer), peer);
	uv_timer_init(door->loop, &g->timer);
	g->poll.data = g->timer.data = g;
	g->next = door->guests;
	if (g->next != NULL)
		g->next->prev = g;
	door->guests = g;
	door->guest_count++;
	uv_poll_start(&g->poll, UV_READABLE, on_readable);
	uv_timer_start(&g->timer, on_late, HEAD_MS, 0);
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void
on_rested(uv_timer_t *timer)
{
	struct door *door = timer->data;

	for (unsigned i = 0; i < door->listener_count; i++)
		uv_poll_start(&door->listeners[i].poll, UV_READABLE, on_connection);
}

static void
on_connection(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;
	struct sockaddr_storage ss = {0};
	socklen_t size = sizeof(ss);
	char peer[ADDR_TEXT_SIZE] = "gate";
	struct addr a;
	int fd = accept4(l->fd, (struct sockaddr *)&ss, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)status;
	(void)events;
	if (fd >= 0) {
		if (!l->local && addr_from_sockaddr(&a, (struct sockaddr *)&ss) == 0)
			addr_format_host(&a, peer);
		welcome(l->door, fd, l->local, peer);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		for (unsigned i = 0; i < l->door->listener_count; i++)
			uv_poll_stop(&l->door->listeners[i].poll);
		uv_timer_start(&l->door->rest, on_rested, REST_MS, 0);
	}
}

int
door_listen(struct door *door, int fd, bool local)
{
	struct listener *l = &door->listeners[door->listener_count];
	int rc;

	if (door->listener_count == LISTENERS_MAX)
		return -ENOBUFS;
	l->door = door;
	l->fd = fd;
	l->local = local;
	rc = uv_poll_init(door->loop, &l->poll, fd);
	if (rc < 0)
		return rc;
	l->poll.data = l;
	door->listener_count++;
	return uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

/* ---- life ---- */

struct door *
door_new(uv_loop_t *loop, struct ws *ws)
{
	struct door *door = calloc(1, sizeof(*door));

	if (door == NULL)
		return NULL;
	door->loop = loop;
	door->ws = ws;
	uv_timer_init(loop, &door->rest);
	door->rest.data = door;
	return door;
}

void
door_stop(struct door *door)
{
	while (door->guests != NULL)
		dismiss(door->guests);
	for (unsigned i = 0; i < door->listener_count; i++)
		uv_close((uv_handle_t *)&door->listeners[i].poll, NULL);
	uv_close((uv_handle_t *)&door->rest, NULL);
}

void
door_free(struct door *door)
{
	if (door == NULL)
		return;
	for (unsigned i = 0; i < door->listener_count; i++)
		close(door->listeners[i].fd);
	free(door);
}
