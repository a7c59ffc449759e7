/* whip_http.h - libcurl on a uv loop (its multi interface), for lib/client and rtc-hook. */
#ifndef RTCKIT_CLIENT_WHIP_HTTP_H
#define RTCKIT_CLIENT_WHIP_HTTP_H

#include <curl/curl.h>

#include "client/whip_client.h"

/* A transfer that ended; the easy handle was taken out of the multi handle already. */
typedef void whip_http_done_fn(void *arg, CURLcode result);

struct whip_http_transfer {
	whip_http_done_fn *done;
	void *arg;
};

/* Start a transfer; *t (borrowed until done or abort) becomes the handle's private pointer. */
int whip_http_add(struct whip_http *http, CURL *easy, struct whip_http_transfer *t);
void whip_http_abort(struct whip_http *http, CURL *easy);

#endif
