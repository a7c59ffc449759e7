/*
 * whip_api.h - the older JSON interface in place of WHIP and WHEP: POST /rtc/v1/publish/ and
 * /rtc/v1/play/ with {"api","clientip","sdp","streamurl","tid"}, answered 200 with
 * {"code":0,"sdp"}. A URL with one of these paths and ?app=&stream= is spoken to in it; there is no
 * DELETE.
 */
#ifndef RTCKIT_CLIENT_WHIP_API_H
#define RTCKIT_CLIENT_WHIP_API_H

#include <stdbool.h>
#include <stddef.h>

/* Is the path of this http(s) URL one of the two? */
bool whip_api_is(const char *url);

/* The body of the request; app and stream are the URL's, else live and livestream. From malloc;
 * NULL without memory or if the URL is none. */
char *whip_api_request(const char *url, const char *offer);

/*
 * Replace the body of an answer, NUL-terminated, by the SDP in it, which is never longer. 0;
 * -EPROTO: the server refused, *code is its code (not 0); -EBADMSG: it is no such answer. Untouched
 * on error.
 */
int whip_api_answer(char *body, size_t *size, long *code);

#endif
