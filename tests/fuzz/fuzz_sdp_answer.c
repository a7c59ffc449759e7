/*
 * What a server may answer to our offer: after the first octet, which says whether we publish (with
 * simulcast) or play, any octets as a description. What is agreed lies within what was offered, and
 * fits a peer.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static const char *const layers[] = {"hi", "mid", "lo"};

static struct sdp *
make_offer(bool publish)
{
	static struct sdp_codec codecs[2][SDP_TRACK_CODECS_MAX];
	static struct sdp_ext exts[SDP_TRACK_EXTS_MAX];
	static const struct sdp_local local = {.ufrag = "abcd",
					       .pwd = "0123456789012345678901",
					       .fingerprint_hash = "sha-256",
					       .fingerprint = "AB:CD",
					       .cname = "c",
					       .tracks = {{1, 0}, {2, 3}}};
	struct sdp_offer_track tracks[2] = {{.kind = SDP_AUDIO}, {.kind = SDP_VIDEO}};

	for (int i = 0; i < 2; i++) {
		tracks[i].direction = publish ? SDP_SENDONLY : SDP_RECVONLY;
		tracks[i].codecs = codecs[i];
		tracks[i].codec_count =
		    sdp_default_codecs(tracks[i].kind, true, codecs[i], SDP_TRACK_CODECS_MAX);
		tracks[i].exts = exts;
		tracks[i].ext_count = sdp_default_exts(true, exts, SDP_TRACK_EXTS_MAX);
	}
	tracks[1].rids = layers;
	tracks[1].rid_count = publish ? ARRAY_COUNT(layers) : 0;
	return sdp_offer(&local, tracks, 2);
}

static void
use(const struct sdp_plan *plan)
{
	struct peer_remote remote;
	struct peer_track track;

	assert(plan->track_count == 2 && plan->candidate_count <= SDP_CANDIDATES_MAX);
	(void)client_plan_remote(&remote, plan);
	for (size_t i = 0; i < plan->track_count; i++) {
		const struct sdp_track *t = &plan->tracks[i];

		assert(t->codec_count <= SDP_TRACK_CODECS_MAX &&
		       t->ext_count <= SDP_TRACK_EXTS_MAX);
		assert(t->ssrc_count <= SDP_TRACK_SSRCS_MAX);
		assert(t->rid_count <= ARRAY_COUNT(layers));
		assert(!t->accepted || t->direction == SDP_INACTIVE || t->codec_count > 0);
		client_plan_track(&track, t);
		assert(track.codec_count <= PEER_CODECS_MAX && strlen(track.mid) <= PEER_MID_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static struct sdp *offers[2];
	static struct sdp_plan plan;
	struct sdp_problem problem = {.code = SDP_FINE};
	struct sdp *answer;

	if (size == 0)
		return 0;
	for (int i = 0; i < 2 && offers[i] == NULL; i++) {
		offers[i] = make_offer(i == 1);
		assert(offers[i] != NULL);
	}
	answer = sdp_parse((const char *)buf + 1, size - 1, &problem);
	if (answer != NULL &&
	    sdp_negotiate_answer(&plan, offers[buf[0] == 'P'], answer, &problem) == 0)
		use(&plan);
	else
		assert(problem.code != SDP_FINE && problem.detail[0] != '\0');
	sdp_free(answer);
	return 0;
}
