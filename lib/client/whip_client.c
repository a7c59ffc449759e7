#include "client/whip_client.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "client/whip_api.h"
#include "client/whip_http.h"

enum { DETAIL_SIZE = 256, LINKS_MAX = 16, ETAG_SIZE = 256, OK = 200, CREATED = 201 };

enum method { POST_OFFER, PATCH_SESSION, DELETE_SESSION };

struct whip_client {
	struct whip_http *http;
	const struct whip_options *options;
	struct whip_http_transfer transfer;
	whip_done_fn *done;
	void *arg;
	enum method method;
	CURL *easy; /* of the request that runs; NULL: none */
	struct curl_slist *headers, *resolve;
	struct turn_servers *ice_servers; /* owned; NULL: none was named */
	char *fragment;			  /* owned; of a PATCH */
	char etag[ETAG_SIZE];		  /* of the ICE generation; "": it takes no PATCH */
	char *offer;			  /* owned; of the JSON interface: the whole body */
	bool json;			  /* see whip_api.h */
	bool was_https;			  /* a hop before this one was encrypted */
	unsigned redirects;
	size_t body_size;
	char url[WHIP_URL_SIZE], session_url[WHIP_URL_SIZE];
	char body[WHIP_BODY_MAX + 1];
	char curl_error[CURL_ERROR_SIZE];
	char words[WHIP_WORDS_SIZE];
};

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct whip_client *c = arg;
	size_t octets = size * count;

	if (octets > WHIP_BODY_MAX - c->body_size)
		return 0; /* libcurl ends the transfer with CURLE_WRITE_ERROR */
	memcpy(c->body + c->body_size, data, octets);
	c->body_size += octets;
	return octets;
}

/* ---- one request ---- */

static void
end_request(struct whip_client *c)
{
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->resolve);
	c->headers = c->resolve = NULL;
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	c->easy = NULL;
}

static void
set_method(struct whip_client *c)
{
	/* No Expect: a server that does not know 100-continue would cost a second. */
	c->headers = curl_slist_append(NULL, "Expect:");
	if (c->method == DELETE_SESSION) {
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
		return;
	}
	if (c->method == PATCH_SESSION) {
		char match[ETAG_SIZE + 16];

		snprintf(match, sizeof(match), "If-Match: %s", c->etag);
		c->headers = curl_slist_append(c->headers, match);
		c->headers =
		    curl_slist_append(c->headers, "Content-Type: application/trickle-ice-sdpfrag");
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "PATCH");
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(c->fragment));
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->fragment);
		return;
	}
	c->headers = curl_slist_append(c->headers, c->json ? "Content-Type: application/json"
							   : "Content-Type: application/sdp");
	if (!c->json)
		c->headers = curl_slist_append(c->headers, "Accept: application/sdp");
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(c->offer));
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->offer);
}

static void
set_security(struct whip_client *c)
{
	const struct whip_options *o = c->options;
	bool https = strncasecmp(c->url, "https:", 6) == 0;

	if (o->ca_file != NULL)
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, o->ca_file);
	if (o->insecure) {
		curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->token != NULL && o->token[0] != '\0' && (https || !c->was_https)) {
		curl_easy_setopt(c->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(c->easy, CURLOPT_XOAUTH2_BEARER, o->token);
	}
	c->was_https |= https;
	for (size_t i = 0; i < o->resolve_count; i++)
		c->resolve = curl_slist_append(c->resolve, o->resolve[i]);
	if (c->resolve != NULL)
		curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->resolve);
}

static int
begin_request(struct whip_client *c)
{
	const struct whip_options *o = c->options;

	c->easy = curl_easy_init();
	if (c->easy == NULL)
		return -ENOMEM;
	c->body_size = 0;
	c->curl_error[0] = '\0';
	curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->curl_error);
	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS,
			 (long)(o->timeout_ms > 0 ? o->timeout_ms : WHIP_TIMEOUT_MS));
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT,
			 o->agent != NULL ? o->agent : "rtckit/" RTCKIT_VERSION);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	set_method(c);
	set_security(c);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	if (whip_http_add(c->http, c->easy, &c->transfer) == 0)
		return 0;
	end_request(c);
	return -ENOMEM;
}

/* ---- how it ended ---- */

static uint64_t
time_of(CURL *easy, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, what, &us);
	return us > 0 ? (uint64_t)us : 0;
}

/* A time-out belongs to the stage that had not finished. libcurl tells the time of the connection
 * only once TLS is done too, the port of it before. */
static enum client_code
code_of_timeout(const struct whip_client *c)
{
	long port = 0;

	if (time_of(c->easy, CURLINFO_NAMELOOKUP_TIME_T) == 0)
		return CLIENT_DNS;
	curl_easy_getinfo(c->easy, CURLINFO_LOCAL_PORT, &port);
	if (time_of(c->easy, CURLINFO_CONNECT_TIME_T) == 0 && port <= 0)
		return CLIENT_TCP;
	if (strncasecmp(c->url, "https:", 6) == 0 &&
	    time_of(c->easy, CURLINFO_APPCONNECT_TIME_T) == 0)
		return CLIENT_TLS;
	return CLIENT_HTTP;
}

static enum client_code
code_of_curl(const struct whip_client *c, CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return CLIENT_DNS;
	case CURLE_COULDNT_CONNECT:
		return CLIENT_TCP;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return CLIENT_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return code_of_timeout(c);
	case CURLE_OUT_OF_MEMORY:
		return CLIENT_INTERNAL;
	default:
		return CLIENT_HTTP;
	}
}

/*
 * RFC 9457: the detail, else the title of a problem body; anything else is not repeated. After our
 * own words for the status; 422 has many reasons, of which the title is the better name.
 */
static void
problem_words(const struct whip_client *c, int status, const char *words, char *out, size_t cap)
{
	json_t *root = json_loadb(c->body, c->body_size, JSON_REJECT_DUPLICATES, NULL);
	const char *detail = json_string_value(json_object_get(root, "detail"));
	const char *title = json_string_value(json_object_get(root, "title"));

	if (status == 422 && title != NULL && detail != NULL)
		words = title;
	if (detail == NULL)
		detail = title;
	snprintf(out, cap, "%s%s%s", words, detail != NULL ? ": " : "",
		 detail != NULL ? detail : "");
	for (char *p = out; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	json_decref(root);
}

static const char *
status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} rows[] = {
	    {200, "the status must be 201 Created"},
	    {301, "a redirect of a POST must be 307 or 308"},
	    {302, "a redirect of a POST must be 307 or 308"},
	    {303, "a redirect of a POST must be 307 or 308"},
	    {400, "the request is refused"},
	    {401, "a token is wanted (--token-file)"},
	    {403, "the token is not accepted"},
	    {404, "no WHIP or WHEP endpoint at this path"},
	    {405, "the path takes no POST"},
	    {406, "the offer is not acceptable"},
	    {409, "the stream has a publisher already"},
	    {415, "the endpoint takes no application/sdp"},
	    {422, "the offer is refused (WHIP and WHEP addresses mixed up?)"},
	    {502, "the gateway found no server"},
	    {503, "the server is overloaded or not ready"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].status == status)
			return rows[i].words;
	return "not what a WHIP or WHEP endpoint answers";
}

static enum client_code
refuse_status(struct whip_client *c, int status)
{
	char detail[DETAIL_SIZE];

	problem_words(c, status, status_words(status), detail, sizeof(detail));
	snprintf(c->words, sizeof(c->words), "HTTP %d: %s", status, detail);
	return status == 401 || status == 403 ? CLIENT_AUTH : CLIENT_HTTP;
}

static enum client_code
fail(struct whip_client *c, enum client_code code, const char *words)
{
	text_copy(c->words, sizeof(c->words), words);
	return code;
}

/* Resolve the Location header against the URL of the request. 0, -ENOENT, -EINVAL. */
static int
resolve_location(const struct whip_client *c, char *out)
{
	struct curl_header *h;

	if (curl_easy_header(c->easy, "Location", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return -ENOENT;
	return whip_location(out, WHIP_URL_SIZE, c->url, h->value) == 0 ? 0 : -EINVAL;
}

/* STUN and TURN servers (RFC 9725 s.4.6). What cannot be read is none: it is not worth a session.
 */
static void
take_links(struct whip_client *c)
{
	struct curl_header *h;

	for (size_t i = 0; i < LINKS_MAX; i++) {
		if (curl_easy_header(c->easy, "Link", i, CURLH_HEADER, -1, &h) != CURLHE_OK)
			return;
		if (c->ice_servers == NULL)
			c->ice_servers = calloc(1, sizeof(*c->ice_servers));
		if (c->ice_servers != NULL)
			(void)turn_servers_add_link(c->ice_servers, h->value);
	}
}

static void
take_etag(struct whip_client *c)
{
	struct curl_header *h;

	if (curl_easy_header(c->easy, "ETag", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
	    !text_copy(c->etag, sizeof(c->etag), h->value))
		c->etag[0] = '\0';
}

static enum client_code
judge_json(struct whip_client *c, int status)
{
	long code;

	if (status != OK)
		return refuse_status(c, status);
	c->body[c->body_size] = '\0';
	switch (whip_api_answer(c->body, &c->body_size, &code)) {
	case 0:
		return CLIENT_OK;
	case -EPROTO:
		snprintf(c->words, sizeof(c->words), "the server refuses with code %ld", code);
		return CLIENT_HTTP;
	default:
		return fail(c, CLIENT_HTTP, "the answer is not {\"code\":0,\"sdp\":...}");
	}
}

static enum client_code
judge_post(struct whip_client *c, int status)
{
	char location[WHIP_URL_SIZE];
	int r;

	if (c->json)
		return judge_json(c, status);
	if (status != CREATED)
		return refuse_status(c, status);
	r = resolve_location(c, location);
	if (r == 0)
		memcpy(c->session_url, location, sizeof(location));
	take_links(c);
	take_etag(c);
	if (r == -ENOENT)
		return fail(c, CLIENT_HEADERS,
			    "the answer has no Location: the session cannot be deleted");
	if (r < 0)
		return fail(c, CLIENT_HEADERS, "the Location of the answer is not a usable URL");
	if (c->body_size == 0)
		return fail(c, CLIENT_SDP, "the answer has no body");
	return CLIENT_OK;
}

static enum client_code
judge_delete(struct whip_client *c, int status)
{
	if (status / 100 == 2 || status == 404) /* 404: it is gone, which was the aim */
		return CLIENT_OK;
	snprintf(c->words, sizeof(c->words), "HTTP %d to the DELETE of the session", status);
	return CLIENT_DELETE;
}

static enum client_code
judge_patch(struct whip_client *c, int status)
{
	if (status / 100 == 2)
		return CLIENT_OK;
	snprintf(c->words, sizeof(c->words), "HTTP %d to the PATCH of the session", status);
	return CLIENT_HTTP;
}

static enum client_code
judge(struct whip_client *c, CURLcode result, int status)
{
	enum client_code code;

	c->words[0] = '\0';
	if (result == CURLE_WRITE_ERROR)
		return fail(c, CLIENT_HTTP, "the answer is too large");
	if (result == CURLE_OK && c->method == PATCH_SESSION)
		return judge_patch(c, status);
	if (result == CURLE_OK)
		return c->method == POST_OFFER ? judge_post(c, status) : judge_delete(c, status);
	fail(c, CLIENT_HTTP, c->curl_error[0] != '\0' ? c->curl_error : curl_easy_strerror(result));
	code = code_of_curl(c, result);
	return c->method == DELETE_SESSION ? CLIENT_DELETE : code;
}

/* 1 if the request goes on at another place. */
static int
follow(struct whip_client *c, CURLcode result, int status)
{
	char location[WHIP_URL_SIZE];

	if (result != CURLE_OK || (status != 307 && status != 308) ||
	    c->redirects == WHIP_REDIRECTS_MAX || resolve_location(c, location) < 0)
		return 0;
	c->redirects++;
	memcpy(c->url, location, sizeof(location));
	end_request(c);
	return begin_request(c) == 0;
}

static void
get_reached(CURL *easy, struct addr *out)
{
	char *text = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &text) == CURLE_OK && text != NULL)
		(void)addr_parse(out, text, 0); /* untouched if there was no connection */
}

static void
finish(struct whip_client *c, CURLcode result)
{
	struct whip_result out = {.words = c->words, .session_url = c->session_url};
	long status = 0;

	if (c->easy != NULL) {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		out.dns_us = time_of(c->easy, CURLINFO_NAMELOOKUP_TIME_T);
		out.tcp_us = time_of(c->easy, CURLINFO_CONNECT_TIME_T);
		out.tls_us = time_of(c->easy, CURLINFO_APPCONNECT_TIME_T);
		out.total_us = time_of(c->easy, CURLINFO_TOTAL_TIME_T);
		out.code = judge(c, result, (int)status);
		get_reached(c->easy, &out.reached);
	} else {
		out.code = fail(c, CLIENT_INTERNAL, "out of memory");
	}
	c->body[c->body_size] = '\0';
	out.status = (int)status;
	out.redirects = c->redirects;
	out.answer = out.code == CLIENT_OK ? c->body : "";
	out.ice_servers = c->ice_servers;
	out.answer_size = out.code == CLIENT_OK ? c->body_size : 0;
	end_request(c);
	c->done(c->arg, &out); /* may free c */
}

static void
on_done(void *arg, CURLcode result)
{
	struct whip_client *c = arg;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!follow(c, result, (int)status))
		finish(c, result);
}

/* ---- life ---- */

struct whip_client *
whip_client_post(struct whip_http *http, const struct whip_options *options, const char *url,
		 const char *offer, whip_done_fn *done, void *arg)
{
	struct whip_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->http = http;
	c->options = options;
	c->done = done;
	c->arg = arg;
	c->transfer = (struct whip_http_transfer){on_done, c};
	c->json = whip_api_is(url);
	c->offer = c->json ? whip_api_request(url, offer) : strdup(offer);
	if (c->offer == NULL || !text_copy(c->url, sizeof(c->url), url) || begin_request(c) < 0) {
		whip_client_free(c);
		return NULL;
	}
	return c;
}

bool
whip_client_can_patch(const struct whip_client *c)
{
	return c->session_url[0] != '\0' && c->etag[0] != '\0';
}

int
whip_client_patch(struct whip_client *c, const char *fragment, whip_done_fn *done, void *arg)
{
	if (c->easy != NULL)
		return -EBUSY;
	if (!whip_client_can_patch(c))
		return -ENOENT;
	free(c->fragment);
	c->fragment = strdup(fragment);
	if (c->fragment == NULL)
		return -ENOMEM;
	memcpy(c->url, c->session_url, sizeof(c->url));
	c->method = PATCH_SESSION;
	c->redirects = 0;
	c->done = done;
	c->arg = arg;
	return begin_request(c);
}

int
whip_client_delete(struct whip_client *c, whip_done_fn *done, void *arg)
{
	if (c->easy != NULL && c->method == PATCH_SESSION) {
		whip_http_abort(c->http, c->easy);
		end_request(c);
	}
	if (c->session_url[0] == '\0' || c->easy != NULL)
		return -ENOENT;
	memcpy(c->url, c->session_url, sizeof(c->url));
	c->session_url[0] = '\0';
	c->method = DELETE_SESSION;
	c->redirects = 0;
	c->done = done;
	c->arg = arg;
	return begin_request(c);
}

void
whip_client_free(struct whip_client *c)
{
	if (c == NULL)
		return;
	if (c->easy != NULL)
		whip_http_abort(c->http, c->easy);
	end_request(c);
	free(c->offer);
	free(c->ice_servers);
	free(c->fragment);
	free(c);
}
