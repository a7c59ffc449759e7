#include "watch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ipc/ipc.h"
#include "log/log.h"

enum { PAGE = 100, ANSWER_MS = 3000 };

struct watch {
	struct live_hub *hub;
	struct ipc_client *client;
	uv_timer_t timer;
	int start; /* of the page that is asked for */
	bool asking, said, full;
};

static void ask(struct watch *w);

static void
take_stream(struct watch *w, const json_t *stream)
{
	const char *name = json_string_value(json_object_get(stream, "name"));
	const char *state = json_string_value(json_object_get(stream, "state"));
	struct live *l;

	if (name == NULL || state == NULL || strcmp(state, "live") != 0 || !text_is_stream(name))
		return;
	l = live_get(w->hub, name);
	if (l != NULL)
		live_files_begin(l);
	else if (!w->full)
		log_warn("live", "%d streams are muxed already: %s and others are not",
			 LIVE_STREAMS_MAX, name);
	w->full = l == NULL;
}

static void
on_list(void *arg, json_t *reply, int error)
{
	struct watch *w = arg;
	json_int_t total = json_integer_value(json_object_get(reply, "total"));
	const json_t *streams = json_object_get(reply, "streams"), *stream;
	size_t i;

	w->asking = false;
	if (reply == NULL && !w->said)
		log_warn("live", "the relay does not say which streams there are: %s",
			 ipc_words(error));
	w->said = reply == NULL;
	json_array_foreach(streams, i, stream) take_stream(w, stream);
	w->start += (int)json_array_size(streams);
	if (json_array_size(streams) == PAGE && w->start < total)
		ask(w);
}

static void
ask(struct watch *w)
{
	json_t *msg =
	    json_pack("{s:s, s:i, s:i}", "op", "streams.list", "start", w->start, "count", PAGE);

	w->asking = ipc_client_ask(w->client, msg, on_list, w) > 0;
}

static void
on_time(uv_timer_t *timer)
{
	struct watch *w = timer->data;

	if (w->asking)
		return;
	w->start = 0;
	ask(w);
}

struct watch *
watch_new(struct live_hub *hub)
{
	struct watch *w = calloc(1, sizeof(*w));
	char path[108]; /* sun_path of unix(7) */

	if (w == NULL)
		return NULL;
	w->hub = hub;
	if (ipc_run_path(path, sizeof(path), "relay/admin.sock") == 0)
		w->client = ipc_client_new(hub->loop, path, ANSWER_MS);
	if (w->client == NULL) {
		free(w);
		return NULL;
	}
	uv_timer_init(hub->loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_time, 0, WATCH_PERIOD_MS);
	return w;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	ipc_client_free(w->client);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
