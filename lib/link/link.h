/*
 * link.h - a local publisher of the relay's media socket (rtc-control(5)): attach, packets out,
 * events in.  link/link_track.h makes the packets.
 *
 * What it does not do: attach again when the relay was away (the owner makes a new link).
 */
#ifndef RTCKIT_LINK_LINK_H
#define RTCKIT_LINK_LINK_H

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
	/* The others may be NULL. */
	void (*wanted)(void *arg, struct link *link, unsigned track, bool wanted);
	void (*keyframe)(void *arg, struct link *link, unsigned track); /* a player needs one */
	void (*drained)(void *arg, struct link *link); /* the queue is short again */
};

struct link_config {
	const char *path, *stream;     /* of the media socket; app/stream */
	const char *credential;	       /* the same one takes the stream over; NULL: nobody's does */
	const char *client, *protocol; /* whom it publishes for: address, "rtmp"; may be NULL */
	json_t *tracks;		       /* taken */
	bool on_demand;		       /* keyframes are made when asked for, else periodically */
};

/* Connect to the relay and ask to publish. config is borrowed for the call. NULL with *words if
 * there is no relay. */
struct link *link_new(uv_loop_t *loop, const struct link_config *config,
		      const struct link_events *events, void *arg, const char **words);
/* From any callback. Takes NULL. */
void link_free(struct link *link);
/* One RTP or RTCP packet; waits until the relay takes it. 0, -ENOBUFS (dropped), -ENOMEM. */
int link_send(struct link *link, const uint8_t *buf, size_t size);
bool link_is_full(const struct link *link);

#endif
