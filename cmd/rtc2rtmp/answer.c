/* answer.c - requests for a stream: wait until it is there, then send it as it comes. */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "conf/conf_mount.h"
#include "serve.h"

const char *const answer_types[HLS_FORMS] = {[HLS_FLV] = "video/x-flv",
					     [HLS_TS] = "video/mp2t",
					     [HLS_PLAYLIST] = "application/vnd.apple.mpegurl",
					     [HLS_M4S] = "video/mp4"};

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
	if (v->form == HLS_PLAYLIST)
		return v->sort == LIVE_HLS_TS ? LIVE_TS : LIVE_MP4;
	return v->form == HLS_FLV ? LIVE_FLV : LIVE_TS;
}

/* Does what is asked for hold the pictures? A playlist may be of the other sort then. */
static bool
is_possible(struct viewer *v)
{
	const struct live *l = v->live;

	if (l->state != LIVE_ON || live_carries(l, kind_of(v)))
		return true;
	if (v->form != HLS_PLAYLIST || v->is_sort_asked)
		return false;
	v->sort = v->sort == LIVE_HLS_TS ? LIVE_HLS_MP4 : LIVE_HLS_TS;
	return live_carries(l, kind_of(v));
}

static bool
is_ready(const struct viewer *v)
{
	const struct live *l = v->live;

	if (v->form == HLS_PLAYLIST)
		return live_hls_is_ready(l, v->sort);
	return l->state == LIVE_ON &&
	       l->mux[v->form == HLS_FLV ? LIVE_FLV : LIVE_TS].reel.key_number > 0;
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
		 v->form == HLS_FLV ? "FLV" : "MPEG-TS", payload_name(l->codec),
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
	if (v->form == HLS_PLAYLIST)
		live_want_hls(v->live, v->sort);
	if (v->live->state == LIVE_WAITING)
		v->starting_us = 0;
	else if (v->starting_us == 0)
		v->starting_us = now_us;
	if (is_ready(v))
		v->form == HLS_PLAYLIST ? answer_playlist(v) : answer_stream(v);
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
wait_for(struct live_hub *hub, struct http_request *req, const char *name, enum hls_form form,
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
	v->is_master = http_query(req, "master") != NULL;
	v->req = req;
	v->since_us = clock_now_us();
	live_add_viewer(l, &v->link);
	http_on_gone(req, on_gone, v);
	check_waiting(v);
}

/* What is asked for: at --mount, or as the stream is called. */
static int
parse_url(const struct live_config *c, const struct http_request *req, struct hls_url *url)
{
	const char *segment = http_query(req, "segment"), *init = http_query(req, "init");
	const char *path = http_path(req);
	char stem[CONF_MOUNT_MAX + TEXT_STREAM_SIZE];
	int size = hls_url_split(url, path, segment, init);

	if (c->mount != NULL && size >= 0 && size < (int)sizeof(stem) && url->part == HLS_WHOLE &&
	    url->form != HLS_PLAYLIST) {
		memcpy(stem, path, (size_t)size);
		stem[size] = '\0';
		if (conf_mount_match(c->mount, stem, url->stream, sizeof(url->stream)) == 0 &&
		    text_is_stream(url->stream))
			return 0;
	}
	return hls_url_parse(url, path, segment, init);
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
is_served(const struct live_config *c, const struct hls_url *url)
{
	if (url->form == HLS_FLV && c->no_flv)
		return false;
	return !c->no_hls || (url->form != HLS_PLAYLIST && url->part == HLS_WHOLE);
}

void
serve_request(struct http_request *req)
{
	struct live_hub *hub = http_server_arg(http_server_of(req));
	int sort = sort_of(hub, req);
	struct hls_url url;

	if (parse_url(hub->config, req, &url) < 0 || !is_served(hub->config, &url))
		http_problem(req, 404, "no-such-path", "Not Found",
			     "streams are at /app/stream.flv, .ts and .m3u8");
	else if (url.part != HLS_WHOLE)
		answer_part(hub, req, &url);
	else if (sort < 0)
		http_problem(req, 400, "format", "Bad Request", "format is ts or fmp4");
	else
		wait_for(hub, req, url.stream, url.form, (enum live_form)sort);
}
