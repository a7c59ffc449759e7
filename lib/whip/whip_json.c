#include "whip/whip_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char whip_json_mark[1];

static bool
refuse(char *words, const char *rule)
{
	snprintf(words, WHIP_WORDS_SIZE, "%s", rule);
	return false;
}

/* "/app/stream": exactly two parts, each decoded once. */
static bool
split_path(struct whip_json *j, const struct url_span *path)
{
	const char *app = path->ptr + 1, *slash;
	size_t size = path->size;

	if (size < 4)
		return false;
	slash = memchr(app, '/', size - 1);
	if (slash == NULL || memchr(slash + 1, '/', (size_t)(path->ptr + size - slash - 1)) != NULL)
		return false;
	return url_decode(j->app, sizeof(j->app), app, (size_t)(slash - app)) > 0 &&
	       url_decode(j->stream, sizeof(j->stream), slash + 1,
			  (size_t)(path->ptr + size - slash - 1)) > 0;
}

static bool
read_url(struct whip_json *j, char *words)
{
	const char *text = json_string_value(json_object_get(j->body, "streamurl"));
	struct url url;

	if (text == NULL || url_parse(&url, text, strlen(text)) < 0 || !split_path(j, &url.path))
		return refuse(words, "streamurl must be webrtc://host[:port]/app/stream[?query]");
	j->raw_query = url.query.ptr != NULL ? url.query.ptr : "";
	if (url.query.ptr != NULL && url_query_parse(&j->query, url.query.ptr, url.query.size) < 0)
		return refuse(words, "the query of streamurl is malformed");
	return true;
}

static bool
read_body(struct whip_json *j, const char *text, size_t size, char *words)
{
	json_t *sdp;

	j->body = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(j->body))
		return refuse(words, "the body must be a JSON object with streamurl and sdp");
	sdp = json_object_get(j->body, "sdp");
	if (!json_is_string(sdp))
		return refuse(words, "sdp must be a text: the offer");
	j->sdp = json_string_value(sdp);
	j->sdp_size = json_string_length(sdp);
	return read_url(j, words);
}

struct whip_json *
whip_json_read(const char *text, size_t size, char words[static WHIP_WORDS_SIZE])
{
	struct whip_json *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		refuse(words, "out of memory: try again later");
		return NULL;
	}
	if (read_body(j, text, size, words))
		return j;
	whip_json_free(j);
	return NULL;
}

void
whip_json_free(struct whip_json *json)
{
	if (json == NULL)
		return;
	json_decref(json->body);
	free(json);
}

const char *
whip_json_get(const void *json, const char *name)
{
	const struct whip_json *j = json;
	const char *value;

	if (strcmp(name, "app") == 0)
		return j->app;
	if (strcmp(name, "stream") == 0)
		return j->stream;
	if (strcmp(name, "action") == 0)
		return NULL; /* the path says it */
	value = url_query_get(&j->query, name);
	return value == NULL && j->req != NULL ? http_query(j->req, name) : value;
}

static char *
write_object(json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *
whip_json_answer(const char *sdp, const char *ours, const char *theirs)
{
	char id[600], pid[16];

	snprintf(id, sizeof(id), "%s:%s", ours, theirs);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	return write_object(json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "code", 0, "server",
				      "rtckit", "service", RTCKIT_VERSION, "pid", pid, "sdp", sdp,
				      "sessionid", id));
}

void
whip_fail(struct http_request *req, const struct http_header *headers, int status, const char *slug,
	  const char *title, const char *detail, ...)
{
	static const struct http_header json[] = {
	    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	char text[HTTP_PROBLEM_SIZE], *body;
	va_list ap;

	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	if (http_arg(req) != whip_json_mark || status < 400) {
		http_problem_with(req, headers, status, slug, title, "%s", text);
		return;
	}
	body = write_object(json_pack("{s:i, s:s}", "code", status, "detail", text));
	if (body == NULL)
		body = write_object(json_pack("{s:i, s:s}", "code", status, "detail", title));
	if (body != NULL)
		http_reply(req, 200, json, body, strlen(body));
	else
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
	free(body);
}
