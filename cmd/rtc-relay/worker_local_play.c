/* worker_local_play.c - what a local subscriber gets: every track as it is, whole or with the gap
 * said.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "worker.h"

/* Where a subscriber begins in a track: at the newest keyframe and what came since, if the source
 * makes none on demand; with what comes next otherwise. */
static uint64_t
first_position(const struct wstream *s, unsigned track)
{
	const struct rtp_ring *ring = s->tracks[track].ring;
	uint64_t since = 0, at = ring != NULL ? rtp_ring_head(ring) : 0;
	const struct rtp_ring_slot *slot;
	const uint8_t *payload;

	for (unsigned i = 0; i < s->lane_end; i++) {
		uint64_t key = s->tracks[i].periodic && s->tracks[i].ring != NULL
				   ? rtp_ring_keyframe(s->tracks[i].ring)
				   : 0;

		slot = key != 0 ? rtp_ring_get(s->tracks[i].ring, key, &payload) : NULL;
		since = slot != NULL ? slot->arrival_us : since;
	}
	while (since != 0 && at > 0) {
		slot = rtp_ring_get(ring, at, &payload);
		if (slot == NULL || slot->arrival_us < since)
			break;
		at--;
	}
	return at;
}

void
local_bind(struct wsession *ws, const struct msg_bind *bind)
{
	struct wstream *s = ws->stream;
	bool fresh;

	if (ws->local->sinks == NULL || s == NULL || s->epoch != bind->epoch)
		return;
	fresh = ws->local->epoch != bind->epoch;
	ws->local->epoch = bind->epoch;
	for (size_t i = 0; i < ws->local->count; i++) {
		struct sink *sink = &ws->local->sinks[i];

		uint8_t track = i < s->lane_end ? bind->binding.tracks[i].source : PT_NONE;

		if (!fresh && track == sink->track)
			continue; /* another track is new, or gone */
		sink->track = sink->source = track;
		sink->waiting = true;
		sink->cursor = 0;
		memcpy(sink->pt, bind->binding.tracks[i].pt, CODECS_MAX);
		memcpy(sink->red, bind->binding.tracks[i].red, CODECS_MAX);
		if (sink->source == PT_NONE)
			continue;
		rtp_rewrite_init(&sink->rw, (uint16_t)(random_u32() & 0x7fff), random_u32());
		layers_join(s, sink);
		sink->cursor = first_position(s, sink->source);
		if (!s->tracks[sink->source].periodic || s->tracks[sink->source].ring == NULL ||
		    rtp_ring_keyframe(s->tracks[sink->source].ring) == 0)
			stream_want_keyframe(s, ws->worker, sink->source);
	}
	local_fanout(ws, s);
}

/* It fell behind and packets are gone: say so, go on at the next keyframe. */
static void
report_gap(struct wsession *ws, unsigned track, uint64_t lost)
{
	json_t *event = json_pack("{s:s, s:i, s:I}", "event", "gap", "track", (int)track, "lost",
				  (json_int_t)lost);

	ipc_conn_send(ws->local->conn, event);
	json_decref(event);
	ws->local->sinks[track].waiting = true;
	stream_want_keyframe(ws->stream, ws->worker, ws->local->sinks[track].source);
}

/* Layers have numbers and clocks of their own: the subscriber sees one source all the same. */
static bool
is_layered(const struct wstream *s, const struct sink *sink)
{
	return s->layered && s->layers[sink->track].count > 1;
}

/* 0 sent or rightly skipped, -EAGAIN the socket is full. */
static int
send_slot(struct wsession *ws, unsigned track, const struct rtp_ring_slot *slot,
	  const uint8_t *payload)
{
	struct sink *sink = &ws->local->sinks[track];
	uint8_t buf[RTP_HEADER_SIZE + LOCAL_EXT_ROOM + RTP_PACKET_MAX];
	size_t size = local_ext_write(buf + RTP_HEADER_SIZE, LOCAL_EXT_ROOM, slot);
	const struct wtrack *t = &ws->stream->tracks[sink->source];
	uint64_t seq = slot->seq;
	uint32_t ts = slot->ts;
	struct sink_part part;
	uint8_t pt;
	int rc;

	if (slot->tag >= CODECS_MAX ||
	    (sink->waiting && t->kind == TRACK_VIDEO && (slot->flags & RTP_RING_KEYFRAME) == 0))
		return 0;
	if (is_layered(ws->stream, sink)) {
		if (sink->waiting)
			rtp_rewrite_switch(&sink->rw, slot->seq, slot->ts, ws->worker->now_us,
					   t->clock_rate);
		sink->waiting = false;
		if (rtp_rewrite_map(&sink->rw, slot->seq, slot->ts, ws->worker->now_us, &seq, &ts) <
		    0)
			return 0;
	}
	sink_take(sink, slot, payload, &part);
	pt = sink->red[slot->tag] != PT_NONE ? sink->pt[slot->tag] : slot->pt;
	rtp_write_header(buf, pt, slot->marker, size > 0, (uint16_t)seq, ts, track + 1);
	size += RTP_HEADER_SIZE;
	memcpy(buf + size, part.payload, part.size);
	size += part.size;
	rc = ipc_conn_send_packet(ws->local->conn, buf, size);
	if (rc == -EAGAIN)
		return rc;
	sink->waiting = false;
	STAT_ADD(ws->session->stats.tx_packets, 1);
	STAT_ADD(ws->session->stats.tx_octets, size);
	return 0;
}

/* The source's clock as a sender report of now, whenever it was told anew. */
static void
send_clock(struct wsession *ws, unsigned track)
{
	struct sink *sink = &ws->local->sinks[track];
	uint64_t told_us = stream_clock_reported_us(ws->stream, sink->source);
	uint8_t buf[RTCP_COMPOUND_MAX];
	struct rtcp_sr sr = {.ssrc = track + 1};
	struct rtcp_writer out;
	int n;

	if (told_us == 0 || told_us == sink->clock_us ||
	    !stream_clock_report(ws->stream, sink->source, ws->worker->now_us, &sr))
		return;
	if (is_layered(ws->stream, sink)) {
		if (sink->waiting)
			return; /* not mapped yet */
		sr.rtp_ts = rtp_rewrite_ts(&sink->rw, sr.rtp_ts);
	}
	rtcp_start(&out, buf, sizeof(buf));
	rtcp_add_sr(&out, &sr, NULL, 0);
	n = rtcp_finish(&out);
	if (n > 0 && ipc_conn_send_packet(ws->local->conn, buf, (size_t)n) == 0)
		sink->clock_us = told_us;
}

/* Before the packets, so that a subscriber knows where the first of each track belongs. */
static void
send_clocks(struct wsession *ws, struct wstream *s)
{
	for (unsigned i = 0; i < ws->local->count && i < s->lane_end; i++) {
		struct sink *sink = &ws->local->sinks[i];

		if (sink->source == PT_NONE)
			continue;
		if (s->layered)
			layers_choose(ws, s, sink);
		if (s->tracks[sink->source].ring != NULL)
			send_clock(ws, i);
	}
}

void
local_fanout(struct wsession *ws, struct wstream *s)
{
	struct local *local = ws->local;

	if (local->blocked || local->conn == NULL || local->epoch != s->epoch || ws->ended)
		return;
	send_clocks(ws, s);
	for (unsigned i = 0; i < local->count && i < s->lane_end; i++) {
		struct sink *sink = &local->sinks[i];
		struct rtp_ring *ring;

		if (sink->source == PT_NONE)
			continue;
		ring = s->tracks[sink->source].ring;
		if (ring == NULL)
			continue;
		if (sink->cursor + 1 < rtp_ring_tail(ring)) {
			report_gap(ws, i, rtp_ring_tail(ring) - 1 - sink->cursor);
			sink->cursor = rtp_ring_tail(ring) - 1;
		}
		while (sink->cursor < rtp_ring_head(ring)) {
			const uint8_t *payload;
			const struct rtp_ring_slot *slot =
			    rtp_ring_get(ring, sink->cursor + 1, &payload);

			if (slot != NULL && send_slot(ws, i, slot, payload) < 0) {
				local->blocked = true;
				return;
			}
			sink->cursor++;
		}
	}
}
