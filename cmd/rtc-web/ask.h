/*
 * ask.h - a request while others are asked: the relay (relay/admin.sock), and rtc2rtmp
 * (live/admin.sock), without whom there is nobody who watches by HTTP or RTMP.  An answer is made
 * of the replies to a few questions, asked one after the other.
 */
#ifndef RTC_WEB_ASK_H
#define RTC_WEB_ASK_H

#include <jansson.h>

#include "base/text.h"
#include "web.h"

enum {
	ASK_STEPS_MAX = 4,
	ASK_WHOLE_MAX = 500 /* elements of a list that is not paged */
};

/* Of a list: none; the request's page; what of the page the list of the step before, which goes
 * first, leaves; all of it. */
enum ask_paging { ASK_ONCE, ASK_PAGE, ASK_REST, ASK_WHOLE };

struct ask_step {
	bool live;   /* asks rtc2rtmp: that it does not answer is no fault, */
	bool needed; /* unless this is set */
	const char *op, *member;
	enum ask_paging paging;
	const char *filter; /* member of the question that ask->id goes into; may be NULL */
	bool no_carriers;
};

struct ask;
/* A row: its steps end with one without op; finish answers ask->req with what they brought. */
struct ask_plan {
	struct ask_step steps[ASK_STEPS_MAX + 1];
	void (*finish)(struct ask *ask);
	int missing;		  /* what is not there if a question is refused: SRS's code, */
	const char *missing_what; /* and its name */
};

struct ask {
	struct http_request *req; /* NULL: the client has gone */
	struct web *web;
	const struct ask_plan *plan;
	size_t step;
	char id[TEXT_STREAM_SIZE];
	size_t start, count;		/* of the request's page */
	json_t *lists[ASK_STEPS_MAX];	/* what each step's pages had */
	json_t *replies[ASK_STEPS_MAX]; /* and its last reply; NULL: no answer of rtc2rtmp */
};

/* Begin; the answer comes later. plan is borrowed; id may be NULL. start and count: of ?start= and
 * ?count=. */
void ask_begin(struct http_request *req, const struct ask_plan *plan, const char *id);

/* Answer with {"code":0,"server":...} and the members of more, which is taken. */
void ask_reply(struct http_request *req, json_t *more);
/* A problem body (RFC 9457) that scripts for SRS understand too: its code is not 0. */
void ask_reply_missing(struct http_request *req, int code, const char *what);

#endif
