/* answer_hls.c - playlists, and what they name; who asks for them is listed. */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

/* What the parts of the two sorts of HLS are called. */
static const struct {
	const char *name, *segment, *map;
} sorts[LIVE_HLS_FORMS] = {
    [LIVE_HLS_TS] = {"ts", ".ts?segment=", ""},
    [LIVE_HLS_MP4] = {"fmp4", ".m4s?segment=", ".m4s?init="},
};

int
answer_sort(const char *name)
{
	for (int i = 0; i < LIVE_HLS_FORMS; i++)
		if (strcmp(name, sorts[i].name) == 0)
			return i;
	return -1;
}

static void
refuse_kicked(struct http_request *req)
{
	http_problem(req, 403, "kicked", "Forbidden",
		     "this client was disconnected; it may come back in %d s",
		     ROLL_REFUSE_US / 1000000);
}

/* Who asks for it watches. False: not any more. */
static bool
may_have_playlist(struct live *l, const struct http_request *req, size_t size, uint64_t segment_us)
{
	char address[ADDR_TEXT_SIZE];
	const struct roll_origin from = answer_origin(req, l->name, address);

	if (!roll_hls_playlist(&l->hub->roll, &from, size, segment_us, clock_now_us()))
		return false;
	live_count_sent(l, size);
	return true;
}

static bool
may_have_part(struct live *l, const struct http_request *req, size_t size)
{
	char address[ADDR_TEXT_SIZE];
	const struct roll_origin from = answer_origin(req, l->name, address);

	if (!roll_hls_part(&l->hub->roll, &from, size))
		return false;
	live_count_sent(l, size);
	return true;
}

void
answer_playlist(struct viewer *v)
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
	struct live *l = v->live;
	uint64_t segment_us;
	int size;

	snprintf(segment, sizeof(segment), "%s%s", name, sorts[v->sort].segment);
	snprintf(map, sizeof(map), "%s%s", name, sorts[v->sort].map);
	size = hls_playlist(&l->hls[v->sort].hls, text, &names);
	segment_us = (uint64_t)l->hls[v->sort].hls.target_s * 1000000;
	answer_free(v);
	if (size < 0)
		http_problem(req, 500, "playlist", "Internal Server Error",
			     "the playlist is too long");
	else if (!may_have_playlist(l, req, (size_t)size, segment_us))
		refuse_kicked(req);
	else
		http_reply(req, 200, headers, text, (size_t)size);
}

void
answer_part(struct live_hub *hub, struct http_request *req, const struct hls_url *url)
{
	const struct http_header headers[] = {{"Content-Type", answer_types[url->form]},
					      {"Cache-Control", "max-age=60"},
					      {NULL, NULL}};
	enum live_form sort = url->form == HLS_TS ? LIVE_HLS_TS : LIVE_HLS_MP4;
	struct live *l = live_find(hub, url->stream);
	const struct hls_segment *s = NULL;
	const struct piece *map = NULL;

	if (url->has_number && l != NULL && l->hls[sort].on) {
		if (url->part == HLS_SEGMENT)
			s = hls_find(&l->hls[sort].hls, url->number);
		else
			map = hls_find_map(&l->hls[sort].hls, url->number);
	}
	if (s == NULL && map == NULL) {
		http_problem(req, 404, "no-such-segment", "Not Found",
			     "this segment is not there, or no more: see the playlist");
		return;
	}
	if (!may_have_part(l, req, s != NULL ? s->size : map->size)) {
		refuse_kicked(req);
		return;
	}
	live_want_hls(l, sort);
	if (s != NULL)
		http_reply(req, 200, headers, s->data, s->size);
	else
		http_reply(req, 200, headers, map->data, map->size);
}
