/* stage_http.c - http and auth: the POST of the offer, with and without the token. */
#include "stage_http.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"
#include "offer.h"
#include "stage_dtls.h"

enum { REDIRECTS_MAX = 5, OBS_PATIENCE_US = 8000000, WORDS_SIZE = 200 };

bool
post_offer(struct exam *x, struct exchange *e, const char *url, bool token)
{
	bool browser = x->o.as == DOCTOR_ANYONE || x->o.as == DOCTOR_BROWSER;
	const struct request r = {
	    .method = "POST",
	    .url = url,
	    .body = x->offer_text,
	    .token = token,
	    .fields = {"Content-Type: application/sdp", browser ? "Origin: " EXAM_ORIGIN : NULL}};

	return exchange_do(x, e, &r);
}

void
delete_quietly(struct exam *x, const struct exchange *e)
{
	char location[WHIP_URL_SIZE], url[WHIP_URL_SIZE];
	struct exchange gone = {0};
	const struct request r = {.method = "DELETE", .url = url, .token = true};

	if (exchange_field(e, "Location", 0, location, sizeof(location), NULL) &&
	    whip_location(url, sizeof(url), e->url, location) == 0)
		exchange_do(x, &gone, &r);
	exchange_free(&gone);
}

/* ---- redirects ---- */

static bool
keeps_method(int status)
{
	return status == 307 || status == 308;
}

/* Where the redirect leads, or false with the blame. */
static bool
next_hop(struct exam *x, struct doctor_finding *f, char *url)
{
	char location[WHIP_URL_SIZE];

	doctor_say(f, "%d", x->post.status);
	if (!exchange_field(&x->post, "Location", 0, location, sizeof(location), NULL) ||
	    whip_location(url, WHIP_URL_SIZE, x->post.url, location) < 0) {
		doctor_say(f, "no usable Location");
		doctor_blame(f, DOCTOR_HTTP_REDIRECT_NOWHERE);
		return false;
	}
	if (x->redirects++ == REDIRECTS_MAX) {
		doctor_say(f, "more than %d redirects", REDIRECTS_MAX);
		doctor_blame(f, DOCTOR_HTTP_REDIRECT_LOOP);
		return false;
	}
	return true;
}

/* The token goes on, as OBS does it, but not from https down to http. */
static bool
post_along(struct exam *x, struct doctor_finding *f)
{
	char url[WHIP_URL_SIZE];
	bool was_https = false;

	text_copy(url, sizeof(url), x->o.url);
	while (true) {
		bool https = strncasecmp(url, "https:", 6) == 0;

		if (!post_offer(x, &x->post, url, https || !was_https))
			return false;
		was_https |= https;
		if (!keeps_method(x->post.status) || x->post.result != CURLE_OK)
			return true;
		if (!next_hop(x, f, url))
			return true;
	}
}

/* ---- how it went ---- */

static enum doctor_cause
cause_of_failure(struct exam *x)
{
	const struct exchange *e = &x->post;

	if (e->head_too_large || e->body_too_large)
		return DOCTOR_HTTP_LARGE;
	switch (e->result) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return DOCTOR_DNS_NONE;
	case CURLE_COULDNT_CONNECT:
		return DOCTOR_TCP_REFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
		return DOCTOR_TLS_UNTRUSTED;
	case CURLE_SSL_CONNECT_ERROR:
		return DOCTOR_TLS_HANDSHAKE;
	case CURLE_OPERATION_TIMEDOUT:
		return DOCTOR_HTTP_SILENT;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return !x->https && tls_spoken(x) ? DOCTOR_HTTP_WANTS_TLS : DOCTOR_HTTP_GARBAGE;
	default:
		return !x->https && tls_spoken(x) ? DOCTOR_HTTP_WANTS_TLS : DOCTOR_HTTP_CLOSED;
	}
}

static enum doctor_cause
cause_of_status(const struct exchange *e)
{
	static const struct {
		int status;
		enum doctor_cause cause;
	} rows[] = {
	    {301, DOCTOR_HTTP_REDIRECT}, {302, DOCTOR_HTTP_REDIRECT}, {303, DOCTOR_HTTP_REDIRECT},
	    {400, DOCTOR_HTTP_REFUSED},	 {404, DOCTOR_HTTP_404},      {405, DOCTOR_HTTP_405},
	    {406, DOCTOR_HTTP_REFUSED},	 {409, DOCTOR_HTTP_BUSY},     {415, DOCTOR_HTTP_415},
	    {422, DOCTOR_HTTP_REFUSED},	 {429, DOCTOR_HTTP_OVERLOAD}, {502, DOCTOR_HTTP_GATEWAY},
	    {503, DOCTOR_HTTP_OVERLOAD}, {504, DOCTOR_HTTP_GATEWAY},
	};

	if (e->status == 400 && strstr(e->body, "HTTPS port") != NULL) /* nginx's words */
		return DOCTOR_HTTP_WANTS_TLS;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].status == e->status)
			return rows[i].cause;
	return e->status / 100 == 2 ? DOCTOR_HTTP_200 : DOCTOR_HTTP_STATUS;
}

/* RFC 9457: what the server itself says. */
static void
say_problem(struct doctor_finding *f, const struct exchange *e)
{
	json_t *root = json_loadb(e->body, e->body_size, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(root, "detail"));

	if (text == NULL)
		text = json_string_value(json_object_get(root, "title"));
	if (text != NULL)
		doctor_say(f, "it says: %.200s", text);
	json_decref(root);
}

/* From here on there is something to delete. */
static void
keep_session(struct exam *x)
{
	char location[WHIP_URL_SIZE];

	if (exchange_field(&x->post, "Location", 0, location, sizeof(location), NULL) &&
	    whip_location(x->session_url, sizeof(x->session_url), x->post.url, location) == 0)
		x->have |= EXAM_LOCATION;
}

static void
judge(struct exam *x, struct doctor_finding *f)
{
	const struct exchange *e = &x->post;
	char location[WORDS_SIZE];

	if (e->result != CURLE_OK) {
		doctor_say(f, "%s",
			   e->head_too_large ? "the head of the answer has no end" : e->error);
		doctor_blame(f, cause_of_failure(x));
		return;
	}
	doctor_say(f, "POST answered %d%s", e->status, x->redirects > 0 ? " after redirects" : "");
	if (x->redirects > 0 && f->level == DOCTOR_FINE)
		doctor_say(f, "OBS follows them");
	if (e->status == 201 || e->status == 401 || e->status == 403) {
		x->have |= EXAM_STATUS;
		if (e->status == 201)
			keep_session(x);
		if (e->total_us > OBS_PATIENCE_US)
			doctor_blame(f, DOCTOR_HTTP_SLOW);
		return;
	}
	if (e->status / 100 == 3 &&
	    exchange_field(e, "Location", 0, location, sizeof(location), NULL))
		doctor_say(f, "to %s", location);
	say_problem(f, e);
	doctor_blame(f, cause_of_status(e));
}

void
stage_http(struct exam *x, struct doctor_finding *f)
{
	bool token = x->o.client.whip.token[0] != '\0', good;

	good = offer_make(x, &dtls_events);
	/* First without: afterwards the stream would be busy with our own session. */
	if (good && token) {
		good = post_offer(x, &x->bare, x->o.url, false);
		if (good && x->bare.status == 201)
			delete_quietly(x, &x->bare);
	}
	if (!good || !post_along(x, f)) {
		doctor_blame(f, DOCTOR_INTERNAL);
		return;
	}
	if (f->level != DOCTOR_FAIL)
		judge(x, f);
}

/* ---- auth ---- */

static bool
is_refusal(int status)
{
	return status == 401 || status == 403;
}

void
stage_auth(struct exam *x, struct doctor_finding *f)
{
	bool token = x->o.client.whip.token[0] != '\0';

	if (is_refusal(x->post.status)) {
		doctor_say(f, "HTTP %d %s", x->post.status,
			   token ? "to this token" : "without a token");
		say_problem(f, &x->post);
		doctor_blame(f, token ? DOCTOR_AUTH_REFUSED : DOCTOR_AUTH_WANTED);
		return;
	}
	x->have |= EXAM_CREATED | EXAM_SESSION;
	if (!token) {
		doctor_say(f, "no token is asked for");
	} else if (is_refusal(x->bare.status)) {
		doctor_say(f, "the token is accepted, and %d without it", x->bare.status);
	} else if (x->bare.status == 201) {
		doctor_say(f, "accepted with and without the token");
		doctor_blame(f, DOCTOR_AUTH_OPEN);
	} else {
		doctor_say(f, "the token is accepted; without it: HTTP %d", x->bare.status);
	}
}
