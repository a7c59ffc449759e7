/* sdp_local.h - inside lib/sdp: our own lines, in answers and offers alike. */
#ifndef RTCKIT_SDP_SDP_LOCAL_H
#define RTCKIT_SDP_SDP_LOCAL_H

#include "sdp/sdp_negotiate.h"

struct sdp *sdp_local_new(const struct sdp_local *local);
/* Port, transport and candidates of an accepted m-line. */
void sdp_local_media(struct sdp_media *out, const struct sdp_local *local, enum sdp_setup setup);
/* Codecs, each followed by its rtx. */
void sdp_local_codecs(struct sdp *sdp, struct sdp_media *out, const struct sdp_codec *codecs,
		      size_t count);
/* msid, ssrc and ssrc-group lines of what we send; local->tracks[index] has the SSRCs. */
void sdp_local_ssrcs(struct sdp *sdp, struct sdp_media *out, const struct sdp_local *local,
		     size_t index);

#endif
