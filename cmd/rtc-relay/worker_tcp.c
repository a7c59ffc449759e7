/*
 * worker_tcp.c - ICE-TCP (RFC 6544): connections find their sessions by the first packet, which
 * must be a STUN request, and live on their session's worker; players whose link is slower than
 * their stream lose whole frames.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "worker.h"

enum {
	PACKET_ROOM = UDP_DATAGRAM_MAX + FRAME_HEAD_SIZE,
	AUDIO_ROOM = 32 << 10 /* of a queue, left to audio and RTCP */
};

/* ---- connections ---- */

static bool
is_selected(const struct wsession *ws, const struct tcp_conn *c)
{
	return ws->has_path && ice_tuple_equal(&ws->path, tcp_conn_tuple(c));
}

static void
forget(struct wsession *ws, const struct tcp_conn *c)
{
	for (unsigned i = 0; i < ws->conn_count; i++) {
		if (ws->conns[i] != c)
			continue;
		ws->conn_count--;
		memmove(&ws->conns[i], &ws->conns[i + 1],
			(ws->conn_count - i) * sizeof(ws->conns[0]));
		return;
	}
}

static void
take(struct wsession *ws, struct tcp_conn *c)
{
	if (ws->conn_count == CONNS_PER_SESSION_MAX) {
		struct tcp_conn *old = ws->conns[is_selected(ws, ws->conns[0])];

		ice_lite_drop(ws->ice, tcp_conn_tuple(old));
		forget(ws, old);
		tcp_conn_close(old);
	}
	ws->conns[ws->conn_count++] = c;
	tcp_conn_own(c, ws);
}

void
wtcp_close_all(struct wsession *ws)
{
	while (ws->conn_count > 0)
		tcp_conn_close(ws->conns[--ws->conn_count]);
}

/* The request named this session, with the right password: it is ours, or another worker's. */
static enum tcp_verdict
claim(struct worker *w, struct tcp_conn *c, struct known *k, uint8_t *buf, size_t size)
{
	if (atomic_load(&k->session->owner) < 0)
		ws_claim(w, k);
	if (k->ws == NULL) {
		w->tcp_to = atomic_load(&k->session->owner);
		return TCP_MOVES;
	}
	if (k->ws->ice == NULL || k->ws->ended)
		return TCP_ENDS;
	take(k->ws, c);
	ingress_session(k->ws, tcp_conn_tuple(c), buf, size);
	return TCP_STAYS;
}

/* What a stranger sends first. Without credentials it is a test of the port. */
static enum tcp_verdict
first_packet(struct worker *w, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	const struct ice_tuple *from = tcp_conn_tuple(c);
	char left[ICE_UFRAG_MAX + 1], right[ICE_UFRAG_MAX + 1];
	struct stun_msg msg;
	struct known *k = NULL;
	size_t name_size;

	if (stun_parse(&msg, buf, size) < 0 || msg.class != STUN_REQUEST) {
		STAT_ADD(w->stats.unknown_packets, 1);
		return TCP_ENDS;
	}
	if (stun_attr(&msg, STUN_USERNAME, &name_size) == NULL) {
		ingress_plain(w, from, &msg);
		return TCP_STAYS;
	}
	if (stun_get_username(&msg, left, right, sizeof(left)) == 0)
		HASH_FIND(by_ufrag, w->by_ufrag, left, (unsigned)strlen(left), k);
	if (k == NULL || stun_verify_integrity(&msg, k->pwd) != 0) {
		ingress_unauthorized(w, from, &msg);
		return TCP_ENDS;
	}
	return claim(w, c, k, buf, size);
}

static enum tcp_verdict
on_packet(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	struct worker *w = arg;
	struct wsession *ws = tcp_conn_owner(c);

	STAT_ADD(w->stats.rx_packets, 1);
	STAT_ADD(w->stats.rx_octets, size);
	if (ws == NULL)
		return first_packet(w, c, buf, size);
	ingress_session(ws, tcp_conn_tuple(c), buf, size);
	return TCP_STAYS;
}

static void
on_hand_over(void *arg, int fd, const struct ice_tuple *tuple, const uint8_t *octets, size_t size)
{
	struct worker *w = arg;
	struct msg_tcp m = {fd, *tuple};

	if (w->tcp_to < 0 || (unsigned)w->tcp_to >= w->count || w->to[w->tcp_to] == NULL ||
	    chan_post(w->to[w->tcp_to], M_TCP, &m, sizeof(m), octets, size) < 0)
		close(fd); /* the client tries again */
}

static void
on_closed(void *arg, struct tcp_conn *c)
{
	struct wsession *ws = tcp_conn_owner(c);

	(void)arg;
	forget(ws, c);
	STAT_SET(ws->session->stats.paths, ws->known->path_count + ws->conn_count);
	if (ice_lite_drop(ws->ice, tcp_conn_tuple(c)) != 0)
		ingress_selected(ws);
	ws_arm(ws);
}

static const struct tcp_handlers handlers = {
    .packet = on_packet, .hand_over = on_hand_over, .closed = on_closed};

int
wtcp_open(struct worker *w)
{
	w->tcp = tcp_new(&handlers, w);
	return w->tcp != NULL ? 0 : -ENOMEM;
}

void
wtcp_adopt(struct worker *w, const struct chan_msg *msg)
{
	struct msg_tcp m;

	memcpy(&m, msg->data, sizeof(m));
	if (w->tcp != NULL)
		tcp_adopt(w->tcp, w->now_us, m.fd, &m.tuple, msg->data + sizeof(m),
			  msg->size - sizeof(m));
	else
		close(m.fd);
}

/* ---- players whose link does not keep up ---- */

static void
starve(struct wsession *ws, struct sink *sink)
{
	sink->starved = sink->waiting = true;
	sink->replay_to = 0;
	STAT_ADD(ws->session->stats.frames_dropped, 1);
	if (ws->stream->layered)
		layers_report(ws, sink, UINT8_MAX, STAT_GET(ws->session->stats.rtt_us));
}

void
wtcp_overrun(struct wsession *ws, struct sink *sink)
{
	if (!sink->waiting)
		starve(ws, sink);
}

void
wtcp_left(struct wsession *ws)
{
	for (size_t i = 0; ws->play != NULL && i < ws->play->sink_count; i++) {
		struct sink *sink = &ws->play->sinks[i];

		if (sink->starved && ws->stream != NULL && ws->play->epoch == ws->stream->epoch)
			stream_want_keyframe(ws->stream, ws->worker, sink->source);
		sink->starved = false;
	}
}

/*
 * A frame was cut: what went of it cannot be shown, so its receiver must see that something is
 * missing. The number of this packet is spent.
 */
static void
leave_hole(struct wsession *ws, struct sink *sink, const struct rtp_ring_slot *slot)
{
	uint64_t seq;
	uint32_t ts;

	(void)rtp_rewrite_map(&sink->rw, slot->seq, sink_ts(sink, slot), ws->worker->now_us, &seq,
			      &ts);
}

/* Nothing until what waits has gone; then a keyframe, for which the source is asked. */
static bool
recovers(struct wsession *ws, struct tcp_conn *c, struct sink *sink,
	 const struct rtp_ring_slot *slot, bool begins)
{
	bool empty = tcp_conn_queued(c) == 0 && tcp_conn_room(c) > TCP_QUEUE_BEHIND;

	if (empty && (slot->flags & RTP_RING_KEYFRAME) != 0) {
		sink->starved = false;
		return true;
	}
	if (!begins)
		return false;
	if (empty)
		stream_want_keyframe(ws->stream, ws->worker, sink->source);
	STAT_ADD(ws->session->stats.frames_dropped, 1);
	if (ws->stream->layered)
		layers_report(ws, sink, UINT8_MAX, STAT_GET(ws->session->stats.rtt_us));
	return false;
}

static bool
video_goes(struct wsession *ws, struct tcp_conn *c, struct sink *sink,
	   const struct rtp_ring_slot *slot)
{
	bool begins =
	    (slot->flags & RTP_RING_LATE) == 0 && (!sink->framed || slot->ts != sink->frame_ts);

	if (begins) {
		sink->framed = true;
		sink->frame_ts = slot->ts;
	}
	if (sink->starved)
		return recovers(ws, c, sink, slot, begins);
	if (sink->waiting)
		return true; /* it has begun nothing yet */
	if (begins && tcp_conn_behind(c, ws->worker->now_us)) {
		starve(ws, sink);
		return false;
	}
	if (tcp_conn_room(c) >= AUDIO_ROOM + PACKET_ROOM)
		return true;
	if (!begins)
		leave_hole(ws, sink, slot);
	starve(ws, sink);
	return false;
}

bool
wtcp_takes(struct wsession *ws, struct tcp_conn *c, struct sink *sink, const struct wtrack *t,
	   const struct rtp_ring_slot *slot)
{
	if (t->kind == TRACK_VIDEO)
		return video_goes(ws, c, sink, slot);
	if (tcp_conn_room(c) >= PACKET_ROOM)
		return true;
	STAT_ADD(ws->session->stats.frames_dropped, 1);
	rtp_rewrite_drop(&sink->rw, slot->seq);
	return false;
}
