/*
 * whip_endpoint.h - the WHIP and WHEP resources on an HTTP server: POST makes a session, PATCH on
 * its URL restarts ICE, DELETE ends it.  Stateless: what a session is lives in the relay, under the
 * secret that its URL carries, so any instance serves any session.
 */
#ifndef RTCKIT_WHIP_WHIP_ENDPOINT_H
#define RTCKIT_WHIP_WHIP_ENDPOINT_H

#include <uv.h>

#include "http/http.h"
#include "ipc/ipc.h"
#include "whip/whip_auth.h"
#include "whip/whip_balance.h"
#include "whip/whip_candidate.h"
#include "whip/whip_ice_server.h"
#include "whip/whip_resolve.h"

#define WHIP_PATH      "/rtc/v1/whip"
#define WHIP_PLAY_PATH "/rtc/v1/whip-play"
#define WHEP_PATH      "/rtc/v1/whep"

/* POSTs under way at once (an offer takes some 100 KB); one more is answered 503. */
enum { WHIP_JOBS_MAX = 256 };

struct whip_endpoint {
	uv_loop_t *loop;
	struct ipc_client *relay;	/* borrowed */
	struct ipc_client *hook;	/* of rtc-hook, asked first; NULL: nobody is. Borrowed */
	struct whip_resolver *resolver; /* borrowed */
	struct whip_rules rules;
	struct whip_auth auth[SDP_PLAY + 1]; /* by what the client wants to do */
	bool needs_token[SDP_PLAY + 1];
	bool use_vhost, no_nack, no_twcc, keep_bframe, dtls_client;
	unsigned stun_timeout_ms; /* 0: the relay's default */
	const char *session_path; /* sessions of this program are below it */
	struct whip_balance balance;
	struct whip_rate rate;
	struct whip_ice_servers ice_servers;
	struct whip_job *jobs; /* POSTs under way */
	size_t job_count;
	struct whip_ask *asks; /* PATCH and DELETE under way */
};

/* Route tables; the server's arg is the endpoint. */
extern const struct http_route whip_routes[], whep_routes[];

/* Interfaces' addresses as the system lists them; at most cap. Returns the count. */
size_t whip_interfaces(struct addr *out, size_t cap);
/* Log a warning if no address that answers would name is public. */
void whip_endpoint_warn(const struct whip_endpoint *ep);
/* Forget the requests under way (their server must be freed before). */
void whip_endpoint_fini(struct whip_endpoint *ep);

#endif
