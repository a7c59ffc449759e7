/* Fragments of descriptions: what is accepted is within its limits and can be written again. */
#include <assert.h>
#include <string.h>

#include "sdp/sdp_fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct sdp_problem problem = {.code = SDP_FINE};
	struct sdp_fragment f, again;
	char text[SDP_UFRAG_MAX + SDP_PWD_MAX + 64];
	int n;

	if (sdp_fragment_parse(&f, (const char *)buf, size, &problem) < 0) {
		assert(problem.code == SDP_MALFORMED && problem.detail[0] != '\0');
		return 0;
	}
	assert(strlen(f.ufrag) <= SDP_UFRAG_MAX && strlen(f.pwd) <= SDP_PWD_MAX);
	assert(f.media_count <= SDP_MEDIA_MAX);
	if (f.pwd[0] == '\0')
		return 0;
	n = sdp_fragment_write(text, sizeof(text), f.ufrag, f.pwd, "");
	assert(n > 0 && sdp_fragment_parse(&again, text, (size_t)n, NULL) == 0);
	assert(strcmp(again.ufrag, f.ufrag) == 0 && strcmp(again.pwd, f.pwd) == 0);
	return 0;
}
