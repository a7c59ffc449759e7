/*
 * worker_join.c - how a player begins: what it is bound to, at a keyframe or with a replay of what
 * came since the last, its parameter sets first.
 */
#include "worker.h"

#include <string.h>

#include "base/bytes.h"

enum {
	FIRST_REPORT_US = 200000, /* after joining: audio and video are in step soon */
	REPLAY_AGE_US = 100000	  /* a keyframe older than this begins a replay */
};

/*
 * Does a player get the video since the last keyframe at once, instead of a new keyframe? If that
 * is still there, from sources that make none on demand (unless the relay is told otherwise), and
 * from any just after it made one: who joins in a crowd need not wait until the next may be asked
 * for.
 */
static bool
replays(const struct wsession *ws, unsigned track)
{
	const struct wtrack *t = &ws->stream->tracks[track];

	return t->kind == TRACK_VIDEO && ws->session->replay != REPLAY_OFF && t->ring != NULL &&
	       rtp_ring_keyframe(t->ring) != 0 &&
	       (t->periodic || ws->session->replay == REPLAY_ON ||
		stream_keyframe_is_fresh(ws->stream, ws->worker, track));
}

void
play_replay(struct wsession *ws, unsigned track)
{
	struct wstream *s = ws->stream;
	struct wtrack *t = &s->tracks[track];

	for (size_t i = 0; i < ws->play->sink_count; i++) {
		struct sink *sink = &ws->play->sinks[i];

		if (sink->source != track || !sink->waiting || ws->play->epoch != s->epoch ||
		    !replays(ws, track))
			continue;
		sink->cursor = rtp_ring_keyframe(t->ring) - 1;
		ws->play->next_burst_us = ws->worker->now_us;
		ws_arm(ws);
	}
}

/*
 * What a whole frame has waited for since it came, in timestamps; less than the next frame is off.
 * A receiver measures when frames come against their timestamps: those of a replay count as what
 * would come now, or it takes all that follow for early, and shows them sooner than others do.
 */
static uint32_t
age_ts(const struct wtrack *t, const struct rtp_ring_slot *last, uint64_t now_us)
{
	uint64_t age = (now_us - last->arrival_us) * t->clock_rate / 1000000;

	if (!last->marker || last->ts != t->frame_ts || t->frame_step <= 0)
		return 0;
	return (uint32_t)MIN_OF(age, (uint64_t)t->frame_step * 3 / 4);
}

/*
 * The number of a keyframe's first packet. Parameter sets in packets of their own that were lost
 * and repaired lie in the ring behind the slices before which they belong.
 */
static uint64_t
keyframe_head(const struct wtrack *t, const struct rtp_ring_slot *slot)
{
	uint64_t seq = slot->seq;

	while (t->kind == TRACK_VIDEO && slot->seq - seq < KEYFRAME_HEAD_MAX) {
		uint64_t at = rtp_ring_find(t->ring, seq - 1);
		const uint8_t *payload;
		const struct rtp_ring_slot *before =
		    at != 0 ? rtp_ring_get(t->ring, at, &payload) : NULL;

		if (before == NULL || before->ts != slot->ts || before->tag != slot->tag)
			break;
		seq--;
	}
	return seq;
}

void
play_begin(struct wsession *ws, struct sink *sink, const struct wtrack *t,
	   const struct rtp_ring_slot *slot)
{
	uint64_t now = ws->worker->now_us, head = rtp_ring_head(t->ring);
	const uint8_t *payload;
	const struct rtp_ring_slot *last = rtp_ring_get(t->ring, head, &payload);

	sink->waiting = false;
	sink->doubt_us = now;
	sink->playout = t->playout_delay_ms / PLAYOUT_DELAY_UNIT_MS;
	/* A receiver keeps what it was told: one that was told once is told again. */
	sink->has_playout |= sink->playout != 0 && sink->ext_playout != 0;
	sink->replay_to = sink->replay_seq = sink->same_from = 0;
	if (t->kind == TRACK_VIDEO && slot->arrival_us + REPLAY_AGE_US < now && last != NULL) {
		sink->replay_to = head;
		sink->replay_seq = last->seq;
		sink->replay_ts = last->ts + age_ts(t, last, now);
	}
	sink->began_seq = keyframe_head(t, slot);
	rtp_rewrite_switch(&sink->rw, sink->began_seq, sink_ts(sink, slot), now, t->clock_rate);
}

/* What the player got in this track, if anything, is over: it waits for the first packet. */
static void
join_track(struct wsession *ws, struct sink *sink)
{
	struct wstream *s = ws->stream;

	sink->waiting = true;
	sink->cursor = 0;
	sink->prev.source = PT_NONE;
	if (sink->track >= s->lane_end)
		return;
	layers_join(s, sink);
	if (replays(ws, sink->source))
		play_replay(ws, sink->source);
	else
		stream_want_keyframe(s, ws->worker, sink->source);
}

void
play_join(struct wsession *ws)
{
	struct player *play = ws->play;

	if (ws->stream->epoch != play->epoch || !ws->stream->live)
		return;
	for (size_t i = 0; i < play->sink_count; i++)
		join_track(ws, &play->sinks[i]);
	play->joined_us = ws->worker->now_us;
	play->next_report_us = ws->worker->now_us + FIRST_REPORT_US;
	ws_arm(ws);
}

void
play_bind(struct wsession *ws, const struct msg_bind *bind)
{
	struct player *play = ws->play;
	bool fresh = play->epoch != bind->epoch;

	for (size_t i = 0; i < play->sink_count; i++) {
		struct sink *sink = &play->sinks[i];
		uint8_t track = bind->binding.tracks[i].source;

		if (!fresh && sink->track == track)
			continue; /* a contributor came or went: another track's */
		sink->track = sink->source = track;
		memcpy(sink->pt, bind->binding.tracks[i].pt, CODECS_MAX);
		memcpy(sink->rtx_pt, bind->binding.tracks[i].rtx_pt, CODECS_MAX);
		memcpy(sink->red, bind->binding.tracks[i].red, CODECS_MAX);
		if (!fresh && ws->stream != NULL && ws->stream->epoch == bind->epoch)
			join_track(ws, sink);
	}
	play->epoch = bind->epoch;
	if (fresh && ws->stream != NULL)
		play_join(ws);
}

void
play_miss_sets(struct wsession *ws, struct sink *sink, const struct wtrack *t,
	       const struct rtp_ring_slot *slot)
{
	uint64_t at = rtp_ring_keyframe(t->ring);
	const uint8_t *payload;
	const struct rtp_ring_slot *key = at != 0 ? rtp_ring_get(t->ring, at, &payload) : NULL;

	if (key != NULL && key->ts == slot->ts && keyframe_head(t, key) <= slot->seq &&
	    slot->seq < sink->began_seq && replays(ws, sink->source)) {
		sink->waiting = true;
		sink->cursor = at - 1;
	} else
		stream_want_keyframe(ws->stream, ws->worker, sink->source);
}
