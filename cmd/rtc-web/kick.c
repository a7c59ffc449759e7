/* kick.c - the end of a client: who may, and that it is done. */
#include "api.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ask.h"
#include "base/addr.h"
#include "base/text.h"
#include "http/url.h"

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
	    .missing = API_NO_CLIENT,
	    .missing_what = "client"};
	static const struct ask_plan viewer = {
	    .steps = {{.live = true, .needed = true, .op = "client.kick", .filter = "client"}},
	    .finish = finish_kick,
	    .missing = API_NO_CLIENT,
	    .missing_what = "client"};

	ask_begin(req, api_is_viewer(id) ? &viewer : &session, id);
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

	if (web->auth.count > 0)
		return whip_auth_knows(&web->auth, bearer);
	return (!http_client(req, &client) || addr_is_loopback(&client)) && is_own_page(req);
}

void
web_kick(struct http_request *req)
{
	static const struct http_header challenge[] = {
	    {"WWW-Authenticate", "Bearer realm=\"rtckit\""}, {NULL, NULL}};
	struct web *web = http_server_arg(http_server_of(req));
	const char *id = http_rest(req);

	if (!may_kick(web, req) && web->auth.count > 0)
		http_problem_with(req, challenge, 401, "unauthorized", "Unauthorized",
				  "a valid token is needed: Authorization: Bearer TOKEN");
	else if (!may_kick(web, req))
		http_problem(req, 403, "forbidden", "Forbidden",
			     "from other machines, and from pages of other servers, this needs "
			     "rtc-web --api-token-file");
	else if (id[0] != '/' || !text_is_token(id + 1, 64))
		ask_reply_missing(req, API_NO_CLIENT, "client");
	else
		ask_kick(req, id + 1);
}

int
web_load_tokens(struct web *web, const char *path)
{
	return whip_auth_load(&web->auth, path);
}
