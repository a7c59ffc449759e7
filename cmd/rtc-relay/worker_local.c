/*
 * worker_local.c - local publishers, and local subscribers as far as they are sessions alike: RTP
 * over a Unix socket, on the worker's loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "worker.h"

static int
track_by_pt(const struct tracks *tracks, uint8_t pt, uint8_t *codec)
{
	for (size_t i = 0; i < tracks->count; i++)
		for (size_t k = 0; k < tracks->list[i].codec_count; k++)
			if (tracks->list[i].codecs[k].pt == pt) {
				*codec = (uint8_t)k;
				return (int)i;
			}
	return -1;
}

/* A contributor's tracks come after the publisher's. At or over lane_end: nobody gets them now. */
static unsigned
lane_of(const struct wsession *ws, unsigned track)
{
	return ws->session->kind == SESSION_LOCAL_PUBLISH ? track
	       : ws->local->base == PT_NONE		  ? PT_NONE
							  : ws->local->base + track;
}

static void
local_sender_report(struct wsession *ws, const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	struct rtcp_sr sr;
	size_t offset = 0;

	while (rtcp_next(buf, size, &offset, &p) > 0) {
		if (rtcp_get_sr(&p, &sr) < 0)
			continue;
		for (size_t i = 0; i < ws->local->count; i++)
			if (ws->local->recv[i].started && ws->local->recv[i].ssrc == sr.ssrc)
				stream_set_clock(ws->stream, ws->worker, lane_of(ws, (unsigned)i),
						 &sr);
	}
}

/* A publisher's packet into the ring. */
static void
on_packet(struct ipc_conn *conn, const uint8_t *buf, size_t size)
{
	struct wsession *ws = ipc_conn_arg(conn);
	struct rtp_packet p;
	struct rtp_recv *recv;
	struct rtp_ring_slot slot = {0};
	enum rtp_recv_result result;
	enum payload_codec format;
	int track;

	ws->worker->now_us = clock_now_us();
	if (ws->local->recv == NULL || ws->stream == NULL || size > RTP_PACKET_MAX)
		return;
	ws_heard(ws);
	if (rtcp_accepts(buf, size)) {
		local_sender_report(ws, buf, size);
		return;
	}
	if (rtp_parse(&p, buf, size) < 0)
		return;
	track = track_by_pt(&ws->session->tracks, p.pt, &slot.tag);
	if (track < 0)
		return;
	recv = &ws->local->recv[track];
	if (!recv->started)
		rtp_recv_init(recv, p.ssrc,
			      ws->session->tracks.list[track].codecs[slot.tag].clock_rate);
	result = rtp_recv_packet(recv, ws->worker->now_us, p.seq, p.ts, size, &slot.seq);
	if (result == RTP_RECV_DUPLICATE)
		return;
	slot.arrival_us = ws->worker->now_us;
	slot.ts = p.ts;
	slot.payload_size = (uint16_t)p.payload_size;
	slot.pt = p.pt;
	slot.marker = p.marker;
	format = ws->session->tracks.list[track].codecs[slot.tag].format;
	if (payload_starts_keyframe(format, p.payload, p.payload_size)) {
		slot.flags |= RTP_RING_KEYFRAME;
		measure_keyframe(ws, (uint8_t)track, format, &p, &slot);
	}
	local_ext_read(&slot, &p);
	measure_packet(ws, (uint8_t)track, (uint8_t)track, slot.tag, &p);
	STAT_ADD(ws->session->stats.rx_packets, 1);
	STAT_ADD(ws->session->stats.rx_octets, size);
	stream_append(ws->stream, ws->worker, lane_of(ws, (unsigned)track), &slot, p.payload);
}

/* A subscriber's wish; other operations are not for this socket and are ignored. */
static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	struct wsession *ws = ipc_conn_arg(conn);
	const char *op = json_string_value(json_object_get(msg, "op"));
	json_int_t track = json_integer_value(json_object_get(msg, "track"));

	ws->worker->now_us = clock_now_us();
	ws_heard(ws);
	if (op == NULL || strcmp(op, "keyframe") != 0 || ws->stream == NULL ||
	    ws->local->sinks == NULL || track < 0 || (size_t)track >= ws->local->count)
		return;
	stream_want_keyframe(ws->stream, ws->worker, ws->local->sinks[track].source);
	worker_settle(ws->worker);
}

static void
on_writable(struct ipc_conn *conn)
{
	struct wsession *ws = ipc_conn_arg(conn);

	ws->worker->now_us = clock_now_us();
	ws->local->blocked = false;
	if (ws->stream != NULL)
		local_fanout(ws, ws->stream);
	worker_settle(ws->worker);
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	struct wsession *ws = ipc_conn_arg(conn);

	(void)conn; /* freed with the session, when the control thread has taken note */
	(void)error;
	ws->worker->now_us = clock_now_us();
	ws_end(ws, END_CLOSED);
	worker_settle(ws->worker);
}

static const struct ipc_handlers handlers = {
    .json = on_json, .packet = on_packet, .writable = on_writable, .closed = on_closed};

static int
local_new(struct wsession *ws, int fd)
{
	struct local *local = calloc(1, sizeof(*local));
	bool sends = ws->session->kind != SESSION_LOCAL_SUBSCRIBE;
	size_t count = sends ? ws->session->tracks.count : TRACKS_MAX;

	if (local == NULL)
		return -ENOMEM;
	ws->local = local;
	local->count = count;
	local->base = PT_NONE;
	if (sends)
		local->recv = calloc(count, sizeof(*local->recv));
	else
		local->sinks = calloc(count, sizeof(*local->sinks));
	local->conn = ipc_conn_new(&ws->worker->loop, fd, &handlers, ws);
	return local->conn == NULL || (local->recv == NULL && local->sinks == NULL) ? -ENOMEM : 0;
}

bool
local_is_periodic(const struct wsession *ws, unsigned index)
{
	const struct tracks *t = &ws->session->tracks;

	return ws->session->periodic && index < t->count && t->list[index].kind == TRACK_VIDEO &&
	       !t->list[index].on_demand;
}

void
local_add(struct worker *w, const struct chan_msg *msg)
{
	struct msg_local m;
	struct known *k;
	struct wsession *ws;

	memcpy(&m, msg->data, sizeof(m));
	HASH_FIND(by_serial, w->by_serial, &m.serial, sizeof(m.serial), k);
	ws = k != NULL ? ws_claim(w, k) : NULL;
	if (ws == NULL) {
		close(m.fd);
		return;
	}
	if (local_new(ws, m.fd) < 0) {
		ws_end(ws, END_CLOSED);
		return;
	}
	if (ws->session->kind == SESSION_LOCAL_SUBSCRIBE) {
		for (size_t i = 0; i < ws->local->count; i++)
			ws->local->sinks[i].track = ws->local->sinks[i].source =
			    ws->local->sinks[i].want = ws->local->sinks[i].prev.source = PT_NONE;
		if (stream_attach(ws) < 0)
			ws_end(ws, END_CLOSED);
		return;
	}
	ws->stream = stream_get(w, ws->session->stream);
	if (ws->session->kind == SESSION_LOCAL_CONTRIBUTE) {
		if (ws->stream != NULL)
			stream_link(ws->stream, w);
		return;
	}
	if (ws->stream != NULL && ws->stream->epoch == ws->session->epoch) {
		ws->stream->publisher = ws;
		for (unsigned i = 0; i < ws->session->tracks.count; i++)
			stream_set_periodic(ws->stream, w, i, local_is_periodic(ws, i));
	} else
		ws->stream = NULL;
}

void
local_text(struct worker *w, const struct chan_msg *msg)
{
	struct msg_datagram m;
	struct wsession *ws;
	json_t *text;

	memcpy(&m, msg->data, sizeof(m));
	ws = ws_find(w, m.serial);
	if (ws == NULL || ws->local == NULL || ws->local->conn == NULL)
		return;
	text = json_loadb((const char *)msg->data + sizeof(m), msg->size - sizeof(m), 0, NULL);
	ipc_conn_send(ws->local->conn, text);
	json_decref(text);
}

void
local_free(struct wsession *ws)
{
	if (ws->local == NULL)
		return;
	ipc_conn_free(ws->local->conn);
	free(ws->local->recv);
	free(ws->local->sinks);
	free(ws->local);
}

void
local_timeout(struct wsession *ws)
{
	struct local *local = ws->local;
	uint64_t now = ws->worker->now_us;

	for (unsigned i = 0; local->keyframe_wanted >> i != 0; i++) {
		json_t *event;

		if ((local->keyframe_wanted & 1u << i) == 0 ||
		    (local->keyframe_asked_us[i] != 0 &&
		     now < local->keyframe_asked_us[i] + KEYFRAME_REQUEST_US))
			continue;
		local->keyframe_wanted &= ~(1u << i);
		local->keyframe_asked_us[i] = now;
		event = json_pack("{s:s, s:i}", "event", "keyframe", "track", (int)i);
		ipc_conn_send(local->conn, event);
		json_decref(event);
	}
}

uint64_t
local_deadline(const struct wsession *ws)
{
	uint64_t at = CLOCK_NEVER;

	for (unsigned i = 0; ws->local->keyframe_wanted >> i != 0; i++)
		if ((ws->local->keyframe_wanted & 1u << i) != 0)
			at = MIN_OF(at, ws->local->keyframe_asked_us[i] + KEYFRAME_REQUEST_US);
	return at;
}

/* Its socket is no place for a storm: it would be dropped as a peer that does not read. */
void
local_ask_keyframe(struct wsession *ws, unsigned track)
{
	if (ws->local->conn == NULL)
		return;
	ws->local->keyframe_wanted |= 1u << track;
	local_timeout(ws);
	ws_arm(ws);
}
