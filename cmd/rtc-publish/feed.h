/*
 * feed.h - units of a source, queued per kind until they are due. The test card is made when it is
 * due, on the loop's thread; a file is read ahead by a thread of its own, since it may block.
 */
#ifndef RTC_PUBLISH_FEED_H
#define RTC_PUBLISH_FEED_H

#include <uv.h>

#include "media/media_source.h"

enum {
	FEED_AHEAD_US = 1000000,      /* read ahead of each kind */
	FEED_ENCODED_US = 120000,     /* if the picture is encoded: a keyframe comes so late */
	FEED_AHEAD_MAX_US = 10000000, /* of one kind while the other has too little */
	FEED_OCTETS_MAX = 32 << 20    /* waiting in both queues */
};

struct feed;

/* Takes the source. live: make units when due (no thread). ready (on the loop) says that there may
 * be something new. NULL without memory or thread; the source is then still the caller's. */
struct feed *feed_new(uv_loop_t *loop, struct media_source *source, bool live,
		      void (*ready)(void *arg), void *arg);
/* Ends the thread and frees the source; memory goes when its handle is closed. Takes NULL. */
void feed_free(struct feed *f);

/* Live: make what is due at media time now_us. Nothing otherwise. */
void feed_advance(struct feed *f, int64_t now_us);
/* The time of the next unit of a kind; -1 if there is none (yet). */
int64_t feed_peek_us(const struct feed *f, enum media_kind kind);
/* Take it: borrowed until the next take of the same kind. False if there is none. */
bool feed_take(struct feed *f, enum media_kind kind, struct media_unit *out);
/* When feed_advance() has something to do: media time; -1 if it never has. */
int64_t feed_due_us(const struct feed *f);
/* Has the source ended and everything been taken? words: "" or why it ended early. */
bool feed_ended(const struct feed *f, const char **words);
void feed_keyframe(struct feed *f, unsigned layer);
void feed_bitrate(struct feed *f, unsigned bitrate_bps); /* of video that is encoded */

#endif
