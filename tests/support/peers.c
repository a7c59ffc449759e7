#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "rtp/rtp.h"
#include "vclock.h"

enum {
	START_US = 5000000,
	FRAME_US = 33333,
	AUDIO_US = 20000,
	VIDEO_SIZE = 1100,
	AUDIO_SIZE = 160,
	REORDER_SLOTS = 4096,
	WAIT_US = 2000000,
	EXT_MID = 1,
	EXT_TWCC = 3,
	EXT_TIME = 5,
	EXT_RID = 10,
	EXT_REPAIRED_RID = 11
};
#define NTP_BASE (3900000000ull << 32) /* NTP time at 0 of the virtual clock */

/* ---- what the ends see ---- */

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct peers_seen *seen = arg;

	seen->connected++;
	seen->info = *info;
}

static void
on_failed(void *arg, enum peer_stage stage, const char *words)
{
	struct peers_seen *seen = arg;

	seen->failed++;
	seen->stage = stage;
	snprintf(seen->words, sizeof(seen->words), "%s", words);
}

static void
on_closed(void *arg, const char *words)
{
	struct peers_seen *seen = arg;

	(void)words;
	seen->closed++;
}

/* The content of packet index of a track: the index, then octets that follow from it. */
static void
content_make(uint8_t *buf, size_t size, uint64_t index)
{
	put_be64(buf, index);
	for (size_t i = 8; i < size; i++)
		buf[i] = (uint8_t)(index * 31 + i);
}

static void
release(struct peers_seen *seen, unsigned track)
{
	const uint8_t *buf;
	uint64_t lost, now_us = seen->peers->now_us;
	size_t size;

	for (size = rtp_reorder_pop(seen->reorder[track], now_us, &buf, &lost); size > 0;
	     size = rtp_reorder_pop(seen->reorder[track], now_us, &buf, &lost)) {
		uint8_t expected[VIDEO_SIZE];
		uint64_t index = be64(buf);

		content_make(expected, size, index);
		if (memcmp(expected, buf, size) != 0 || index < seen->next_index[track] ||
		    (seen->next_index[track] != 0 && index != seen->next_index[track] + lost))
			seen->wrong++;
		if (seen->in_order[track] > 0) /* nobody can miss what came before the first */
			seen->skipped[track] += index - seen->next_index[track];
		seen->next_index[track] = index + 1;
		seen->in_order[track]++;
	}
}

static bool
has_rid(const struct peer_packet *packet, uint8_t id, const char *rid)
{
	struct rtp_packet p;
	struct rtp_ext e;

	return rtp_parse(&p, packet->buf, packet->size) == 0 && rtp_ext_find(&p, id, &e) == 0 &&
	       e.size == strlen(rid) && memcmp(e.data, rid, e.size) == 0;
}

static void
note_layer(struct peers_seen *seen, const struct peer_packet *packet)
{
	const char *rid = seen->peers->params.rid;

	if (rid == NULL || packet->track != PEERS_VIDEO)
		return;
	seen->layered[0] += has_rid(packet, EXT_RID, rid);
	seen->layered[1] += packet->repaired && has_rid(packet, EXT_REPAIRED_RID, rid);
}

static void
on_packet(void *arg, const struct peer_packet *packet)
{
	struct peers_seen *seen = arg;

	seen->packets[packet->track]++;
	note_layer(seen, packet);
	if (!packet->decrypted) {
		seen->undecrypted++;
		return;
	}
	if (packet->track == PEERS_VIDEO)
		seen->last_ts = packet->ts;
	if (packet->payload_size < 8 ||
	    rtp_reorder_push(seen->reorder[packet->track], seen->peers->now_us, packet->ext_seq,
			     packet->payload, packet->payload_size) != 0)
		seen->wrong += packet->payload_size < 8;
	release(seen, packet->track);
}

static void
on_keyframe(void *arg, unsigned track)
{
	(void)track;
	((struct peers_seen *)arg)->keyframes++;
}

static void
on_report(void *arg, unsigned track, uint64_t now_us, const struct rtcp_sr *sr)
{
	(void)track;
	(void)now_us;
	(void)sr;
	((struct peers_seen *)arg)->reports++;
}

static void
on_bitrate(void *arg, uint64_t bitrate_bps)
{
	((struct peers_seen *)arg)->bitrate_bps = bitrate_bps;
}

static void
on_bye(void *arg, unsigned track)
{
	(void)track;
	((struct peers_seen *)arg)->byes++;
}

static void
on_hole(void *arg, unsigned track)
{
	(void)track;
	((struct peers_seen *)arg)->holes++;
}

static const struct peer_events events = {.connected = on_connected,
					  .failed = on_failed,
					  .closed = on_closed,
					  .packet = on_packet,
					  .keyframe = on_keyframe,
					  .sender_report = on_report,
					  .bitrate = on_bitrate,
					  .bye = on_bye,
					  .hole = on_hole};

/* ---- making them ---- */

static void
tracks_make(struct peers *s)
{
	static const struct peer_codec video = {
	    .name = "H264", .clock_rate = 90000, .pt = PEERS_VIDEO_PT};
	static const struct peer_codec audio = {
	    .name = "opus", .clock_rate = 48000, .channels = 2, .pt = PEERS_AUDIO_PT};

	for (unsigned i = 0; i < 2; i++) {
		struct peer_track *t = &s->tracks[i];

		snprintf(t->mid, sizeof(t->mid), "%u", i);
		t->kind = i == PEERS_VIDEO ? PEER_VIDEO : PEER_AUDIO;
		t->codecs[0] = i == PEERS_VIDEO ? video : audio;
		t->codec_count = 1;
		t->codecs[0].rtx_pt = i == PEERS_VIDEO && s->params.rtx ? PEERS_RTX_PT : 0;
		t->nack = s->params.nack;
		t->pli = t->fir = t->remb = i == PEERS_VIDEO;
		t->ext.mid = EXT_MID;
		t->ext.abs_send_time = EXT_TIME;
		t->ext.twcc = s->params.twcc ? EXT_TWCC : 0;
		if (i == PEERS_VIDEO && s->params.rid != NULL) {
			snprintf(t->rid, sizeof(t->rid), "%s", s->params.rid);
			t->ext.rid = EXT_RID;
			t->ext.repaired_rid = EXT_REPAIRED_RID;
		}
		t->first_seq = s->params.first_seq;
	}
}

static void
end_start(struct peers *s, int i)
{
	struct peer_remote r = {.lite = i == 0 && !s->params.both_full,
				.hash = "sha-256",
				.role = i == 0 ? s->params.role : !s->params.role,
				.tracks = s->tracks,
				.track_count = 2};
	struct ice_tuple tuple;

	memset(&tuple, 0, sizeof(tuple));
	tuple.remote = s->addr[!i];
	r.ice = *peer_local(s->end[!i]);
	if (s->params.wrong_password)
		r.ice.pwd[0] ^= 1;
	snprintf(r.fingerprint, sizeof(r.fingerprint), "%s",
		 dtls_ctx_fingerprint(s->ctx[s->params.wrong_fingerprint ? i : !i]));
	for (unsigned t = 0; t < 2; t++)
		s->tracks[t].direction = i == 0 ? PEER_SEND : PEER_RECEIVE;
	if (peer_start(s->end[i], s->now_us, &r) != 0)
		abort();
	if ((i == 0 || s->params.both_full) && peer_add_pair(s->end[i], &tuple, 100) != 0)
		abort();
}

void
peers_init(struct peers *s, const struct peers_params *params)
{
	struct prng rng = {params->seed};
	uint64_t max_wait_us = params->max_wait_us > 0 ? params->max_wait_us : WAIT_US;
	uint64_t min_wait_us = params->min_wait_us > 0 ? params->min_wait_us : max_wait_us;

	memset(s, 0, sizeof(*s));
	s->params = *params;
	s->now_us = START_US;
	vclock_set(s->now_us);
	tracks_make(s);
	for (int i = 0; i < 2; i++) {
		struct peer_config c = {.events = &events,
					.arg = &s->seen[i],
					.ntp_base = NTP_BASE,
					.ice = i == 0 || params->both_full ? PEER_ICE_FULL
									   : PEER_ICE_LITE,
					.seed = prng_next(&rng),
					.decrypt = i == 1 ? params->decrypt : 0,
					.rate_start_bps = params->rate_max_bps / 2,
					.rate_max_bps = i == 0 ? params->rate_max_bps : 0};

		s->ctx[i] = dtls_ctx_new();
		c.dtls = s->ctx[i];
		s->seen[i].peers = s;
		s->link[i] = link_new(&params->link[i], prng_next(&rng));
		addr_parse(&s->addr[i], i == 0 ? "192.0.2.1:1000" : "192.0.2.2:2000", 0);
		for (int t = 0; t < 2; t++)
			s->seen[i].reorder[t] =
			    rtp_reorder_new(REORDER_SLOTS, VIDEO_SIZE, min_wait_us, max_wait_us);
		s->end[i] = peer_new(&c, s->now_us);
		if (s->ctx[i] == NULL || s->end[i] == NULL)
			abort();
	}
	end_start(s, 1);
	end_start(s, 0);
}

void
peers_fini(struct peers *s)
{
	for (int i = 0; i < 2; i++) {
		peer_free(s->end[i]);
		dtls_ctx_free(s->ctx[i]);
		link_free(s->link[i]);
		for (int t = 0; t < 2; t++)
			rtp_reorder_free(s->seen[i].reorder[t]);
	}
}

/* ---- running them ---- */

static void
send_one(struct peers *s, unsigned track, uint32_t ts, size_t size, bool marker)
{
	uint8_t payload[VIDEO_SIZE];
	struct peer_media m = {.pt = track == PEERS_VIDEO ? PEERS_VIDEO_PT : PEERS_AUDIO_PT,
			       .marker = marker,
			       .ts = ts,
			       .capture_us = s->now_us,
			       .payload = payload,
			       .payload_size = size};

	content_make(payload, size, s->sent[track]);
	if (peer_send(s->end[0], s->now_us, track, &m) == 0)
		s->sent[track]++;
}

static void
send_media(struct peers *s)
{
	unsigned count = s->params.frame_packets > 0 ? s->params.frame_packets : 4;

	if (!s->sending)
		return;
	if (s->next_video_us <= s->now_us) {
		uint32_t ts = (uint32_t)(s->now_us * 9 / 100);

		for (unsigned i = 0; i < count; i++)
			send_one(s, PEERS_VIDEO, ts, VIDEO_SIZE, i + 1 == count);
		s->seen[1].last_capture_us = s->now_us;
		s->next_video_us = s->now_us + FRAME_US;
	}
	if (s->next_audio_us <= s->now_us) {
		send_one(s, PEERS_AUDIO, (uint32_t)(s->now_us * 48 / 1000), AUDIO_SIZE, false);
		s->next_audio_us = s->now_us + AUDIO_US;
	}
}

static void
end_step(struct peers *s, int i)
{
	struct peer_datagram d;
	struct ice_tuple from;
	uint8_t buf[LINK_DATAGRAM_MAX];
	size_t size;

	memset(&from, 0, sizeof(from));
	from.remote = s->addr[!i];
	for (size = link_recv(s->link[!i], s->now_us, buf); size > 0;
	     size = link_recv(s->link[!i], s->now_us, buf)) {
		if (!peer_accepts(buf, size))
			abort();
		peer_input(s->end[i], s->now_us, &from, buf, size);
	}
	if (peer_deadline(s->end[i]) <= s->now_us)
		peer_timeout(s->end[i], s->now_us);
	while (peer_poll(s->end[i], &d) > 0) {
		if (!addr_equal(&d.to.remote, &s->addr[!i])) {
			s->misdirected++;
			continue;
		}
		link_send(s->link[i], s->now_us, d.buf, d.size);
	}
	for (unsigned t = 0; t < 2; t++)
		release(&s->seen[i], t);
}

static uint64_t
next_event(const struct peers *s)
{
	uint64_t next = CLOCK_NEVER;

	for (int i = 0; i < 2; i++) {
		next = MIN_OF(next, peer_deadline(s->end[i]));
		next = MIN_OF(next, link_next(s->link[i]));
	}
	if (s->sending)
		next = MIN_OF(next, MIN_OF(s->next_video_us, s->next_audio_us));
	return next;
}

static void
step(struct peers *s, uint64_t end_us)
{
	uint64_t next = next_event(s);

	s->now_us = MIN_OF(MAX_OF(next, s->now_us + 1), end_us);
	vclock_set(s->now_us);
	send_media(s);
	end_step(s, 0);
	end_step(s, 1);
}

void
peers_run(struct peers *s, uint64_t duration_us)
{
	uint64_t end_us = s->now_us + duration_us;

	if (s->next_video_us < s->now_us)
		s->next_video_us = s->next_audio_us = s->now_us;
	while (s->now_us < end_us)
		step(s, end_us);
}

bool
peers_connect(struct peers *s, uint64_t limit_us)
{
	uint64_t end_us = s->now_us + limit_us;

	while (s->now_us < end_us && s->seen[0].failed + s->seen[1].failed == 0 &&
	       s->seen[0].connected + s->seen[1].connected < 2)
		step(s, end_us);
	return s->seen[0].connected == 1 && s->seen[1].connected == 1;
}
