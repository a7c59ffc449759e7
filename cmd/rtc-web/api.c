/* api.c - the management interface under /api/v1. */
#include "web.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
web_versions(struct http_request *req)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	unsigned major = 0, minor = 0, revision = 0;
	char text[512];

	sscanf(RTCKIT_VERSION, "%u.%u.%u", &major, &minor, &revision);
	snprintf(
	    text, sizeof(text),
	    "{\"code\":0,\"server\":\"rtckit\",\"service\":\"rtc-web\",\"pid\":\"%ld\",\"data\":"
	    "{\"major\":%u,\"minor\":%u,\"revision\":%u,\"version\":\"%s\"}}\n",
	    (long)getpid(), major, minor, revision, RTCKIT_VERSION);
	http_reply(req, 200, headers, text, strlen(text));
}
