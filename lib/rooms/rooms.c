#include "rooms/rooms.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/keyhash.h"
#include "base/text.h"

struct rooms_client {
	struct rooms *rooms;
	void *arg;
	struct room *room;	   /* NULL: a guest */
	struct rooms_client *next; /* in the room, in the order of joining */
	char display[TEXT_NAME_MAX + 1];
	bool publishing;
	uint64_t tokens_us, seen_us; /* of the rate */
};

struct room {
	char name[TEXT_NAME_MAX + 1];
	struct rooms_client *first;
	unsigned count;
	UT_hash_handle hh;
};

struct rooms {
	struct rooms_config config;
	struct room *table;
	struct rooms_counts counts;
};

/* A request, looked at. Texts borrow from json. */
struct request {
	const json_t *tid, *data;
	const char *action, *room, *display, *call;
};

/* ---- what is sent ---- */

static void
send_json(struct rooms_client *c, json_t *message)
{
	char *text = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;

	if (text != NULL)
		c->rooms->config.send(c->arg, text, strlen(text));
	free(text);
	json_decref(message);
}

static void
answer(struct rooms_client *c, const struct request *q, json_t *msg)
{
	send_json(c,
		  json_pack("{s:O, s:o}", "tid", q->tid, "msg", msg != NULL ? msg : json_null()));
}

static int
refuse(struct rooms_client *c, const struct request *q, const char *code, const char *detail)
{
	c->rooms->counts.refused++;
	send_json(c, json_pack("{s:O, s:n, s:{s:s, s:s}}", "tid", q->tid, "msg", "error", "code",
			       code, "detail", detail));
	return 0;
}

static json_t *
participant_json(const struct rooms_client *c)
{
	return json_pack("{s:s, s:b}", "display", c->display, "publishing", (int)c->publishing);
}

static json_t *
participants_json(const struct room *room)
{
	json_t *list = json_array();

	for (const struct rooms_client *c = room->first; c != NULL; c = c->next)
		json_array_append_new(list, participant_json(c));
	return list;
}

/* Tell the others of a room what one of it did. */
static void
notify(const struct room *room, const struct rooms_client *who, const char *event,
       const struct request *q)
{
	json_t *participants = participants_json(room);

	for (struct rooms_client *c = room->first; c != NULL; c = c->next) {
		json_t *msg;

		if (c == who)
			continue;
		msg = json_pack("{s:s, s:s, s:s, s:o, s:o, s:O}", "action", "notify", "event",
				event, "room", room->name, "self", participant_json(c), "peer",
				participant_json(who), "participants", participants);
		if (q != NULL && q->call != NULL)
			json_object_set_new(msg, "param", json_string(q->call));
		if (q != NULL && q->data != NULL)
			json_object_set(msg, "data", (json_t *)(uintptr_t)q->data);
		send_json(c, json_pack("{s:o}", "msg", msg));
	}
	json_decref(participants);
}

/* ---- rooms ---- */

static struct room *
find_room(struct rooms *r, const char *name)
{
	struct room *room;

	HASH_FIND_STR(r->table, name, room);
	return room;
}

static struct room *
open_room(struct rooms *r, const char *name)
{
	struct room *room = find_room(r, name);

	if (room != NULL || r->counts.rooms >= r->config.rooms_max)
		return room;
	room = calloc(1, sizeof(*room));
	if (room == NULL)
		return NULL;
	text_copy(room->name, sizeof(room->name), name);
	HASH_ADD_STR(r->table, name, room);
	r->counts.rooms++;
	return room;
}

static bool
is_taken(const struct room *room, const char *display)
{
	for (const struct rooms_client *c = room->first; c != NULL; c = c->next)
		if (strcmp(c->display, display) == 0)
			return true;
	return false;
}

static void
enter_room(struct room *room, struct rooms_client *c, const char *display)
{
	struct rooms_client **last = &room->first;

	while (*last != NULL)
		last = &(*last)->next;
	*last = c;
	c->next = NULL;
	c->room = room;
	c->publishing = false;
	text_copy(c->display, sizeof(c->display), display);
	room->count++;
	c->rooms->counts.participants++;
}

static void
leave_room(struct rooms_client *c)
{
	struct room *room = c->room;
	struct rooms_client **at;

	if (room == NULL)
		return;
	for (at = &room->first; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	c->room = NULL;
	c->rooms->counts.participants--;
	if (--room->count > 0) {
		c->publishing = false;
		notify(room, c, "leave", NULL);
		return;
	}
	HASH_DEL(c->rooms->table, room);
	c->rooms->counts.rooms--;
	free(room);
}

/* ---- requests ---- */

static int
on_join(struct rooms_client *c, const struct request *q)
{
	struct room *room;

	if (!text_is_name(q->room) || !text_is_name(q->display))
		return refuse(c, q, "bad-name",
			      "room and display: 1 to 128 of letters, digits and . _ ~ @ : -");
	if (c->room != NULL)
		return refuse(c, q, "joined-already", "this connection is in a room");
	room = find_room(c->rooms, q->room);
	if (room != NULL && is_taken(room, q->display))
		return refuse(c, q, "name-taken", "somebody in the room has this display name");
	if (room != NULL && room->count >= c->rooms->config.participants_max)
		return refuse(c, q, "room-full",
			      "the room has as many participants as are allowed");
	if (room == NULL)
		room = open_room(c->rooms, q->room);
	if (room == NULL)
		return refuse(c, q, "too-many-rooms", "there are as many rooms as are allowed");
	enter_room(room, c, q->display);
	answer(c, q,
	       json_pack("{s:s, s:s, s:o, s:o}", "action", "join", "room", room->name, "self",
			 participant_json(c), "participants", participants_json(room)));
	notify(room, c, "join", NULL);
	return 0;
}

/* Is the client in the room, under the name, that the request speaks of? */
static bool
is_at_home(const struct rooms_client *c, const struct request *q)
{
	return c->room != NULL && (q->room[0] == '\0' || strcmp(q->room, c->room->name) == 0) &&
	       (q->display[0] == '\0' || strcmp(q->display, c->display) == 0);
}

static int
on_publish(struct rooms_client *c, const struct request *q)
{
	c->publishing = true;
	answer(c, q, NULL);
	notify(c->room, c, "publish", NULL);
	return 0;
}

static int
on_control(struct rooms_client *c, const struct request *q)
{
	answer(c, q, NULL);
	notify(c->room, c, "control", q);
	return 0;
}

static int
on_leave(struct rooms_client *c, const struct request *q)
{
	answer(c, q, NULL);
	leave_room(c);
	return 0;
}

static const struct {
	const char *action;
	bool inside; /* of a room only */
	int (*fn)(struct rooms_client *c, const struct request *q);
} actions[] = {{"join", false, on_join},
	       {"publish", true, on_publish},
	       {"control", true, on_control},
	       {"leave", true, on_leave}};

static int
dispatch(struct rooms_client *c, const struct request *q)
{
	for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
		if (strcmp(actions[i].action, q->action) != 0)
			continue;
		if (actions[i].inside && !is_at_home(c, q))
			return refuse(c, q, "not-joined",
				      "this connection is not in that room under that name");
		return actions[i].fn(c, q);
	}
	return refuse(c, q, "unknown-action", "actions are join, publish, control and leave");
}

/* A text member; absent and null count as "". NULL if it is something else. */
static const char *
text_of(const json_t *msg, const char *name)
{
	const json_t *v = json_object_get(msg, name);

	return v == NULL || json_is_null(v) ? "" : json_string_value(v);
}

static int
take_request(struct rooms_client *c, const json_t *json)
{
	const json_t *msg = json_object_get(json, "msg");
	struct request q = {.tid = json_object_get(json, "tid"),
			    .data = json_object_get(msg, "data"),
			    .action = text_of(msg, "action"),
			    .room = text_of(msg, "room"),
			    .display = text_of(msg, "display"),
			    .call = text_of(msg, "call")};

	if (!(json_is_integer(q.tid) ||
	      (json_is_string(q.tid) && json_string_length(q.tid) <= ROOMS_TID_MAX)))
		return -EBADMSG;
	c->rooms->counts.requests++;
	if (!json_is_object(msg) || q.action == NULL || q.room == NULL || q.display == NULL ||
	    q.call == NULL || strlen(q.call) > ROOMS_CALL_MAX)
		return refuse(c, &q, "bad-request",
			      "want msg with action, room, display and call as texts");
	if (q.call[0] == '\0')
		q.call = NULL;
	return dispatch(c, &q);
}

/* A bucket of ROOMS_BURST requests that fills at ROOMS_RATE_PER_S. */
static bool
has_token(struct rooms_client *c, uint64_t now_us)
{
	const uint64_t price_us = 1000000 / ROOMS_RATE_PER_S, full_us = price_us * ROOMS_BURST;

	if (c->seen_us == 0)
		c->tokens_us = full_us;
	else
		c->tokens_us = MIN_OF(full_us, c->tokens_us + (now_us - c->seen_us));
	c->seen_us = now_us;
	if (c->tokens_us < price_us)
		return false;
	c->tokens_us -= price_us;
	return true;
}

/* Brackets that are open at a time, outside of strings: jansson's parser recurses. */
static bool
is_flat(const char *text, size_t size)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < size; i++) {
		char ch = text[i];

		if (quoted && ch == '\\')
			i++;
		else if (ch == '"')
			quoted = !quoted;
		else if (!quoted && (ch == '{' || ch == '[') && ++depth > ROOMS_DEPTH_MAX)
			return false;
		else if (!quoted && (ch == '}' || ch == ']') && depth > 0)
			depth--;
	}
	return true;
}

int
rooms_input(struct rooms_client *c, uint64_t now_us, const char *text, size_t size)
{
	json_t *json;
	int rc;

	if (size > ROOMS_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!has_token(c, now_us))
		return -EDQUOT;
	if (!is_flat(text, size))
		return -EBADMSG;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	rc = json_is_object(json) ? take_request(c, json) : -EBADMSG;
	json_decref(json);
	return rc;
}

/* ---- life ---- */

struct rooms *
rooms_new(const struct rooms_config *config)
{
	struct rooms *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->config = *config;
	return r;
}

void
rooms_free(struct rooms *r)
{
	free(r); /* a room ends with its last client */
}

struct rooms_client *
rooms_client_new(struct rooms *r, void *client_arg)
{
	struct rooms_client *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->rooms = r;
		c->arg = client_arg;
	}
	return c;
}

void
rooms_client_free(struct rooms_client *c)
{
	if (c == NULL)
		return;
	leave_room(c);
	free(c);
}

/* ---- looking ---- */

const char *
rooms_client_room(const struct rooms_client *c)
{
	return c->room != NULL ? c->room->name : "";
}

const char *
rooms_client_display(const struct rooms_client *c)
{
	return c->room != NULL ? c->display : "";
}

struct rooms_counts
rooms_counts(const struct rooms *r)
{
	return r->counts;
}
