#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "h264/h264.h"
#include "log/log.h"

enum { TICK_MS = 250, SECOND_US = 1000000, MADE_CAP = 65536 };

static const char *const formats[LIVE_KINDS] = {[LIVE_FLV] = "flv", [LIVE_TS] = "mpegts"};

static void
tell_viewers(struct live *l)
{
	struct live_viewer *next;

	for (struct live_viewer *v = l->viewers; v != NULL; v = next) {
		next = v->next;
		v->news(v);
	}
}

/* ---- muxers ---- */

static int
take_made(void *arg, const uint8_t *buf, size_t size)
{
	struct live_mux *m = arg;
	size_t cap = MAX_OF(m->made_cap, MADE_CAP);
	uint8_t *made;

	while (cap < m->made_size + size)
		cap *= 2;
	if (cap != m->made_cap) {
		made = realloc(m->made, cap);
		if (made == NULL)
			return -ENOMEM;
		m->made = made;
		m->made_cap = cap;
	}
	memcpy(m->made + m->made_size, buf, size);
	m->made_size += size;
	return 0;
}

/* A muxer that begins with this unit; its header is in m->made. */
static struct media_writer *
open_writer(struct live *l, enum live_kind kind, const struct media_unit *u)
{
	struct live_mux *m = &l->mux[kind];
	struct media_words words = {""};
	bool video = u->kind == MEDIA_VIDEO;
	const struct media_writer_config config = {
	    .path = "-",
	    .format = formats[kind],
	    .has = {[MEDIA_VIDEO] = video, [MEDIA_AUDIO] = l->has_audio},
	    .keyframe = video ? u->data : NULL,
	    .keyframe_size = video ? u->size : 0,
	    .aac = &l->format,
	    .sink = take_made,
	    .sink_arg = m,
	    .live = true};
	struct media_writer *w;

	m->made_size = 0;
	w = media_writer_open(&config, &words);
	if (w == NULL)
		log_warn("live", "%s: %s: %s", l->name, formats[kind], words.text);
	return w;
}

static void
close_muxers(struct live *l)
{
	for (unsigned k = 0; k < LIVE_KINDS; k++) {
		struct media_words ignored;

		media_writer_close(l->mux[k].writer, &ignored);
		l->mux[k].writer = NULL;
	}
	media_aac_free(l->aac);
	l->aac = NULL;
}

static int
open_muxers(struct live *l, const struct media_unit *u)
{
	for (unsigned k = 0; k < LIVE_KINDS; k++) {
		struct live_mux *m = &l->mux[k];

		m->writer = open_writer(l, k, u);
		reel_fini(&m->reel);
		reel_init(&m->reel);
		if (m->writer == NULL || reel_set_header(&m->reel, m->made, m->made_size) < 0)
			return -EIO;
	}
	return 0;
}

/* What a keyframe has before its first slice: the parameter sets. */
static size_t
head_size(const struct media_unit *u)
{
	const uint8_t *nalu;
	size_t n;

	for (size_t at = 0, step;
	     (step = h264_annexb_next(u->data + at, u->size - at, &nalu, &n)) > 0; at += step)
		if ((nalu[0] & 0x1f) <= H264_IDR)
			return at;
	return 0;
}

/* Other parameter sets (another size of picture): who joins later needs a header with them. */
static void
renew_header(struct live *l, const struct media_unit *u)
{
	size_t size = MIN_OF(head_size(u), sizeof(l->sets));
	struct media_words ignored;
	struct media_writer *w;

	if (size == l->sets_size && memcmp(l->sets, u->data, size) == 0)
		return;
	if (l->sets_size > 0) {
		struct live_mux *m = &l->mux[LIVE_FLV];

		w = open_writer(l, LIVE_FLV, u);
		if (w != NULL)
			(void)reel_set_header(&m->reel, m->made, m->made_size);
		media_writer_close(w, &ignored);
	}
	memcpy(l->sets, u->data, size);
	l->sets_size = size;
}

/* ---- segments ---- */

static void
feed_hls(struct live *l)
{
	const struct reel *reel = &l->mux[LIVE_TS].reel;
	struct piece *p;

	while (l->hls_on && (p = reel_get(reel, l->hls_piece)) != NULL) {
		if (hls_add(&l->hls, p) < 0)
			log_warn("live", "%s: out of memory for a segment", l->name);
		l->hls_piece = p->number + 1;
	}
}

void
live_want_hls(struct live *l)
{
	const struct live_config *c = l->hub->config;

	l->hls_wanted_us = clock_now_us();
	if (l->hls_on)
		return;
	l->hls_on = true;
	hls_init(&l->hls, (int64_t)(c->fragment_s * SECOND_US), (int64_t)(c->window_s * SECOND_US),
		 (uint64_t)time(NULL));
	l->hls_piece = 0; /* from the newest keyframe */
	feed_hls(l);
}

static void
stop_hls(struct live *l)
{
	if (l->hls_on)
		hls_fini(&l->hls);
	l->hls_on = false;
}

/* ---- media ---- */

/* Keyframes as often as somebody needs them. */
static void
ask_keyframe(struct live *l, int64_t now_us)
{
	const struct live_config *c = l->hub->config;
	double wanted_s = l->hls_on ? MIN_OF(c->fragment_s, c->pli_s) : c->pli_s;

	if (l->hls_on && l->hls.count == 0)
		wanted_s = 0.5; /* the first segment is waited for */
	if (now_us - l->key_us < (int64_t)(wanted_s * SECOND_US) ||
	    now_us - l->asked_us < GATHER_ASK_US)
		return;
	l->asked_us = now_us;
	attach_keyframe(l->attach);
}

/* A unit whose times count from base_us. */
static void
write_unit(struct live *l, const struct media_unit *u)
{
	bool begin = u->keyframe && (u->kind == MEDIA_VIDEO || !l->has_video);
	int64_t at_us = u->time_us - u->lead_us;

	if (u->time_us < 0)
		return;
	if (u->kind == MEDIA_VIDEO && u->keyframe)
		renew_header(l, u);
	for (unsigned k = 0; k < LIVE_KINDS; k++) {
		struct live_mux *m = &l->mux[k];
		struct media_words words = {""};

		m->made_size = 0;
		if (media_writer_write(m->writer, u, &words) < 0)
			log_warn("live", "%s: %s: %s", l->name, formats[k], words.text);
		else if (m->made_size > 0 &&
			 reel_add(&m->reel, m->made, m->made_size, at_us, begin) < 0)
			log_warn("live", "%s: out of memory", l->name);
	}
	l->last_us = MAX_OF(l->last_us, at_us);
	if (begin)
		l->key_us = at_us;
	if (l->has_video)
		ask_keyframe(l, at_us);
	feed_hls(l);
}

static void
on_aac(void *arg, const struct media_unit *u)
{
	write_unit(arg, u);
}

/* May it begin with this unit? */
static bool
may_begin(struct live *l, const struct gather_unit *g)
{
	uint64_t now_us = clock_now_us();

	if (l->first_us == 0)
		l->first_us = now_us;
	l->seen_picture |= g->kind == GATHER_VIDEO;
	if (g->kind == GATHER_VIDEO)
		return g->keyframe;
	return !l->has_video || (!l->seen_picture && now_us - l->first_us > LIVE_PICTURE_US);
}

static bool
begin(struct live *l, const struct media_unit *u)
{
	l->has_video = u->kind == MEDIA_VIDEO;
	l->base_us = u->time_us - u->lead_us;
	l->last_us = l->key_us = l->asked_us = 0;
	l->sets_size = 0;
	l->generation++;
	l->hls_piece = 0;
	if (open_muxers(l, u) < 0) {
		close_muxers(l);
		l->state = LIVE_REFUSED;
		snprintf(l->words, sizeof(l->words), "what the publisher sends cannot be muxed");
		return false;
	}
	l->state = LIVE_ON;
	if (l->hls_on)
		hls_restart(&l->hls);
	return true;
}

static void
on_unit(void *arg, const struct gather_unit *g)
{
	struct live *l = arg;
	struct media_unit u = {.kind = g->kind == GATHER_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO,
			       .keyframe = g->keyframe,
			       .time_us = g->pts_us,
			       .lead_us = g->pts_us - g->dts_us,
			       .duration_us = g->duration_us,
			       .data = g->data,
			       .size = g->size};

	if (g->kind == GATHER_VIDEO && g->codec != GATHER_H264)
		return;
	if (l->state == LIVE_STARTING && may_begin(l, g))
		(void)begin(l, &u);
	if (l->state != LIVE_ON || (g->kind == GATHER_VIDEO && !l->has_video))
		return;
	u.time_us -= l->base_us;
	if (g->codec == GATHER_OPUS)
		(void)media_aac_push(l->aac, &u, on_aac, l); /* what is no Opus is left out */
	else
		write_unit(l, &u);
	tell_viewers(l);
}

/* ---- publishers ---- */

static void
end_publication(struct live *l)
{
	if (l->state == LIVE_ON && l->hls_on)
		hls_end(&l->hls, l->last_us);
	close_muxers(l);
	l->state = LIVE_WAITING;
	l->seen_picture = false;
	l->first_us = 0;
	tell_viewers(l);
}

static int
prepare_sound(struct live *l, const struct gather_format *audio)
{
	struct media_words words = {""};
	struct aac_config c;

	l->has_audio = audio->codec == GATHER_AAC || audio->codec == GATHER_OPUS;
	if (audio->codec == GATHER_AAC &&
	    aac_config_parse(&c, audio->config, audio->config_size) == 0) {
		memcpy(l->config, audio->config, audio->config_size);
		l->format = (struct media_aac_format){l->config, audio->config_size, c.rate_hz,
						      c.channel_count};
	} else if (audio->codec == GATHER_OPUS) {
		l->aac = media_aac_new(l->hub->config->aac_bps, &words);
		if (l->aac == NULL) {
			log_error("live", "%s: %s", l->name, words.text);
			return -EIO;
		}
		l->format = *media_aac_format(l->aac);
	} else {
		l->has_audio = false;
	}
	return 0;
}

static void
on_changed(void *arg)
{
	struct live *l = arg;
	const struct gather_format *video = gather_format(attach_gather(l->attach), GATHER_VIDEO);
	const struct gather_format *audio = gather_format(attach_gather(l->attach), GATHER_AUDIO);

	end_publication(l);
	l->has_video = video->codec == GATHER_H264;
	if (prepare_sound(l, audio) < 0 || (!l->has_video && !l->has_audio)) {
		snprintf(l->words, sizeof(l->words),
			 "the publisher sends %.16s, which is not carried: publish H.264 and Opus",
			 video->codec != GATHER_NONE ? video->name : "nothing");
		l->state = LIVE_REFUSED;
	} else {
		l->state = LIVE_STARTING;
	}
	tell_viewers(l);
}

static void
on_ended(void *arg)
{
	end_publication(arg);
}

static void
on_trouble(void *arg, int error, const char *words)
{
	struct live *l = arg;

	log_debug("live", "%s: %s: %s", l->name, words, strerror(-error));
}

static const struct attach_events events = {on_unit, on_changed, on_ended, on_trouble};

/* ---- life ---- */

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
live_free(struct live *l)
{
	struct live **p = &l->hub->lives;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	l->hub->count--;
	attach_free(l->attach);
	close_muxers(l);
	stop_hls(l);
	for (unsigned k = 0; k < LIVE_KINDS; k++) {
		reel_fini(&l->mux[k].reel);
		free(l->mux[k].made);
	}
	log_info("live", "%s: nobody wants it any more", l->name);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}

static void
on_tick(uv_timer_t *timer)
{
	struct live *l = timer->data;
	uint64_t now_us = clock_now_us();

	tell_viewers(l);
	if (l->hls_on && now_us - l->hls_wanted_us > LIVE_HLS_LINGER_US)
		stop_hls(l);
	if (l->viewers != NULL || l->hls_on)
		l->wanted_us = now_us;
	else if (now_us - l->wanted_us > LIVE_LINGER_US)
		live_free(l);
}

struct live *
live_find(struct live_hub *hub, const char *name)
{
	for (struct live *l = hub->lives; l != NULL; l = l->next)
		if (strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

struct live *
live_get(struct live_hub *hub, const char *name)
{
	struct live *l = live_find(hub, name);

	if (l != NULL || hub->count == LIVE_STREAMS_MAX)
		return l;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->hub = hub;
	text_copy(l->name, sizeof(l->name), name);
	l->attach = attach_new(hub->loop, name, &events, l);
	if (l->attach == NULL) {
		free(l);
		return NULL;
	}
	for (unsigned k = 0; k < LIVE_KINDS; k++)
		reel_init(&l->mux[k].reel);
	l->wanted_us = clock_now_us();
	uv_timer_init(hub->loop, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_tick, TICK_MS, TICK_MS);
	l->next = hub->lives;
	hub->lives = l;
	hub->count++;
	log_info("live", "%s: wanted", l->name);
	return l;
}

void
live_add_viewer(struct live *l, struct live_viewer *v)
{
	v->prev = NULL;
	v->next = l->viewers;
	if (v->next != NULL)
		v->next->prev = v;
	l->viewers = v;
	l->wanted_us = clock_now_us();
}

void
live_remove_viewer(struct live *l, struct live_viewer *v)
{
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		l->viewers = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	l->wanted_us = clock_now_us();
}

void
live_free_all(struct live_hub *hub)
{
	while (hub->lives != NULL)
		live_free(hub->lives);
}
