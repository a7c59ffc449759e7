/*
 * whip_json.h - the older JSON interface, POST /rtc/v1/publish/ and /rtc/v1/play/, as pages and
 * tools for SRS use it: the request's body and the answers.  Pure but for whip_fail().
 */
#ifndef RTCKIT_WHIP_WHIP_JSON_H
#define RTCKIT_WHIP_WHIP_JSON_H

#include <jansson.h>

#include "http/http.h"
#include "http/url.h"
#include "whip/whip_params.h"

struct whip_json {
	json_t *body;	 /* owned */
	const char *sdp; /* borrows from body */
	size_t sdp_size;
	struct url_query query;			    /* of the stream's URL */
	const char *raw_query;			    /* the same as it was written, or "" */
	const struct http_request *req;		    /* whose query counts too; NULL: none */
	char app[URL_MAX + 1], stream[URL_MAX + 1]; /* decoded, not judged */
};

/*
 * Parse {"streamurl":"webrtc://host[:port]/app/stream[?query]","sdp":OFFER, ...}; other members are
 * not used, nor are the scheme and the host: some clients write the http URL that they post to.
 * Returns the request, or NULL with words that say what is wrong.
 */
struct whip_json *whip_json_read(const char *text, size_t size, char words[static WHIP_WORDS_SIZE]);
void whip_json_free(struct whip_json *json); /* NULL is fine */

/* A whip_get_fn: app and stream of the URL, then its query, then the request's. */
const char *whip_json_get(const void *json, const char *name);

/* {"code":0,"server":...,"sdp":...,"sessionid":"ours:theirs"}; freed by free(). NULL: no memory. */
char *whip_json_answer(const char *sdp, const char *ours, const char *theirs);

/*
 * Refuse a request: as a problem, or, of this interface, {"code":STATUS,"detail":...} with HTTP
 * 200. A request of this interface is marked by http_set_arg(req, whip_json_mark).
 */
extern char whip_json_mark[1];
void whip_fail(struct http_request *req, const struct http_header *headers, int status,
	       const char *slug, const char *title, const char *detail, ...)
    __attribute__((format(printf, 6, 7)));

#endif
