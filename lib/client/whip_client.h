/*
 * whip_client.h - the HTTP half of a WHIP or WHEP session (RFC 9725; WHEP draft): POST the offer,
 * PATCH what was found later, DELETE the session.  libcurl on a uv loop; many clients share one
 * whip_http.
 *
 * It follows 307 and 308 (at most WHIP_REDIRECTS_MAX), and no other redirect, since those turn the
 * POST into a GET in some clients. The token goes along where the server sends it, but never from
 * HTTPS down to plain HTTP. Answers are bounded (WHIP_BODY_MAX); every request has a time limit.
 *
 * What it does not do: read or write SDP, ICE restarts.
 */
#ifndef RTCKIT_CLIENT_WHIP_CLIENT_H
#define RTCKIT_CLIENT_WHIP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "client/client.h"
#include "turn/turn_server.h"

enum {
	WHIP_BODY_MAX = 65536, /* octets of an answer or problem */
	WHIP_URL_SIZE = 2048,  /* of a URL with its NUL */
	WHIP_TOKEN_SIZE = 4096,
	WHIP_WORDS_SIZE = 512,
	WHIP_REDIRECTS_MAX = 5,
	WHIP_TIMEOUT_MS = 10000 /* of a request, if the options do not say */
};

/* What a command line says. Borrowed for the client's life; zero is a good default. */
struct whip_options {
	const char *token;	    /* Bearer; NULL: none */
	const char *ca_file;	    /* PEM; NULL: the system's */
	bool insecure;		    /* do not verify the TLS certificate */
	const char *agent;	    /* User-Agent; NULL: "rtckit/VERSION" */
	const char *const *resolve; /* "host:port:address" as curl's --resolve */
	size_t resolve_count;
	uint64_t timeout_ms; /* of each request; 0: WHIP_TIMEOUT_MS */
};

/* How a request ended. Everything borrowed for the call. */
struct whip_result {
	enum client_code code; /* CLIENT_OK, or the stage that failed */
	const char *words;     /* one line for a person, without secrets; "" if OK */
	int status;	       /* HTTP; 0: none came */
	const char *answer;    /* the body of a 201, NUL-terminated; "" otherwise */
	size_t answer_size;
	const struct turn_servers *ice_servers; /* of its Link fields; NULL: none */
	const char *session_url; /* resolved Location (RFC 3986 s.5); "" if none. A secret. */
	unsigned redirects;
	struct addr reached; /* the server's address (a proxy's, if there is one); family 0: none */
	uint64_t dns_us, tcp_us, tls_us, total_us; /* of the last hop; 0 not reached */
};
typedef void whip_done_fn(void *arg, const struct whip_result *result);

struct whip_http;
struct whip_http *whip_http_new(uv_loop_t *loop); /* NULL without memory */
/* After all its clients. Handles close on the loop: run it once more (loop_finish). Takes NULL. */
void whip_http_free(struct whip_http *http);

struct whip_client;

/*
 * Send the offer (copied) to url (copied), by WHIP or WHEP, or by the older JSON interface if the
 * URL has its path (whip_api.h; then there is nothing to delete). done is called once, from the
 * loop, unless the client is freed before. NULL without memory. A session may exist although code
 * is not OK (e.g. an empty answer with a Location): whip_client_delete() then deletes it.
 */
struct whip_client *whip_client_post(struct whip_http *http, const struct whip_options *options,
				     const char *url, const char *offer, whip_done_fn *done,
				     void *arg);

/*
 * Tell the session of more candidates: PATCH with a fragment (RFC 8840; copied) for the ICE
 * generation that the POST's answer named. 0 if a request was begun (done will be called), -EBUSY:
 * one is under way; -ENOENT: there is no session, or it named none (no ETag), so it takes none.
 */
int whip_client_patch(struct whip_client *client, const char *fragment, whip_done_fn *done,
		      void *arg);
bool whip_client_can_patch(const struct whip_client *client);

/* DELETE the session; after the POST is done. A PATCH that is under way is given up. Any 2xx and
 * 404 after it are success. 0 if a request was begun (done will be called), -ENOENT if there is no
 * session to delete. */
int whip_client_delete(struct whip_client *client, whip_done_fn *done, void *arg);

/* Cancels what runs; no callback follows. Takes NULL. */
void whip_client_free(struct whip_client *client);

enum whip_action { WHIP_PUBLISH, WHIP_PLAY };
/*
 * The endpoint that a user's URL stands for: http(s) URLs as they are;
 * "webrtc://host[:port]/app/stream[?query]" becomes http://host:port/rtc/v1/whip/ or whep/ with app
 * and stream (port 1985 unless said; "schema=https" in the query: https, port 443). 0; -EINVAL
 * (another scheme, names outside the allow-list); -ENOSPC. out untouched on error.
 */
int whip_url(char *out, size_t cap, const char *url, enum whip_action action);

/*
 * The session's URL that a Location value stands for, resolved against the URL of the request:
 * whip_location() by RFC 3986 s.5; whip_location_obs() as OBS 30 to 32 do it, who take what does
 * not begin with "http" for the path and clear the query. 0; -EINVAL (no http URL comes of it);
 * -ENOSPC; -ENOMEM. out untouched on error.
 */
int whip_location(char *out, size_t cap, const char *url, const char *location);
int whip_location_obs(char *out, size_t cap, const char *url, const char *location);

/*
 * Read a Bearer token: the first line of the file, or if file is NULL the environment variable
 * RTC_TOKEN. 0 with token set ("" if there is none), -errno, -EINVAL (not printable ASCII, too
 * long).
 */
int whip_token(char token[static WHIP_TOKEN_SIZE], const char *file);

#endif
