/* answer.c - requests for a stream: wait until it is there, then send it as it comes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "conf/conf_mount.h"
#include "serve.h"

enum form { FORM_FLV, FORM_TS, FORM_HLS, FORM_M4S, FORM_COUNT };

static const struct {
	const char *suffix, *type;
} forms[FORM_COUNT] = {
    [FORM_FLV] = {".flv", "video/x-flv"},
    [FORM_TS] = {".ts", "video/mp2t"},
    [FORM_HLS] = {".m3u8", "application/vnd.apple.mpegurl"},
    [FORM_M4S] = {".m4s", "video/mp4"},
};

/* What the parts of the two sorts of HLS are called. */
static const struct {
	const char *name, *segment, *map;
} sorts[LIVE_HLS_FORMS] = {
    [LIVE_HLS_TS] = {"ts", ".ts?segment=", ""},
    [LIVE_HLS_MP4] = {"fmp4", ".m4s?segment=", ".m4s?init="},
};

/* A request that waits, then a consumer. */
struct viewer {
	struct live_viewer link;
	struct live *live;
	enum form form;
	enum live_form sort;	  /* of HLS */
	bool is_sort_asked;	  /* by ?format= */
	struct http_request *req; /* while it waits */
	uint64_t since_us, starting_us;
	struct http_stream *stream; /* then */
	uint64_t generation, number;
	struct piece *piece; /* held: the one under way */
	size_t offset;
};

static void
viewer_free(struct viewer *v)
{
	piece_drop(v->piece);
	live_remove_viewer(v->live, &v->link);
	free(v);
}

/* ---- the stream ---- */

static ssize_t
read_some(void *arg, uint8_t *buf, size_t cap)
{
	struct viewer *v = arg;
	const struct reel *reel = &v->live->mux[v->form == FORM_FLV ? LIVE_FLV : LIVE_TS].reel;
	size_t used = 0;

	while (used < cap) {
		size_t n;

		if (v->piece == NULL) {
			struct piece *p =
			    v->generation == v->live->generation ? reel_get(reel, v->number) : NULL;

			if (p == NULL)
				break;
			v->number = p->number + 1;
			v->piece = piece_hold(p);
			v->offset = 0;
		}
		n = MIN_OF(cap - used, v->piece->size - v->offset);
		memcpy(buf + used, v->piece->data + v->offset, n);
		used += n;
		v->offset += n;
		if (v->offset == v->piece->size) {
			piece_drop(v->piece);
			v->piece = NULL;
		}
	}
	if (used == 0 && (v->live->state != LIVE_ON || v->generation != v->live->generation))
		return -1; /* the publisher is gone, or another one came */
	return (ssize_t)used;
}

static void
on_stream_closed(void *arg)
{
	viewer_free(arg);
}

static const struct http_source source = {read_some, on_stream_closed};

static void
start_stream(struct viewer *v)
{
	const struct http_header headers[] = {
	    {"Content-Type", forms[v->form].type}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	const struct reel *reel = &v->live->mux[v->form == FORM_FLV ? LIVE_FLV : LIVE_TS].reel;
	struct http_request *req = v->req;

	v->req = NULL;
	v->generation = v->live->generation;
	v->number = reel->key_number;
	if (reel->header != NULL)
		v->piece = piece_hold(reel->header);
	v->stream = http_reply_stream(req, 200, headers, &source, v); /* failed: v is gone */
}

/* ---- the playlist ---- */

static void
send_playlist(struct viewer *v)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/vnd.apple.mpegurl"},
	    {"Cache-Control", "no-cache"},
	    {NULL, NULL}};
	char text[HLS_PLAYLIST_SIZE], segment[TEXT_STREAM_SIZE + 16], map[TEXT_STREAM_SIZE + 16];
	const struct hls_names names = {segment, "", map, ""};
	const char *slash = strrchr(v->live->name, '/');
	const char *name = slash != NULL ? slash + 1 : v->live->name;
	struct http_request *req = v->req;
	int size;

	snprintf(segment, sizeof(segment), "%s%s", name, sorts[v->sort].segment);
	snprintf(map, sizeof(map), "%s%s", name, sorts[v->sort].map);
	size = hls_playlist(&v->live->hls[v->sort].hls, text, &names);
	viewer_free(v);
	if (size >= 0)
		http_reply(req, 200, headers, text, (size_t)size);
	else
		http_problem(req, 500, "playlist", "Internal Server Error",
			     "the playlist is too long");
}

/* A segment, or the initialisation section that segments name. */
static void
send_part(struct live_hub *hub, struct http_request *req, const char *name, enum form form)
{
	const struct http_header headers[] = {
	    {"Content-Type", forms[form].type}, {"Cache-Control", "max-age=60"}, {NULL, NULL}};
	enum live_form sort = form == FORM_TS ? LIVE_HLS_TS : LIVE_HLS_MP4;
	const char *segment = http_query(req, "segment"), *init = http_query(req, "init");
	const char *number = segment != NULL ? segment : init != NULL ? init : "";
	struct live *l = live_find(hub, name);
	const struct hls_segment *s = NULL;
	const struct piece *map = NULL;
	char *end = NULL;
	uint64_t n = isdigit((unsigned char)*number) ? strtoull(number, &end, 10) : 0;

	if (end != NULL && *end == '\0' && l != NULL && l->hls[sort].on) {
		if (segment != NULL)
			s = hls_find(&l->hls[sort].hls, n);
		else
			map = hls_find_map(&l->hls[sort].hls, n);
	}
	if (s == NULL && map == NULL) {
		http_problem(req, 404, "no-such-segment", "Not Found",
			     "this segment is not there, or no more: see the playlist");
		return;
	}
	live_want_hls(l, sort);
	if (s != NULL)
		http_reply(req, 200, headers, s->data, s->size);
	else
		http_reply(req, 200, headers, map->data, map->size);
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
	viewer_free(v);
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
		v->form == FORM_HLS ? send_playlist(v) : start_stream(v);
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
	viewer_free(arg);
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
		size_t n = strlen(forms[f].suffix);

		if (size <= n || strcmp(path + size - n, forms[f].suffix) != 0)
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
	for (int i = 0; i < LIVE_HLS_FORMS; i++)
		if (strcmp(name, sorts[i].name) == 0)
			return i;
	return -1;
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
		send_part(hub, req, name, (enum form)form);
	else if (form == FORM_HLS && sort < 0)
		http_problem(req, 400, "format", "Bad Request", "format is ts or fmp4");
	else
		wait_for(hub, req, name, (enum form)form, (enum live_form)sort);
}
