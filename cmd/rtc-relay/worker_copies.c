/*
 * worker_copies.c - a stream that has subscribers on several workers: its packets, clocks, replays
 * and wishes for keyframes, from the worker of its source to the copies of the others and back.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

/* Does the lane come from a session of this worker? Then others get its packets from here. */
static bool
is_home(const struct wstream *s, unsigned lane)
{
	return (s->tracks[lane].contributed ? s->tracks[lane].source : s->publisher) != NULL;
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

void
stream_forget_copies(struct wstream *s)
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
