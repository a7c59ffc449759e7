/* answer.c - requests for a stream: wait until it is there, then send it as it comes. */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "conf/conf_mount.h"
#include "serve.h"

const struct form_name answer_forms[FORM_COUNT] = {
    [FORM_FLV] = {".flv", "video/x-flv"},
    [FORM_TS] = {".ts", "video/mp2t"},
    [FORM_HLS] = {".m3u8", "application/vnd.apple.mpegurl"},
    [FORM_M4S] = {".m4s", "video/mp4"},
};

struct roll_origin
answer_origin(const struct http_request *req, const char *stream,
	      char address[static ADDR_TEXT_SIZE])
{
	const char *agent = http_header(req, "User-Agent");
	struct addr client;

	address[0] = '\0';
	if (http_client(req, &client))
		addr_format_host(&client, address);
	return (struct roll_origin){stream, address, agent != NULL ? agent : ""};
}

void
answer_free(struct viewer *v)
{
	piece_drop(v->piece);
	answer_unlist(v);
	live_remove_viewer(v->live, &v->link);
	free(v);
}

/* ---- waiting ---- */

static enum live_kind
kind_of(const struct viewer *v)
{
	if (v->form == FORM_HLS)
		return v->sort == LIVE_HLS_TS ? LIVE_TS : LIVE_MP4;
	return v->form == FORM_FLV ? LIVE_FLV : LIVE_TS;
}

/* Does what is asked for hold the pictures? A playlist may be of the other sort then. */
static bool
is_possible(struct viewer *v)
{
	const struct live *l = v->live;

	if (l->state != LIVE_ON || live_carries(l, kind_of(v)))
		return true;
	if (v->form != FORM_HLS || v->is_sort_asked)
		return false;
	v->sort = v->sort == LIVE_HLS_TS ? LIVE_HLS_MP4 : LIVE_HLS_TS;
	return live_carries(l, kind_of(v));
}

static bool
is_ready(const struct viewer *v)
{
	const struct live *l = v->live;

	if (v->form == FORM_HLS)
		return live_hls_is_ready(l, v->sort);
	return l->state == LIVE_ON &&
	       l->mux[v->form == FORM_FLV ? LIVE_FLV : LIVE_TS].reel.key_number > 0;
}

static void
give_up(struct viewer *v, const char *detail)
{
	struct http_request *req = v->req;
	char words[sizeof(v->live->words)];

	text_copy(words, sizeof(words), detail);
	answer_free(v);
	http_problem(req, 404, "no-such-stream", "Not Found", "%s", words);
}

static void
give_up_codec(struct viewer *v)
{
	const struct live *l = v->live;
	char words[sizeof(l->words)];

	snprintf(words, sizeof(words), "%s does not hold %s; there is %s%s",
		 v->form == FORM_FLV ? "FLV" : "MPEG-TS", payload_name(l->codec),
		 live_carries(l, LIVE_FLV) ? ".flv" : "no .flv",
		 live_carries(l, LIVE_MP4) ? " and .m3u8?format=fmp4" : "");
	give_up(v, words);
}

static void
check_waiting(struct viewer *v)
{
	uint64_t now_us = clock_now_us();

	if (!is_possible(v)) {
		give_up_codec(v);
		return;
	}
	if (v->form == FORM_HLS)
		live_want_hls(v->live, v->sort);
	if (v->live->state == LIVE_WAITING)
		v->starting_us = 0;
	else if (v->starting_us == 0)
		v->starting_us = now_us;
	if (is_ready(v))
		v->form == FORM_HLS ? answer_playlist(v) : answer_stream(v);
	else if (v->live->state == LIVE_REFUSED)
		give_up(v, v->live->words);
	else if (v->starting_us == 0 &&
		 (double)(now_us - v->since_us) > v->live->hub->config->wait_s * 1e6)
		give_up(v, "nobody publishes this stream");
	else if (v->starting_us != 0 && now_us - v->starting_us > LIVE_BEGIN_US)
		give_up(v, "the publisher has sent no keyframe yet");
}

static void
on_news(struct live_viewer *link)
{
	struct viewer *v = (struct viewer *)link; /* its first member */

	if (v->stream != NULL)
		http_stream_wake(v->stream);
	else if (v->req != NULL)
		check_waiting(v);
}

static void
on_gone(struct http_request *req, void *arg)
{
	(void)req;
	answer_free(arg);
}

static void
wait_for(struct live_hub *hub, struct http_request *req, const char *name, enum form form,
	 enum live_form sort)
{
	struct live *l = live_get(hub, name);
	struct viewer *v = l != NULL ? calloc(1, sizeof(*v)) : NULL;

	if (v == NULL) {
		http_problem(req, 503, "limit", "Service Unavailable",
			     "%d streams are wanted already", LIVE_STREAMS_MAX);
		return;
	}
	v->link.news = on_news;
	v->live = l;
	v->form = form;
	v->sort = sort;
	v->is_sort_asked = http_query(req, "format") != NULL;
	v->req = req;
	v->since_us = clock_now_us();
	live_add_viewer(l, &v->link);
	http_on_gone(req, on_gone, v);
	check_waiting(v);
}

/* The form by the path's end; stem gets what is before it. -1: none of ours. */
static int
split_path(const char *path, char *stem, size_t cap)
{
	size_t size = strlen(path);

	for (int f = 0; f < FORM_COUNT; f++) {
		size_t n = strlen(answer_forms[f].suffix);

		if (size <= n || strcmp(path + size - n, answer_forms[f].suffix) != 0)
			continue;
		if (size - n >= cap)
			return -1;
		memcpy(stem, path, size - n);
		stem[size - n] = '\0';
		return f;
	}
	return -1;
}

/* The form and the stream that a path is of: of --mount, or as it is called. */
static int
find_stream(const struct live_config *c, const char *path, bool is_part,
	    char name[static TEXT_STREAM_SIZE])
{
	char stem[CONF_MOUNT_MAX + TEXT_STREAM_SIZE];
	int form = split_path(path, stem, sizeof(stem));

	if (form < 0)
		return -1;
	if (c->mount != NULL && !is_part && (form == FORM_FLV || form == FORM_TS) &&
	    conf_mount_match(c->mount, stem, name, TEXT_STREAM_SIZE) == 0 && text_is_stream(name))
		return form;
	return text_copy(name, TEXT_STREAM_SIZE, stem + 1) && text_is_stream(name) ? form : -1;
}

/* The sort of HLS that is asked for by ?format=; -1: there is none of this name. */
static int
sort_of(const struct live_hub *hub, const struct http_request *req)
{
	const char *name = http_query(req, "format");

	if (name == NULL)
		return (int)hub->config->form;
	return answer_sort(name);
}

static bool
is_served(const struct live_config *c, int form, bool is_part)
{
	if (form < 0 || (form == FORM_FLV && c->no_flv))
		return false;
	return !c->no_hls || (form != FORM_HLS && !is_part);
}

void
serve_request(struct http_request *req)
{
	struct live_hub *hub = http_server_arg(http_server_of(req));
	char name[TEXT_STREAM_SIZE];
	bool is_segment = http_query(req, "segment") != NULL, is_part;
	int form = find_stream(hub->config, http_path(req), is_segment, name);
	int sort = sort_of(hub, req);

	is_part = form == FORM_M4S || (form == FORM_TS && is_segment);
	if (!is_served(hub->config, form, is_part))
		http_problem(req, 404, "no-such-path", "Not Found",
			     "streams are at /app/stream.flv, .ts and .m3u8");
	else if (is_part)
		answer_part(hub, req, name, (enum form)form);
	else if (form == FORM_HLS && sort < 0)
		http_problem(req, 400, "format", "Bad Request", "format is ts or fmp4");
	else
		wait_for(hub, req, name, (enum form)form, (enum live_form)sort);
}
