/*
 * worker_layers.c - simulcast: which layer a player gets.  The best one that sends; changed at a
 * keyframe of the new layer only, for which the publisher is asked.  A layer is a lane of the
 * stream, with a ring of its own.
 */
#include "base/bytes.h"
#include "worker.h"

enum { RATE_WINDOW_US = 500000 };

/*
 * Did it send anything lately? When all of them come back from a stall, one is first: those that
 * were there when it began have as long to follow as makes a silence of all a stall.
 */
static bool
is_active(const struct wlayers *layers, const struct wtrack *t, uint64_t now_us)
{
	bool resumes = layers->resumed_us != 0 && now_us - layers->resumed_us < LAYER_STALL_US;

	return t->ring != NULL &&
	       t->last_us + LAYER_SILENCE_US > (resumes ? layers->stalled_us : now_us);
}

static void
note_stall(struct wlayers *layers, const struct wstream *s)
{
	uint64_t newest_us = 0;

	for (unsigned k = 0; k < layers->count; k++)
		newest_us = MAX_OF(newest_us, s->tracks[layers->lanes[k]].last_us);
	if (layers->newest_us != 0 && newest_us > layers->newest_us + LAYER_STALL_US) {
		layers->stalled_us = layers->newest_us;
		layers->resumed_us = newest_us;
	}
	layers->newest_us = newest_us;
}

/*
 * By the pictures' sizes where both are known; else by what they send, if that differs by a half;
 * else as the publisher named them.
 */
static bool
is_better(const struct wtrack *a, const struct wtrack *b)
{
	if (a->area != 0 && b->area != 0 && a->area != b->area)
		return a->area > b->area;
	return a->rate_bps > b->rate_bps + b->rate_bps / 2;
}

static void
update_rate(struct wtrack *t, uint64_t now_us)
{
	uint64_t since = now_us - t->rate_us;

	if (since < RATE_WINDOW_US)
		return;
	t->rate_bps = t->rate_us == 0 ? 0 : t->rate_octets * 8 * 1000000 / since;
	t->rate_us = now_us;
	t->rate_octets = 0;
}

void
layers_update(struct wstream *s, uint64_t now_us)
{
	for (unsigned i = 0; i < TRACKS_MAX; i++) {
		struct wlayers *layers = &s->layers[i];
		unsigned n = 0;

		note_stall(layers, s);
		for (unsigned k = 0; layers->count > 1 && k < layers->count; k++) {
			uint8_t lane = layers->lanes[k];
			unsigned at = n;

			update_rate(&s->tracks[lane], now_us);
			if (!is_active(layers, &s->tracks[lane], now_us))
				continue;
			for (; at > 0 &&
			       is_better(&s->tracks[lane], &s->tracks[layers->order[at - 1]]);
			     at--)
				layers->order[at] = layers->order[at - 1];
			layers->order[at] = lane;
			n++;
		}
		layers->active = (uint8_t)n;
	}
}

/*
 * Which of the active layers, the best being 0, a player gets. What its link does not take counts
 * from the best of all: those that are not sent are the better ones, browsers turn off from the
 * top.
 */
static unsigned
rank_for(const struct wsession *ws, const struct wlayers *layers)
{
	unsigned skip = ws->play != NULL ? ws->play->fit.skip : 0;
	unsigned off = (unsigned)layers->count - layers->active;

	return skip <= off ? 0 : MIN_OF(skip - off, layers->active - 1u);
}

void
layers_report(struct wsession *ws, const struct sink *sink, unsigned loss_q8, uint64_t rtt_us)
{
	const struct wstream *s = ws->stream;
	const struct wlayers *layers = &s->layers[sink->track];
	uint64_t next_bps = 0;
	unsigned rank = rank_for(ws, layers);

	if (layers->count < 2 || layers->active == 0 || (sink->waiting && !sink->starved))
		return;
	if (rank > 0)
		next_bps = s->tracks[layers->order[rank - 1]].rate_bps;
	if (rtp_fit_report(&ws->play->fit, ws->worker->now_us, loss_q8, rtt_us,
			   s->tracks[sink->source].rate_bps, next_bps, layers->count))
		STAT_SET(ws->session->stats.layers_skipped, ws->play->fit.skip);
}

static void
count_status(void *arg, uint16_t seq, int64_t delta_us)
{
	struct player *play = arg;

	(void)seq;
	if (delta_us == INT64_MIN)
		play->missing++;
	else
		play->arrived++;
}

void
layers_feedback(struct wsession *ws, const struct rtcp_packet *p)
{
	struct player *play = ws->play;
	uint64_t now = ws->worker->now_us, since = now - play->window_us;
	struct rtcp_twcc_head head;
	uint32_t count;

	if (ws->stream == NULL || !ws->stream->layered || play->epoch != ws->stream->epoch)
		return;
	rtcp_get_twcc(p, &head, count_status, play);
	count = play->arrived + play->missing;
	if (since < LAYER_WINDOW_US ||
	    (count < LAYER_WINDOW_PACKETS && since < LAYER_WINDOW_MAX_US))
		return;
	for (size_t i = 0; i < play->sink_count && count > 0; i++)
		if (play->sinks[i].has_twcc && play->sinks[i].source < ws->stream->lane_end &&
		    ws->stream->layers[play->sinks[i].track].count > 1) {
			layers_report(ws, &play->sinks[i], play->missing * 256 / count,
				      STAT_GET(ws->session->stats.rtt_us));
			break;
		}
	play->arrived = play->missing = 0;
	play->window_us = now;
}

void
layers_join(const struct wstream *s, struct sink *sink)
{
	const struct wlayers *layers = &s->layers[sink->track];

	sink->source = sink->track;
	sink->want = sink->prev.source = PT_NONE;
	if (layers->count > 1 && layers->active > 0)
		sink->source = layers->order[0];
	if (s->tracks[sink->source].ring != NULL)
		sink->cursor = rtp_ring_head(s->tracks[sink->source].ring);
}

/* The sink goes on in another layer, at a position of its ring; what it got is kept for NACK. */
static void
move_sink(struct wsession *ws, struct sink *sink, uint8_t lane, uint64_t position)
{
	if (!sink->waiting && sink->replay_to == 0) {
		sink->prev.rw = sink->rw;
		sink->prev.replay_seq = sink->replay_seq;
		sink->prev.replay_ts = sink->replay_ts;
		sink->prev.same_from = sink->same_from;
		sink->prev.source = sink->source;
		STAT_ADD(ws->session->stats.layer_switches, 1);
	}
	sink->source = lane;
	sink->cursor = position;
	sink->waiting = true;
	sink->want = PT_NONE;
	STAT_SET(ws->session->stats.layer, lane + 1u);
}

/* Where to go on in a layer: before its keyframe, if that is as good as new. False: wait for one.
 */
static bool
fresh_keyframe(const struct wtrack *t, uint64_t now_us, uint64_t *position)
{
	uint64_t keyframe = rtp_ring_keyframe(t->ring);
	const uint8_t *payload;
	const struct rtp_ring_slot *slot =
	    keyframe != 0 ? rtp_ring_get(t->ring, keyframe, &payload) : NULL;

	if (slot == NULL || slot->arrival_us + LAYER_FRESH_US < now_us)
		return false;
	*position = keyframe - 1;
	return true;
}

bool
layers_choose(struct wsession *ws, struct wstream *s, struct sink *sink)
{
	const struct wlayers *layers = &s->layers[sink->track];
	uint64_t now = ws->worker->now_us, position;
	uint8_t best;

	if (layers->count < 2 || layers->active == 0)
		return false;
	best = layers->order[rank_for(ws, layers)];
	if (best == sink->source) {
		sink->want = PT_NONE;
		if (sink->waiting && !sink->starved)
			stream_want_keyframe(s, ws->worker, best);
		STAT_SET(ws->session->stats.layer, best + 1u);
		return false;
	}
	if (fresh_keyframe(&s->tracks[best], now, &position)) {
		move_sink(ws, sink, best, position);
		return true;
	}
	/* Nothing to lose: a newcomer waits in the right place; and where keyframes come by the
	 * source's own clock, the video since the last one is better than none. */
	if (sink->waiting ||
	    (s->tracks[best].periodic && !is_active(layers, &s->tracks[sink->source], now))) {
		position = s->tracks[best].periodic ? rtp_ring_keyframe(s->tracks[best].ring) : 0;
		move_sink(ws, sink, best,
			  position != 0 ? position - 1 : rtp_ring_head(s->tracks[best].ring));
		stream_want_keyframe(s, ws->worker, best);
		return true;
	}
	sink->want = best;
	stream_want_keyframe(s, ws->worker, best);
	return false;
}
