#include "whip/whip_endpoint_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "http/url.h"
#include "log/log.h"
#include "whip/whip_json.h"

enum {
	ANSWER_MAX = 65536, /* octets of an answer */
	NOTE_SIZE = 4096    /* of its bundle and candidates, with a NUL: 14 addresses in 3 ways */
};

static void
job_free(struct whip_job *job)
{
	for (struct whip_job **p = &job->ep->jobs; *p != NULL; p = &(*p)->next)
		if (*p == job) {
			*p = job->next;
			break;
		}
	for (size_t i = 0; i < WHIP_NAMES_MAX; i++)
		whip_resolver_cancel(job->ep->resolver, &job->waiters[i]);
	whip_hook_cancel(job);
	sdp_free(job->offer);
	whip_json_free(job->json);
	job->ep->job_count--;
	free(job);
}

void
whip_endpoint_fini(struct whip_endpoint *ep)
{
	while (ep->jobs != NULL)
		job_free(ep->jobs);
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

static void
forget_reply(void *arg, json_t *reply, int error)
{
	(void)arg;
	(void)reply;
	(void)error;
}

/* Every candidate that this answer names; false if there is none. */
static bool
find_candidates(const struct whip_job *job, struct whip_candidates *out)
{
	struct whip_endpoint *ep = job->ep;
	struct addr interfaces[WHIP_INTERFACES_MAX];
	struct whip_question q = {
	    .eip = job->params.has_eip ? &job->params.eip : NULL,
	    .api_host = job->host[0] != '\0' ? job->host : NULL,
	    .interfaces = interfaces,
	    .interface_count = whip_interfaces(interfaces, ARRAY_COUNT(interfaces)),
	    .ports = whip_relay_ports(ipc_client_hello(ep->relay)),
	    .gate_tcp = !ep->rules.gate_tcp	   ? 0
			: ep->rules.gate_port != 0 ? ep->rules.gate_port
						   : job->port,
	    .lookup = whip_resolver_lookup,
	    .lookup_arg = ep->resolver,
	};

	whip_candidates_find(out, &ep->rules, &q);
	return out->count > 0;
}

/* One Link for each ICE server (RFC 9725 s.4.6), after at headers, and the end. */
static void
add_links(const struct whip_endpoint *ep, struct http_header *at)
{
	for (size_t i = 0; i < ep->ice_servers.count; i++)
		*at++ = (struct http_header){"Link", ep->ice_servers.links[i]};
	*at = (struct http_header){NULL, NULL};
}

static void
reply_created(struct whip_job *job, const char *sdp, int size, const char *secret,
	      const char *ufrag)
{
	enum { OWN = 4 };
	char base[HTTP_BASE_SIZE], location[HTTP_BASE_SIZE + 128], etag[SDP_UFRAG_MAX + 3];
	struct http_header headers[OWN + WHIP_ICE_SERVERS_MAX + 1] = {
	    {"Content-Type", "application/sdp"},
	    {"Location", location},
	    {"ETag", etag},
	    {"Cache-Control", "no-store"},
	};

	add_links(job->ep, headers + OWN);

	snprintf(location, sizeof(location), "%s%s/session/%s", http_base(job->req, base),
		 job->ep->session_path, secret);
	snprintf(etag, sizeof(etag), "\"%.*s\"", SDP_UFRAG_MAX, ufrag);
	http_reply(job->req, 201, headers, sdp, (size_t)size);
}

static void
reply_json(struct whip_job *job, const char *sdp, const char *ufrag)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	char *body = whip_json_answer(sdp, ufrag, job->plan.remote.ufrag);

	if (body != NULL)
		http_reply(job->req, 200, headers, body, strlen(body));
	else
		whip_reply_no_memory(job->req);
	free(body);
}

/* An ICE restart names the candidates again (RFC 9725 s.4.3.3), maybe at another instance: the
 * relay keeps them with the session. */
static void
note_candidates(struct whip_job *job, const struct sdp *answer, const char *secret)
{
	char note[NOTE_SIZE];
	json_t *msg;

	if (sdp_write_ice(answer, note, sizeof(note)) < 0)
		return;
	msg = whip_relay_note(secret, note);
	if (msg != NULL)
		ipc_client_ask(job->ep->relay, msg, forget_reply, NULL);
}

/* Write the answer of a session that the relay made. Returns false (nothing replied) if it cannot.
 */
static bool
reply_answer(struct whip_job *job, json_t *reply)
{
	struct sdp_local local = {.session_id = random_u64()};
	struct whip_candidates candidates;
	const char *secret, *id;
	struct sdp *answer;
	char *text;
	int n;

	if (whip_relay_read(reply, &job->plan, &local, &secret, &id) < 0 ||
	    !find_candidates(job, &candidates))
		return false;
	local.candidates = candidates.list;
	local.candidate_count = candidates.count;
	answer = sdp_answer(job->offer, &job->plan, &local);
	text = malloc(ANSWER_MAX);
	n = answer != NULL && text != NULL ? sdp_write(answer, text, ANSWER_MAX) : -1;
	if (n > 0 && job->json != NULL) {
		reply_json(job, text, local.ufrag);
	} else if (n > 0) {
		note_candidates(job, answer, secret);
		reply_created(job, text, n, secret, local.ufrag);
	}
	if (n > 0)
		log_info("session", "%s %s %s for %s (%s)", id,
			 job->params.role == SDP_PUBLISH ? "publishes" : "plays",
			 job->params.stream, job->address[0] != '\0' ? job->address : "-",
			 job->agent);
	free(text);
	sdp_free(answer);
	return n > 0;
}

static void
drop_session(struct whip_endpoint *ep, json_t *reply)
{
	const char *secret = json_string_value(json_object_get(reply, "secret"));

	if (secret != NULL)
		ipc_client_ask(ep->relay, whip_relay_delete(secret), forget_reply, NULL);
}

static bool
lacks_tcp(const struct whip_endpoint *ep)
{
	struct whip_ports ports = whip_relay_ports(ipc_client_hello(ep->relay));

	return ep->rules.protocol == WHIP_TCP && !ep->rules.gate_tcp && ports.tcp4 == 0 &&
	       ports.tcp6 == 0;
}

static void
on_created(void *arg, json_t *reply, int error)
{
	struct whip_job *job = arg;
	bool ok = json_is_true(json_object_get(reply, "ok"));

	(void)error;
	if (job->req == NULL) { /* the client did not wait for it */
		if (ok)
			drop_session(job->ep, reply);
	} else if (!ok) {
		whip_hook_gone(job);
		whip_reply_failure(job->req, reply);
	} else if (!reply_answer(job, reply)) {
		drop_session(job->ep, reply);
		whip_fail(job->req, NULL, 503, "no-candidate", "No Address To Name",
			  lacks_tcp(job->ep)
			      ? "answers name TCP alone (--protocol tcp), and the relay does not "
				"listen there: start it with --tcp PORT"
			      : "this server knows no address where the relay can be reached: "
				"start it with --candidate IP");
	}
	job_free(job);
}

static void
job_ask(struct whip_job *job)
{
	struct whip_endpoint *ep = job->ep;
	const char *bearer = http_bearer(job->req);
	struct whip_session session = {
	    .params = &job->params,
	    .id = job->id,
	    .credential = bearer != NULL	       ? bearer
			  : job->params.secret != NULL ? job->params.secret
						       : job->params.token,
	    .address = job->address,
	    .agent = job->agent,
	    .no_nack = ep->no_nack,
	    .no_twcc = ep->no_twcc,
	    .keep_bframe = ep->keep_bframe,
	    .stun_timeout_ms = ep->stun_timeout_ms,
	};
	json_t *msg = whip_relay_create(&job->plan, &session);

	job->asked = true;
	if (msg != NULL && ipc_client_ask(ep->relay, msg, on_created, job) > 0)
		return;
	whip_hook_gone(job);
	whip_reply_failure(job->req, NULL);
	job_free(job);
}

/* Everything is known: make the session, unless rtc-hook said no. */
static void
job_go_on(struct whip_job *job)
{
	if (whip_hook_allows(job))
		job_ask(job);
	else
		job_free(job);
}

void
whip_job_wait(struct whip_job *job)
{
	job->waiting--;
	if (job->waiting == 0)
		job_go_on(job);
}

static void
on_resolved(void *arg)
{
	whip_job_wait(arg);
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct whip_job *job = arg;

	(void)req;
	job->req = NULL;
	if (!job->asked)
		job_free(job);
}

/* Resolve what must be, at most WHIP_RESOLVE_MS, then ask the relay. */
static void
job_start(struct whip_job *job)
{
	const char *names[WHIP_NAMES_MAX];
	size_t count =
	    whip_rules_names(&job->ep->rules, job->host[0] != '\0' ? job->host : NULL, names);

	http_on_gone(job->req, on_gone, job);
	whip_hook_ask(job);
	for (size_t i = 0; i < count; i++) {
		job->waiters[i].fn = on_resolved;
		job->waiters[i].arg = job;
		job->waiting +=
		    (size_t)whip_resolver_want(job->ep->resolver, names[i], &job->waiters[i]);
	}
	if (job->waiting == 0)
		job_go_on(job);
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
		job_start(job);
		return;
	}
	job_free(job);
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
		job_start(job);
		return;
	}
	job_free(job);
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
		add_links(ep, headers + 1);
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
