#include "client/plan.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

static void
take_codec(struct peer_codec *to, const struct sdp_codec *from)
{
	text_copy(to->name, sizeof(to->name), from->name);
	text_copy(to->fmtp, sizeof(to->fmtp), from->fmtp);
	to->clock_rate = from->clock_rate;
	to->channels = from->channels;
	to->pt = from->pt;
	to->rtx_pt = from->rtx_pt > 0 ? (uint8_t)from->rtx_pt : 0;
}

/* An extension's id, 0 if it is not one that a header can carry. */
static uint8_t
ext_id(const struct sdp_track *t, const char *uri)
{
	uint16_t id = sdp_track_ext_id(t, uri);

	return id <= UINT8_MAX ? (uint8_t)id : 0;
}

void
client_plan_track(struct peer_track *to, const struct sdp_track *from)
{
	uint32_t fb = 0;

	memset(to, 0, sizeof(*to));
	text_copy(to->mid, sizeof(to->mid), from->mid);
	to->kind = from->kind == SDP_AUDIO ? PEER_AUDIO : PEER_VIDEO;
	to->direction = from->accepted ? (unsigned)from->direction : 0;
	for (size_t i = 0; i < from->codec_count && i < PEER_CODECS_MAX; i++) {
		take_codec(&to->codecs[to->codec_count++], &from->codecs[i]);
		fb |= from->codecs[i].fb;
	}
	to->ext.mid = ext_id(from, SDP_EXT_MID);
	to->ext.twcc = ext_id(from, SDP_EXT_TRANSPORT_CC);
	to->ext.abs_send_time = ext_id(from, SDP_EXT_ABS_SEND_TIME);
	to->ext.rid = ext_id(from, SDP_EXT_RID);
	to->ext.repaired_rid = ext_id(from, SDP_EXT_REPAIRED_RID);
	to->nack = (fb & SDP_FB_NACK) != 0;
	to->pli = (fb & SDP_FB_NACK_PLI) != 0;
	to->fir = (fb & SDP_FB_CCM_FIR) != 0;
	to->remb = (fb & SDP_FB_GOOG_REMB) != 0;
	to->remote_ssrc = from->ssrc_count > 0 ? from->ssrcs[0] : 0;
	to->remote_rtx_ssrc = from->rtx_ssrc_count > 0 ? from->rtx_ssrcs[0] : 0;
}

int
client_plan_remote(struct peer_remote *to, const struct sdp_plan *plan)
{
	struct peer_remote r = {
	    .lite = plan->remote_lite,
	    .role = plan->dtls_client ? DTLS_CLIENT : DTLS_SERVER,
	};

	if (!text_copy(r.ice.ufrag, sizeof(r.ice.ufrag), plan->remote.ufrag) ||
	    !text_copy(r.ice.pwd, sizeof(r.ice.pwd), plan->remote.pwd) ||
	    !text_copy(r.hash, sizeof(r.hash), plan->remote.fingerprint_hash) ||
	    !text_copy(r.fingerprint, sizeof(r.fingerprint), plan->remote.fingerprint))
		return -EINVAL;
	*to = r;
	return 0;
}
