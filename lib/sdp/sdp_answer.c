/* A plan becomes an answer. */
#include "sdp/sdp_negotiate.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "sdp/sdp_bundle.h"
#include "sdp/sdp_local.h"

enum { TEXT_CAP = 16384 }; /* octets for the texts of an answer or offer: apt lines, mids, msids */

void
sdp_local_media(struct sdp_media *out, const struct sdp_local *local, enum sdp_setup setup)
{
	out->port = 9; /* discard: the candidates say where (RFC 9429 s.5.2.1) */
	out->transport.ufrag = local->ufrag;
	out->transport.pwd = local->pwd;
	out->transport.fingerprint_hash = local->fingerprint_hash;
	out->transport.fingerprint = local->fingerprint;
	out->transport.setup = setup;
	out->candidate_count = MIN_OF(local->candidate_count, (size_t)SDP_CANDIDATES_MAX);
	if (out->candidate_count > 0)
		memcpy(out->candidates, local->candidates,
		       out->candidate_count * sizeof(out->candidates[0]));
	out->end_of_candidates = out->candidate_count > 0;
}

void
sdp_local_codecs(struct sdp *sdp, struct sdp_media *out, const struct sdp_codec *codecs,
		 size_t count)
{
	for (size_t i = 0; i < count && out->codec_count < SDP_CODECS_MAX; i++) {
		struct sdp_codec *rtx;

		out->codecs[out->codec_count++] = codecs[i];
		if (codecs[i].rtx_pt < 0 || out->codec_count == SDP_CODECS_MAX)
			continue;
		rtx = &out->codecs[out->codec_count++];
		sdp_codec_init(rtx);
		rtx->pt = (uint8_t)codecs[i].rtx_pt;
		rtx->name = "rtx";
		rtx->clock_rate = codecs[i].clock_rate;
		rtx->fmtp = sdp_keep(sdp, "apt=%u", codecs[i].pt);
	}
}

void
sdp_local_ssrcs(struct sdp *sdp, struct sdp_media *out, const struct sdp_local *local, size_t index)
{
	const char *stream = local->msid_stream != NULL ? local->msid_stream : "-";
	uint32_t both[2] = {local->tracks[index].ssrc, local->tracks[index].rtx_ssrc};

	out->msid = sdp_keep(sdp, "%s %s", stream, out->kind_name);
	if (both[0] == 0 || local->cname == NULL)
		return;
	if (both[1] != 0)
		out->ssrc_groups[out->ssrc_group_count++] = (struct sdp_ssrc_group){
		    .semantics = SDP_FID,
		    .ssrc_count = 2,
		    .ssrcs = {both[0], both[1]},
		};
	for (size_t i = 0; i < ARRAY_COUNT(both); i++)
		if (both[i] != 0)
			out->ssrcs[out->ssrc_count++] = (struct sdp_ssrc){
			    .ssrc = both[i],
			    .cname = local->cname,
			    .msid = out->msid,
			};
}

struct sdp *
sdp_local_new(const struct sdp_local *local)
{
	struct sdp *sdp = sdp_new(TEXT_CAP);

	if (sdp == NULL)
		return NULL;
	sdp->session_id = local->session_id;
	sdp->ice_lite = local->ice_lite;
	return sdp;
}

/* Every layer that the sender named comes back, in its order (RFC 8853 s.5.3.2). */
static void
answer_rids(struct sdp *sdp, struct sdp_media *out, const struct sdp_track *t)
{
	char list[SDP_RIDS_MAX * (SDP_RID_MAX + 1) + 1];
	size_t size = 0;

	for (size_t i = 0; i < t->rid_count; i++) {
		out->rids[out->rid_count++] = (struct sdp_rid){t->rids[i], SDP_RECVONLY};
		size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%s", i > 0 ? ";" : "",
					 t->rids[i]);
	}
	if (t->rid_count > 0)
		out->simulcast_recv = sdp_keep(sdp, "%s", list);
}

static void
answer_media(struct sdp *sdp, struct sdp_media *out, const struct sdp_media *offered,
	     const struct sdp_track *t, const struct sdp_local *local, enum sdp_setup setup,
	     size_t index)
{
	sdp_media_init(out);
	out->kind = offered->kind;
	out->kind_name = offered->kind_name;
	out->proto = offered->proto;
	out->formats = offered->formats;
	out->mid = offered->mid;
	out->direction = t->direction;
	out->direction_said = true;
	if (!t->accepted)
		return;
	sdp_local_media(out, local, setup);
	out->rtcp_mux = offered->rtcp_mux;
	out->rtcp_rsize = offered->rtcp_rsize;
	out->extmap_allow_mixed = offered->extmap_allow_mixed;
	memcpy(out->exts, t->exts, t->ext_count * sizeof(t->exts[0]));
	out->ext_count = t->ext_count;
	sdp_local_codecs(sdp, out, t->codecs, t->codec_count);
	answer_rids(sdp, out, t);
	if ((t->direction & SDP_SENDONLY) != 0)
		sdp_local_ssrcs(sdp, out, local, index);
}

static const char *
answer_bundle(struct sdp *sdp, const struct sdp_plan *plan)
{
	char mids[SDP_MEDIA_MAX * (SDP_MID_MAX + 1) + 1] = "";
	size_t size = 0;

	for (size_t i = 0; i < plan->track_count; i++)
		if (plan->tracks[i].accepted)
			size += (size_t)snprintf(mids + size, sizeof(mids) - size, "%s%s",
						 size > 0 ? " " : "", plan->tracks[i].mid);
	return sdp_keep(sdp, "%s", mids);
}

struct sdp *
sdp_answer(const struct sdp *offer, const struct sdp_plan *plan, const struct sdp_local *local)
{
	struct sdp *sdp = sdp_local_new(local);

	if (sdp == NULL)
		return NULL;
	sdp->has_bundle = offer->has_bundle;
	if (offer->has_bundle)
		sdp->bundle = answer_bundle(sdp, plan);
	sdp->media_count = plan->track_count;
	for (size_t i = 0; i < plan->track_count; i++)
		answer_media(sdp, &sdp->media[i], &offer->media[i], &plan->tracks[i], local,
			     plan->dtls_client ? SDP_ACTIVE : SDP_PASSIVE, i);
	return sdp;
}
