/* Any octets as a description: what parses must survive being answered, written and parsed again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "sdp/sdp_negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static const struct sdp_candidate candidate = {
    .foundation = "1",
    .component = 1,
    .priority = 2130706431,
    .address = "192.0.2.1",
    .port = 8000,
};

static void
answer(const struct sdp *offer, enum sdp_role role, char *out)
{
	struct sdp_policy policy = {.role = role, .allow_bare = true};
	struct sdp_local local = {
	    .ice_lite = true,
	    .ufrag = "abcd",
	    .pwd = "0123456789012345678901",
	    .cname = "c",
	    .fingerprint_hash = "sha-256",
	    .fingerprint = "AB:CD",
	    .candidates = &candidate,
	    .candidate_count = 1,
	    .tracks = {{1, 2}, {3, 4}},
	};
	struct sdp_problem problem = {.code = SDP_FINE};
	struct sdp_plan plan;
	struct sdp *made, *again;
	int n;

	if (sdp_negotiate_offer(&plan, offer, &policy, &problem) < 0) {
		assert(problem.code != SDP_FINE && problem.detail[0] != '\0');
		return;
	}
	made = sdp_answer(offer, &plan, &local);
	assert(made != NULL);
	n = sdp_write(made, out, SDP_SIZE_MAX);
	if (n > 0) {
		again = sdp_parse(out, (size_t)n, &problem);
		assert(again != NULL && again->media_count == offer->media_count);
		(void)sdp_negotiate_answer(&plan, offer, again, &problem);
		sdp_free(again);
	}
	sdp_free(made);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct sdp_problem problem = {.code = SDP_FINE};
	struct sdp *sdp = sdp_parse((const char *)buf, size, &problem);
	char *out = malloc(SDP_SIZE_MAX);

	if (out == NULL)
		abort();
	if (sdp == NULL) {
		assert(problem.code != SDP_FINE && problem.detail[0] != '\0');
	} else {
		answer(sdp, SDP_PUBLISH, out);
		answer(sdp, SDP_PLAY, out);
	}
	sdp_free(sdp);
	free(out);
	return 0;
}
