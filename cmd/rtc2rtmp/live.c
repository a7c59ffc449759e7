#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

enum {
	TICK_MS = 250,
	SECOND_US = 1000000,
	EARLY_US = 100000 /* a keyframe is asked for so long before it is needed */
};

static void
tell_viewers(struct live *l)
{
	struct live_viewer *next;

	for (struct live_viewer *v = l->viewers; v != NULL; v = next) {
		next = v->next;
		v->news(v);
	}
}

/* ---- media ---- */

/* Keyframes as often as somebody needs them. */
static void
ask_keyframe(struct live *l, int64_t now_us)
{
	const struct live_config *c = l->hub->config;
	double wanted_s = live_hls_is_on(l) ? MIN_OF(c->fragment_s, c->pli_s) : c->pli_s;
	int64_t wanted_us = (int64_t)(wanted_s * SECOND_US) - EARLY_US;

	for (unsigned f = 0; f < LIVE_HLS_FORMS; f++)
		if (l->hls[f].on && !live_hls_is_ready(l, f))
			wanted_us = SECOND_US / 2; /* the first segment is waited for */
	if (now_us - l->key_us < wanted_us || now_us - l->asked_us < GATHER_ASK_US)
		return;
	l->asked_us = now_us;
	if (l->video != NULL)
		media_video_keyframe(l->video);
	else
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
	live_mux_write(l, u, begin);
	l->last_us = MAX_OF(l->last_us, at_us);
	if (begin)
		l->key_us = at_us;
	if (l->has_video)
		ask_keyframe(l, at_us);
	live_hls_write(l, u, begin);
}

static void
on_aac(void *arg, const struct media_unit *u)
{
	write_unit(arg, u);
}

/* May it begin with this unit? */
static bool
may_begin(struct live *l, const struct media_unit *u)
{
	uint64_t now_us = clock_now_us();

	if (l->first_us == 0)
		l->first_us = now_us;
	l->seen_picture |= u->kind == MEDIA_VIDEO;
	if (u->kind == MEDIA_VIDEO)
		return u->keyframe;
	return !l->has_video || (!l->seen_picture && now_us - l->first_us > LIVE_PICTURE_US);
}

static bool
begin(struct live *l, const struct media_unit *u)
{
	l->has_video = u->kind == MEDIA_VIDEO;
	l->base_us = u->time_us - u->lead_us;
	l->last_us = l->key_us = l->asked_us = 0;
	l->record_size = 0;
	l->generation++;
	l->gone_us = 0;
	if (live_mux_open(l, u) < 0) {
		live_mux_close(l);
		l->state = LIVE_REFUSED;
		snprintf(l->words, sizeof(l->words), "what the publisher sends cannot be muxed");
		return false;
	}
	l->state = LIVE_ON;
	live_hls_begin(l);
	return true;
}

/* A unit of the stream, whose pictures are now such as are muxed. */
static void
take_unit(struct live *l, const struct media_unit *unit, bool is_opus)
{
	struct media_unit u = *unit;

	if (l->state == LIVE_STARTING && may_begin(l, unit))
		(void)begin(l, unit);
	if (l->state != LIVE_ON || (u.kind == MEDIA_VIDEO && !l->has_video))
		return;
	u.time_us -= l->base_us;
	if (is_opus)
		(void)media_aac_push(l->aac, &u, on_aac, l); /* what is no Opus is left out */
	else
		write_unit(l, &u);
	tell_viewers(l);
}

static int
on_made_picture(void *arg, const struct media_unit *u)
{
	take_unit(arg, u, false);
	return 0;
}

/* Pictures that are encoded anew go on in on_made_picture(). */
static bool
transcode(struct live *l, const struct media_unit *u)
{
	struct media_words words = {""};

	if (u->kind != MEDIA_VIDEO || l->video == NULL)
		return false;
	if (media_video_push(l->video, u->data, u->size, u->time_us, true, &words) < 0 &&
	    words.text[0] != '\0')
		log_warn("live", "%s: %s", l->name, words.text);
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

	if (l->state != LIVE_REFUSED && !transcode(l, &u))
		take_unit(l, &u, g->codec == GATHER_OPUS);
}

/* ---- publishers ---- */

static void
end_publication(struct live *l)
{
	if (l->state == LIVE_ON) {
		live_hls_pause(l);
		l->gone_us = clock_now_us();
	}
	live_mux_close(l);
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

/* 0; -ENOTSUP: nobody can be served, words say why. */
static int
prepare_pictures(struct live *l, const struct gather_format *video)
{
	const struct live_config *c = l->hub->config;
	struct media_video_config config = {.bitrate_bps = MEDIA_VIDEO_BPS};
	bool named = video->codec > GATHER_NONE && video->codec < GATHER_OPUS;

	l->codec = named ? (enum payload_codec)video->codec : PAYLOAD_NONE;
	l->has_video = named;
	if (named && c->transcode && l->codec != PAYLOAD_H264) {
		config.codec = l->codec;
		l->video = media_video_new(&config, on_made_picture, l);
		l->codec = PAYLOAD_H264;
		log_info("live", "%s: H264 is made of %s", l->name, video->name);
	}
	if (l->has_video && !live_carries(l, LIVE_FLV) && !live_carries(l, LIVE_MP4)) {
		snprintf(
		    l->words, sizeof(l->words),
		    "the publisher sends %.16s, which FLV, MPEG-TS and MP4 do not hold: publish "
		    "H264, H265, VP9 or AV1, or start rtc2rtmp with --transcode",
		    video->name);
		return -ENOTSUP;
	}
	if (l->has_video || l->has_audio)
		return 0;
	snprintf(l->words, sizeof(l->words), "the publisher sends %.16s, which is not carried",
		 video->codec != GATHER_NONE ? video->name : "nothing");
	return -ENOTSUP;
}

static void
on_changed(void *arg)
{
	struct live *l = arg;
	const struct gather_format *video = gather_format(attach_gather(l->attach), GATHER_VIDEO);
	const struct gather_format *audio = gather_format(attach_gather(l->attach), GATHER_AUDIO);

	end_publication(l);
	l->state = prepare_sound(l, audio) == 0 && prepare_pictures(l, video) == 0 ? LIVE_STARTING
										   : LIVE_REFUSED;
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
	live_files_clear(l);
	live_mux_close(l);
	for (unsigned f = 0; f < LIVE_HLS_FORMS; f++)
		live_hls_stop(l, f);
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
	uint64_t now_us;

	tell_viewers(l); /* they may want it now */
	now_us = clock_now_us();
	live_hls_tick(l, now_us);
	live_files_tick(l, now_us);
	if (l->viewers != NULL || live_hls_is_on(l))
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
	l->attach = attach_new(hub->loop, name, ATTACH_CARRIER, &events, l);
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
