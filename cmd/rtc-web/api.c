/* api.c - the management interface under /api/v1: the relay's admin socket by HTTP. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/text.h"
#include "http/url.h"

enum {
	COUNT_DEFAULT = 10,
	COUNT_MAX = 100,
	TOLD_MAX = 500,	       /* streams, and sessions, of which /metrics speaks */
	CODE_NO_STREAM = 2048, /* what SRS says of those that are not there */
	CODE_NO_CLIENT = 2049,
	CODE_NO_VHOST = 2014
};

struct ask;
typedef void finish_fn(struct ask *ask, json_t *reply);

/* A request while the relay is asked. The client may go: then req is NULL. */
struct ask {
	struct http_request *req;
	struct web *web;
	finish_fn *finish; /* with the last reply (borrowed); ask->list has all elements */
	const char *op, *member, *filter; /* of a list; op NULL: it is none */
	char id[TEXT_STREAM_SIZE];	  /* its one element, if filter says what it is */
	json_t *list, *stats, *streams;
	size_t start, count;
};

static const struct http_header json_headers[] = {
    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};

/* {"code":0,"server":...} and the members of more, which is taken. */
static void
reply_object(struct http_request *req, json_t *more)
{
	char pid[16], *text;
	json_t *o;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	o = json_pack("{s:i, s:s, s:s, s:s}", "code", 0, "server", "rtckit", "service", "rtc-web",
		      "pid", pid);
	json_object_update(o, more);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	json_decref(more);
	if (text != NULL)
		http_reply(req, 200, json_headers, text, strlen(text));
	else
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
	free(text);
}

/* A problem body (RFC 9457) that scripts for SRS understand too: code is not 0. */
static void
reply_missing(struct http_request *req, int code, const char *what)
{
	static const struct http_header headers[] = {{"Content-Type", "application/problem+json"},
						     {"Cache-Control", "no-store"},
						     {NULL, NULL}};
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:i, s:o}", "code", code, "server", "rtckit",
			      "type", "urn:rtckit:problem:not-found", "title", "Not Found",
			      "status", 404, "detail", json_sprintf("no %s has this id", what));
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	if (text != NULL)
		http_reply(req, 404, headers, text, strlen(text));
	else
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
	free(text);
}

void
web_versions(struct http_request *req)
{
	int major = 0, minor = 0, revision = 0;

	sscanf(RTCKIT_VERSION, "%d.%d.%d", &major, &minor, &revision);
	reply_object(req, json_pack("{s:{s:i, s:i, s:i, s:s}}", "data", "major", major, "minor",
				    minor, "revision", revision, "version", RTCKIT_VERSION));
}

static void
ask_free(struct ask *ask)
{
	json_decref(ask->list);
	json_decref(ask->stats);
	json_decref(ask->streams);
	free(ask);
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct ask *ask = arg;

	(void)req;
	ask->req = NULL;
}

static void ask_again(struct ask *ask);

/* A page of a list. True: another one is wanted. */
static bool
take_page(struct ask *ask, json_t *reply)
{
	json_t *page = json_object_get(reply, ask->member);
	size_t total = (size_t)json_integer_value(json_object_get(reply, "total"));

	json_array_extend(ask->list, page);
	return json_array_size(page) > 0 && json_array_size(ask->list) < ask->count &&
	       ask->start + json_array_size(ask->list) < total;
}

static void
on_reply(void *arg, json_t *reply, int error)
{
	static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
	struct ask *ask = arg;
	struct http_request *req = ask->req;

	(void)error;
	if (req != NULL && reply == NULL) {
		http_problem_with(req, retry, 503, "relay-unreachable", "Relay Not Reachable",
				  "the relay does not answer");
	} else if (req != NULL && !json_is_true(json_object_get(reply, "ok"))) {
		reply_missing(req, CODE_NO_CLIENT, "client");
	} else if (req != NULL) {
		if (ask->op != NULL && take_page(ask, reply)) {
			ask_again(ask);
			return;
		}
		ask->finish(ask, reply);
		return;
	}
	ask_free(ask);
}

/* Takes msg; the ask is over if the relay cannot be asked. */
static void
ask_relay(struct ask *ask, json_t *msg)
{
	if (msg == NULL || ipc_client_ask(ask->web->admin, msg, on_reply, ask) <= 0)
		on_reply(ask, NULL, -1);
}

static void
ask_again(struct ask *ask)
{
	size_t have = json_array_size(ask->list);
	json_t *msg =
	    json_pack("{s:s, s:I, s:I}", "op", ask->op, "start", (json_int_t)(ask->start + have),
		      "count", (json_int_t)(ask->count - have));

	if (ask->filter != NULL)
		json_object_set_new(msg, ask->filter, json_string(ask->id));
	ask_relay(ask, msg);
}

static struct ask *
ask_new(struct http_request *req, finish_fn *finish)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL) {
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
		return NULL;
	}
	ask->req = req;
	ask->web = http_server_arg(http_server_of(req));
	ask->finish = finish;
	http_on_gone(req, on_gone, ask);
	return ask;
}

/* The number of a query, within 0..max; what is none counts as left out. */
static size_t
page_number(struct http_request *req, const char *name, size_t fallback, size_t max)
{
	const char *text = http_query(req, name);
	char *end;
	long n;

	if (text == NULL)
		return fallback;
	n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 0)
		return fallback;
	return (size_t)n < max ? (size_t)n : max;
}

static void
ask_list(struct http_request *req, const char *op, const char *member, finish_fn *finish)
{
	struct ask *ask = ask_new(req, finish);
	size_t count = page_number(req, "count", COUNT_DEFAULT, COUNT_MAX);

	if (ask == NULL)
		return;
	ask->op = op;
	ask->member = member;
	ask->list = json_array();
	ask->start = page_number(req, "start", 0, 1000000);
	ask->count = count > 0 ? count : 1;
	ask_again(ask);
}

static void
ask_one(struct http_request *req, const char *op, const char *member, const char *filter,
	finish_fn *finish)
{
	struct ask *ask = ask_new(req, finish);

	if (ask == NULL)
		return;
	ask->op = op;
	ask->member = member;
	ask->filter = filter;
	ask->list = json_array();
	ask->count = 1;
	text_copy(ask->id, sizeof(ask->id), http_rest(req) + 1);
	ask_again(ask);
}

static void
ask_stats(struct http_request *req, finish_fn *finish)
{
	struct ask *ask = ask_new(req, finish);

	if (ask != NULL)
		ask_relay(ask, json_pack("{s:s}", "op", "stats"));
}

/* Each element of the ask's list through one. */
static void
finish_list(struct ask *ask, json_t *reply, const char *name, json_t *(*one)(json_t *))
{
	json_t *list = json_array(), *item;
	size_t i;

	json_array_foreach(ask->list, i, item) json_array_append_new(list, one(item));
	reply_object(ask->req,
		     json_pack("{s:o, s:O}", name, list, "total", json_object_get(reply, "total")));
	ask_free(ask);
}

static void
finish_one(struct ask *ask, const char *name, int code, json_t *(*one)(json_t *))
{
	if (json_array_size(ask->list) > 0)
		reply_object(ask->req, json_pack("{s:o}", name, one(json_array_get(ask->list, 0))));
	else
		reply_missing(ask->req, code, name);
	ask_free(ask);
}

static void
finish_streams(struct ask *ask, json_t *reply)
{
	finish_list(ask, reply, "streams", api_stream);
}

static void
finish_stream(struct ask *ask, json_t *reply)
{
	(void)reply;
	finish_one(ask, "stream", CODE_NO_STREAM, api_stream);
}

static void
finish_clients(struct ask *ask, json_t *reply)
{
	finish_list(ask, reply, "clients", api_client);
}

static void
finish_client(struct ask *ask, json_t *reply)
{
	(void)reply;
	finish_one(ask, "client", CODE_NO_CLIENT, api_client);
}

static void
finish_summaries(struct ask *ask, json_t *reply)
{
	reply_object(ask->req, api_summaries(reply));
	ask_free(ask);
}

static void
finish_vhosts(struct ask *ask, json_t *reply)
{
	reply_object(ask->req, json_pack("{s:[o]}", "vhosts", api_vhost(reply)));
	ask_free(ask);
}

static void
finish_vhost(struct ask *ask, json_t *reply)
{
	reply_object(ask->req, json_pack("{s:o}", "vhost", api_vhost(reply)));
	ask_free(ask);
}

static void
finish_kick(struct ask *ask, json_t *reply)
{
	(void)reply;
	reply_object(ask->req, json_object());
	ask_free(ask);
}

static void
finish_metrics(struct ask *ask, json_t *reply)
{
	(void)reply;
	reply_metrics(ask->req, ask->stats, ask->streams, ask->list);
	ask_free(ask);
}

/* /metrics asks for one list after another. */
static void
ask_next(struct ask *ask, const char *op, const char *member, finish_fn *finish)
{
	ask->op = op;
	ask->member = member;
	ask->list = json_array();
	ask->count = TOLD_MAX;
	ask->finish = finish;
	ask_again(ask);
}

static void
finish_metric_streams(struct ask *ask, json_t *reply)
{
	(void)reply;
	ask->streams = ask->list;
	ask_next(ask, "sessions.list", "sessions", finish_metrics);
}

static void
finish_stats(struct ask *ask, json_t *reply)
{
	ask->stats = json_incref(reply);
	ask_next(ask, "streams.list", "streams", finish_metric_streams);
}

/* Does the path name one of the list: more than "" and "/"? */
static bool
has_id(const struct http_request *req)
{
	const char *rest = http_rest(req);

	return rest[0] == '/' && rest[1] != '\0';
}

void
web_streams(struct http_request *req)
{
	if (!has_id(req))
		ask_list(req, "streams.list", "streams", finish_streams);
	else if (text_is_stream(http_rest(req) + 1))
		ask_one(req, "streams.list", "streams", "stream", finish_stream);
	else
		reply_missing(req, CODE_NO_STREAM, "stream");
}

void
web_clients(struct http_request *req)
{
	if (!has_id(req))
		ask_list(req, "sessions.list", "sessions", finish_clients);
	else if (text_is_token(http_rest(req) + 1, 64))
		ask_one(req, "sessions.list", "sessions", "session", finish_client);
	else
		reply_missing(req, CODE_NO_CLIENT, "client");
}

void
web_summaries(struct http_request *req)
{
	ask_stats(req, finish_summaries);
}

void
web_vhosts(struct http_request *req)
{
	if (!has_id(req))
		ask_stats(req, finish_vhosts);
	else if (strcmp(http_rest(req) + 1, API_VHOST) == 0)
		ask_stats(req, finish_vhost);
	else
		reply_missing(req, CODE_NO_VHOST, "vhost");
}

void
web_metrics(struct http_request *req)
{
	ask_stats(req, finish_stats);
}

/* A name that nobody else can give to this machine: "localhost", an address, its own. */
static bool
is_own_name(const char *name)
{
	char own[URL_HOST_MAX + 1] = "";
	struct addr a;

	return strcasecmp(name, "localhost") == 0 || addr_parse(&a, name, 0) == 0 ||
	       (gethostname(own, sizeof(own) - 1) == 0 && strcasecmp(name, own) == 0);
}

/*
 * Browsers say which page asks (Fetch s.3.1), others say nothing. A page of somebody else's must
 * not do what only this machine may: it runs on it. So the page is of the name that was asked, and
 * that is an own one.
 */
static bool
is_own_page(const struct http_request *req)
{
	const char *page = http_header(req, "Origin"), *host = http_host(req);
	struct url_span asked;
	struct url url;
	uint16_t port;
	bool ipv6;
	char name[URL_HOST_MAX + 1];

	if (page == NULL)
		return true;
	if (host == NULL || url_parse(&url, page, strlen(page)) != 0 ||
	    url_parse_host(&asked, &port, &ipv6, host, strlen(host)) != 0)
		return false;
	if (url.host.size != asked.size || strncasecmp(url.host.ptr, asked.ptr, asked.size) != 0)
		return false;
	memcpy(name, asked.ptr, asked.size);
	name[asked.size] = '\0';
	return is_own_name(name);
}

/* With a token: who has it. Without: who is on this machine, but for the pages of others. */
static bool
may_kick(const struct web *web, const struct http_request *req)
{
	const char *bearer = http_bearer(req);
	struct addr client;

	if (web->needs_token)
		return bearer != NULL && text_equal_secret(bearer, web->token);
	return (!http_client(req, &client) || addr_is_loopback(&client)) && is_own_page(req);
}

static void
ask_kick(struct http_request *req, const char *id)
{
	struct ask *ask = ask_new(req, finish_kick);

	if (ask != NULL)
		ask_relay(ask, json_pack("{s:s, s:s}", "op", "session.kick", "session", id));
}

void
web_kick(struct http_request *req)
{
	static const struct http_header challenge[] = {
	    {"WWW-Authenticate", "Bearer realm=\"rtckit\""}, {NULL, NULL}};
	struct web *web = http_server_arg(http_server_of(req));
	const char *id = http_rest(req);

	if (!may_kick(web, req) && web->needs_token)
		http_problem_with(req, challenge, 401, "unauthorized", "Unauthorized",
				  "a valid token is needed: Authorization: Bearer TOKEN");
	else if (!may_kick(web, req))
		http_problem(req, 403, "forbidden", "Forbidden",
			     "from other machines, and from pages of other servers, this needs "
			     "rtc-web --api-token-file");
	else if (id[0] != '/' || !text_is_token(id + 1, 64))
		reply_missing(req, CODE_NO_CLIENT, "client");
	else
		ask_kick(req, id + 1);
}

int
web_load_token(struct web *web, const char *path)
{
	FILE *file = fopen(path, "re");
	int n;

	if (file == NULL)
		return -1;
	n = fscanf(file, "%1023s", web->token);
	fclose(file);
	web->needs_token = n == 1;
	return n == 1 ? 0 : -1;
}
