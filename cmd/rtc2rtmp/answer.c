/* answer.c - requests for a stream: wait until it is there, then send it as it comes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "serve.h"

enum form { FORM_FLV, FORM_TS, FORM_HLS, FORM_COUNT };

static const struct {
	const char *suffix, *type;
} forms[FORM_COUNT] = {
    [FORM_FLV] = {".flv", "video/x-flv"},
    [FORM_TS] = {".ts", "video/mp2t"},
    [FORM_HLS] = {".m3u8", "application/vnd.apple.mpegurl"},
};

/* A request that waits, then a consumer. */
struct viewer {
	struct live_viewer link;
	struct live *live;
	enum form form;
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
	char text[HLS_PLAYLIST_SIZE], name[TEXT_STREAM_SIZE + 16];
	const char *slash = strrchr(v->live->name, '/');
	struct http_request *req = v->req;
	int size;

	snprintf(name, sizeof(name), "%s.ts?segment=", slash != NULL ? slash + 1 : v->live->name);
	size = hls_playlist(&v->live->hls, text, name);
	viewer_free(v);
	if (size >= 0)
		http_reply(req, 200, headers, text, (size_t)size);
	else
		http_problem(req, 500, "playlist", "Internal Server Error",
			     "the playlist is too long");
}

static void
send_segment(struct live_hub *hub, struct http_request *req, const char *name, const char *number)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "video/mp2t"}, {"Cache-Control", "max-age=60"}, {NULL, NULL}};
	struct live *l = live_find(hub, name);
	const struct hls_segment *s = NULL;
	char *end;
	uint64_t n = strtoull(number, &end, 10);

	if (l != NULL && l->hls_on && *number != '\0' && *end == '\0')
		s = hls_find(&l->hls, n);
	if (s == NULL) {
		http_problem(req, 404, "no-such-segment", "Not Found",
			     "this segment is not there, or no more: see the playlist");
		return;
	}
	live_want_hls(l);
	http_reply(req, 200, headers, s->data, s->size);
}

/* ---- waiting ---- */

static bool
is_ready(const struct viewer *v)
{
	const struct live *l = v->live;

	if (v->form == FORM_HLS)
		return l->hls_on && l->hls.count > 0;
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
check_waiting(struct viewer *v)
{
	uint64_t now_us = clock_now_us();

	if (v->form == FORM_HLS)
		live_want_hls(v->live);
	if (v->live->state == LIVE_WAITING)
		v->starting_us = 0;
	else if (v->starting_us == 0)
		v->starting_us = now_us;
	if (is_ready(v))
		v->form == FORM_HLS ? send_playlist(v) : start_stream(v);
	else if (v->live->state == LIVE_REFUSED)
		give_up(v, v->live->words);
	else if (v->starting_us == 0 && now_us - v->since_us > LIVE_PUBLISHER_US)
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
wait_for(struct live_hub *hub, struct http_request *req, const char *name, enum form form)
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
	v->req = req;
	v->since_us = clock_now_us();
	live_add_viewer(l, &v->link);
	http_on_gone(req, on_gone, v);
	check_waiting(v);
}

/* The form by the path's end; name gets what is before it. */
static int
split_path(const char *path, char *name, size_t cap)
{
	size_t size = strlen(path);

	for (int f = 0; f < FORM_COUNT; f++) {
		size_t n = strlen(forms[f].suffix);

		if (size <= n || strcmp(path + size - n, forms[f].suffix) != 0)
			continue;
		if (size - n >= cap)
			return -1;
		memcpy(name, path, size - n);
		name[size - n] = '\0';
		return text_is_stream(name) ? f : -1;
	}
	return -1;
}

void
serve_request(struct http_request *req)
{
	struct live_hub *hub = http_server_arg(http_server_of(req));
	const char *segment = http_query(req, "segment");
	char name[TEXT_STREAM_SIZE];
	int form = split_path(http_path(req) + 1, name, sizeof(name));

	if (form < 0 || (form == FORM_FLV && hub->config->no_flv) ||
	    (form == FORM_HLS && hub->config->no_hls))
		http_problem(req, 404, "no-such-path", "Not Found",
			     "streams are at /app/stream.flv, .ts and .m3u8");
	else if (form == FORM_TS && segment != NULL)
		send_segment(hub, req, name, segment);
	else
		wait_for(hub, req, name, (enum form)form);
}
