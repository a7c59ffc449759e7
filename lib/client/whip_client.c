#include "client/whip_client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/whip_api.h"

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
		char match[WHIP_ETAG_SIZE + 16];

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

/* 1 if the request goes on at another place. */
static int
follow(struct whip_client *c, CURLcode result, int status)
{
	char location[WHIP_URL_SIZE];

	if (result != CURLE_OK || (status != 307 && status != 308) ||
	    c->redirects == WHIP_REDIRECTS_MAX || whip_answer_location(c, location) < 0)
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
		out.dns_us = whip_answer_time(c->easy, CURLINFO_NAMELOOKUP_TIME_T);
		out.tcp_us = whip_answer_time(c->easy, CURLINFO_CONNECT_TIME_T);
		out.tls_us = whip_answer_time(c->easy, CURLINFO_APPCONNECT_TIME_T);
		out.total_us = whip_answer_time(c->easy, CURLINFO_TOTAL_TIME_T);
		out.code = whip_answer_judge(c, result, (int)status);
		get_reached(c->easy, &out.reached);
	} else {
		out.code = whip_answer_fail(c, CLIENT_INTERNAL, "out of memory");
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
