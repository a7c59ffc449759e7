/* visits.c - the life of a session as the hooks see it: asked for, allowed, over. */
#include "hook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/log.h"

struct visit *
visit_find(struct hooks *h, const char *id)
{
	struct visit *v = NULL;

	HASH_FIND_STR(h->visits, id, v);
	return v;
}

static void
visit_free(struct visit *v)
{
	HASH_DEL(v->hooks->visits, v);
	json_decref(v->question);
	free(v);
}

/* Tell its end, if its beginning was allowed, and forget it. */
static void
visit_end(struct visit *v)
{
	struct hooks *h = v->hooks;
	json_t *body = NULL;

	if (v->allowed && h->urls[v->end].count > 0)
		body = hook_body(v->question, v->end, h->server_id);
	if (body != NULL && post_start(h, v->end, body, NULL, NULL) < 0)
		log_warn("hook", "%s of %s could not be told: too many at once", hook_names[v->end],
			 v->id);
	visit_free(v);
}

void
visit_gone(struct hooks *h, const char *id)
{
	struct visit *v = visit_find(h, id);

	if (v != NULL && v->allowed)
		visit_end(v);
}

static void
allow(struct visit *v)
{
	v->allowed = true;
	v->since_us = clock_now_us();
	if (v->door == NULL) { /* it did not wait */
		visit_end(v);
		return;
	}
	door_reply(v->door, v->question, true, NULL, NULL);
	if (!v->held)
		v->door = NULL;
}

static void
deny(struct visit *v, const char *error, const char *words)
{
	if (v->door != NULL)
		door_reply(v->door, v->question, false, error, words);
	visit_free(v);
}

static void
on_answer(void *arg, bool accepted, bool answered, const char *words)
{
	struct visit *v = arg;

	if (accepted)
		allow(v);
	else
		deny(v, answered ? "denied" : "unavailable", words);
}

/* The two actions of a question; false if it is neither. */
static bool
actions_of(const json_t *question, struct visit *v)
{
	const char *action = json_string_value(json_object_get(question, "action"));

	if (action != NULL && strcmp(action, hook_names[HOOK_PUBLISH]) == 0) {
		v->begin = HOOK_PUBLISH;
		v->end = HOOK_UNPUBLISH;
		return true;
	}
	v->begin = HOOK_PLAY;
	v->end = HOOK_STOP;
	return action != NULL && strcmp(action, hook_names[HOOK_PLAY]) == 0;
}

void
visit_ask(struct door *door, json_t *question)
{
	struct hooks *h = door->hooks;
	const char *id = json_string_value(json_object_get(question, "session"));
	struct visit *v;
	json_t *body;

	if (id == NULL || strlen(id) != HOOK_ID_SIZE - 1 || visit_find(h, id) != NULL) {
		door_reply(door, question, false, "bad-request",
			   "session: an id that is not in use");
		return;
	}
	v = HASH_COUNT(h->visits) < VISITS_MAX ? calloc(1, sizeof(*v)) : NULL;
	if (v == NULL) {
		door_reply(door, question, false, "unavailable", "too many sessions");
		return;
	}
	memcpy(v->id, id, HOOK_ID_SIZE);
	v->hooks = h;
	v->door = door;
	v->question = json_incref(question);
	v->held = json_is_true(json_object_get(question, "held"));
	body = actions_of(question, v) ? hook_body(question, v->begin, h->server_id) : NULL;
	HASH_ADD_STR(h->visits, id, v);
	if (body == NULL) {
		deny(v, "bad-request", "action, session, stream and the rest must be texts");
	} else if (h->urls[v->begin].count == 0) {
		json_decref(body);
		allow(v);
	} else if (post_start(h, v->begin, body, on_answer, v) < 0) {
		deny(v, "unavailable", "too many questions at once");
	}
}

/* The connection that asked is gone: what it held is over, what it waits for is not wanted. */
void
visits_of_door_end(struct door *door)
{
	struct visit *v, *next;

	HASH_ITER(hh, door->hooks->visits, v, next)
	{
		if (v->door != door)
			continue;
		v->door = NULL;
		if (v->allowed)
			visit_end(v);
	}
}

/* From now on the relay is asked for those that it should know by now: an endpoint that died after
 * it was allowed made none. */
void
visits_tick(struct hooks *h, uint64_t now_us)
{
	struct visit *v, *next;

	HASH_ITER(hh, h->visits, v, next)
	v->seen |= v->allowed && now_us - v->since_us > COME_US;
}

void
visits_free(struct hooks *h)
{
	struct visit *v, *next;

	HASH_ITER(hh, h->visits, v, next)
	visit_free(v);
}
