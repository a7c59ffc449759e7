/* control_settings.c - what can be changed while it runs: it holds for sessions that come. */
#include "control.h"

#include <string.h>

#include "base/bytes.h"
#include "log/log.h"

enum { STUN_TIMEOUT_MAX_S = 3600 };

static bool
is_in_range(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 1 &&
	       json_integer_value(v) <= STUN_TIMEOUT_MAX_S;
}

static bool
is_known(const char *name)
{
	static const char *const known[] = {"v",    "id",   "op",	 "stun_timeout",
					    "nack", "twcc", "gop_cache", "log"};

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

/* auto, or a switch. */
static bool
is_gop_cache(const json_t *v)
{
	return json_is_boolean(v) ||
	       (json_is_string(v) && strcmp(json_string_value(v), "auto") == 0);
}

static enum replay_mode
replay_of(const json_t *v)
{
	if (json_is_string(v))
		return REPLAY_AUTO;
	return json_is_true(v) ? REPLAY_ON : REPLAY_OFF;
}

static json_t *
gop_cache_of(enum replay_mode mode)
{
	return mode == REPLAY_AUTO ? json_string("auto") : json_boolean(mode == REPLAY_ON);
}

/* Each of the fields is known, and what it must be. */
static const char *
fault_of(json_t *q)
{
	const json_t *timeout = json_object_get(q, "stun_timeout");
	const json_t *nack = json_object_get(q, "nack"), *twcc = json_object_get(q, "twcc");
	const json_t *log = json_object_get(q, "log"), *gop = json_object_get(q, "gop_cache");

	for (void *at = json_object_iter(q); at != NULL; at = json_object_iter_next(q, at))
		if (!is_known(json_object_iter_key(at)))
			return "settings are stun_timeout, nack, twcc, gop_cache and log";
	if (timeout != NULL && !is_in_range(timeout))
		return "stun_timeout is 1 to 3600 (seconds)";
	if ((nack != NULL && !json_is_boolean(nack)) || (twcc != NULL && !json_is_boolean(twcc)))
		return "nack and twcc are true or false";
	if (gop != NULL && !is_gop_cache(gop))
		return "gop_cache is auto, true or false";
	if (log != NULL && (!json_is_string(log) || log_level_parse(json_string_value(log)) < 0))
		return "log is error, warn, info or debug";
	return NULL;
}

/* All of it or, with a fault, nothing. */
void
op_settings_set(struct peer *peer, json_t *q)
{
	struct control *c = peer->control;
	const json_t *timeout = json_object_get(q, "stun_timeout");
	const json_t *nack = json_object_get(q, "nack"), *twcc = json_object_get(q, "twcc");
	const json_t *log = json_object_get(q, "log"), *gop = json_object_get(q, "gop_cache");
	const char *fault = fault_of(q);

	if (fault != NULL) {
		reply_error(peer, q, "bad-request", fault);
		return;
	}
	if (timeout != NULL)
		c->stun_timeout_us = (uint64_t)json_integer_value(timeout) * 1000000;
	if (nack != NULL)
		c->nack = json_is_true(nack);
	if (twcc != NULL)
		c->twcc = json_is_true(twcc);
	if (gop != NULL)
		c->replay = replay_of(gop);
	if (log != NULL)
		log_set_level((enum log_level)log_level_parse(json_string_value(log)));
	reply_ok(peer, q,
		 json_pack("{s:I, s:b, s:b, s:o}", "stun_timeout",
			   (json_int_t)(c->stun_timeout_us / 1000000), "nack", c->nack, "twcc",
			   c->twcc, "gop_cache", gop_cache_of(c->replay)));
}
