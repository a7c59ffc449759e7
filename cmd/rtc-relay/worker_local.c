/* worker_local.c - local publishers and subscribers: RTP over a Unix socket, on the worker's loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "worker.h"

/* The local header extension, rtc-control(5). */
enum {
	LOCAL_EXT_ID = 14,
	LOCAL_DISCONTINUITY = 1,
	LOCAL_DISPOSABLE = 2,
	LOCAL_DTS = 4,
	LOCAL_CAPTURE = 8,
	LOCAL_EXT_MAX = 12,  /* octets: flags, 3 of DTS offset, 8 of capture time */
	LOCAL_EXT_ROOM = 20, /* with the headers of block and element, and padding */
};

static const struct {
	uint8_t local, slot;
} local_flags[] = {
    {LOCAL_DISCONTINUITY, RTP_RING_DISCONTINUITY},
    {LOCAL_DISPOSABLE, RTP_RING_DISPOSABLE},
    {LOCAL_DTS, RTP_RING_DTS},
    {LOCAL_CAPTURE, RTP_RING_CAPTURE},
};

/* Fields that the extension promises but does not hold are ignored. */
static void
read_local_ext(struct rtp_ring_slot *slot, const struct rtp_packet *p)
{
	struct rtp_ext ext;
	size_t at = 1;

	if (rtp_ext_find(p, LOCAL_EXT_ID, &ext) < 0 || ext.size < 1)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(local_flags); i++)
		if ((ext.data[0] & local_flags[i].local) != 0)
			slot->flags |= local_flags[i].slot;
	if ((slot->flags & RTP_RING_DTS) != 0 && at + 3 <= ext.size) {
		slot->dts_offset = be24(ext.data + at);
		at += 3;
	}
	if ((slot->flags & RTP_RING_CAPTURE) != 0 && at + 8 <= ext.size)
		slot->capture_ntp = be64(ext.data + at);
}

/* Returns the octets of the whole block; 0 if there is nothing to say. */
static size_t
write_local_ext(uint8_t *out, size_t cap, const struct rtp_ring_slot *slot)
{
	uint8_t data[LOCAL_EXT_MAX] = {0};
	struct rtp_ext ext = {.id = LOCAL_EXT_ID, .data = data, .size = 1};
	int n;

	for (size_t i = 0; i < ARRAY_COUNT(local_flags); i++)
		if ((slot->flags & local_flags[i].slot) != 0)
			data[0] |= local_flags[i].local;
	if (data[0] == 0)
		return 0;
	if ((data[0] & LOCAL_DTS) != 0) {
		put_be24(data + ext.size, slot->dts_offset);
		ext.size += 3;
	}
	if ((data[0] & LOCAL_CAPTURE) != 0) {
		put_be64(data + ext.size, slot->capture_ntp);
		ext.size += 8;
	}
	n = rtp_ext_write(out, cap, &ext, 1);
	return n > 0 ? (size_t)n : 0;
}

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
	read_local_ext(&slot, &p);
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

/* A (new) publisher or contributor: each track goes through as it is. */
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
	size_t size = write_local_ext(buf + RTP_HEADER_SIZE, LOCAL_EXT_ROOM, slot);
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
