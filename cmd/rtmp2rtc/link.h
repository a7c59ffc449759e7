/* link.h - one publication at the relay's media socket: attach, packets out, events in. */
#ifndef RTMP2RTC_LINK_H
#define RTMP2RTC_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
	LINK_QUEUE_MAX = 16 << 20, /* octets that wait for the relay: some keyframes */
	LINK_QUEUE_HIGH = 1 << 20  /* from here on the source is not read */
};

enum link_state { LINK_ASKING, LINK_LIVE, LINK_BUSY, LINK_FAILED };

struct link;
struct link_events {
	/* The answer, or the end (LINK_FAILED). words for a person. */
	void (*state)(void *arg, struct link *link, enum link_state state, const char *words);
	void (*wanted)(void *arg, struct link *link, unsigned track, bool wanted);
	void (*drained)(void *arg, struct link *link); /* the queue is short again */
};

/*
 * Connect to the relay and ask to publish. tracks: taken. NULL with *words if there is no relay.
 * credential: the same one takes the stream over.
 */
struct link *link_new(uv_loop_t *loop, const char *path, const char *stream, const char *credential,
		      json_t *tracks, const struct link_events *events, void *arg,
		      const char **words);
void link_free(struct link *link);
/* One RTP or RTCP packet; waits until the relay takes it. 0, -ENOBUFS (dropped), -ENOMEM. */
int link_send(struct link *link, const uint8_t *buf, size_t size);
bool link_is_full(const struct link *link);

#endif
