/* live_hls.c - segments of a stream: of the pieces of MPEG-TS, or of MP4's fragments. */
#include "live.h"

#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

enum { SECOND_US = 1000000, FRAGMENT_MAX = 4 << 20 /* octets that the muxer may hold */ };

static int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

bool
live_hls_is_on(const struct live *l)
{
	bool on = false;

	for (unsigned f = 0; f < LIVE_HLS_FORMS; f++)
		on |= l->hls[f].on;
	return on;
}

bool
live_hls_is_ready(const struct live *l, enum live_form form)
{
	const struct hls *h = &l->hls[form].hls;

	return l->hls[form].on && h->listed < h->count;
}

static void
feed_ts(struct live *l)
{
	const struct reel *reel = &l->mux[LIVE_TS].reel;
	struct live_hls *h = &l->hls[LIVE_HLS_TS];
	struct piece *p;

	while (h->on && (p = reel_get(reel, h->piece)) != NULL) {
		if (hls_add(&h->hls, p, wall_us()) < 0)
			log_warn("live", "%s: out of memory for a segment", l->name);
		h->piece = p->number + 1;
	}
}

/* ---- MP4 ---- */

/* What the muxer holds becomes a fragment of the segment under way. */
static void
flush_mp4(struct live *l)
{
	struct live_mux *m = &l->mux[LIVE_MP4];
	struct hls *h = &l->hls[LIVE_HLS_MP4].hls;

	if (m->writer == NULL || !h->is_open || live_mux_flush(l, LIVE_MP4) < 0)
		return;
	if (hls_append(h, m->made, m->made_size) < 0)
		log_warn("live", "%s: out of memory for a segment", l->name);
}

static void
cut_mp4(struct live *l, int64_t at_us)
{
	flush_mp4(l);
	hls_cut(&l->hls[LIVE_HLS_MP4].hls, at_us);
}

static bool
begin_mp4(struct live *l, const struct media_unit *u)
{
	struct live_mux *m = &l->mux[LIVE_MP4];

	return live_mux_open_one(l, LIVE_MP4, u) == 0 &&
	       hls_set_map(&l->hls[LIVE_HLS_MP4].hls, m->made, m->made_size) == 0;
}

static void
write_mp4(struct live *l, const struct media_unit *u, bool begin)
{
	struct live_mux *m = &l->mux[LIVE_MP4];
	struct hls *h = &l->hls[LIVE_HLS_MP4].hls;
	int64_t at_us = u->time_us - u->lead_us;

	if (!l->hls[LIVE_HLS_MP4].on || (m->writer == NULL && (!begin || !begin_mp4(l, u))))
		return;
	if (hls_cuts_at(h, at_us, begin, m->held + u->size))
		cut_mp4(l, at_us);
	hls_note(h, at_us, begin, wall_us());
	if (live_mux_one(l, LIVE_MP4, u) < 0)
		return;
	m->held += u->size;
	if (m->held > FRAGMENT_MAX)
		flush_mp4(l);
}

/* ---- life ---- */

void
live_hls_write(struct live *l, const struct media_unit *u, bool begin)
{
	feed_ts(l);
	write_mp4(l, u, begin);
	live_files_update(l);
}

void
live_hls_begin(struct live *l)
{
	l->hls[LIVE_HLS_TS].piece = 0;
	for (unsigned f = 0; f < LIVE_HLS_FORMS; f++)
		if (l->hls[f].on)
			hls_break(&l->hls[f].hls);
}

void
live_hls_change(struct live *l, int64_t at_us)
{
	struct media_words ignored;

	if (l->hls[LIVE_HLS_TS].on) {
		hls_cut(&l->hls[LIVE_HLS_TS].hls, at_us);
		hls_break(&l->hls[LIVE_HLS_TS].hls);
	}
	if (l->hls[LIVE_HLS_MP4].on)
		cut_mp4(l, at_us);
	/* The next unit opens another one, whose initialisation section is new. */
	media_writer_close(l->mux[LIVE_MP4].writer, &ignored);
	l->mux[LIVE_MP4].writer = NULL;
}

void
live_hls_pause(struct live *l)
{
	if (l->hls[LIVE_HLS_TS].on)
		hls_cut(&l->hls[LIVE_HLS_TS].hls, l->last_us);
	if (l->hls[LIVE_HLS_MP4].on)
		cut_mp4(l, l->last_us);
	live_files_update(l);
}

void
live_want_hls(struct live *l, enum live_form form)
{
	const struct live_config *c = l->hub->config;
	struct live_hls *h = &l->hls[form];

	h->wanted_us = clock_now_us();
	if (h->on)
		return;
	h->on = true;
	hls_init(&h->hls, (int64_t)(c->fragment_s * SECOND_US), (int64_t)(c->window_s * SECOND_US),
		 (uint64_t)wall_us() / SECOND_US);
	h->piece = 0; /* from the newest keyframe */
	feed_ts(l);
}

void
live_hls_stop(struct live *l, enum live_form form)
{
	struct media_words ignored;

	if (!l->hls[form].on)
		return;
	hls_fini(&l->hls[form].hls);
	l->hls[form].on = false;
	if (form == LIVE_HLS_TS)
		return;
	media_writer_close(l->mux[LIVE_MP4].writer, &ignored);
	l->mux[LIVE_MP4].writer = NULL;
}

void
live_hls_tick(struct live *l, uint64_t now_us)
{
	bool gone = l->gone_us != 0 && now_us - l->gone_us > LIVE_RETURN_US;

	for (unsigned f = 0; f < LIVE_HLS_FORMS; f++) {
		struct live_hls *h = &l->hls[f];

		if (h->on && gone && h->hls.count > 0)
			hls_end(&h->hls);
		if (l->files.on && f == l->files.form)
			h->wanted_us = now_us;
		if (h->on && now_us - h->wanted_us > LIVE_HLS_LINGER_US)
			live_hls_stop(l, f);
	}
}
