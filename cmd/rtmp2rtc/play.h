/* play.h - a stream as FLV tags, from the HTTP-FLV that rtc2rtmp serves on its Unix socket. */
#ifndef RTMP2RTC_PLAY_H
#define RTMP2RTC_PLAY_H

#include <uv.h>

#include "flv/flv.h"

struct play;
struct play_events {
	void (*started)(void *arg);
	/* Refused (found false: there is no such stream), or over. words for a person. */
	void (*ended)(void *arg, bool found, const char *words);
	void (*tag)(void *arg, const struct flv_tag *tag);
};
/* path: of the socket; client: the player's address. NULL if nobody is there. */
struct play *play_new(uv_loop_t *loop, const char *path, const char *stream, const char *client,
		      const struct play_events *events, void *arg);
/* May be called from events. */
void play_free(struct play *play);
/* Stop reading while the player is behind; go on. */
void play_hold(struct play *play, bool hold);

#endif
