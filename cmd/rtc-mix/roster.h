/*
 * roster.h - who publishes in a room: the streams "ROOM/NAME" of the relay, by its admin socket
 * (rtc-control(5)).
 */
#ifndef RTC_MIX_ROSTER_H
#define RTC_MIX_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct roster;
struct roster_events {
	void (*joined)(void *arg, const char *stream);
	void (*left)(void *arg, const char *stream);
	/* Those that are there when the relay was (re)connected follow by joined; whoever was there
	 * before and is not among them has left: told by begin and end around them. */
	void (*begin)(void *arg);
	void (*end)(void *arg);
};

/* room: first part of the streams' names, or vhost/app; borrowed. NULL without memory. */
struct roster *roster_new(uv_loop_t *loop, const char *path, const char *room,
			  const struct roster_events *events, void *arg);
void roster_free(struct roster *r); /* takes NULL; from any callback */

#endif
