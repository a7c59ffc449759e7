/*
 * control_contribute.c - a stream's tracks are its publisher's and, after those, what contributors
 * add.  A contributor outlives the publisher and takeovers; its end takes its own tracks only.
 */
#include "control.h"

#include <string.h>

#include "base/bytes.h"

/* The first place where so many tracks fit, none before from; PT_NONE. */
static uint8_t
free_place(const struct stream *s, size_t count)
{
	size_t run = 0, i = s->publisher != NULL ? s->publisher->shared.tracks.count : 0;

	for (; i < TRACKS_MAX; i++) {
		run = s->owners[i] == NULL ? run + 1 : 0;
		if (run == count)
			return (uint8_t)(i + 1 - count);
	}
	return PT_NONE;
}

static void
place(struct stream *s, struct csession *cs, uint8_t base)
{
	const struct tracks *own = &cs->shared.tracks;

	cs->base = base;
	for (size_t i = 0; base != PT_NONE && i < own->count; i++) {
		s->merged[base + i] = own->list[i];
		s->owners[base + i] = cs;
		s->tracks.count = MAX_OF(s->tracks.count, base + i + 1);
	}
}

static void
displace(struct stream *s, const struct csession *cs)
{
	for (size_t i = 0; i < TRACKS_MAX; i++)
		if (s->owners[i] == cs) {
			s->owners[i] = NULL;
			memset(&s->merged[i], 0, sizeof(s->merged[i]));
		}
	while (s->tracks.count > 0 && s->owners[s->tracks.count - 1] == NULL)
		s->tracks.count--;
}

void
cstream_merge(struct stream *s)
{
	struct csession *cs;

	memset(s->merged, 0, sizeof(s->merged));
	memset(s->owners, 0, sizeof(s->owners));
	s->tracks = (struct tracks){s->merged, 0};
	if (s->publisher != NULL)
		place(s, s->publisher, 0);
	DL_FOREACH2(s->contributors, cs, stream_next)
	place(s, cs, s->publisher != NULL ? free_place(s, cs->shared.tracks.count) : PT_NONE);
}

bool
cstream_has_room(const struct stream *s, size_t tracks)
{
	const struct csession *cs;

	if (s->contributor_count >= CONTRIBUTORS_MAX)
		return false;
	if (s->publisher != NULL)
		return free_place(s, tracks) != PT_NONE;
	DL_FOREACH2(s->contributors, cs, stream_next)
	tracks += cs->shared.tracks.count;
	return tracks < TRACKS_MAX; /* a publisher needs a place, too */
}

/* A track of the publisher has a lane for each simulcast layer. */
static void
add_lanes(struct msg_publish *m, const struct csession *publisher, unsigned track)
{
	const struct tracks *tracks = &publisher->shared.tracks;
	const struct track *t = &tracks->list[track];

	for (unsigned layer = 0; layer == 0 || layer < t->rid_count; layer++) {
		uint8_t lane = tracks_lane(tracks, track, layer);

		if (lane == PT_NONE)
			continue;
		m->lanes[lane].present = true;
		m->lanes[lane].owner = publisher->shared.serial;
		m->lanes[lane].kind = t->kind;
		m->lanes[lane].track = m->lanes[lane].index = (uint8_t)track;
		m->lanes[lane].clock_rate = t->codecs[0].clock_rate;
		m->lanes[lane].playout_delay_ms = t->playout_delay_ms;
	}
}

void
cstream_post_tracks(struct stream *s, struct control *c)
{
	struct msg_publish m = {.stream = s->serial, .epoch = s->epoch};

	for (unsigned i = 0; i < s->tracks.count; i++) {
		const struct csession *owner = s->owners[i];

		if (owner == NULL)
			continue;
		if (owner == s->publisher) {
			add_lanes(&m, owner, i);
			continue;
		}
		m.lanes[i].present = m.lanes[i].contributed = true;
		m.lanes[i].owner = owner->shared.serial;
		m.lanes[i].kind = s->merged[i].kind;
		m.lanes[i].track = (uint8_t)i;
		m.lanes[i].index = (uint8_t)(i - owner->base);
		m.lanes[i].home = (int8_t)owner->worker;
		m.lanes[i].clock_rate = s->merged[i].codecs[0].clock_rate;
		m.lanes[i].playout_delay_ms = s->merged[i].playout_delay_ms;
	}
	control_post_all(c, M_STREAM_PUBLISH, &m, sizeof(m));
}

void
cstream_end_unplaced(struct stream *s)
{
	struct csession *cs, *next;

	DL_FOREACH_SAFE2(s->contributors, cs, next, stream_next)
	if (cs->base == PT_NONE)
		csession_end(cs, END_LIMIT);
}

static void
event_contributor(struct control *c, const struct stream *s, const struct csession *cs,
		  const char *event)
{
	event_send(c, json_pack("{s:s, s:s, s:s}", "event", event, "stream", s->name, "session",
				cs->shared.id));
}

void
cstream_contribute(struct stream *s, struct csession *cs)
{
	DL_APPEND2(s->contributors, cs, stream_prev, stream_next);
	s->contributor_count++;
	cs->base = PT_NONE;
	event_contributor(cs->control, s, cs, "stream.contribute");
	if (s->publisher == NULL)
		return;
	place(s, cs, free_place(s, cs->shared.tracks.count));
	cstream_post_tracks(s, cs->control);
	cstream_rebind(s);
}

void
cstream_uncontribute(struct stream *s, struct csession *cs)
{
	struct control *c = cs->control;

	DL_DELETE2(s->contributors, cs, stream_prev, stream_next);
	s->contributor_count--;
	event_contributor(c, s, cs, "stream.uncontribute");
	if (cs->base == PT_NONE)
		return;
	displace(s, cs);
	cstream_post_tracks(s, c);
	cstream_rebind(s);
}
