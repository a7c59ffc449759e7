/* worker_play.c - a WebRTC player: the fan-out of its streams, with its own numbers and keys. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "red/red.h"
#include "worker.h"

enum {
	EMPTY_PAD = 4,			  /* octets of a packet that is padding alone */
	PACKET_ROOM = RTP_PACKET_MAX + 64 /* octets of a protected packet at most */
};

/*
 * A TWCC number changes with every sending, so a packet that carries one can be resent by RTX only
 * (one index, one plaintext): without RTX, NACK wins and there are no numbers.
 */
static bool
may_number(const struct track *t)
{
	bool twcc = false;

	for (size_t i = 0; i < t->codec_count; i++) {
		const struct codec *c = &t->codecs[i];

		twcc |= (c->feedback & FEEDBACK_TWCC) != 0;
		if ((c->feedback & FEEDBACK_NACK) != 0 && c->rtx_pt == PT_NONE)
			return false;
	}
	return twcc && t->ext_twcc != 0;
}

int
play_new(struct wsession *ws)
{
	const struct tracks *tracks = &ws->session->tracks;
	struct player *play = calloc(1, sizeof(*play));

	if (play == NULL)
		return -ENOMEM;
	play->sinks = calloc(tracks->count, sizeof(*play->sinks));
	if (play->sinks == NULL) {
		free(play);
		return -ENOMEM;
	}
	play->sink_count = tracks->count;
	rtp_fit_init(&play->fit);
	play->resends = (struct bucket){ws->worker->now_us, RESEND_RATE};
	for (size_t i = 0; i < tracks->count; i++) {
		const struct track *t = &tracks->list[i];
		struct sink *sink = &play->sinks[i];

		sink->track = sink->source = sink->want = sink->prev.source = PT_NONE;
		sink->waiting = true;
		sink->ssrc = t->out_ssrc;
		sink->rtx_ssrc = t->out_rtx_ssrc;
		sink->ext_twcc = t->ext_twcc;
		sink->ext_playout = t->ext_playout_delay;
		sink->has_twcc = ws->session->twcc && may_number(t);
		/* Below 2^15: no receiver mistakes an early wrap (RFC 3711 s.3.3.1). */
		sink->rtx_seq = (uint16_t)(random_u32() & 0x7fff);
		rtp_rewrite_init(&sink->rw, (uint16_t)(random_u32() & 0x7fff), random_u32());
	}
	ws->play = play;
	return 0;
}

void
play_free(struct wsession *ws)
{
	if (ws->play == NULL)
		return;
	free(ws->play->sinks);
	free(ws->play);
}

static uint32_t
replayed_ts(uint64_t replay_seq, uint32_t replay_ts, const struct rtp_ring_slot *slot)
{
	if (replay_seq == 0 || slot->seq > replay_seq)
		return slot->ts;
	return replay_ts - (uint32_t)(rtp_ts_diff(replay_ts, slot->ts) / REPLAY_SPEED);
}

uint32_t
sink_ts(const struct sink *sink, const struct rtp_ring_slot *slot)
{
	return replayed_ts(sink->replay_seq, sink->replay_ts, slot);
}

uint32_t
sink_prev_ts(const struct sink *sink, const struct rtp_ring_slot *slot)
{
	return replayed_ts(sink->prev.replay_seq, sink->prev.replay_ts, slot);
}

/*
 * A keyframe's block says how long its pictures wait: 12 bits each of the least and the most, the
 * latter being what receivers take without a word. Those that follow go by it, too.
 */
static size_t
write_keyframe_ext(struct player *play, const struct sink *sink, uint8_t *out)
{
	uint8_t delay[3], number[2];
	struct rtp_ext exts[2] = {{sink->ext_playout, delay, sizeof(delay)},
				  {sink->ext_twcc, number, sizeof(number)}};
	int n;

	put_be24(delay,
		 (uint32_t)sink->playout << 12 | PLAYOUT_DELAY_MAX_MS / PLAYOUT_DELAY_UNIT_MS);
	if (sink->has_twcc)
		put_be16(number, play->twcc_seq++);
	n = rtp_ext_write(out, EXT_BLOCK_MAX, exts, sink->has_twcc ? 2 : 1);
	return n > 0 ? (size_t)n : 0;
}

size_t
play_write_header(struct player *play, struct sink *sink, uint8_t *out, uint8_t pt,
		  const struct rtp_ring_slot *slot, uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	bool says_delay = sink->has_playout && (slot->flags & RTP_RING_KEYFRAME) != 0;
	uint8_t *ext = out + RTP_HEADER_SIZE;

	rtp_write_header(out, pt, slot->marker, sink->has_twcc || says_delay, seq, ts, ssrc);
	if (says_delay)
		return RTP_HEADER_SIZE + write_keyframe_ext(play, sink, ext);
	if (!sink->has_twcc)
		return RTP_HEADER_SIZE;
	memset(ext, 0, EXT_BLOCK_SIZE);
	put_be16(ext + 2, 1); /* one word follows */
	if (sink->ext_twcc <= 14) {
		put_be16(ext, RTP_EXT_PROFILE_ONE_BYTE);
		ext[4] = (uint8_t)(sink->ext_twcc << 4 | 1);
		put_be16(ext + 5, play->twcc_seq++);
	} else {
		put_be16(ext, RTP_EXT_PROFILE_TWO_BYTE);
		ext[4] = sink->ext_twcc;
		ext[5] = 2;
		put_be16(ext + 6, play->twcc_seq++);
	}
	return RTP_HEADER_SIZE + EXT_BLOCK_SIZE;
}

void
play_transmit(struct wsession *ws, const struct wout *o, const uint8_t *hdr, size_t hdr_size,
	      const uint8_t *payload, size_t payload_size)
{
	uint8_t *out = wout_reserve(o, PACKET_ROOM);
	int n = rtpsec_protect(ws->send, hdr, hdr_size, payload, payload_size, out, PACKET_ROOM);

	if (n <= 0) {
		STAT_ADD(ws->session->stats.tx_dropped, 1);
		return;
	}
	wout_commit(o, &ws->path, (size_t)n);
	STAT_ADD(ws->session->stats.tx_packets, 1);
	STAT_ADD(ws->session->stats.tx_octets, n);
}

void
sink_take(const struct sink *sink, const struct rtp_ring_slot *slot, const uint8_t *payload,
	  struct sink_part *out)
{
	uint8_t red = sink->red[slot->tag];
	struct red r;
	int n;

	out->payload = payload;
	out->size = slot->payload_size;
	if (red == PT_NONE || out->size == 0)
		return;
	if (red == RED_PRIMARY) {
		n = red_parse(&r, payload, out->size);
		out->payload = n == 0 ? r.blocks[r.block_count - 1].data : payload;
		out->size = n == 0 ? r.blocks[r.block_count - 1].size : 0;
		return;
	}
	n = out->size <= sizeof(out->room) ? red_copy(out->room, payload, out->size, red) : 0;
	out->payload = out->room;
	out->size = n > 0 ? (size_t)n : 0;
}

void
play_take(const struct wsession *ws, const struct sink *sink, const struct rtp_ring_slot *slot,
	  const uint8_t *payload, struct sink_part *out)
{
	sink_take(sink, slot, payload, out);
	if ((slot->flags & RTP_RING_DISPOSABLE) != 0 && !ws->session->keep_bframe)
		out->size = 0;
}

void
play_send_part(struct wsession *ws, const struct wout *o, uint8_t *hdr, size_t hdr_size,
	       const struct rtp_ring_slot *slot, const struct sink_part *part)
{
	uint8_t padded[RTP_PACKET_MAX + RTP_RING_PAD_MAX];
	size_t size = part->size;
	uint8_t pad = size > 0 ? slot->pad : EMPTY_PAD;

	if (pad == 0 || size > RTP_PACKET_MAX) {
		play_transmit(ws, o, hdr, hdr_size, part->payload, size);
		return;
	}
	/* RFC 3550 s.5.1: the last octet counts the padding, itself included. */
	if (size > 0)
		memcpy(padded, part->payload, size);
	memset(padded + size, 0, pad);
	size += pad;
	padded[size - 1] = pad;
	hdr[0] |= 0x20;
	play_transmit(ws, o, hdr, hdr_size, padded, size);
}

static void
send_slot(struct wsession *ws, const struct wout *o, struct sink *sink,
	  const struct rtp_ring_slot *slot, const struct sink_part *part, uint64_t out_seq,
	  uint32_t out_ts)
{
	uint8_t hdr[RTP_HEADER_SIZE + EXT_BLOCK_MAX];
	size_t n = play_write_header(ws->play, sink, hdr, sink->pt[slot->tag], slot,
				     (uint16_t)out_seq, out_ts, sink->ssrc);

	sink->packets++;
	sink->octets += (uint32_t)part->size;
	play_send_part(ws, o, hdr, n, slot, part);
}

/* A keyframe begins in the order of its numbers: a browser that gets slices before their parameter
 * sets throws them away. */
static void
send_head(struct wsession *ws, const struct wout *o, struct sink *sink, const struct wtrack *t,
	  const struct rtp_ring_slot *key)
{
	while (t->kind == TRACK_VIDEO && sink->began_seq < key->seq + KEYFRAME_HEAD_MAX) {
		uint64_t out_seq, at = rtp_ring_find(t->ring, sink->began_seq);
		const uint8_t *payload;
		const struct rtp_ring_slot *slot =
		    at != 0 ? rtp_ring_get(t->ring, at, &payload) : NULL;
		struct sink_part part;
		uint32_t out_ts;

		if (slot == NULL || slot->ts != key->ts || slot->tag != key->tag)
			return;
		sink->began_seq++;
		play_take(ws, sink, slot, payload, &part);
		if (part.size == 0 && rtp_rewrite_drop(&sink->rw, slot->seq) == 0)
			continue;
		if (rtp_rewrite_map(&sink->rw, slot->seq, sink_ts(sink, slot), ws->worker->now_us,
				    &out_seq, &out_ts) == 0)
			send_slot(ws, o, sink, slot, &part, out_seq, out_ts);
	}
}

/* One packet of the ring to this player. */
static void
forward_packet(struct wsession *ws, const struct wout *o, struct sink *sink, const struct wtrack *t,
	       const struct rtp_ring_slot *slot, const uint8_t *payload)
{
	uint64_t out_seq, now = ws->worker->now_us;
	struct sink_part part;
	uint32_t out_ts;

	if (slot->tag >= CODECS_MAX || sink->pt[slot->tag] == PT_NONE)
		return;
	if (o->tcp != NULL && !wtcp_takes(ws, o->tcp, sink, t, slot))
		return;
	play_take(ws, sink, slot, payload, &part);
	if (sink->waiting) {
		if (part.size == 0 ||
		    (t->kind == TRACK_VIDEO && (slot->flags & RTP_RING_KEYFRAME) == 0))
			return;
		play_begin(ws, sink, t, slot);
		send_head(ws, o, sink, t, slot);
	}
	/* Another worker's replay, for those who wait, passes by those who have it already. */
	if (slot->seq <= sink->rw.max_seq && (slot->flags & RTP_RING_LATE) == 0)
		return;
	/* Nothing to send: the numbers close over it. One that comes late has its number already,
	 * and must fill the hole, or the player would wait for it. */
	if (part.size == 0 && rtp_rewrite_drop(&sink->rw, slot->seq) == 0)
		return;
	if (rtp_rewrite_map(&sink->rw, slot->seq, sink_ts(sink, slot), now, &out_seq, &out_ts) <
	    0) {
		if ((slot->flags & RTP_RING_SETS) != 0)
			play_miss_sets(ws, sink, t, slot);
		return;
	}
	if (slot->seq >= sink->began_seq)
		send_slot(ws, o, sink, slot, &part, out_seq, out_ts);
}

/* New packets of one track. In a replay REPLAY_BURST at most: the player's link has a limit too,
 * and over TCP it is known. */
static void
fanout_track(struct wsession *ws, const struct wout *o, struct sink *sink, const struct wtrack *t)
{
	uint64_t head = rtp_ring_head(t->ring);

	for (unsigned sent = 0; sink->cursor < head; sent++) {
		const uint8_t *payload;
		const struct rtp_ring_slot *slot;

		if (sink->replay_to != 0 &&
		    (sent >= REPLAY_BURST || (o->tcp != NULL && tcp_conn_queued(o->tcp) > 0))) {
			ws->play->next_burst_us = ws->worker->now_us + REPLAY_TICK_US;
			ws_arm(ws);
			return;
		}
		slot = rtp_ring_get(t->ring, ++sink->cursor, &payload);
		if (slot != NULL)
			forward_packet(ws, o, sink, t, slot, payload);
		else if (o->tcp != NULL && t->kind == TRACK_VIDEO)
			wtcp_overrun(ws, sink);
		if (sink->cursor >= sink->replay_to)
			sink->replay_to = 0;
	}
}

static void
fanout_kind(struct wsession *ws, const struct wout *o, struct wstream *s, enum track_kind kind)
{
	for (size_t i = 0; i < ws->play->sink_count; i++) {
		struct sink *sink = &ws->play->sinks[i];
		const struct wtrack *t;

		if (sink->source >= s->lane_end)
			continue;
		t = &s->tracks[sink->source];
		if (t->kind != kind)
			continue;
		if (s->layered && layers_choose(ws, s, sink))
			t = &s->tracks[sink->source];
		if (t->ring == NULL)
			continue;
		if (sink->replay_to == 0 || ws->worker->now_us >= ws->play->next_burst_us)
			fanout_track(ws, o, sink, t);
	}
}

void
play_fanout(struct wsession *ws, struct wstream *s)
{
	struct wout o;

	if (!ws->has_path || ws->play->epoch != s->epoch)
		return;
	o = worker_out(ws->worker, &ws->path);
	if (!wout_is_open(&o))
		return;
	/* Video first: a small audio packet may end a message of equal video packets. */
	fanout_kind(ws, &o, s, TRACK_VIDEO);
	fanout_kind(ws, &o, s, TRACK_AUDIO);
}
