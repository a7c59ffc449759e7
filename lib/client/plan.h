/* plan.h - what an answer agreed on (struct sdp_plan) as a peer wants it. */
#ifndef RTCKIT_CLIENT_PLAN_H
#define RTCKIT_CLIENT_PLAN_H

#include "peer/peer.h"
#include "sdp/sdp_negotiate.h"

/* One track; our own SSRCs are left 0. Everything is copied. */
void client_plan_track(struct peer_track *to, const struct sdp_track *from);

/* The other side, without its tracks. 0, or -EINVAL if a text is too long. */
int client_plan_remote(struct peer_remote *to, const struct sdp_plan *plan);

#endif
