/* whip_endpoint_impl.h - what the resources share; not for other modules. */
#ifndef RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H
#define RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H

#include "hook/hook.h"
#include "whip/whip_endpoint.h"
#include "whip/whip_json.h"
#include "whip/whip_relay.h"

enum { WHIP_HOOK_WORDS = 200 };

/* A POST under way. The client may go: then req is NULL and a session that still comes is deleted.
 */
struct whip_job {
	struct whip_job *next;
	struct whip_endpoint *ep;
	struct http_request *req;
	struct whip_params params;
	char host[WHIP_HOST_SIZE]; /* of the request, without port; "" */
	uint16_t port;		   /* of the request's URL; 0: not known */
	char agent[WHIP_AGENT_MAX + 1], address[ADDR_TEXT_SIZE];
	size_t waiting;	       /* names not resolved yet, and the hook's verdict */
	int hook_ask;	       /* number of the question to rtc-hook that is open; 0: none */
	char id[HOOK_ID_SIZE]; /* of the session, if rtc-hook was asked; else "" */
	struct {
		bool allowed, unavailable;
		char words[WHIP_HOOK_WORDS];
	} verdict;
	bool asked;
	struct whip_waiter waiters[WHIP_NAMES_MAX];
	struct whip_json *json; /* of the older interface; NULL: WHIP or WHEP */
	struct sdp *offer;
	struct sdp_plan plan;
};

/* whip_endpoint.c */

/* A failure of the relay (its reply), or of the way to it (NULL). */
void whip_reply_failure(struct http_request *req, json_t *reply);
void whip_reply_no_memory(struct http_request *req);
/* One Link for each ICE server (RFC 9725 s.4.6), after at headers, and the end. */
void whip_add_links(const struct whip_endpoint *ep, struct http_header *at);

/* whip_job.c: what becomes of an offer that was taken */

/* Resolve names (WHIP_RESOLVE_MS at most), ask the relay, answer. It owns the job. */
void whip_job_start(struct whip_job *job);
/* One of the things that the job waits for is there. It may be freed. */
void whip_job_wait(struct whip_job *job);
void whip_job_free(struct whip_job *job);

/* whip_hook.c: rtc-hook, if the endpoint has it */

/* Ask whether the session may be; the job waits for it. */
void whip_hook_ask(struct whip_job *job);
void whip_hook_cancel(struct whip_job *job);
/* The verdict. False: the request has been answered. */
bool whip_hook_allows(struct whip_job *job);
/* Nothing came of a session that was allowed. */
void whip_hook_gone(struct whip_job *job);

/* whip_check.c: those that return bool have replied if it is false, but for the token's. */

/* Has this client asked too often, or is there too much under way? */
bool whip_may_ask(struct whip_endpoint *ep, struct http_request *req);
/* Would an offer with the tokens of this request pass, for whatever role? */
bool whip_may_know_ice(const struct whip_endpoint *ep, const struct http_request *req);
bool whip_may_pass(struct http_request *req, const struct whip_params *params);
/* Media types and length. */
bool whip_check_head(struct http_request *req);
void whip_reply_sdp_problem(struct http_request *req, const struct sdp_problem *problem);

/* whip_session.c: a session's own URL */
void whip_on_delete(struct http_request *req);
void whip_on_patch(struct http_request *req);
void whip_on_session_get(struct http_request *req);
void whip_on_session_options(struct http_request *req);
void whip_asks_fini(struct whip_endpoint *ep);

#endif
