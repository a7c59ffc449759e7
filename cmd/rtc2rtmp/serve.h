/* serve.h - the daemon: HTTP-FLV, MPEG-TS and HLS of every stream of the relay. */
#ifndef RTC2RTMP_SERVE_H
#define RTC2RTMP_SERVE_H

#include "http/http.h"
#include "live.h"

enum { SERVE_GRACE_MS = 1000, SERVE_CONNECTIONS_MAX = 2000 };

struct serve_config {
	struct live_config live;
	struct http_config http;
	const char *listen[HTTP_LISTENER_MAX];
	size_t listen_count;
	const char *user;
	int ready_fd;
};

/* Returns the exit code. */
int serve_run(struct serve_config *config);

/* answer.c: the handler of all paths; the server's argument is a struct live_hub. */
void serve_request(struct http_request *req);

#endif
