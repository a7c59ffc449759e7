/* whip_session.c - what can be done to a session under its URL: PATCH and DELETE (RFC 9725 s.4.3,
 * s.4.2). */
#include "whip/whip_endpoint_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"
#include "sdp/sdp_fragment.h"
#include "whip/whip_etag.h"

#define FRAGMENT_TYPE "application/trickle-ice-sdpfrag"

enum {
	MATCH_SIZE = 1024, /* octets of an If-Match field with its NUL */
	BODY_SIZE = 5120   /* of a fragment: credentials, and what the relay keeps for us */
};

/* A request about a session while the relay is asked. The client may go: then req is NULL. */
struct whip_ask {
	struct whip_ask *next;
	struct whip_endpoint *ep;
	struct http_request *req;
	char secret[WHIP_SECRET_SIZE];
	char match[MATCH_SIZE];
	char *candidates; /* owned; NULL: the relay kept none */
	struct sdp_fragment fragment;
};

static void
ask_free(struct whip_ask *ask)
{
	for (struct whip_ask **p = &ask->ep->asks; *p != NULL; p = &(*p)->next)
		if (*p == ask) {
			*p = ask->next;
			break;
		}
	free(ask->candidates);
	explicit_bzero(ask, sizeof(*ask));
	free(ask);
}

void
whip_asks_fini(struct whip_endpoint *ep)
{
	while (ep->asks != NULL)
		ask_free(ep->asks);
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct whip_ask *ask = arg;

	(void)req;
	ask->req = NULL;
}

/* Take the session's secret from the path; replies and returns NULL if it is none. */
static struct whip_ask *
ask_new(struct http_request *req)
{
	const char *rest = http_rest(req);
	struct whip_ask *ask;

	if (rest[0] != '/' || !whip_relay_is_secret(rest + 1)) {
		http_problem(req, 404, "no-such-session", "No Such Session",
			     "no session has this URL: it ended, or the URL is not the Location of "
			     "a 201 answer");
		return NULL;
	}
	ask = calloc(1, sizeof(*ask));
	if (ask == NULL) {
		whip_reply_no_memory(req);
		return NULL;
	}
	ask->ep = http_server_arg(http_server_of(req));
	ask->req = req;
	text_copy(ask->secret, sizeof(ask->secret), rest + 1);
	ask->next = ask->ep->asks;
	ask->ep->asks = ask;
	return ask;
}

/* Takes msg. fn gets the ask, and frees it. */
static void
ask_relay(struct whip_ask *ask, json_t *msg, ipc_reply_fn *fn)
{
	if (msg != NULL && ipc_client_ask(ask->ep->relay, msg, fn, ask) > 0)
		return;
	if (ask->req != NULL)
		whip_reply_failure(ask->req, NULL);
	ask_free(ask);
}

static void
on_deleted(void *arg, json_t *reply, int error)
{
	struct whip_ask *ask = arg;
	const char *id = json_string_value(json_object_get(reply, "session"));

	(void)error;
	if (json_is_true(json_object_get(reply, "ok"))) {
		log_info("session", "%s deleted by its client", id != NULL ? id : "?");
		if (ask->req != NULL)
			http_reply(ask->req, 200, NULL, "", 0);
	} else if (ask->req != NULL) {
		whip_reply_failure(ask->req, reply);
	}
	ask_free(ask);
}

void
whip_on_delete(struct http_request *req)
{
	struct whip_ask *ask = ask_new(req);

	if (ask == NULL)
		return;
	http_on_gone(req, on_gone, ask);
	ask_relay(ask, whip_relay_delete(ask->secret), on_deleted);
}

static void
on_restarted(void *arg, json_t *reply, int error)
{
	struct whip_ask *ask = arg;
	const char *ufrag, *pwd, *id = json_string_value(json_object_get(reply, "session"));
	char body[BODY_SIZE], etag[SDP_UFRAG_MAX + 3];
	struct http_header headers[] = {{"Content-Type", FRAGMENT_TYPE},
					{"ETag", etag},
					{"Cache-Control", "no-store"},
					{NULL, NULL}};
	int n;

	(void)error;
	if (whip_relay_read_ice(reply, &ufrag, &pwd) < 0) {
		if (ask->req != NULL)
			whip_reply_failure(ask->req, reply);
		ask_free(ask);
		return;
	}
	log_info("session", "%s restarts ICE", id != NULL ? id : "?");
	n = sdp_fragment_write(body, sizeof(body), ufrag, pwd,
			       ask->candidates != NULL ? ask->candidates : "");
	snprintf(etag, sizeof(etag), "\"%.*s\"", SDP_UFRAG_MAX, ufrag);
	if (ask->req != NULL && n > 0)
		http_reply(ask->req, 200, headers, body, (size_t)n);
	else if (ask->req != NULL)
		whip_reply_failure(ask->req, NULL);
	ask_free(ask);
}

/*
 * Does the fragment begin another generation (RFC 8840 s.4.4)? Its ufrag differs from the client's
 * present one; or a client that says nothing but credentials repeats a restart whose answer it
 * lost.
 */
static bool
is_restart(const struct sdp_fragment *f, enum whip_match match, const char *remote)
{
	if (f->ufrag[0] == '\0')
		return false;
	if (strcmp(f->ufrag, remote) != 0)
		return true;
	return match == WHIP_MATCH_ANY && f->pwd[0] != '\0' && f->candidate_count == 0 &&
	       !f->end_of_candidates;
}

/* The session is known: judge the PATCH by its present generation. */
static void
on_found(void *arg, json_t *reply, int error)
{
	struct whip_ask *ask = arg;
	const char *ufrag, *remote;
	enum whip_match match;

	(void)error;
	if (ask->req == NULL) {
		ask_free(ask);
		return;
	}
	if (whip_relay_read_generation(reply, &ufrag, &remote) < 0) {
		whip_reply_failure(ask->req, reply);
		ask_free(ask);
		return;
	}
	match = whip_etag_match(ask->match, ufrag);
	if (match == WHIP_MATCH_NONE) {
		http_problem(
		    ask->req, 412, "ice-generation", "Precondition Failed",
		    "If-Match names another ICE generation than the session's present one: "
		    "use the ETag of the latest answer, or * to restart ICE");
	} else if (!is_restart(&ask->fragment, match, remote)) {
		/* A lite agent sends no checks: it learns of paths where checks come from. */
		http_reply(ask->req, 204, NULL, "", 0);
	} else if (ask->fragment.pwd[0] == '\0') {
		http_problem(ask->req, 400, "malformed-fragment", "Malformed SDP Fragment",
			     "another a=ice-ufrag restarts ICE, which needs a=ice-pwd too");
	} else {
		const char *note = json_string_value(json_object_get(reply, "note"));

		ask->candidates = note != NULL ? strdup(note) : NULL;
		ask_relay(ask,
			  whip_relay_update(ask->secret, ask->fragment.ufrag, ask->fragment.pwd),
			  on_restarted);
		return;
	}
	ask_free(ask);
}

/* Media type, precondition, body; replies and returns false if they are wrong. */
static bool
take_patch(struct whip_ask *ask)
{
	static const struct http_header types[] = {{"Accept-Patch", FRAGMENT_TYPE}, {NULL, NULL}};
	const char *type = http_content_type(ask->req), *match = http_header(ask->req, "If-Match");
	struct sdp_problem problem = {.code = SDP_FINE};
	size_t size;
	const char *body = http_body(ask->req, &size);

	if (strcmp(type, FRAGMENT_TYPE) != 0)
		http_problem_with(ask->req, types, 415, "unsupported-media-type",
				  "Unsupported Media Type",
				  "Content-Type is \"%.64s\": it must be " FRAGMENT_TYPE, type);
	else if (match == NULL)
		http_problem(ask->req, 428, "if-match-required", "Precondition Required",
			     "say which ICE generation is meant: If-Match with the ETag of the "
			     "latest answer, or * to restart ICE");
	else if (!text_copy(ask->match, sizeof(ask->match), match))
		http_problem(ask->req, 400, "bad-if-match", "Bad If-Match",
			     "If-Match is longer than 1023 characters");
	else if (sdp_fragment_parse(&ask->fragment, body, size, &problem) < 0)
		http_problem(ask->req, 400, "malformed-fragment", "Malformed SDP Fragment", "%s",
			     problem.detail);
	else
		return true;
	return false;
}

void
whip_on_patch(struct http_request *req)
{
	struct whip_ask *ask = ask_new(req);

	if (ask == NULL)
		return;
	if (!take_patch(ask)) {
		ask_free(ask);
		return;
	}
	http_on_gone(req, on_gone, ask);
	ask_relay(ask, whip_relay_get(ask->secret), on_found);
}

static void
on_seen(void *arg, json_t *reply, int error)
{
	struct whip_ask *ask = arg;

	(void)error;
	if (ask->req != NULL && json_is_true(json_object_get(reply, "ok")))
		http_reply(ask->req, 204, NULL, "", 0);
	else if (ask->req != NULL)
		whip_reply_failure(ask->req, reply);
	ask_free(ask);
}

/* There is nothing to get of a session either, while it is there. */
void
whip_on_session_get(struct http_request *req)
{
	struct whip_ask *ask = ask_new(req);

	if (ask == NULL)
		return;
	http_on_gone(req, on_gone, ask);
	ask_relay(ask, whip_relay_get(ask->secret), on_seen);
}

void
whip_on_session_options(struct http_request *req)
{
	static const struct http_header headers[] = {{"Accept-Patch", FRAGMENT_TYPE}, {NULL, NULL}};

	http_reply_options(req, headers);
}
