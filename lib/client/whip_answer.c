/*
 * whip_answer.c - what an answer to a POST, PATCH or DELETE means: the stage that failed and words
 * for it, or the session that there is now.
 */
#include "client/whip_client_impl.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "client/whip_api.h"

enum { DETAIL_SIZE = 256, LINKS_MAX = 16, OK = 200, CREATED = 201 };

uint64_t
whip_answer_time(CURL *easy, CURLINFO what)
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

	if (whip_answer_time(c->easy, CURLINFO_NAMELOOKUP_TIME_T) == 0)
		return CLIENT_DNS;
	curl_easy_getinfo(c->easy, CURLINFO_LOCAL_PORT, &port);
	if (whip_answer_time(c->easy, CURLINFO_CONNECT_TIME_T) == 0 && port <= 0)
		return CLIENT_TCP;
	if (strncasecmp(c->url, "https:", 6) == 0 &&
	    whip_answer_time(c->easy, CURLINFO_APPCONNECT_TIME_T) == 0)
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

enum client_code
whip_answer_fail(struct whip_client *c, enum client_code code, const char *words)
{
	text_copy(c->words, sizeof(c->words), words);
	return code;
}

int
whip_answer_location(const struct whip_client *c, char *out)
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
		return whip_answer_fail(c, CLIENT_HTTP,
					"the answer is not {\"code\":0,\"sdp\":...}");
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
	r = whip_answer_location(c, location);
	if (r == 0)
		memcpy(c->session_url, location, sizeof(location));
	take_links(c);
	take_etag(c);
	if (r == -ENOENT)
		return whip_answer_fail(
		    c, CLIENT_HEADERS, "the answer has no Location: the session cannot be deleted");
	if (r < 0)
		return whip_answer_fail(c, CLIENT_HEADERS,
					"the Location of the answer is not a usable URL");
	if (c->body_size == 0)
		return whip_answer_fail(c, CLIENT_SDP, "the answer has no body");
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

enum client_code
whip_answer_judge(struct whip_client *c, CURLcode result, int status)
{
	enum client_code code;

	c->words[0] = '\0';
	if (result == CURLE_WRITE_ERROR)
		return whip_answer_fail(c, CLIENT_HTTP, "the answer is too large");
	if (result == CURLE_OK && c->method == PATCH_SESSION)
		return judge_patch(c, status);
	if (result == CURLE_OK)
		return c->method == POST_OFFER ? judge_post(c, status) : judge_delete(c, status);
	whip_answer_fail(c, CLIENT_HTTP,
			 c->curl_error[0] != '\0' ? c->curl_error : curl_easy_strerror(result));
	code = code_of_curl(c, result);
	return c->method == DELETE_SESSION ? CLIENT_DELETE : code;
}
