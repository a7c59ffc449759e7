/* whip_check.c - what is looked at before an offer is read, and how a bad one is refused. */
#include "whip/whip_endpoint_impl.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "whip/whip_json.h"

void
whip_reply_sdp_problem(struct http_request *req, const struct sdp_problem *problem)
{
	static const struct {
		int status;
		const char *slug, *title;
	} rows[] = {
	    [SDP_FINE] = {500, "internal", "Internal Error"},
	    [SDP_MALFORMED] = {400, "malformed-sdp", "Malformed SDP"},
	    [SDP_TOO_LARGE] = {413, "sdp-too-large", "SDP Too Large"},
	    [SDP_UNSUPPORTED] = {422, "unsupported-sdp", "SDP Cannot Be Served"},
	    [SDP_NO_CODEC] = {422, "no-codec", "No Codec In Common"},
	    [SDP_NO_MEMORY] = {503, "no-memory", "Out Of Memory"},
	};

	whip_fail(req, NULL, rows[problem->code].status, rows[problem->code].slug,
		  rows[problem->code].title, "%s%s",
		  problem->code == SDP_MALFORMED ? "the SDP offer: " : "", problem->detail);
}

static bool
knows_token(const struct whip_endpoint *ep, enum sdp_role role, const struct http_request *req,
	    const char *secret, const char *token)
{
	const struct whip_auth *auth = &ep->auth[role];

	return !ep->needs_token[role] || whip_auth_knows(auth, http_bearer(req)) ||
	       whip_auth_knows(auth, secret) || whip_auth_knows(auth, token);
}

bool
whip_may_know_ice(const struct whip_endpoint *ep, const struct http_request *req)
{
	const char *secret = http_query(req, "secret"), *token = http_query(req, "token");

	return knows_token(ep, SDP_PUBLISH, req, secret, token) ||
	       knows_token(ep, SDP_PLAY, req, secret, token);
}

bool
whip_may_pass(struct http_request *req, const struct whip_params *params)
{
	static const struct http_header challenge[] = {
	    {"WWW-Authenticate", "Bearer realm=\"rtckit\""},
	    {NULL, NULL},
	};

	if (knows_token(http_server_arg(http_server_of(req)), params->role, req, params->secret,
			params->token))
		return true;
	whip_fail(req, challenge, 401, "unauthorized", "Unauthorized",
		  "a valid token is needed: Authorization: Bearer TOKEN, or ?secret=TOKEN "
		  "or ?token=TOKEN");
	return false;
}

/* Does a list of media ranges (RFC 9110 s.12.5.1) allow application/sdp? */
static bool
accepts_sdp(const char *accept)
{
	return accept == NULL || accept[0] == '\0' || strstr(accept, "*/*") != NULL ||
	       strcasestr(accept, "application/*") != NULL ||
	       strcasestr(accept, "application/sdp") != NULL;
}

bool
whip_check_head(struct http_request *req)
{
	static const struct http_header types[] = {
	    {"Accept-Post", "application/sdp"},
	    {NULL, NULL},
	};
	const char *type = http_content_type(req);
	size_t size;

	http_body(req, &size);
	if (size == 0 && http_header(req, "Content-Length") == NULL &&
	    http_header(req, "Transfer-Encoding") == NULL)
		whip_fail(req, NULL, 411, "length-required", "Length Required",
			  "the request has neither Content-Length nor chunks: POST the SDP "
			  "offer as its body");
	else if (strcmp(type, "application/sdp") != 0)
		whip_fail(req, types, 415, "unsupported-media-type", "Unsupported Media Type",
			  "Content-Type is \"%.64s\": it must be application/sdp", type);
	else if (!accepts_sdp(http_header(req, "Accept")))
		whip_fail(req, NULL, 406, "not-acceptable", "Not Acceptable",
			  "the answer is application/sdp, which the Accept field does not allow");
	else
		return true;
	return false;
}

bool
whip_may_ask(struct whip_endpoint *ep, struct http_request *req)
{
	static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
	struct addr client;

	if (http_client(req, &client) && !whip_rate_take(&ep->rate, &client, clock_now_us()))
		whip_fail(req, retry, 429, "rate", "Too Many Requests",
			  "more than %u sessions asked for in a second (--rate)",
			  ep->rate.per_second);
	else if (ep->job_count >= WHIP_JOBS_MAX)
		whip_fail(req, retry, 503, "busy", "Too Many Requests Under Way",
			  "%d requests wait for the relay", WHIP_JOBS_MAX);
	else
		return true;
	return false;
}
