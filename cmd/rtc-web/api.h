/* api.h - what the management interface says, made of the relay's replies. */
#ifndef RTC_WEB_API_H
#define RTC_WEB_API_H

#include <jansson.h>
#include <string.h>

#include "web.h"

#define API_VHOST "__defaultVhost__"

enum {
	API_NO_STREAM = 2048, /* what SRS says of those that are not there */
	API_NO_CLIENT = 2049,
	API_NO_VHOST = 2014
};

/* Is it the id of one of rtc2rtmp's, not of the relay's? */
bool api_is_viewer(const char *id);

/* New references; what they are made of is borrowed. */
json_t *api_stream(json_t *stream, const json_t *live); /* of both streams.list; live: NULL */
json_t *api_client(const json_t *session);		/* of sessions.list */
json_t *api_viewer(const json_t *client);		/* of clients.list */
/* Of both stats; live: NULL. Summaries are {"data":...}. */
json_t *api_summaries(json_t *stats, const json_t *live);
json_t *api_vhost(json_t *stats, const json_t *live);

/* metrics.c: the answer in Prometheus' text format. Borrows. */
void reply_metrics(struct http_request *req, json_t *stats, const json_t *live, json_t *streams,
		   json_t *sessions);

static inline json_int_t
number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static inline const char *
text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

/* Of sessions.list: has a WebRTC client found its path? */
static inline bool
has_path(const json_t *session)
{
	const char *protocol = text_of(session, "protocol");

	return strcmp(protocol, "udp") == 0 || strcmp(protocol, "tcp") == 0;
}

#endif
