/* whip_endpoint_impl.h - what the resources share; not for other modules. */
#ifndef RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H
#define RTCKIT_WHIP_WHIP_ENDPOINT_IMPL_H

#include "whip/whip_endpoint.h"
#include "whip/whip_relay.h"

/* whip_endpoint.c */

/* A failure of the relay (its reply), or of the way to it (NULL). */
void whip_reply_failure(struct http_request *req, json_t *reply);
void whip_reply_no_memory(struct http_request *req);

/* whip_session.c: a session's own URL */
void whip_on_delete(struct http_request *req);
void whip_on_patch(struct http_request *req);
void whip_on_session_options(struct http_request *req);
void whip_asks_fini(struct whip_endpoint *ep);

#endif
