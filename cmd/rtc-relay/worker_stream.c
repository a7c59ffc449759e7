/* worker_stream.c - a worker's copy of a stream: its rings, its subscribers, its way to the
 * publisher. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "worker.h"

enum { SUBSCRIBERS_STEP = 64 }; /* the list of subscribers grows by so many */

static struct wstream *
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

/* Does the lane come from a session of this worker? Then others get its packets from here. */
static bool
is_home(const struct wstream *s, unsigned lane)
{
	return (s->tracks[lane].contributed ? s->tracks[lane].source : s->publisher) != NULL;
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

static void
post_clock(struct wstream *s, struct worker *w, unsigned track, unsigned to)
{
	const struct wclock *c = &s->tracks[track].clock;
	struct msg_clock m = {.stream = s->serial,
			      .epoch = s->epoch,
			      .track = track,
			      .sr = {.ntp = c->ntp, .rtp_ts = c->ts},
			      .at_us = c->from_source ? c->at_us : 0,
			      .periodic = s->tracks[track].periodic,
			      .area = s->tracks[track].area};

	if (c->from_source || m.periodic || m.area != 0)
		chan_post(w->to[to], M_CLOCK, &m, sizeof(m), NULL, 0);
}

/* keep: the flags that the packet keeps; add: those that it gets. */
static void
post_packet(struct wstream *s, struct worker *w, unsigned track, uint64_t position, uint32_t mask,
	    uint8_t keep, uint8_t add)
{
	struct msg_packet m = {.stream = s->serial, .epoch = s->epoch, .track = track};
	const uint8_t *payload;
	const struct rtp_ring_slot *slot = rtp_ring_get(s->tracks[track].ring, position, &payload);

	if (slot == NULL)
		return;
	m.slot = *slot;
	m.slot.flags = (uint8_t)((m.slot.flags & keep) | add);
	for (unsigned to = 0; to < w->count; to++)
		if ((mask & 1u << to) != 0 && w->to[to] != NULL &&
		    chan_post(w->to[to], M_PACKET, &m, sizeof(m), payload, slot->payload_size) < 0)
			STAT_ADD(w->stats.cross_dropped, 1);
}

bool
stream_keyframe_is_fresh(const struct wstream *s, const struct worker *w, unsigned track)
{
	const struct wtrack *t = &s->tracks[track];
	const struct wsession *source = t->contributed ? t->source : s->publisher;
	uint64_t at = t->ring != NULL ? rtp_ring_keyframe(t->ring) : 0, asked_us;
	const uint8_t *payload;
	const struct rtp_ring_slot *slot = at != 0 ? rtp_ring_get(t->ring, at, &payload) : NULL;

	if (source == NULL || slot == NULL)
		return false;
	asked_us = source->local != NULL ? source->local->keyframe_asked_us[t->index]
					 : source->pub->keyframe_asked_us[track];
	return asked_us != 0 && slot->arrival_us >= asked_us &&
	       w->now_us - asked_us < KEYFRAME_REQUEST_US;
}

struct place {
	uint64_t seq, position;
};

static int
by_seq(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Where the last keyframe and what came after it lie, in the order of their numbers. */
static size_t
since_keyframe(const struct wtrack *t, struct place out[static RING_VIDEO_SLOTS])
{
	uint64_t at = rtp_ring_keyframe(t->ring);
	const uint8_t *payload;
	const struct rtp_ring_slot *key = at != 0 ? rtp_ring_get(t->ring, at, &payload) : NULL;
	size_t count = 0;

	for (at = rtp_ring_tail(t->ring); key != NULL && at <= t->forwarded; at++) {
		const struct rtp_ring_slot *slot = rtp_ring_get(t->ring, at, &payload);

		if (slot != NULL && (slot->seq >= key->seq || slot->ts == key->ts) &&
		    count < RING_VIDEO_SLOTS)
			out[count++] = (struct place){slot->seq, at};
	}
	qsort(out, count, sizeof(out[0]), by_seq);
	return count;
}

/*
 * What a worker that replays a track begins with: the packets since the last keyframe. They come in
 * order and none is late any more: whoever got them knows them by their numbers and passes them by.
 * A repaired one would be sent to him again, under the same index of SRTP but with another
 * transport-wide number, which gives the keys away (RFC 3711 s.9.1). The first begins the keyframe,
 * even if it was repaired and another one did so here.
 */
static void
post_replay(struct wstream *s, struct worker *w, unsigned track, unsigned to)
{
	const struct wtrack *t = &s->tracks[track];
	bool replays = t->periodic || stream_keyframe_is_fresh(s, w, track);
	struct place places[RING_VIDEO_SLOTS];
	size_t count = t->ring != NULL && replays ? since_keyframe(t, places) : 0;

	post_clock(s, w, track, to);
	for (size_t i = 0; i < count; i++)
		post_packet(s, w, track, places[i].position, 1u << to, (uint8_t)~RTP_RING_LATE,
			    i == 0 ? RTP_RING_KEYFRAME : 0);
}

/*
 * Another worker's copy begins anew: what comes next begins with a keyframe. Its packets may get
 * other paddings than before: those that were sent are not sent again as they are.
 */
static void
restart_track(struct wstream *s, unsigned track)
{
	rtp_ring_free(s->tracks[track].ring);
	s->tracks[track].ring = NULL;
	s->tracks[track].equalised = 0;
	for (size_t i = 0; i < s->subscriber_count; i++) {
		struct wsession *ws = s->subscribers[i];
		struct sink *sinks = ws->play != NULL ? ws->play->sinks : ws->local->sinks;
		size_t count = ws->play != NULL ? ws->play->sink_count : ws->local->count;

		for (size_t k = 0; k < count; k++) {
			if (sinks[k].prev.source == track)
				sinks[k].prev.source = PT_NONE;
			if (sinks[k].source != track)
				continue;
			sinks[k].cursor = 0;
			sinks[k].same_from = sinks[k].rw.max_seq + 1;
		}
	}
}

void
stream_set_periodic(struct wstream *s, struct worker *w, unsigned track, bool periodic)
{
	if (track >= s->lane_end || s->tracks[track].periodic == periodic)
		return;
	s->tracks[track].periodic = periodic;
	if (periodic && !is_home(s, track))
		restart_track(s, track);
	for (unsigned to = 0; is_home(s, track) && to < w->count; to++)
		if ((s->mask & 1u << to) != 0 && w->to[to] != NULL)
			post_replay(s, w, track, to);
	for (size_t i = 0; periodic && i < s->subscriber_count; i++)
		if (s->subscribers[i]->play != NULL)
			play_replay(s->subscribers[i], track);
}

void
stream_mask(struct worker *w, const struct chan_msg *msg)
{
	struct msg_mask m;
	struct wstream *s;
	uint32_t added;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_get(w, m.stream);
	if (s == NULL)
		return;
	added = m.mask & ~s->mask;
	s->mask = m.mask;
	s->home = m.home;
	for (unsigned to = 0; to < w->count; to++)
		for (unsigned i = 0;
		     (added & 1u << to) != 0 && w->to[to] != NULL && i < s->lane_end; i++)
			if (is_home(s, i))
				post_replay(s, w, i, to);
	/* Subscribers that wait here may have found no way to the publisher before. */
	for (unsigned i = 0; s->subscriber_count > 0 && i < s->lane_end; i++)
		if (s->tracks[i].kind == TRACK_VIDEO && s->tracks[i].ring == NULL)
			stream_want_keyframe(s, w, i);
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

/* The last subscriber here is gone and packets stop coming: what is kept would only grow stale. */
static void
forget_copies(struct wstream *s)
{
	for (unsigned i = 0; i < s->lane_end; i++) {
		if (is_home(s, i))
			continue;
		rtp_ring_free(s->tracks[i].ring);
		s->tracks[i].ring = NULL;
		s->tracks[i].equalised = 0;
		s->tracks[i].periodic = false;
	}
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
			forget_copies(s);
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
stream_packet(struct worker *w, const struct chan_msg *msg)
{
	struct msg_packet m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_find(w, m.stream);
	if (s != NULL && s->epoch == m.epoch && m.track < s->lane_end && !is_home(s, m.track) &&
	    s->subscriber_count > 0)
		stream_append(s, w, m.track, &m.slot, msg->data + sizeof(m));
}

void
stream_forward(struct wstream *s, struct worker *w)
{
	uint32_t others = s->mask & ~(1u << w->index);

	for (unsigned i = 0; i < s->lane_end; i++) {
		struct wtrack *t = &s->tracks[i];
		uint64_t head = t->ring != NULL ? rtp_ring_head(t->ring) : 0;

		if (!is_home(s, i))
			continue;

		for (uint64_t at = t->forwarded + 1; others != 0 && at <= head; at++)
			post_packet(s, w, i, at, others, UINT8_MAX, 0);
		t->forwarded = head;
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

void
stream_set_clock(struct wstream *s, struct worker *w, unsigned track, const struct rtcp_sr *sr)
{
	if (track >= s->lane_end)
		return;
	s->tracks[track].clock = (struct wclock){sr->ntp, w->now_us, sr->rtp_ts, true};
	for (unsigned to = 0; to < w->count; to++)
		if ((s->mask & 1u << to) != 0 && w->to[to] != NULL)
			post_clock(s, w, track, to);
}

void
stream_set_area(struct wstream *s, struct worker *w, unsigned track, uint32_t area)
{
	if (track >= s->lane_end || s->tracks[track].area == area)
		return;
	s->tracks[track].area = area;
	for (unsigned to = 0; to < w->count; to++)
		if ((s->mask & 1u << to) != 0 && w->to[to] != NULL)
			post_clock(s, w, track, to);
}

void
stream_clock_message(struct worker *w, const struct chan_msg *msg)
{
	struct msg_clock m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_find(w, m.stream);
	if (s == NULL || s->epoch != m.epoch || m.track >= s->lane_end)
		return;
	if (m.at_us != 0)
		s->tracks[m.track].clock = (struct wclock){m.sr.ntp, m.at_us, m.sr.rtp_ts, true};
	s->tracks[m.track].area = m.area;
	if (m.periodic != s->tracks[m.track].periodic)
		stream_set_periodic(s, w, m.track, m.periodic);
}

/* Was the last wish for a keyframe so long ago that another may be passed on? Then it is. */
static bool
may_ask(struct wtrack *t, const struct worker *w, uint64_t interval_us)
{
	if (t->keyframe_asked_us != 0 && w->now_us - t->keyframe_asked_us < interval_us)
		return false;
	t->keyframe_asked_us = w->now_us;
	return true;
}

void
stream_want_keyframe(struct wstream *s, struct worker *w, unsigned track)
{
	struct msg_keyframe m = {s->serial, track};
	struct wsession *source;
	struct wtrack *t;
	int home;

	if (track >= s->lane_end || s->tracks[track].kind != TRACK_VIDEO)
		return;
	t = &s->tracks[track];
	source = t->contributed ? t->source : s->publisher;
	home = t->contributed ? t->home : s->home;
	if (source != NULL && source->local != NULL) {
		local_ask_keyframe(source, t->index);
	} else if (source != NULL) {
		pub_ask_keyframe(source, track);
	} else if (home >= 0 && w->to[home] != NULL && may_ask(t, w, KEYFRAME_REQUEST_US / 4)) {
		chan_post(w->to[home], M_KEYFRAME, &m, sizeof(m), NULL, 0);
	}
}

void
stream_keyframe_message(struct worker *w, const struct chan_msg *msg)
{
	struct msg_keyframe m;
	struct wstream *s;

	memcpy(&m, msg->data, sizeof(m));
	s = stream_find(w, m.stream);
	if (s != NULL && m.track < s->lane_end && is_home(s, m.track))
		stream_want_keyframe(s, w, m.track);
}
