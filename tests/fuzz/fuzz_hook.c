/* A hook's answer by a web server; a question of a program; rtc-hook's reply to it. */
#include <assert.h>
#include <string.h>

#include "hook/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	json_t *message, *body;
	struct hook_verdict verdict;

	if (hook_accepts(200, (const char *)buf, size))
		assert(memchr(buf, '0', size) != NULL);
	assert(!hook_accepts(403, (const char *)buf, size));
	message = json_loadb((const char *)buf, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(message)) {
		json_decref(message);
		return 0;
	}
	verdict = hook_read(message);
	assert(verdict.words != NULL && !(verdict.allowed && verdict.unavailable));
	for (int action = 0; action < HOOK_ACTIONS; action++) {
		body = hook_body(message, (enum hook_action)action, "server");
		if (body != NULL)
			for (size_t i = 0; i < 4; i++) {
				static const char *const must[] = {"client_id", "app", "stream",
								   "stream_url"};

				assert(json_is_string(json_object_get(body, must[i])));
			}
		json_decref(body);
	}
	json_decref(message);
	return 0;
}
