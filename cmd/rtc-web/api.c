/* api.c - the management interface under /api/v1: who is asked what, and the answers. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ask.h"
#include "base/addr.h"
#include "base/text.h"
#include "http/url.h"

enum {
	CODE_NO_STREAM = 2048, /* what SRS says of those that are not there */
	CODE_NO_CLIENT = 2049,
	CODE_NO_VHOST = 2014
};

void
web_versions(struct http_request *req)
{
	int major = 0, minor = 0, revision = 0;

	sscanf(RTCKIT_VERSION, "%d.%d.%d", &major, &minor, &revision);
	ask_reply(req, json_pack("{s:{s:i, s:i, s:i, s:s}}", "data", "major", major, "minor", minor,
				 "revision", revision, "version", RTCKIT_VERSION));
}

/* ---- streams ---- */

/* What rtc2rtmp says of the stream; NULL: nobody watches there. */
static json_t *
live_of(const json_t *lives, const json_t *stream)
{
	json_t *live;
	size_t i;

	json_array_foreach(lives, i, live) if (strcmp(text_of(live, "name"),
						      text_of(stream, "name")) == 0) return live;
	return NULL;
}

static void
finish_streams(struct ask *ask)
{
	json_t *list = json_array(), *s;
	size_t i;

	json_array_foreach(ask->lists[0], i, s)
	    json_array_append_new(list, api_stream(s, live_of(ask->lists[1], s)));
	ask_reply(ask->req, json_pack("{s:o, s:O}", "streams", list, "total",
				      json_object_get(ask->replies[0], "total")));
}

static void
finish_stream(struct ask *ask)
{
	json_t *s = json_array_get(ask->lists[0], 0);

	if (s != NULL)
		ask_reply(ask->req,
			  json_pack("{s:o}", "stream", api_stream(s, live_of(ask->lists[1], s))));
	else
		ask_reply_missing(ask->req, CODE_NO_STREAM, "stream");
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
	static const struct ask_plan all = {
	    .steps =
		{{.op = "streams.list", .member = "streams", .paging = ASK_PAGE},
		 {.live = true, .op = "streams.list", .member = "streams", .paging = ASK_WHOLE}},
	    .finish = finish_streams};
	static const struct ask_plan one = {.steps = {{.op = "streams.list",
						       .member = "streams",
						       .paging = ASK_PAGE,
						       .filter = "stream"},
						      {.live = true,
						       .op = "streams.list",
						       .member = "streams",
						       .paging = ASK_PAGE,
						       .filter = "stream"}},
					    .finish = finish_stream};

	if (!has_id(req))
		ask_begin(req, &all, NULL);
	else if (text_is_stream(http_rest(req) + 1))
		ask_begin(req, &one, http_rest(req) + 1);
	else
		ask_reply_missing(req, CODE_NO_STREAM, "stream");
}

/* ---- clients: the relay's sessions, then those who watch at rtc2rtmp ---- */

static void
finish_clients(struct ask *ask)
{
	json_t *list = json_array(), *c;
	json_int_t total =
	    number_of(ask->replies[0], "total") + number_of(ask->replies[1], "total");
	size_t i;

	json_array_foreach(ask->lists[0], i, c) json_array_append_new(list, api_client(c));
	json_array_foreach(ask->lists[1], i, c) json_array_append_new(list, api_viewer(c));
	ask_reply(ask->req, json_pack("{s:o, s:I}", "clients", list, "total", total));
}

static void
finish_one(struct ask *ask, json_t *(*one)(const json_t *))
{
	const json_t *c = json_array_get(ask->lists[0], 0);

	if (c != NULL)
		ask_reply(ask->req, json_pack("{s:o}", "client", one(c)));
	else
		ask_reply_missing(ask->req, CODE_NO_CLIENT, "client");
}

static void
finish_client(struct ask *ask)
{
	finish_one(ask, api_client);
}

static void
finish_viewer(struct ask *ask)
{
	finish_one(ask, api_viewer);
}

/* By its id: rtc2rtmp's begin with "l-", the relay's with "s-". */
static bool
is_viewer(const char *id)
{
	return strncmp(id, "l-", 2) == 0;
}

void
web_clients(struct http_request *req)
{
	static const struct ask_plan all = {.steps = {{.op = "sessions.list",
						       .member = "sessions",
						       .paging = ASK_PAGE,
						       .no_carriers = true},
						      {.live = true,
						       .op = "clients.list",
						       .member = "clients",
						       .paging = ASK_REST}},
					    .finish = finish_clients};
	static const struct ask_plan session = {.steps = {{.op = "sessions.list",
							   .member = "sessions",
							   .paging = ASK_PAGE,
							   .filter = "session"}},
						.finish = finish_client};
	static const struct ask_plan viewer = {.steps = {{.live = true,
							  .op = "clients.list",
							  .member = "clients",
							  .paging = ASK_PAGE,
							  .filter = "client"}},
					       .finish = finish_viewer};

	if (!has_id(req))
		ask_begin(req, &all, NULL);
	else if (text_is_token(http_rest(req) + 1, 64))
		ask_begin(req, is_viewer(http_rest(req) + 1) ? &viewer : &session,
			  http_rest(req) + 1);
	else
		ask_reply_missing(req, CODE_NO_CLIENT, "client");
}

/* ---- sums ---- */

static void
finish_summaries(struct ask *ask)
{
	ask_reply(ask->req, api_summaries(ask->replies[0], ask->replies[1]));
}

static void
finish_vhosts(struct ask *ask)
{
	ask_reply(ask->req,
		  json_pack("{s:[o]}", "vhosts", api_vhost(ask->replies[0], ask->replies[1])));
}

static void
finish_vhost(struct ask *ask)
{
	ask_reply(ask->req,
		  json_pack("{s:o}", "vhost", api_vhost(ask->replies[0], ask->replies[1])));
}

static void
finish_metrics(struct ask *ask)
{
	reply_metrics(ask->req, ask->replies[0], ask->replies[1], ask->lists[2], ask->lists[3]);
}

#define STATS_STEPS                                                                                \
	{.op = "stats"},                                                                           \
	{                                                                                          \
		.live = true, .op = "stats"                                                        \
	}

void
web_summaries(struct http_request *req)
{
	static const struct ask_plan plan = {.steps = {STATS_STEPS}, .finish = finish_summaries};

	ask_begin(req, &plan, NULL);
}

void
web_vhosts(struct http_request *req)
{
	static const struct ask_plan all = {.steps = {STATS_STEPS}, .finish = finish_vhosts};
	static const struct ask_plan one = {.steps = {STATS_STEPS}, .finish = finish_vhost};

	if (!has_id(req))
		ask_begin(req, &all, NULL);
	else if (strcmp(http_rest(req) + 1, API_VHOST) == 0)
		ask_begin(req, &one, NULL);
	else
		ask_reply_missing(req, CODE_NO_VHOST, "vhost");
}

void
web_metrics(struct http_request *req)
{
	static const struct ask_plan plan = {
	    .steps = {STATS_STEPS,
		      {.op = "streams.list", .member = "streams", .paging = ASK_WHOLE},
		      {.op = "sessions.list", .member = "sessions", .paging = ASK_WHOLE}},
	    .finish = finish_metrics};

	ask_begin(req, &plan, NULL);
}

/* ---- the end of a client ---- */

static void
finish_kick(struct ask *ask)
{
	ask_reply(ask->req, json_object());
}

static void
ask_kick(struct http_request *req, const char *id)
{
	static const struct ask_plan session = {
	    .steps = {{.op = "session.kick", .filter = "session"}},
	    .finish = finish_kick,
	    .missing = CODE_NO_CLIENT,
	    .missing_what = "client"};
	static const struct ask_plan viewer = {
	    .steps = {{.live = true, .needed = true, .op = "client.kick", .filter = "client"}},
	    .finish = finish_kick,
	    .missing = CODE_NO_CLIENT,
	    .missing_what = "client"};

	ask_begin(req, is_viewer(id) ? &viewer : &session, id);
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
		ask_reply_missing(req, CODE_NO_CLIENT, "client");
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
