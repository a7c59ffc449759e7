/* sdp_bundle.h - inside lib/sdp: what both halves of the negotiator share. */
#ifndef RTCKIT_SDP_SDP_BUNDLE_H
#define RTCKIT_SDP_SDP_BUNDLE_H

#include "sdp/sdp_negotiate.h"

/* Is mid one of the blank-separated mids? Never for "". */
bool sdp_in_bundle(const char *bundle, const char *mid);

/* An empty track of an m-line; sdp_plan_own_mids() completes it once it lies where it stays. */
void sdp_track_init(struct sdp_track *t, const struct sdp_media *m, size_t index);
void sdp_plan_own_mids(struct sdp_plan *plan);
/* The layers of a list of a=simulcast that have an a=rid line of the direction (RFC 8853 s.5.2),
 * alternatives by their first. */
void sdp_track_take_rids(struct sdp_track *t, const struct sdp_media *m, const char *list,
			 enum sdp_direction direction);
/*
 * Layers by SSRCs alone, as pages write them into Chromium's offers, which no RFC has: a group SIM
 * lists them, the lowest first. They become the first of ssrcs, in reverse, as rids are named: the
 * best first. Before sdp_track_take_ssrcs().
 */
void sdp_track_take_layers(struct sdp_track *t, const struct sdp_media *m);
/* SSRCs of the m-line's sender with those that repair them. */
void sdp_track_take_ssrcs(struct sdp_track *t, const struct sdp_media *m);

/*
 * Fill in the remote's transport and candidates from the bundle of its accepted sections. bare:
 * what is missing is fine. Returns 0, or -EPROTO with *problem set.
 */
int sdp_plan_transport(struct sdp_plan *p, const struct sdp *remote, bool bare,
		       struct sdp_problem *problem);

#endif
