/*
 * hook.h - what rtc-hook is asked before a session exists (hook.sock), and what it asks a web
 * server: the POST of an HTTP hook and its verdict.  Pure: JSON in and out, no socket.
 */
#ifndef RTCKIT_HOOK_HOOK_H
#define RTCKIT_HOOK_HOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HOOK_ID_SIZE = 11,   /* "s-", 8 characters, NUL: a session's public id */
	HOOK_TEXT_MAX = 2048 /* octets of a text of a question: longer ones are cut off by nobody,
				the question is refused */
};

enum hook_action { HOOK_PUBLISH, HOOK_UNPUBLISH, HOOK_PLAY, HOOK_STOP, HOOK_ACTIONS };
/* "on_publish" and so on. */
extern const char *const hook_names[HOOK_ACTIONS];

/* Who asks. Texts may be NULL: said as empty. */
struct hook_client {
	enum hook_action action; /* HOOK_PUBLISH or HOOK_PLAY */
	const char *id;		 /* of the session that will be; see hook_make_id() */
	const char *address;	 /* without a port */
	const char *stream;	 /* app/stream or vhost/app/stream */
	const char *query;	 /* of the request, without '?' */
	const char *host;	 /* of its URL */
	const char *page;	 /* Referer */
	const char *scheme;	 /* of tcUrl: "webrtc", "rtmp" */
	bool held; /* it lasts as long as this connection, not as a session of the relay */
};

/* A public id for session.create, of the low 48 bits of a random number. */
void hook_make_id(char out[static HOOK_ID_SIZE], uint64_t random);

/* The question. New reference; NULL without memory. */
json_t *hook_ask(const struct hook_client *client);
/* That nothing came of a question that was answered with yes. */
json_t *hook_gone(const char *id);

/* The verdict that a client is told. words: static or borrowed from reply. */
struct hook_verdict {
	bool allowed;
	bool unavailable; /* nobody said no: rtc-hook or its server did not answer */
	const char *words;
};
/* reply NULL: rtc-hook does not answer. */
struct hook_verdict hook_read(json_t *reply);

/*
 * The body of the POST for a question (as hook_ask() made it) and an action: the members of the
 * question with app, stream, vhost, param, stream_url, tcUrl and so on. New reference; NULL if
 * the question lacks an id or a stream, has a text over HOOK_TEXT_MAX, or without memory.
 */
json_t *hook_body(const json_t *question, enum hook_action action, const char *server_id);

/* Does an answer of the web server accept? Status 200 or 201 and a body of 0 or {"code":0}, blanks
 * around it allowed. */
bool hook_accepts(long status, const char *body, size_t size);

#endif
