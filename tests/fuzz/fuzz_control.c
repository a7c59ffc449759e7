/*
 * A control message on any octets, as the relay takes it: one bounded JSON object, its tracks, what
 * a player of them could carry. What is accepted must be written and read back as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ipc/ipc.h"
#include "track/track.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
read_back(const struct tracks *t)
{
	char detail[128] = "";
	json_t *json = tracks_json(t);
	struct tracks again;

	if (json == NULL || tracks_parse(&again, json, detail, sizeof(detail)) != 0)
		abort();
	if (again.count != t->count)
		abort();
	for (size_t i = 0; i < t->count; i++)
		if (again.list[i].kind != t->list[i].kind ||
		    again.list[i].codec_count != t->list[i].codec_count)
			abort();
	tracks_free(&again);
	json_decref(json);
}

static void
use(const struct tracks *t)
{
	struct binding binding;
	char names[64];

	if (tracks_bind(&binding, t, t) > t->count)
		abort();
	tracks_choose(&binding, t, NULL);
	tracks_codec_names(t, names, sizeof(names));
	read_back(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct tracks t = {0};
	char detail[128] = "";
	json_t *message;

	if (size == 0 || size > IPC_MESSAGE_MAX || buf[0] != '{')
		return 0;
	message = json_loadb((const char *)buf, size, JSON_REJECT_DUPLICATES, NULL);
	if (message == NULL)
		return 0;
	if (tracks_parse(&t, json_object_get(message, "tracks"), detail, sizeof(detail)) == 0) {
		use(&t);
		tracks_free(&t);
	}
	json_decref(message);
	return 0;
}
