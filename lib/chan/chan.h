/*
 * chan.h - a single-producer single-consumer ring of messages between two threads.  No lock; no
 * allocation unless a message that must not be lost meets a full ring.  The consumer is woken once
 * per batch, by chan_kick().
 */
#ifndef RTCKIT_CHAN_CHAN_H
#define RTCKIT_CHAN_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct chan;

struct chan_msg {
	unsigned type;	     /* the users' own */
	const uint8_t *data; /* 8-octet aligned; borrowed until chan_done() */
	size_t size;
};

/* size: octets of the ring, a power of two; wake: the consumer's, used by chan_kick(). */
struct chan *chan_new(size_t size, uv_async_t *wake);
void chan_free(struct chan *c);

/* Producer. head and data are copied one after the other. Media: 0 or -ENOBUFS (dropped). */
int chan_post(struct chan *c, unsigned type, const void *head, size_t head_size, const void *data,
	      size_t data_size);
/* Producer. Kept on the heap while the ring is full; order among all messages is kept. Aborts
 * without memory: losing one would leak a session. */
void chan_post_sure(struct chan *c, unsigned type, const void *data, size_t size);
/* Producer. Move kept messages into the ring, wake the consumer if anything was posted since.
 * Returns true while messages are still kept (call again soon). */
bool chan_kick(struct chan *c);

/* Consumer. */
bool chan_next(struct chan *c, struct chan_msg *out);
void chan_done(struct chan *c);

#endif
