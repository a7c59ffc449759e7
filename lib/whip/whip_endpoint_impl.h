/* whip_endpoint_impl.h - what the resources share; not for other modules. */
#ifndef RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H
#define RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H

#include "whip/whip_endpoint.h"
#include "whip/whip_relay.h"

/* whip_endpoint.c */

/* A failure of the relay (its reply), or of the way to it (NULL). */
void whip_reply_failure(struct http_request *req, json_t *reply);
void whip_reply_no_memory(struct http_request *req);

/* whip_check.c: those that return bool have replied if it is false, but for the token's. */

/* Has this client asked too often, or is there too much under way? */
bool whip_may_ask(struct whip_endpoint *ep, struct http_request *req);
/* params NULL: not read yet. */
bool whip_knows_token(const struct whip_endpoint *ep, const struct http_request *req,
		      const struct whip_params *params);
bool whip_may_pass(struct http_request *req, const struct whip_params *params);
/* Media types and length. */
bool whip_check_head(struct http_request *req);
void whip_reply_sdp_problem(struct http_request *req, const struct sdp_problem *problem);

/* whip_session.c: a session's own URL */
void whip_on_delete(struct http_request *req);
void whip_on_patch(struct http_request *req);
void whip_on_session_options(struct http_request *req);
void whip_asks_fini(struct whip_endpoint *ep);

#endif
