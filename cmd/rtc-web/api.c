/* api.c - the management interface under /api/v1: who is asked what, and the answers. */
#include "api.h"

#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/text.h"

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
		ask_reply_missing(ask->req, API_NO_STREAM, "stream");
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
		ask_reply_missing(req, API_NO_STREAM, "stream");
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
		ask_reply_missing(ask->req, API_NO_CLIENT, "client");
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
bool
api_is_viewer(const char *id)
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
		ask_begin(req, api_is_viewer(http_rest(req) + 1) ? &viewer : &session,
			  http_rest(req) + 1);
	else
		ask_reply_missing(req, API_NO_CLIENT, "client");
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
		ask_reply_missing(req, API_NO_VHOST, "vhost");
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
