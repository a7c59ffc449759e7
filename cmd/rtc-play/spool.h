/*
 * spool.h - a writer on a thread of its own, behind a bounded queue: a slow disk or a reader that
 * pauses must not keep the session from answering, nor signals from being heard.
 */
#ifndef RTC_PLAY_SPOOL_H
#define RTC_PLAY_SPOOL_H

#include "media/media_writer.h"

enum {
	SPOOL_OCTETS_MAX = 32 << 20, /* waiting; over it units are dropped up to a keyframe */
	SPOOL_CLOSE_MS = 2000	     /* what waits at the end has so long to be written */
};

struct spool;

/* The path and format are borrowed, the keyframe is copied. NULL without memory or thread. */
struct spool *spool_new(const struct media_writer_config *config);
/* Copies the unit. 0 (also if it is dropped); what the writer said before, with *words set. */
int spool_put(struct spool *s, const struct media_unit *unit, struct media_words *words);
/*
 * Write what waits, close and free. 0, or what the writer said with *words set; -ETIMEDOUT if the
 * output takes nothing (then the thread is left to the end of the process). Takes NULL.
 */
int spool_close(struct spool *s, struct media_words *words);

#endif
