/*
 * live_files.c - the segments and the playlist of a published stream as files for another HTTP
 * server: each is there before a playlist names it, and goes when it can be fetched no more.
 */
#include "live.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"
#include "store.h"

enum { SECOND_US = 1000000 };

static const struct {
	const char *segment, *segment_end, *map, *map_end;
} ends[LIVE_HLS_FORMS] = {
    [LIVE_HLS_TS] = {"-", ".ts", "", ""},
    [LIVE_HLS_MP4] = {"-", ".m4s", "-init-", ".mp4"},
};

static void
segment_path(const struct live *l, char out[static STORE_PATH_SIZE], uint64_t number)
{
	enum live_form f = l->files.form;

	snprintf(out, STORE_PATH_SIZE, "%s%s%" PRIu64 "%s", l->name, ends[f].segment, number,
		 ends[f].segment_end);
}

static void
map_path(const struct live *l, char out[static STORE_PATH_SIZE], uint64_t number)
{
	enum live_form f = l->files.form;

	snprintf(out, STORE_PATH_SIZE, "%s%s%" PRIu64 "%s", l->name, ends[f].map, number,
		 ends[f].map_end);
}

static void
remove_path(struct live *l, uint64_t number,
	    void (*path_of)(const struct live *, char[static STORE_PATH_SIZE], uint64_t))
{
	char path[STORE_PATH_SIZE];

	path_of(l, path, number);
	store_remove(l->hub->store, path);
}

/* Those of a list that are kept no more. */
static size_t
forget(struct live *l, uint64_t *numbers, size_t count, bool maps)
{
	const struct hls *h = &l->hls[l->files.form].hls;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (maps ? hls_find_map(h, numbers[i]) != NULL : hls_find(h, numbers[i]) != NULL)
			numbers[kept++] = numbers[i];
		else
			remove_path(l, numbers[i], maps ? map_path : segment_path);
	}
	return kept;
}

/* Until there is a playlist, which is renamed from it, and when there is none any more. */
static void
put_mark(struct live *l)
{
	char path[STORE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s" STORE_UNLISTED, l->name);
	store_put(l->hub->store, path, STORE_HEAD, sizeof(STORE_HEAD) - 1);
}

static void
put_segment(struct live *l, const struct hls_segment *s)
{
	struct live_files *f = &l->files;
	char path[STORE_PATH_SIZE];

	if (s->map != NULL && (f->map_count == 0 || f->maps[f->map_count - 1] != s->map->number)) {
		map_path(l, path, s->map->number);
		store_put(l->hub->store, path, s->map->data, s->map->size);
		f->maps[f->map_count++] = s->map->number;
	}
	segment_path(l, path, s->number);
	if (f->segment_count == 0)
		log_info("live", "%s: its HLS goes to %s", l->name, l->hub->config->hls_path);
	store_put(l->hub->store, path, s->data, s->size);
	f->segments[f->segment_count++] = s->number;
}

static void
put_playlist(struct live *l)
{
	static const char head[] = "#EXTM3U\n";
	enum live_form f = l->files.form;
	char text[HLS_PLAYLIST_SIZE + sizeof(STORE_HEAD)], path[STORE_PATH_SIZE];
	char segment[TEXT_STREAM_SIZE + 16], map[TEXT_STREAM_SIZE + 16];
	const char *slash = strrchr(l->name, '/'), *name = slash != NULL ? slash + 1 : l->name;
	const struct hls_names names = {segment, ends[f].segment_end, map, ends[f].map_end};
	char *body = text + sizeof(STORE_HEAD) - sizeof(head);
	int size;

	snprintf(segment, sizeof(segment), "%s%s", name, ends[f].segment);
	snprintf(map, sizeof(map), "%s%s", name, ends[f].map);
	size = hls_playlist(&l->hls[f].hls, body, &names);
	if (size < 0)
		return;
	/* Our head, which is longer, in place of the playlist's first line. */
	memcpy(text, STORE_HEAD, sizeof(STORE_HEAD) - 1);
	snprintf(path, sizeof(path), "%s" STORE_LIST, l->name);
	store_put(l->hub->store, path, text, (size_t)size + sizeof(STORE_HEAD) - sizeof(head));
}

void
live_files_update(struct live *l)
{
	struct live_files *f = &l->files;
	const struct hls *h = &l->hls[f->form].hls;

	if (!f->on || (f->next_number == h->next_number && f->has_ended == h->has_ended))
		return;
	if (f->segment_count == 0 && h->count > 0)
		put_mark(l);
	/* What hls keeps is what lies here: the arrays have room for one more. */
	f->segment_count = forget(l, f->segments, f->segment_count, false);
	f->map_count = forget(l, f->maps, f->map_count, true);
	for (size_t i = 0; i < h->count; i++)
		if (h->segments[i].number >= f->next_number)
			put_segment(l, &h->segments[i]);
	f->next_number = h->next_number;
	f->has_ended = h->has_ended;
	put_playlist(l);
}

void
live_files_clear(struct live *l)
{
	struct live_files *f = &l->files;
	char path[STORE_PATH_SIZE];

	if (!f->on)
		return;
	if (f->segment_count + f->map_count > 0)
		put_mark(l);
	snprintf(path, sizeof(path), "%s" STORE_LIST, l->name);
	store_remove(l->hub->store, path);
	for (size_t i = 0; i < f->segment_count; i++)
		remove_path(l, f->segments[i], segment_path);
	for (size_t i = 0; i < f->map_count; i++)
		remove_path(l, f->maps[i], map_path);
	snprintf(path, sizeof(path), "%s" STORE_UNLISTED, l->name);
	store_remove(l->hub->store, path);
	memset(f, 0, sizeof(*f));
}

/* What is written: MPEG-TS only if it holds the pictures. */
static enum live_form
form_of(const struct live *l)
{
	return l->state == LIVE_ON && !live_carries(l, LIVE_TS) ? LIVE_HLS_MP4
								: l->hub->config->form;
}

void
live_files_begin(struct live *l)
{
	enum live_form form = form_of(l);

	if (l->files.on && l->files.form == form)
		return;
	live_files_clear(l); /* another codec's */
	live_want_hls(l, form);
	l->files.on = true;
	l->files.form = form;
	l->files.next_number = l->hls[form].hls.next_number - l->hls[form].hls.count;
	l->gone_us = l->state == LIVE_ON ? 0 : clock_now_us(); /* should nobody come after all */
}

void
live_files_tick(struct live *l, uint64_t now_us)
{
	uint64_t window_us = (uint64_t)(l->hub->config->window_s * SECOND_US);

	if (!l->files.on)
		return;
	live_files_update(l);
	if (l->gone_us != 0 && now_us - l->gone_us > LIVE_RETURN_US + window_us) {
		if (l->files.segment_count > 0)
			log_info("live", "%s: its HLS is removed", l->name);
		live_files_clear(l);
	}
}
