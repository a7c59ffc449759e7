/* The one transport of a bundle (RFC 8843). */
#include "sdp/sdp_bundle.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

bool
sdp_in_bundle(const char *bundle, const char *mid)
{
	size_t n = strlen(mid);

	while (n > 0 && *bundle != '\0') {
		size_t word = strcspn(bundle, " ");

		if (word == n && strncmp(bundle, mid, n) == 0)
			return true;
		bundle += word;
		bundle += strspn(bundle, " ");
	}
	return false;
}

void
sdp_plan_own_mids(struct sdp_plan *plan)
{
	for (size_t i = 0; i < plan->track_count; i++)
		if (plan->tracks[i].mid[0] == '\0')
			plan->tracks[i].mid = plan->tracks[i].index_text;
}

/* Does the section speak for the transport? With only_tagged, the bundle's first alone (s.7.2.1).
 */
static bool
speaks(const struct sdp_plan *p, const struct sdp *remote, size_t i, bool only_tagged)
{
	char tag[SDP_MID_MAX + 1] = "";
	size_t n = strcspn(remote->bundle, " ");

	if (!only_tagged)
		return p->tracks[i].accepted;
	if (n < sizeof(tag))
		memcpy(tag, remote->bundle, n);
	return sdp_in_bundle(tag, remote->media[i].mid);
}

static void
gather(struct sdp_plan *p, const struct sdp *remote, bool only_tagged)
{
	struct sdp_transport *t = &p->remote;

	for (size_t i = 0; i < remote->media_count; i++) {
		const struct sdp_media *m = &remote->media[i];

		if (!speaks(p, remote, i, only_tagged))
			continue;
		if (t->ufrag[0] == '\0') {
			t->ufrag = m->transport.ufrag;
			t->pwd = m->transport.pwd;
		}
		if (t->fingerprint[0] == '\0') {
			t->fingerprint_hash = m->transport.fingerprint_hash;
			t->fingerprint = m->transport.fingerprint;
		}
		if (t->setup == SDP_SETUP_NONE)
			t->setup = m->transport.setup;
		if (p->candidate_count == 0) {
			p->candidate_count = m->candidate_count;
			memcpy(p->candidates, m->candidates,
			       m->candidate_count * sizeof(m->candidates[0]));
		}
	}
}

static int
need(bool have, struct sdp_problem *problem, const char *words)
{
	if (have)
		return 0;
	sdp_problem_set(problem, SDP_UNSUPPORTED, "%s", words);
	return -EPROTO;
}

static bool
hash_is_good(const char *hash)
{
	static const char *const good[] = {"sha-256", "sha-384", "sha-512"};

	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		if (strcasecmp(hash, good[i]) == 0)
			return true;
	return false;
}

static int
check_bundling(const struct sdp_plan *p, const struct sdp *remote, struct sdp_problem *problem)
{
	size_t accepted = 0;

	for (size_t i = 0; i < p->track_count; i++) {
		if (!p->tracks[i].accepted)
			continue;
		accepted++;
		if (!remote->media[i].rtcp_mux)
			return need(false, problem,
				    "a media section has no a=rtcp-mux line: RTP and RTCP must "
				    "share one port here");
	}
	return need(accepted < 2 || remote->has_bundle, problem,
		    "there are several media sections and no a=group:BUNDLE line: they must share "
		    "one transport");
}

int
sdp_plan_transport(struct sdp_plan *p, const struct sdp *remote, bool bare,
		   struct sdp_problem *problem)
{
	struct sdp_transport *t = &p->remote;
	int r;

	t->ufrag = t->pwd = t->fingerprint = t->fingerprint_hash = "";
	t->setup = SDP_SETUP_NONE;
	gather(p, remote, true);
	gather(p, remote, false);
	p->remote_lite = remote->ice_lite;
	if (bare && t->fingerprint[0] == '\0')
		return 0;
	r = need(
	    t->fingerprint[0] != '\0', problem,
	    "there is no a=fingerprint line: add the SHA-256 fingerprint of the DTLS certificate");
	if (r == 0)
		r = need(hash_is_good(t->fingerprint_hash), problem,
			 "the hash of a=fingerprint is not accepted: use sha-256");
	if (r == 0)
		r = need(t->ufrag[0] != '\0', problem, "there is no a=ice-ufrag line");
	if (r == 0)
		r = need(t->pwd[0] != '\0', problem, "there is no a=ice-pwd line");
	return r == 0 ? check_bundling(p, remote, problem) : r;
}
