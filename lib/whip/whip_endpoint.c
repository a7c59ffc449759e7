#include "whip/whip_endpoint_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "http/url.h"
#include "whip/whip_json.h"

void
whip_endpoint_fini(struct whip_endpoint *ep)
{
	while (ep->jobs != NULL)
		whip_job_free(ep->jobs);
	whip_asks_fini(ep);
	for (size_t i = 0; i < ARRAY_COUNT(ep->auth); i++)
		whip_auth_fini(&ep->auth[i]);
}

void
whip_reply_no_memory(struct http_request *req)
{
	whip_fail(req, NULL, 503, "no-memory", "Out Of Memory", "try again later");
}

/* detail: the relay's words. */
void
whip_reply_failure(struct http_request *req, json_t *reply)
{
	const struct whip_failure *f = whip_relay_failure(reply);
	const char *detail = json_string_value(json_object_get(reply, "detail"));
	char retry[16];
	struct http_header headers[] = {{"Retry-After", retry}, {NULL, NULL}};

	snprintf(retry, sizeof(retry), "%u", f->retry_s);
	if (detail == NULL || detail[0] == '\0')
		detail = reply == NULL ? "the relay does not answer: is rtc-relay running with the "
					 "same run directory?"
				       : f->title;
	whip_fail(req, f->retry_s > 0 ? headers : NULL, f->status, f->slug, f->title, "%s", detail);
}

void
whip_add_links(const struct whip_endpoint *ep, struct http_header *at)
{
	for (size_t i = 0; i < ep->ice_servers.count; i++)
		*at++ = (struct http_header){"Link", ep->ice_servers.links[i]};
	*at = (struct http_header){NULL, NULL};
}

static const char *
query_of(const void *arg, const char *name)
{
	return http_query(arg, name);
}

/* Parse and negotiate; replies and returns false if it cannot be served. */
static bool
take_offer(struct whip_job *job)
{
	struct sdp_policy policy = {
	    .role = job->params.role,
	    .codec = job->params.codec,
	    .no_nack = job->ep->no_nack,
	    .no_twcc = job->ep->no_twcc,
	    .prefer_client = job->ep->dtls_client,
	    .allow_bare = job->params.ufrag != NULL && job->params.pwd != NULL,
	};
	struct sdp_problem problem = {.code = SDP_FINE};
	size_t size;
	const char *body = http_body(job->req, &size);

	if (job->json != NULL) {
		body = job->json->sdp;
		size = job->json->sdp_size;
	}
	job->offer = sdp_parse(body, size, &problem);
	if (job->offer == NULL ||
	    sdp_negotiate_offer(&job->plan, job->offer, &policy, &problem) < 0) {
		whip_reply_sdp_problem(job->req, &problem);
		return false;
	}
	return true;
}

/* Printable ASCII of at most WHIP_AGENT_MAX characters. */
static void
copy_agent(char *out, const char *agent)
{
	text_copy(out, WHIP_AGENT_MAX + 1, agent != NULL ? agent : "");
	for (; *out != '\0'; out++)
		if (*out < ' ' || *out > '~')
			*out = '?';
}

static void
describe_client(struct whip_job *job)
{
	const char *host = http_host(job->req);
	struct url_span name;
	struct addr client;
	uint16_t port;
	bool ipv6;

	copy_agent(job->agent, http_header(job->req, "User-Agent"));
	if (http_client(job->req, &client))
		addr_format_host(&client, job->address);
	if (host != NULL && url_parse_host(&name, &port, &ipv6, host, strlen(host)) == 0 &&
	    name.size < sizeof(job->host)) {
		memcpy(job->host, name.ptr, name.size);
		job->port =
		    port != 0 ? port : (strcmp(http_scheme(job->req), "https") == 0 ? 443 : 80);
	}
}

/* Is the stream served elsewhere? Then the client is sent there, its query with it (s.4.5). */
static bool
redirect(struct whip_job *job)
{
	const char *server = whip_balance_pick(&job->ep->balance, job->params.stream);
	const char *query = http_raw_query(job->req);
	size_t size = server != NULL ? strlen(server) : 0, cap;
	struct http_header headers[] = {{"Location", NULL}, {NULL, NULL}};
	char path[URL_MAX + 1], *location;

	if (server == NULL)
		return false;
	while (size > 0 && server[size - 1] == '/')
		size--;
	cap = size + sizeof(path) + strlen(query) + 2;
	location = malloc(cap);
	if (location == NULL || url_encode(path, sizeof(path), http_path(job->req), "/") < 0) {
		free(location);
		whip_reply_no_memory(job->req);
		return true;
	}
	snprintf(location, cap, "%.*s%s%s%s", (int)size, server, path, query[0] != '\0' ? "?" : "",
		 query);
	headers[0].value = location;
	whip_fail(job->req, headers, 307, "elsewhere", "Temporary Redirect",
		  "this stream is served by another server: see Location");
	free(location);
	return true;
}

static struct whip_job *
job_new(struct http_request *req)
{
	struct whip_endpoint *ep = http_server_arg(http_server_of(req));
	struct whip_job *job;

	if (!whip_may_ask(ep, req))
		return NULL;
	job = calloc(1, sizeof(*job));
	if (job == NULL) {
		whip_reply_no_memory(req);
		return NULL;
	}
	job->ep = ep;
	job->req = req;
	job->next = ep->jobs;
	ep->jobs = job;
	ep->job_count++;
	return job;
}

static void
create_session(struct http_request *req, enum sdp_role role)
{
	struct whip_endpoint *ep = http_server_arg(http_server_of(req));
	char words[WHIP_WORDS_SIZE];
	struct whip_job *job = job_new(req);

	if (job == NULL)
		return;
	if (whip_params_read(&job->params, query_of, req, role, ep->use_vhost, words) < 0) {
		whip_fail(req, NULL, 400, "bad-parameter", "Bad Parameter", "%s", words);
	} else if (whip_may_pass(req, &job->params) && !redirect(job) && whip_check_head(req) &&
		   take_offer(job)) {
		describe_client(job);
		whip_job_start(job);
		return;
	}
	whip_job_free(job);
}

/* The older interface: the same request, said in JSON. */
static void
create_by_json(struct http_request *req, enum sdp_role role)
{
	struct whip_endpoint *ep = http_server_arg(http_server_of(req));
	char words[WHIP_WORDS_SIZE];
	struct whip_job *job;
	const char *body;
	size_t size;

	http_set_arg(req, whip_json_mark);
	job = job_new(req);
	if (job == NULL)
		return;
	body = http_body(req, &size);
	job->json = whip_json_read(body, size, words);
	if (job->json != NULL)
		job->json->req = req;
	if (job->json == NULL || whip_params_read(&job->params, whip_json_get, job->json, role,
						  ep->use_vhost, words) < 0) {
		whip_fail(req, NULL, 400, "bad-parameter", "Bad Parameter", "%s", words);
	} else if (whip_may_pass(req, &job->params) && !redirect(job) && take_offer(job)) {
		describe_client(job);
		whip_job_start(job);
		return;
	}
	whip_job_free(job);
}

static void
on_json_publish(struct http_request *req)
{
	create_by_json(req, SDP_PUBLISH);
}

static void
on_json_play(struct http_request *req)
{
	create_by_json(req, SDP_PLAY);
}

static void
on_publish(struct http_request *req)
{
	create_session(req, SDP_PUBLISH);
}

static void
on_play(struct http_request *req)
{
	create_session(req, SDP_PLAY);
}

/* The older way to play, which the gate sends to rtc-whep. */
static void
on_whip_play(struct http_request *req)
{
	const char *action = http_query(req, "action");

	if (action != NULL && strcmp(action, "play") == 0)
		create_session(req, SDP_PLAY);
	else
		http_problem(req, 404, "not-found", "Not Found",
			     "here are players; publishers go to rtc-whip");
}

/* The Links are for clients that ask for them before their offer, not for preflights, which carry
 * no token and cannot be read by pages (RFC 9725 s.4.6). */
static void
on_options(struct http_request *req)
{
	struct whip_endpoint *ep = http_server_arg(http_server_of(req));
	struct http_header headers[WHIP_ICE_SERVERS_MAX + 2] = {{"Accept-Post", "application/sdp"}};
	bool preflight = http_header(req, "Access-Control-Request-Method") != NULL;

	if (!preflight && whip_may_know_ice(ep, req))
		whip_add_links(ep, headers + 1);
	http_reply_options(req, headers);
}

/* There is nothing to get, which is no fault (RFC 9725 s.4.1). */
static void
on_get(struct http_request *req)
{
	http_reply(req, 204, NULL, "", 0);
}

/* A player's way to ask whether this is a WHEP endpoint: what a POST would answer with, no body. */
static void
on_head(struct http_request *req)
{
	static const struct http_header headers[] = {{"Content-Type", "application/sdp"},
						     {"Accept-Post", "application/sdp"},
						     {"Cache-Control", "no-store"},
						     {NULL, NULL}};

	http_reply(req, 200, headers, "", 0);
}

#define GET_ROUTES(path)                                                                           \
	{"GET", path, false, on_get},                                                              \
	{                                                                                          \
		"GET", path "/", false, on_get                                                     \
	}
#define ENDPOINT_ROUTES(path, handler)                                                             \
	{"POST", path, false, handler}, {"POST", path "/", false, handler},                        \
	    {"OPTIONS", path, false, on_options}, {"OPTIONS", path "/", false, on_options},        \
	    GET_ROUTES(path), {"GET", path "/session", true, whip_on_session_get},                 \
	    {"PATCH", path "/session", true, whip_on_patch},                                       \
	    {"DELETE", path "/session", true, whip_on_delete},                                     \
	{                                                                                          \
		"OPTIONS", path "/session", true, whip_on_session_options                          \
	}
#define POST_ROUTES(path, handler)                                                                 \
	{"POST", path, false, handler},                                                            \
	{                                                                                          \
		"POST", path "/", false, handler                                                   \
	}
/* Before the rows of GET, which take a HEAD, too. */
#define HEAD_ROUTES(path)                                                                          \
	{"HEAD", path, false, on_head},                                                            \
	{                                                                                          \
		"HEAD", path "/", false, on_head                                                   \
	}

const struct http_route whip_routes[] = {
    ENDPOINT_ROUTES(WHIP_PATH, on_publish),    HEAD_ROUTES(WHIP_PLAY_PATH),
    ENDPOINT_ROUTES(WHIP_PLAY_PATH, on_play),  POST_ROUTES("/rtc/v1/publish", on_json_publish),
    POST_ROUTES("/rtc/v1/play", on_json_play), {NULL, NULL, false, NULL},
};

const struct http_route whep_routes[] = {
    HEAD_ROUTES(WHEP_PATH),
    ENDPOINT_ROUTES(WHEP_PATH, on_play),
    HEAD_ROUTES(WHIP_PLAY_PATH),
    ENDPOINT_ROUTES(WHIP_PLAY_PATH, on_play),
    POST_ROUTES(WHIP_PATH, on_whip_play),
    GET_ROUTES(WHIP_PATH),
    {"OPTIONS", WHIP_PATH, true, on_options},
    POST_ROUTES("/rtc/v1/play", on_json_play),
    {NULL, NULL, false, NULL},
};
