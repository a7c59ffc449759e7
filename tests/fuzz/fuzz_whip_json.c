/* Requests of the older JSON interface: what is accepted has texts, and parameters can be read. */
#include <assert.h>
#include <string.h>

#include "whip/whip_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char words[WHIP_WORDS_SIZE] = "";
	struct whip_json *j = whip_json_read((const char *)buf, size, words);
	struct whip_params params;

	if (j == NULL) {
		assert(words[0] != '\0');
		return 0;
	}
	assert(j->sdp_size <= size && strlen(j->sdp) == j->sdp_size);
	if (whip_params_read(&params, whip_json_get, j, SDP_PUBLISH, true, words) == 0)
		assert(text_is_stream(params.stream));
	whip_json_free(j);
	return 0;
}
