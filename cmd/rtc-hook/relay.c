/*
 * relay.c - the end of sessions: by the relay's events, and, since events can be missed (the relay
 * or its connection died), by asking for a few sessions at each tick.
 */
#include "hook.h"

#include <stdlib.h>
#include <string.h>

enum { LOOKED_UP = 50 /* sessions that are asked for at a tick */ };

void
relay_on_event(void *arg, json_t *event)
{
	struct hooks *h = arg;
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *id = json_string_value(json_object_get(event, "session"));
	struct visit *v = id != NULL ? visit_find(h, id) : NULL;

	if (v == NULL || name == NULL || v->held)
		return;
	v->seen = true;
	if (strcmp(name, "session.end") == 0)
		visit_gone(h, id);
}

struct look {
	struct hooks *hooks;
	char id[HOOK_ID_SIZE];
};

static void
on_looked(void *arg, json_t *reply, int error)
{
	struct look *look = arg;
	json_t *list = json_object_get(reply, "sessions");
	struct visit *v = visit_find(look->hooks, look->id);

	(void)error;
	if (v != NULL && json_is_array(list) && json_array_size(list) == 0)
		visit_gone(look->hooks, look->id);
	free(look);
}

static void
look_up(struct visit *v)
{
	struct look *look = malloc(sizeof(*look));
	json_t *msg = json_pack("{s:s, s:s}", "op", "sessions.list", "session", v->id);

	if (look == NULL || msg == NULL) {
		json_decref(msg);
		free(look);
		return;
	}
	look->hooks = v->hooks;
	memcpy(look->id, v->id, sizeof(look->id));
	if (ipc_client_ask(v->hooks->relay, msg, on_looked, look) < 0)
		free(look);
}

/* A few of those the relay has seen, one after the other round the table. */
static void
look_round(struct hooks *h)
{
	struct visit *v = visit_find(h, h->at), *last = NULL;
	size_t left = LOOKED_UP;

	for (v = v != NULL ? v->hh.next : h->visits; v != NULL && left > 0; v = v->hh.next) {
		last = v;
		if (!v->seen || v->held)
			continue;
		look_up(v);
		left--;
	}
	if (v == NULL || last == NULL)
		h->at[0] = '\0';
	else
		memcpy(h->at, last->id, sizeof(h->at));
}

static void
on_subscribed(void *arg, json_t *reply, int error)
{
	(void)arg;
	(void)reply;
	(void)error;
}

/* To subscribe again does nothing on a connection that is subscribed, and makes one that is not. */
void
relay_tick(struct hooks *h)
{
	ipc_client_ask(h->relay, json_pack("{s:s}", "op", "events.subscribe"), on_subscribed, NULL);
	look_round(h);
}
