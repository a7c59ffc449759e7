#include "hook/hook.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define DEFAULT_VHOST "__defaultVhost__"

const char *const hook_names[HOOK_ACTIONS] = {
    [HOOK_PUBLISH] = "on_publish",
    [HOOK_UNPUBLISH] = "on_unpublish",
    [HOOK_PLAY] = "on_play",
    [HOOK_STOP] = "on_stop",
};

void
hook_make_id(char out[static HOOK_ID_SIZE], uint64_t random)
{
	static const char chars[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	out[0] = 's';
	out[1] = '-';
	for (size_t i = 2; i < HOOK_ID_SIZE - 1; i++, random >>= 6)
		out[i] = chars[random & 63];
	out[HOOK_ID_SIZE - 1] = '\0';
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

json_t *
hook_ask(const struct hook_client *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "op", "ask",
			 "action", hook_names[c->action], "session", c->id, "ip",
			 or_empty(c->address), "stream", c->stream, "query", or_empty(c->query),
			 "host", or_empty(c->host), "page", or_empty(c->page), "scheme",
			 c->scheme != NULL ? c->scheme : "webrtc", "held", c->held);
}

json_t *
hook_gone(const char *id)
{
	return json_pack("{s:s, s:s}", "op", "gone", "session", id);
}

struct hook_verdict
hook_read(json_t *reply)
{
	struct hook_verdict v = {.allowed = json_is_true(json_object_get(reply, "ok"))};
	const char *error = json_string_value(json_object_get(reply, "error"));
	const char *detail = json_string_value(json_object_get(reply, "detail"));

	if (v.allowed) {
		v.words = "";
		return v;
	}
	v.unavailable = error == NULL || strcmp(error, "denied") != 0;
	v.words = detail != NULL ? detail
				 : "rtc-hook, which asks whether this is allowed, does not answer";
	return v;
}

/* The text of a member; NULL if it is none or too long. */
static const char *
text_of(const json_t *question, const char *name)
{
	const json_t *member = json_object_get(question, name);
	const char *text = json_string_value(member);

	return text != NULL && json_string_length(member) <= HOOK_TEXT_MAX ? text : NULL;
}

/* A stream's name in its parts; false if it is none. */
struct names {
	char vhost[TEXT_STREAM_SIZE], app[TEXT_STREAM_SIZE];
	const char *stream;
};

static bool
split(const char *name, struct names *out)
{
	const char *first = strchr(name, '/'), *last = strrchr(name, '/');

	if (!text_is_stream(name) || strlen(name) >= TEXT_STREAM_SIZE)
		return false;
	out->stream = last + 1;
	if (first == last) {
		memcpy(out->vhost, DEFAULT_VHOST, sizeof(DEFAULT_VHOST));
		first = name - 1;
	} else {
		memcpy(out->vhost, name, (size_t)(first - name));
		out->vhost[first - name] = '\0';
	}
	memcpy(out->app, first + 1, (size_t)(last - first - 1));
	out->app[last - first - 1] = '\0';
	return true;
}

json_t *
hook_body(const json_t *q, enum hook_action action, const char *server_id)
{
	const char *id = text_of(q, "session"), *name = text_of(q, "stream");
	const char *ip = text_of(q, "ip"), *query = text_of(q, "query"), *host = text_of(q, "host");
	const char *page = text_of(q, "page"), *scheme = text_of(q, "scheme");
	struct names n;
	json_t *body;

	if (id == NULL || name == NULL || ip == NULL || query == NULL || host == NULL ||
	    page == NULL || scheme == NULL || !split(name, &n))
		return NULL;
	body =
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "action", hook_names[action],
		      "client_id", id, "ip", ip, "vhost", n.vhost, "app", n.app, "stream", n.stream,
		      "server_id", server_id, "service_id", server_id, "stream_id", id);
	if (body == NULL)
		return NULL;
	json_object_set_new(body, "param",
			    json_sprintf("%s%s", query[0] != '\0' ? "?" : "", query));
	json_object_set_new(body, "stream_url", json_sprintf("/%s/%s", n.app, n.stream));
	json_object_set_new(
	    body, "tcUrl",
	    json_sprintf("%s://%s/%s", scheme, host[0] != '\0' ? host : n.vhost, n.app));
	if (action == HOOK_PLAY || action == HOOK_STOP)
		json_object_set_new(body, "pageUrl", json_string(page));
	return body;
}

bool
hook_accepts(long status, const char *body, size_t size)
{
	json_t *root, *code;
	bool accepts;

	if (status != 200 && status != 201)
		return false;
	root = json_loadb(body, size, JSON_DECODE_ANY, NULL);
	code = json_is_object(root) ? json_object_get(root, "code") : root;
	accepts = json_is_integer(code) && json_integer_value(code) == 0;
	json_decref(root);
	return accepts;
}
