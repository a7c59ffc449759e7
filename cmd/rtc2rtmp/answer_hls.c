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

/* "avc1.42e01f,mp4a.40.2"; "" if one of them is not known any more, or not yet. */
static void
name_codecs(const struct live *l, char *text, size_t cap)
{
	char video[PAYLOAD_MIME_SIZE] = "", audio[16] = "";

	text[0] = '\0';
	if (l->state != LIVE_ON) /* what is left of one who has gone */
		return;
	if (l->has_video)
		payload_mime(l->codec, video, l->record, l->record_size);
	if (l->has_audio) /* MPEG-4's object type, the first five bits of the configuration */
		snprintf(audio, sizeof(audio), "mp4a.40.%d", l->format.config[0] >> 3);
	if (!l->has_video || video[0] != '\0')
		snprintf(text, cap, "%s%s%s", video, video[0] != '\0' && l->has_audio ? "," : "",
			 audio);
}

static int
write_master(const struct viewer *v, const char *name, char *text)
{
	const struct live *l = v->live;
	char uri[TEXT_STREAM_SIZE + 32], codecs[PAYLOAD_MIME_SIZE + 16];
	const struct hls_variant variant = {uri, codecs, l->has_video ? l->width : 0, l->height};

	snprintf(uri, sizeof(uri), "%s.m3u8?format=%s", name, sorts[v->sort].name);
	name_codecs(l, codecs, sizeof(codecs));
	return hls_master(&l->hls[v->sort].hls, text, &variant);
}

static int
write_playlist(const struct viewer *v, const char *name, char *text)
{
	char segment[TEXT_STREAM_SIZE + 16], map[TEXT_STREAM_SIZE + 16];
	const struct hls_names names = {segment, "", map, ""};

	snprintf(segment, sizeof(segment), "%s%s", name, sorts[v->sort].segment);
	snprintf(map, sizeof(map), "%s%s", name, sorts[v->sort].map);
	return hls_playlist(&v->live->hls[v->sort].hls, text, &names);
}

void
answer_playlist(struct viewer *v)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/vnd.apple.mpegurl"},
	    {"Cache-Control", "no-cache"},
	    {NULL, NULL}};
	char text[HLS_PLAYLIST_SIZE];
	const char *slash = strrchr(v->live->name, '/');
	const char *name = slash != NULL ? slash + 1 : v->live->name;
	struct http_request *req = v->req;
	struct live *l = v->live;
	uint64_t segment_us = (uint64_t)l->hls[v->sort].hls.target_s * 1000000;
	int size = v->is_master ? write_master(v, name, text) : write_playlist(v, name, text);

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
