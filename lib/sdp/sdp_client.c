/* The client's half: an offer of our own, and the answer to it. */
#include "sdp/sdp_negotiate.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "sdp/sdp_bundle.h"
#include "sdp/sdp_local.h"

/* RFC 8851, RFC 8853. */
static void
offer_layers(struct sdp *sdp, struct sdp_media *out, const struct sdp_offer_track *track)
{
	const char *list = "";

	for (size_t i = 0; i < track->rid_count && i < SDP_TRACK_RIDS_MAX; i++) {
		out->rids[out->rid_count++] = (struct sdp_rid){track->rids[i], SDP_SENDONLY};
		list = sdp_keep(sdp, "%s%s%s", list, i > 0 ? ";" : "", track->rids[i]);
	}
	out->simulcast_send = list;
}

static void
offer_media(struct sdp *sdp, size_t index, const struct sdp_offer_track *track,
	    const struct sdp_local *local)
{
	struct sdp_media *out = &sdp->media[index];

	sdp_media_init(out);
	out->kind = track->kind;
	out->kind_name = track->kind == SDP_AUDIO ? "audio" : "video";
	out->proto = "UDP/TLS/RTP/SAVPF";
	out->mid = sdp_keep(sdp, "%zu", index);
	out->direction = track->direction;
	out->direction_said = true;
	sdp_local_media(out, local, SDP_ACTPASS);
	out->rtcp_mux = out->rtcp_rsize = true;
	out->ext_count = MIN_OF(track->ext_count, (size_t)SDP_EXTS_MAX);
	if (out->ext_count > 0)
		memcpy(out->exts, track->exts, out->ext_count * sizeof(out->exts[0]));
	sdp_local_codecs(sdp, out, track->codecs, track->codec_count);
	if (track->rid_count > 1) /* packets say which layer they are of, not SSRCs */
		offer_layers(sdp, out, track);
	else if ((track->direction & SDP_SENDONLY) != 0)
		sdp_local_ssrcs(sdp, out, local, index);
}

struct sdp *
sdp_offer(const struct sdp_local *local, const struct sdp_offer_track *tracks, size_t track_count)
{
	struct sdp *sdp;
	const char *mids = "";

	if (track_count == 0 || track_count > SDP_MEDIA_MAX)
		return NULL;
	sdp = sdp_local_new(local);
	if (sdp == NULL)
		return NULL;
	sdp->media_count = track_count;
	for (size_t i = 0; i < track_count; i++) {
		offer_media(sdp, i, &tracks[i], local);
		mids = sdp_keep(sdp, "%s%s%zu", mids, i > 0 ? " " : "", i);
	}
	sdp->has_bundle = true;
	sdp->bundle = mids;
	return sdp;
}

size_t
sdp_default_codecs(enum sdp_kind kind, bool rtx, struct sdp_codec *out, size_t cap)
{
	static const struct {
		enum sdp_kind kind;
		uint8_t pt, channels;
		int16_t rtx_pt;
		uint32_t clock_rate;
		const char *name, *fmtp;
	} rows[] = {
	    {SDP_VIDEO, 102, 1, 103, 90000, "H264",
	     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
	    {SDP_VIDEO, 104, 1, 105, 90000, "H264",
	     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
	    {SDP_VIDEO, 106, 1, 107, 90000, "H264",
	     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"},
	    {SDP_VIDEO, 108, 1, 109, 90000, "H264",
	     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"},
	    {SDP_VIDEO, 96, 1, 97, 90000, "VP8", ""},
	    {SDP_VIDEO, 98, 1, 99, 90000, "VP9", "profile-id=0"},
	    {SDP_VIDEO, 45, 1, 46, 90000, "AV1", "level-idx=5;profile=0;tier=0"},
	    {SDP_VIDEO, 112, 1, 113, 90000, "H265",
	     "level-id=120;profile-id=1;tier-flag=0;tx-mode=SRST"},
	    {SDP_AUDIO, 111, 2, -1, 48000, "opus", "minptime=10;stereo=1;useinbandfec=1"},
	    {SDP_AUDIO, 0, 1, -1, 8000, "PCMU", ""},
	    {SDP_AUDIO, 8, 1, -1, 8000, "PCMA", ""},
	    {SDP_AUDIO, 9, 1, -1, 8000, "G722", ""},
	};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(rows) && count < cap; i++) {
		if (rows[i].kind != kind)
			continue;
		out[count++] = (struct sdp_codec){
		    .pt = rows[i].pt,
		    .channels = rows[i].channels,
		    .rtx_pt = rtx ? rows[i].rtx_pt : -1,
		    .clock_rate = rows[i].clock_rate,
		    .name = rows[i].name,
		    .fmtp = rows[i].fmtp,
		    .fb = kind == SDP_VIDEO
			      ? SDP_FB_NACK | SDP_FB_NACK_PLI | SDP_FB_CCM_FIR | SDP_FB_TRANSPORT_CC
			      : SDP_FB_TRANSPORT_CC,
		};
	}
	return count;
}

size_t
sdp_default_exts(bool twcc, struct sdp_ext *out, size_t cap)
{
	static const char *const uris[] = {SDP_EXT_MID, SDP_EXT_ABS_SEND_TIME,
					   SDP_EXT_TRANSPORT_CC};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(uris) - (twcc ? 0 : 1) && count < cap; i++) {
		out[count] = (struct sdp_ext){
		    .id = (uint16_t)(i + 1),
		    .direction = SDP_SENDRECV,
		    .uri = uris[i],
		};
		count++;
	}
	return count;
}

/* The answerer's codecs in its order, as far as we offered them; parameters are the answerer's. */
static void
agree_codecs(struct sdp_track *t, const struct sdp_media *offered, const struct sdp_media *answered)
{
	for (size_t i = 0; i < answered->codec_count && t->codec_count < SDP_TRACK_CODECS_MAX;
	     i++) {
		struct sdp_codec c = answered->codecs[i];

		for (size_t k = 0; k < offered->codec_count; k++) {
			const struct sdp_codec *mine = &offered->codecs[k];

			if (mine->pt != c.pt || !sdp_codec_is(mine, c.name) ||
			    sdp_codec_is(mine, "rtx"))
				continue;
			c.fb &= mine->fb;
			t->codecs[t->codec_count++] = c;
			break;
		}
	}
}

static void
agree_exts(struct sdp_track *t, const struct sdp_media *offered, const struct sdp_media *answered)
{
	for (size_t i = 0; i < answered->ext_count && t->ext_count < SDP_TRACK_EXTS_MAX; i++)
		for (size_t k = 0; k < offered->ext_count; k++)
			if (strcmp(offered->exts[k].uri, answered->exts[i].uri) == 0 &&
			    sdp_track_ext_id(t, answered->exts[i].uri) == 0)
				t->exts[t->ext_count++] = answered->exts[i];
}

static void
agree_track(struct sdp_track *t, const struct sdp_media *offered, const struct sdp_media *answered,
	    size_t index)
{
	sdp_track_init(t, answered, index);
	if (t->mid[0] == '\0')
		t->mid = offered->mid;
	if (answered->port == 0 && !answered->bundle_only)
		return;
	agree_codecs(t, offered, answered);
	if (t->codec_count == 0)
		return;
	t->accepted = true;
	t->direction = (enum sdp_direction)((unsigned)sdp_direction_reverse(answered->direction) &
					    (unsigned)offered->direction);
	agree_exts(t, offered, answered);
	sdp_track_take_ssrcs(t, answered);
	if (offered->rid_count > 1)
		sdp_track_take_rids(t, answered, answered->simulcast_recv, SDP_RECVONLY);
}

/* RFC 8843 s.7.3: an answer repeats the mids. One without any is taken by its order. */
static bool
repeats_mids(const struct sdp *offer, const struct sdp *answer, struct sdp_problem *problem)
{
	for (size_t i = 0; i < offer->media_count; i++) {
		const char *mid = answer->media[i].mid, *want = offer->media[i].mid;

		if (mid[0] == '\0' || strcmp(mid, want) == 0)
			continue;
		sdp_problem_set(problem, SDP_UNSUPPORTED,
				"the answer has a=mid:%.32s where the offer has %.32s", mid, want);
		return false;
	}
	return true;
}

int
sdp_negotiate_answer(struct sdp_plan *plan, const struct sdp *offer, const struct sdp *answer,
		     struct sdp_problem *problem)
{
	struct sdp_plan p;
	bool active = false;
	int r;

	if (answer->media_count != offer->media_count) {
		sdp_problem_set(problem, SDP_UNSUPPORTED,
				"the answer has %zu media sections, the offer %zu",
				answer->media_count, offer->media_count);
		return -EPROTO;
	}
	if (!repeats_mids(offer, answer, problem))
		return -EPROTO;
	memset(&p, 0, sizeof(p));
	p.track_count = offer->media_count;
	for (size_t i = 0; i < offer->media_count; i++) {
		agree_track(&p.tracks[i], &offer->media[i], &answer->media[i], i);
		active = active || p.tracks[i].direction != SDP_INACTIVE;
	}
	if (!active) {
		sdp_problem_set(problem, SDP_NO_CODEC, "the answer accepts no media section");
		return -EPROTO;
	}
	r = sdp_plan_transport(&p, answer, false, problem);
	if (r < 0)
		return r;
	if (p.remote.setup != SDP_ACTIVE && p.remote.setup != SDP_PASSIVE) {
		sdp_problem_set(problem, SDP_UNSUPPORTED, /* RFC 8842 s.5.3 */
				"the answer's a=setup is neither active nor passive");
		return -EPROTO;
	}
	p.dtls_client = p.remote.setup == SDP_PASSIVE;
	*plan = p;
	sdp_plan_own_mids(plan);
	return 0;
}
