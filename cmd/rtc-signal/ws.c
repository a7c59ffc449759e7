/* ws.c - WebSocket (RFC 6455) by libwebsockets on our loop, rooms behind it. */
#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"
#include "log/log.h"
#include "server.h"

enum { RECEIVE_SIZE = 4096, REQUEST_SIZE = 512 };

struct message {
	struct message *next;
	size_t size;
	unsigned char data[]; /* LWS_PRE octets of room for the header, then the text */
};

struct conn {
	struct conn *prev, *next;
	struct ws *ws;
	struct lws *wsi; /* NULL: not yet open */
	struct rooms_client *client;
	char peer[PEER_SIZE];
	char text[ROOMS_MESSAGE_MAX]; /* a message whose fragments are coming */
	size_t text_size;
	struct message *first, *last;
	size_t queued;
	bool dropped;
};

struct ws {
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct rooms *rooms;
	const struct limits *limits;
	struct conn *conns;
	unsigned count;
	struct conn *adopting; /* not yet known by its socket */
	void *loops[1];
};

/* ---- connections ---- */

static struct conn *
add_conn(struct ws *ws, const char *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->ws = ws;
	text_copy(c->peer, sizeof(c->peer), peer);
	c->next = ws->conns;
	if (c->next != NULL)
		c->next->prev = c;
	ws->conns = c;
	ws->count++;
	return c;
}

static void
remove_conn(struct conn *c)
{
	struct message *m;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->ws->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->ws->count--;
	rooms_client_free(c->client);
	while ((m = c->first) != NULL) {
		c->first = m->next;
		free(m);
	}
	free(c);
}

bool
ws_has_room(const struct ws *ws, const char *peer)
{
	unsigned same = 0;

	for (const struct conn *c = ws->conns; c != NULL; c = c->next)
		same += addr_text_same_source(c->peer, peer);
	return ws->count < ws->limits->connections && same < ws->limits->per_address;
}

/* ---- out ---- */

/* Not from inside its own callback: it would be freed under our feet. */
static void
drop(struct conn *c)
{
	c->dropped = true;
	if (c->wsi != NULL)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static void
on_send(void *client_arg, const char *text, size_t size)
{
	struct conn *c = client_arg;
	struct message *m;

	if (c->dropped || c->wsi == NULL)
		return;
	m = c->queued + size <= QUEUE_MAX ? malloc(sizeof(*m) + LWS_PRE + size) : NULL;
	if (m == NULL) {
		log_warn("ws", "%s: does not read what it is sent: dropped", c->peer);
		drop(c);
		return;
	}
	m->next = NULL;
	m->size = size;
	memcpy(m->data + LWS_PRE, text, size);
	if (c->last != NULL && c->first != NULL)
		c->last->next = m;
	else
		c->first = m;
	c->last = m;
	c->queued += size;
	lws_callback_on_writable(c->wsi);
}

static int
on_writable(struct conn *c)
{
	struct message *m = c->first;
	int n;

	if (m == NULL)
		return 0;
	c->first = m->next;
	c->queued -= m->size;
	n = lws_write(c->wsi, m->data + LWS_PRE, m->size, LWS_WRITE_TEXT);
	free(m);
	if (c->first != NULL)
		lws_callback_on_writable(c->wsi);
	return n < 0 ? -1 : 0;
}

/* ---- in ---- */

static int
close_with(struct conn *c, enum lws_close_status status, const char *words)
{
	log_info("ws", "%s: %s: closed", c->peer, words);
	lws_close_reason(c->wsi, status, (unsigned char *)(uintptr_t)words, strlen(words));
	return -1;
}

static int
take_message(struct conn *c)
{
	char room[TEXT_NAME_MAX + 1], display[TEXT_NAME_MAX + 1];
	bool was_in = rooms_client_room(c->client)[0] != '\0';
	int rc;

	text_copy(room, sizeof(room), rooms_client_room(c->client));
	text_copy(display, sizeof(display), rooms_client_display(c->client));
	rc = rooms_input(c->client, clock_now_us(), c->text, c->text_size);
	c->text_size = 0;
	if (rc == -EDQUOT)
		return close_with(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, "too many messages");
	if (rc < 0)
		return close_with(c, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "no request");
	if (!was_in && rooms_client_room(c->client)[0] != '\0')
		log_info("room", "%s: %s joins", rooms_client_room(c->client),
			 rooms_client_display(c->client));
	else if (was_in && rooms_client_room(c->client)[0] == '\0')
		log_info("room", "%s: %s leaves", room, display);
	return 0;
}

static int
on_receive(struct conn *c, const void *in, size_t size)
{
	if (c->dropped)
		return -1;
	if (lws_frame_is_binary(c->wsi))
		return close_with(c, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "binary message");
	if (size > sizeof(c->text) - c->text_size)
		return close_with(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
	memcpy(c->text + c->text_size, in, size);
	c->text_size += size;
	if (!lws_is_final_fragment(c->wsi) || lws_remaining_packet_payload(c->wsi) > 0)
		return 0;
	return take_message(c);
}

/* The library opens it while it adopts, before it could be told whose socket that is. */
static int
on_open(struct ws *ws, struct lws *wsi)
{
	struct conn *c = ws->adopting;

	if (c == NULL)
		return -1;
	ws->adopting = NULL;
	lws_set_opaque_user_data(wsi, c);
	c->wsi = wsi;
	c->client = rooms_client_new(c->ws->rooms, c);
	return c->client != NULL ? 0 : -1;
}

static void
on_gone(struct conn *c)
{
	if (c->client != NULL && rooms_client_room(c->client)[0] != '\0')
		log_info("room", "%s: %s is gone", rooms_client_room(c->client),
			 rooms_client_display(c->client));
	remove_conn(c);
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	struct conn *c = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (reason == LWS_CALLBACK_ESTABLISHED)
		return on_open(lws_context_user(lws_get_context(wsi)), wsi);
	if (c == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		return on_receive(c, in, size);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return c->dropped ? -1 : on_writable(c);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		on_gone(c);
		return 0;
	default:
		return 0;
	}
}

/* ---- life ---- */

static const struct lws_protocols protocols[] = {
    {.name = "rooms", .callback = on_event, .rx_buffer_size = RECEIVE_SIZE},
    {.name = NULL},
};
static const lws_retry_bo_t alive = {.secs_since_valid_ping = PING_S,
				     .secs_since_valid_hangup = HANGUP_S};

void
ws_adopt(struct ws *ws, int fd, const char *key, const char *peer)
{
	struct conn *c = add_conn(ws, peer);
	char request[REQUEST_SIZE];
	int n = snprintf(request, sizeof(request),
			 "GET /sig/v1/rtc HTTP/1.1\r\nHost: rooms\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
			 "Sec-WebSocket-Version: 13\r\n\r\n",
			 key);

	if (c == NULL) {
		close(fd);
		return;
	}
	ws->adopting = c;
	/* The request as it was checked, in as few words as the library needs. */
	lws_adopt_socket_vhost_readbuf(ws->vhost, fd, request, (size_t)n);
	if (ws->adopting != NULL) { /* it failed before it was open */
		ws->adopting = NULL;
		remove_conn(c);
	}
}

static void
on_log(int level, const char *line)
{
	log_debug("lws", "%d: %.*s", level, (int)strcspn(line, "\n"), line);
}

struct ws *
ws_new(uv_loop_t *loop, const struct limits *limits)
{
	const struct rooms_config rooms = {
	    .rooms_max = limits->rooms, .participants_max = limits->participants, .send = on_send};
	struct ws *ws = calloc(1, sizeof(*ws));
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8,
	    .retry_and_idle_policy = &alive,
	    .user = ws,
	    .pcontext = ws != NULL ? &ws->context : NULL, /* NULL again when it is gone */
	};

	if (ws == NULL) {
		log_error("ws", "out of memory");
		return NULL;
	}
	ws->limits = limits;
	ws->loops[0] = loop;
	info.foreign_loops = ws->loops;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	ws->rooms = rooms_new(&rooms);
	ws->context = ws->rooms != NULL ? lws_create_context(&info) : NULL;
	ws->vhost = ws->context != NULL ? lws_get_vhost_by_name(ws->context, "default") : NULL;
	if (ws->vhost != NULL)
		return ws;
	log_error("ws", "libwebsockets cannot be started (is its plugin for libuv installed?)");
	ws_free(ws);
	return NULL;
}

void
ws_stop(struct ws *ws)
{
	lws_context_destroy(ws->context);
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	while (ws->conns != NULL)
		remove_conn(ws->conns);
	if (ws->context != NULL)
		lws_context_destroy(ws->context); /* what waited for the loop's end */
	rooms_free(ws->rooms);
	free(ws);
}
