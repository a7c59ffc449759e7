/* client.h - a blocking client of the relay's admin socket (rtc-control(5)). */
#ifndef RTCKIT_RTC_CTL_CLIENT_H
#define RTCKIT_RTC_CTL_CLIENT_H

#include <jansson.h>
#include <stdint.h>

struct client {
	int fd;
	int last_id;
	json_t *hello; /* the relay's first message, owned */
	char *buf;     /* one message, owned */
};

/*
 * Connect to $RTC_RUN/relay/admin.sock (or path, if not NULL) and take the hello. Returns 0 or
 * -errno: -ECONNREFUSED or -ENOENT if no relay listens, -ETIMEDOUT, -EPROTO if it says something
 * else than rtc-control(5). The socket's name is left in path_out of size octets for messages.
 */
int client_open(struct client *c, const char *path, char *path_out, size_t size);
void client_close(struct client *c);

/*
 * Send one request (reference stolen; v and id are added) and wait for its reply, which the caller
 * releases. 0 or -errno; whether the relay agreed is the reply's member "ok".
 */
int client_ask(struct client *c, json_t *request, json_t **reply);

/* The next message, whatever it is; timeout_us 0 waits for ever. -ETIMEDOUT; -EPIPE at the end. */
int client_next(struct client *c, uint64_t timeout_us, json_t **message);

#endif
