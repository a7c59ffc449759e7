/*
 * hook.h - the parts of rtc-hook: the questions of hook.sock (doors), the sessions that were
 * allowed (visits), the POSTs (posts), and what the relay says about their end (relay).
 */
#ifndef RTCKIT_RTC_HOOK_HOOK_H
#define RTCKIT_RTC_HOOK_HOOK_H

#include <uthash.h>
#include <uv.h>

#include "client/whip_client.h"
#include "hook/hook.h"
#include "ipc/ipc.h"

enum {
	URLS_MAX = 8,	    /* of one action */
	DOORS_MAX = 4096,   /* connections of hook.sock: an RTMP child has one each */
	VISITS_MAX = 40000, /* twice what the relay allows */
	POSTS_MAX = 1024,   /* under way at once; one more is refused */
	COME_US = 20000000, /* for so long a session that was allowed need not be the relay's yet */
	SERVER_ID_SIZE = 16
};

struct urls {
	const char *list[URLS_MAX];
	size_t count;
};

struct hooks;

/* A session that was asked for, from its question on. */
struct visit {
	UT_hash_handle hh; /* by id */
	struct hooks *hooks;
	char id[HOOK_ID_SIZE];
	enum hook_action begin, end;
	json_t *question;	  /* its "id" is the question's number */
	struct door *door;	  /* who waits for the verdict, or holds it; NULL: nobody */
	bool held, allowed, seen; /* seen: the relay should know it */
	uint64_t since_us;
};

struct door { /* a connection of hook.sock */
	struct door *prev, *next;
	struct hooks *hooks;
	struct ipc_conn *conn;
};

struct hooks {
	uv_loop_t loop;
	struct urls urls[HOOK_ACTIONS];
	struct whip_http *http;
	struct ipc_client *relay; /* admin.sock */
	uv_timer_t timer;
	uv_poll_t listener;
	int listen_fd, lock_fd;
	const char *ca_file;
	long timeout_ms;
	char server_id[SERVER_ID_SIZE];
	struct visit *visits; /* by id */
	struct door *doors;
	struct post *posts;
	size_t door_count, post_count;
	char at[HOOK_ID_SIZE]; /* the visit that was looked up last */
};

/* doors.c */
int doors_open(struct hooks *h); /* 0 or -errno */
void doors_close(struct hooks *h);
void door_reply(struct door *door, const json_t *question, bool ok, const char *error,
		const char *detail);

/* visits.c */
void visit_ask(struct door *door, json_t *question);
void visit_gone(struct hooks *h, const char *id); /* its end is told; an unknown one is ignored */
void visits_of_door_end(struct door *door);
struct visit *visit_find(struct hooks *h, const char *id);
void visits_tick(struct hooks *h, uint64_t now_us);
void visits_free(struct hooks *h);

/* posts.c */
/* fn: may be NULL. words are borrowed. */
typedef void post_done_fn(void *arg, bool accepted, bool answered, const char *words);
/* POST the body (taken) to each URL of the action in turn until one does not accept. -EBUSY,
 * -ENOMEM: fn is not called. */
int post_start(struct hooks *h, enum hook_action action, json_t *body, post_done_fn *fn, void *arg);

void posts_free(struct hooks *h); /* drops those under way */

/* relay.c */
void relay_on_event(void *arg, json_t *event);
void relay_tick(struct hooks *h);

#endif
