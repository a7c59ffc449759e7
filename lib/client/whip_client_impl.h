/* whip_client_impl.h - what the files of a WHIP client share.  Private to lib/client. */
#ifndef RTCKIT_CLIENT_WHIP_CLIENT_IMPL_H
#define RTCKIT_CLIENT_WHIP_CLIENT_IMPL_H

#include "client/whip_client.h"
#include "client/whip_http.h"

enum { WHIP_ETAG_SIZE = 256 };

enum whip_method { POST_OFFER, PATCH_SESSION, DELETE_SESSION };

struct whip_client {
	struct whip_http *http;
	const struct whip_options *options;
	struct whip_http_transfer transfer;
	whip_done_fn *done;
	void *arg;
	enum whip_method method;
	CURL *easy; /* of the request that runs; NULL: none */
	struct curl_slist *headers, *resolve;
	struct turn_servers *ice_servers; /* owned; NULL: none was named */
	char *fragment;			  /* owned; of a PATCH */
	char etag[WHIP_ETAG_SIZE];	  /* of the ICE generation; "": it takes no PATCH */
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

/* whip_answer.c */
/* With words, and with what a POST brought: the session, its ETag, servers, the SDP in c->body. */
enum client_code whip_answer_judge(struct whip_client *c, CURLcode result, int status);
enum client_code whip_answer_fail(struct whip_client *c, enum client_code code, const char *words);
/* Location against the URL of the request, out of WHIP_URL_SIZE. 0, -ENOENT, -EINVAL. */
int whip_answer_location(const struct whip_client *c, char *out);
/* One of libcurl's times, us; 0: that stage was not reached. */
uint64_t whip_answer_time(CURL *easy, CURLINFO what);

#endif
