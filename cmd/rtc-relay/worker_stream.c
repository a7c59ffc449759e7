/* worker_stream.c - a worker's copy of a stream: its lanes, rings and subscribers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

enum { SUBSCRIBERS_STEP = 64 }; /* the list of subscribers grows by so many */

struct wstream *
stream_find(struct worker *w, uint64_t serial)
{
	struct wstream *s;

	HASH_FIND(hh, w->streams, &serial, sizeof(serial), s);
	return s;
}

struct wstream *
stream_get(struct worker *w, uint64_t serial)
{
	struct wstream *s = stream_find(w, serial);

	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->serial = serial;
	s->home = -1;
	HASH_ADD(hh, w->streams, serial, sizeof(s->serial), s);
	return s;
}

static void
drop_lane(struct wstream *s, unsigned lane)
{
	struct wtrack *t = &s->tracks[lane];

	if (t->source != NULL)
		t->source->local->base = PT_NONE;
	rtp_ring_free(t->ring);
	memset(t, 0, sizeof(*t));
}

static void
drop_lanes(struct wstream *s)
{
	for (unsigned i = 0; i < LANES_MAX; i++)
		drop_lane(s, i);
	memset(s->layers, 0, sizeof(s->layers));
	s->lane_end = 0;
	s->layered = false;
}

static void
begin_epoch(struct wstream *s, uint32_t epoch)
{
	drop_lanes(s);
	if (s->publisher != NULL)
		s->publisher->stream = NULL;
	s->publisher = NULL;
	s->epoch = epoch;
	s->live = true;
	s->home = -1;
}

/* Which lanes are layers of one track. */
static void
sort_lanes(struct wstream *s)
{
	memset(s->layers, 0, sizeof(s->layers));
	s->lane_end = 0;
	s->layered = false;
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct wlayers *layers = &s->layers[s->tracks[i].track];

		if (!s->tracks[i].present)
			continue;
		layers->lanes[layers->count++] = (uint8_t)i;
		s->layered |= layers->count > 1;
		s->lane_end = (uint8_t)(i + 1);
	}
}

void
stream_publish(struct worker *w, const struct chan_msg *msg)
{
	struct msg_publish m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_get(w, m.stream);
	if (s == NULL)
		return;
	if (!s->live || s->epoch != m.epoch)
		begin_epoch(s, m.epoch);
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct wtrack *t = &s->tracks[i];

		if (t->present && m.lanes[i].present && t->owner == m.lanes[i].owner)
			continue;
		drop_lane(s, i);
		t->present = m.lanes[i].present;
		t->contributed = m.lanes[i].contributed;
		t->kind = m.lanes[i].kind;
		t->track = m.lanes[i].track;
		t->index = m.lanes[i].index;
		t->home = m.lanes[i].home;
		t->owner = m.lanes[i].owner;
		t->clock_rate = m.lanes[i].clock_rate;
		t->playout_delay_ms = m.lanes[i].playout_delay_ms;
	}
	sort_lanes(s);
	stream_link(s, w);
}

void
stream_link(struct wstream *s, struct worker *w)
{
	for (unsigned i = 0; i < s->lane_end; i++) {
		struct wtrack *t = &s->tracks[i];
		struct wsession *ws = t->contributed ? ws_find(w, t->owner) : NULL;

		if (ws == NULL || ws->local == NULL || t->source != NULL)
			continue;
		t->source = ws;
		ws->local->base = (uint8_t)(i - t->index);
		stream_set_periodic(s, w, i, local_is_periodic(ws, t->index));
		if (s->subscriber_count > 0 || s->mask != 0)
			stream_want_keyframe(s, w, i);
	}
}

void
stream_end(struct worker *w, const struct chan_msg *msg)
{
	struct msg_stream m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_find(w, m.stream);
	if (s == NULL || s->epoch != m.epoch)
		return;
	s->live = false;
	if (s->publisher != NULL)
		s->publisher->stream = NULL;
	s->publisher = NULL;
	s->home = -1;
	drop_lanes(s);
}

void
stream_release(struct worker *w, const struct chan_msg *msg)
{
	struct msg_stream m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_find(w, m.stream);
	if (s == NULL)
		return;
	if (s->publisher != NULL)
		s->publisher->stream = NULL;
	for (size_t i = 0; i < s->subscriber_count; i++)
		s->subscribers[i]->stream = NULL;
	if (s->dirty)
		for (struct wstream **p = &w->dirty; *p != NULL; p = &(*p)->dirty_next)
			if (*p == s) {
				*p = s->dirty_next;
				break;
			}
	drop_lanes(s);
	free(s->subscribers);
	HASH_DELETE(hh, w->streams, s);
	free(s);
}

int
stream_attach(struct wsession *ws)
{
	struct worker *w = ws->worker;
	struct wstream *s = stream_get(w, ws->session->stream);
	struct msg_interest m = {ws->session->stream, true};

	if (s == NULL)
		return -ENOMEM;
	if (s->subscriber_count == s->subscriber_cap) {
		size_t cap = s->subscriber_cap + SUBSCRIBERS_STEP + s->subscriber_cap / 2;
		struct wsession **list = realloc(s->subscribers, cap * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		s->subscribers = list;
		s->subscriber_cap = cap;
	}
	s->subscribers[s->subscriber_count++] = ws;
	ws->stream = s;
	if (s->subscriber_count == 1)
		worker_post(w, M_INTEREST, &m, sizeof(m));
	return 0;
}

void
stream_detach(struct wsession *ws)
{
	struct wstream *s = ws->stream;
	struct msg_interest m = {ws->session->stream, false};

	ws->stream = NULL;
	if (s == NULL)
		return;
	if (s->publisher == ws) {
		s->publisher = NULL;
		return;
	}
	for (unsigned i = 0; i < LANES_MAX; i++)
		if (s->tracks[i].source == ws)
			s->tracks[i].source = NULL;
	for (size_t i = 0; i < s->subscriber_count; i++) {
		if (s->subscribers[i] != ws)
			continue;
		s->subscribers[i] = s->subscribers[--s->subscriber_count];
		if (s->subscriber_count == 0 && !ws->worker->stopping) {
			worker_post(ws->worker, M_INTEREST, &m, sizeof(m));
			stream_forget_copies(s);
		}
		return;
	}
}

/* The ring of a track, made with its first packet. */
static struct rtp_ring *
ring_of(struct wtrack *t)
{
	if (t->ring == NULL)
		t->ring = t->kind == TRACK_VIDEO ? rtp_ring_new(RING_VIDEO_SLOTS, RING_VIDEO_SIZE)
						 : rtp_ring_new(RING_AUDIO_SLOTS, RING_AUDIO_SIZE);
	return t->ring;
}

void
stream_append(struct wstream *s, struct worker *w, unsigned track, const struct rtp_ring_slot *slot,
	      const uint8_t *payload)
{
	struct wtrack *t = track < s->lane_end ? &s->tracks[track] : NULL;

	if (t == NULL || !t->present || ring_of(t) == NULL ||
	    rtp_ring_append(t->ring, slot, payload) == 0)
		return;
	t->last_us = w->now_us;
	t->rate_octets += slot->payload_size;
	if (slot->ts != t->frame_ts)
		t->frame_step = rtp_ts_diff(slot->ts, t->frame_ts);
	t->frame_ts = slot->ts;
	stream_clock_arrival(t, slot);
	if (t->kind == TRACK_VIDEO && (slot->flags & RTP_RING_KEYFRAME) != 0)
		t->keyframe_asked_us = 0; /* who wants one from here on wants another */
	if (!s->dirty) {
		s->dirty = true;
		s->dirty_next = w->dirty;
		w->dirty = s;
	}
}

void
stream_equalise(struct wstream *s)
{
	for (unsigned i = 0; i < s->lane_end; i++) {
		struct wtrack *t = &s->tracks[i];

		if (t->ring == NULL || t->kind != TRACK_VIDEO)
			continue;
		rtp_ring_equalise(t->ring, t->equalised + 1);
		t->equalised = rtp_ring_head(t->ring);
	}
}
