/* players.c - one player: its session, what it counts, how long each stage of its joining took. */
#include "bench.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "payload/payload.h"
#include "rtp/rtp.h"

enum {
	TRACK_VIDEO = 0,
	TRACK_AUDIO = 1,
	RESTART_DISTANCE = 3000, /* RFC 3550 A.1 */
	SAMPLE = 100,		 /* one packet in so many is decrypted by those that sample */
	SAMPLE_PLAYERS = 20 /* with --decrypt sample, one player in so many decrypts everything */
};

static void
count_sequence(struct track_count *t, uint64_t ext_seq, bool restarted)
{
	if (!t->started || restarted) {
		if (t->started)
			t->expected_before += t->max + 1 - t->first;
		t->first = t->max = ext_seq;
		t->started = true;
		t->received++;
		return;
	}
	if (ext_seq < t->first)
		return; /* of before the interval */
	t->max = MAX_OF(t->max, ext_seq);
	t->received++;
}

/* How long a packet of our own publishers was under way. Resent ones waited for their request. */
static void
count_delay(struct bench *b, uint64_t now_us, const struct peer_packet *packet)
{
	uint64_t sent_us;

	if (!b->o->publish || b->o->file != NULL || b->stage != BENCH_MEASURING || packet->repaired)
		return;
	sent_us = publisher_sent_us(packet->payload, packet->payload_size);
	if (sent_us >= b->measure_begin_us && sent_us <= now_us)
		histogram_add(&b->delay, now_us - sent_us);
}

/* What a payload type of the video track carries. */
static enum payload_codec
codec_of(const struct client_session *s, uint8_t pt)
{
	const struct peer_track *t = client_session_track(s, TRACK_VIDEO);

	for (size_t i = 0; t != NULL && i < t->codec_count; i++)
		if (t->codecs[i].pt == pt)
			return payload_codec_of(t->codecs[i].name);
	return PAYLOAD_NONE;
}

static void
on_packet(void *arg, uint64_t now_us, const struct peer_packet *packet)
{
	struct player *p = arg;
	uint64_t age_us;

	if (packet->track >= BENCH_TRACKS)
		return;
	count_sequence(&p->tracks[packet->track], packet->ext_seq, packet->restarted);
	p->packets++;
	p->octets += packet->size;
	p->repaired += packet->repaired;
	if (p->decrypts)
		count_delay(p->bench, now_us, packet);
	if (p->packet_us != 0 && (p->keyframe_us != 0 || !p->decrypts))
		return;
	age_us = now_us - client_session_start_us(p->session);
	if (p->packet_us == 0)
		p->packet_us = MAX_OF(age_us, 1u);
	if (p->keyframe_us == 0 && p->decrypts && packet->track == TRACK_VIDEO &&
	    payload_starts_keyframe(codec_of(p->session, packet->pt), packet->payload,
				    packet->payload_size))
		p->keyframe_us = MAX_OF(age_us, 1u);
}

/* The track that an RTP packet is of: by SSRC, which is learnt by the payload type. */
static struct track_count *
track_of(struct player *p, uint32_t ssrc, uint8_t pt)
{
	for (unsigned i = 0; i < BENCH_TRACKS; i++)
		if (p->tracks[i].started && p->tracks[i].ssrc == ssrc)
			return &p->tracks[i];
	for (unsigned i = 0; i < BENCH_TRACKS; i++) {
		const struct peer_track *t = client_session_track(p->session, i);

		for (size_t k = 0; t != NULL && k < t->codec_count; k++) {
			if (t->codecs[k].pt == pt) {
				p->tracks[i].ssrc = ssrc;
				return &p->tracks[i];
			}
		}
	}
	return NULL;
}

/* --drop: lost on the way, as far as the player can tell. */
static bool
is_dropped(struct player *p)
{
	return p->bench->o->drop > 0 && prng_below(&p->rng, 1000000) < p->bench->o->drop * 10000;
}

static bool
on_datagram(void *arg, uint64_t now_us, const uint8_t *buf, size_t size)
{
	(void)now_us;
	(void)buf;
	(void)size;
	return is_dropped(arg);
}

/* --decrypt none: the clear header says all that is counted. */
static bool
on_datagram_to_count(void *arg, uint64_t now_us, const uint8_t *buf, size_t size)
{
	struct player *p = arg;
	struct track_count *t = track_of(p, be32(buf + 8), buf[1] & 127);
	uint16_t seq = be16(buf + 2);
	int16_t ahead;

	if (t == NULL)
		return false;
	if (is_dropped(p))
		return true;
	ahead = rtp_seq_diff(seq, (uint16_t)t->max);
	if (t->started && ahead < RESTART_DISTANCE && ahead > -RESTART_DISTANCE)
		count_sequence(t, t->max + (uint64_t)(int64_t)ahead, false);
	else
		count_sequence(t, 65536 + (uint64_t)seq, true);
	p->packets++;
	p->octets += size;
	if (p->packet_us == 0)
		p->packet_us = MAX_OF(now_us - client_session_start_us(p->session), 1u);
	return true;
}

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct player *p = arg;
	struct client_session_times times;

	(void)info;
	client_session_times(p->session, &times);
	p->post_us = times.answer_us;
	p->dtls_us = clock_now_us() - client_session_start_us(p->session);
	p->state = PLAYER_PLAYING;
	p->bench->playing++;
}

static void
on_ended(void *arg, enum client_code code, const char *words)
{
	struct player *p = arg;
	struct bench *b = p->bench;

	b->playing -= p->state == PLAYER_PLAYING;
	p->state = PLAYER_ENDED;
	p->code = code;
	b->ended++;
	if (b->words[0] == '\0')
		text_copy(b->words, sizeof(b->words), words);
}

static const struct client_session_events events = {
    .connected = on_connected, .ended = on_ended, .packet = on_packet, .datagram = on_datagram};
static const struct client_session_events counting_events = {.connected = on_connected,
							     .ended = on_ended,
							     .packet = on_packet,
							     .datagram = on_datagram_to_count};

static enum peer_decrypt
decrypt_of(const struct bench_options *o, unsigned index)
{
	if (o->decrypt == BENCH_ALL || (o->decrypt == BENCH_SAMPLE && index % SAMPLE_PLAYERS == 0))
		return PEER_DECRYPT_ALL;
	return o->decrypt == BENCH_SAMPLE ? PEER_DECRYPT_SAMPLE : PEER_DECRYPT_NONE;
}

int
player_start(struct bench *b, unsigned index)
{
	struct player *p = &b->players[index];
	struct sdp_codec video[SDP_TRACK_CODECS_MAX], audio[SDP_TRACK_CODECS_MAX];
	struct sdp_ext exts[SDP_TRACK_EXTS_MAX];
	size_t ext_count = sdp_default_exts(false, exts, SDP_TRACK_EXTS_MAX);
	struct sdp_offer_track tracks[BENCH_TRACKS] = {
	    {.kind = SDP_VIDEO,
	     .direction = SDP_RECVONLY,
	     .codecs = video,
	     .codec_count = sdp_default_codecs(SDP_VIDEO, true, video, ARRAY_COUNT(video)),
	     .exts = exts,
	     .ext_count = ext_count},
	    {.kind = SDP_AUDIO,
	     .direction = SDP_RECVONLY,
	     .codecs = audio,
	     .codec_count = sdp_default_codecs(SDP_AUDIO, false, audio, ARRAY_COUNT(audio)),
	     .exts = exts,
	     .ext_count = ext_count},
	};
	char url[WHIP_URL_SIZE];
	struct client_session_config config = {
	    .loop = &b->loop,
	    .http = b->http,
	    .dtls = b->dtls,
	    .whip = &b->o->whip,
	    .url = url,
	    .tracks = tracks,
	    .track_count = BENCH_TRACKS,
	    .events = b->o->decrypt == BENCH_NONE ? &counting_events : &events,
	    .arg = p,
	    .decrypt = decrypt_of(b->o, index),
	    .sample = SAMPLE,
	    .no_candidates = true};

	memset(p, 0, sizeof(*p));
	p->bench = b;
	p->rng.state = index;
	p->decrypts = config.decrypt == PEER_DECRYPT_ALL;
	p->state = PLAYER_JOINING;
	(void)bench_url(url, b->o->play_url, index % b->o->streams + 1, WHIP_PLAY);
	p->session = client_session_start(&config);
	if (p->session == NULL) {
		on_ended(p, CLIENT_INTERNAL, strerror(errno));
		return -errno;
	}
	return 0;
}

void
player_measure(struct player *p)
{
	for (size_t i = 0; i < BENCH_TRACKS; i++) {
		struct track_count *t = &p->tracks[i];

		t->first = t->max + 1;
		t->received = t->expected_before = 0;
	}
	p->packets = p->octets = p->repaired = 0;
}

/* Packets expected, and of them lost, of one track since player_measure(). */
static void
losses_of(const struct track_count *t, uint64_t *expected, uint64_t *lost)
{
	*expected = t->expected_before + (t->started ? t->max + 1 - t->first : 0);
	*lost = *expected > t->received ? *expected - t->received : 0;
}

void
player_freeze(struct player *p)
{
	const struct peer *peer = p->session != NULL ? client_session_peer(p->session) : NULL;
	struct peer_stats stats;

	for (unsigned k = 0; k < BENCH_TRACKS; k++)
		losses_of(&p->tracks[k], &p->expected[k], &p->lost[k]);
	p->measured_packets = p->packets;
	p->measured_octets = p->octets;
	p->measured_repaired = p->repaired;
	if (p->decrypts && peer != NULL && peer_track_stats(peer, TRACK_AUDIO, &stats) == 0)
		p->jitter_us = stats.jitter_us;
}

void
player_stop(struct player *p, void (*stopped)(void *arg, enum client_code code, const char *words))
{
	if (p->session == NULL)
		stopped(p, CLIENT_OK, "");
	else
		client_session_stop(p->session, stopped);
}
