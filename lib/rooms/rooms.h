/*
 * rooms.h - rooms over some transport of text messages: who is in a room, who publishes, what they
 * tell each other.  The protocol is that of SRS's signalling demo; rtc-signal(1) has it.  Sans-IO.
 *
 * What it does not do: WebSocket, pings, limits of connections; media (a participant D of room R
 * publishes the stream R/D at the relay).
 */
#ifndef RTCKIT_ROOMS_ROOMS_H
#define RTCKIT_ROOMS_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ROOMS_MESSAGE_MAX = 16384, /* octets of a request */
	ROOMS_DEPTH_MAX = 32,	   /* of what a request nests; jansson allows 2048 */
	ROOMS_TID_MAX = 128,	   /* octets of a transaction id */
	ROOMS_CALL_MAX = 128,	   /* of the name of a control message */
	ROOMS_BURST = 60,	   /* requests at once, */
	ROOMS_RATE_PER_S = 20	   /* and in the long run */
};

struct rooms_config {
	unsigned rooms_max;	   /* at a time */
	unsigned participants_max; /* of a room */
	/* Sends a text to a client, in order; may be called for any client. Must not call back. */
	void (*send)(void *client_arg, const char *text, size_t size);
};
struct rooms_counts {
	unsigned rooms, participants;
	uint64_t requests, refused;
};

struct rooms;
struct rooms_client; /* a connection: a guest until it joins */

/* config is copied. NULL without memory. */
struct rooms *rooms_new(const struct rooms_config *config);
/* After the last client. Takes NULL. */
void rooms_free(struct rooms *r);
/* NULL without memory. */
struct rooms_client *rooms_client_new(struct rooms *r, void *client_arg);
/* It leaves its room, which is told. Takes NULL. */
void rooms_client_free(struct rooms_client *c);

/*
 * One whole message of a client. What it asks is answered by send, refusals too. 0; -EBADMSG: this
 * is no request at all (no JSON object, no tid): drop the client; -EMSGSIZE: too large, likewise;
 * -EDQUOT: too many requests, likewise.
 */
int rooms_input(struct rooms_client *c, uint64_t now_us, const char *text, size_t size);

/* Where a client is: "" before it joined. Borrowed. */
const char *rooms_client_room(const struct rooms_client *c);
const char *rooms_client_display(const struct rooms_client *c);
struct rooms_counts rooms_counts(const struct rooms *r);

#endif
