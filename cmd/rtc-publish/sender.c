#include "sender.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

enum {
	SECOND_US = 1000000,
	OVERHEAD_PERCENT = 6, /* headers of RTP and SRTP of packets of usual size */
	AUDIO_BPS = 80000,    /* with its headers */
	VIDEO_MIN_BPS = 50000
};

static const unsigned clock_rate[MEDIA_KINDS] = {
    [MEDIA_VIDEO] = MEDIA_VIDEO_RATE,
    [MEDIA_AUDIO] = MEDIA_AUDIO_RATE,
};

static void pump(struct sender *s);

static void
on_timer(uv_timer_t *timer)
{
	pump(timer->data);
}

void
sender_init(struct sender *s, uv_loop_t *loop, sender_done_fn *done, void *arg)
{
	memset(s, 0, sizeof(*s));
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	s->done = done;
	s->arg = arg;
}

int64_t
sender_media_us(const struct sender *s)
{
	uint64_t now_us = s->stopped_us != 0 ? s->stopped_us : clock_now_us();

	return s->started ? (int64_t)(now_us - s->base_us) : 0;
}

/* ---- one packet ---- */

/* On the clock that reports tell of, which never moves: where the media's did, timestamps leap. */
static uint32_t
timestamp_of(const struct sender *s, enum media_kind kind, uint64_t capture_us)
{
	int64_t since_us = (int64_t)(capture_us - s->start_us);

	return s->ts_base[kind] + (uint32_t)(since_us * (int64_t)clock_rate[kind] / SECOND_US);
}

/* -1: it is not sent. */
static int
track_of(const struct sender *s, const struct media_unit *u)
{
	return u->kind == MEDIA_VIDEO ? s->layers[u->layer] : s->track[u->kind];
}

static void
send_payload(struct sender *s, const struct media_unit *u, uint64_t capture_us,
	     const uint8_t *payload, size_t size, bool marker, bool first)
{
	const struct peer_media m = {.pt = s->pt[u->kind],
				     .marker = marker,
				     .keyframe = first && u->kind == MEDIA_VIDEO && u->keyframe,
				     .ts = timestamp_of(s, u->kind, capture_us),
				     .capture_us = capture_us,
				     .payload = payload,
				     .payload_size = size};

	if (client_session_send(s->session, (unsigned)track_of(s, u), &m) < 0)
		s->counts.unsent++;
}

static void
send_audio(struct sender *s, const struct media_unit *u)
{
	if (u->size > PEER_PAYLOAD_MAX)
		return;
	/* The marker: a talkspurt begins. */
	send_payload(s, u, s->base_us + (uint64_t)u->time_us, u->data, u->size, !s->marked, true);
	s->marked = true;
	s->counts.audio_packets++;
}

/* ---- one frame, in bursts ---- */

static void
start_frame(struct sender *s, const struct media_unit *u)
{
	size_t packets = u->size / PEER_PAYLOAD_MAX + 1;

	struct payload_pack *pack = &s->packs[u->layer];

	if (track_of(s, u) < 0)
		return;
	s->frame = *u;
	s->frame_us = s->base_us + (uint64_t)u->time_us;
	if (u->codec != pack->codec)
		payload_pack_init(pack, u->codec);
	if (payload_pack_start(pack, u->data, u->size, PEER_PAYLOAD_MAX) < 0)
		return;
	s->packing = s->first_packet = true;
	s->burst =
	    (unsigned)MAX_OF(packets * SENDER_WAKE_MS / SENDER_SPREAD_MS + 1, (size_t)SENDER_BURST);
	s->counts.frames += u->layer == 0;
	s->counts.keyframes += u->layer == 0 && u->keyframe;
}

static void
send_burst(struct sender *s, unsigned count)
{
	uint8_t payload[PEER_PAYLOAD_MAX];
	bool last = false;

	while (s->packing && count-- > 0) {
		int n =
		    payload_pack_next(&s->packs[s->frame.layer], payload, sizeof(payload), &last);

		if (n > 0)
			send_payload(s, &s->frame, s->frame_us, payload, (size_t)n, last,
				     s->first_packet);
		s->first_packet = false;
		s->packing = n > 0 && !last;
	}
}

/* ---- what is due ---- */

/* Input that stalled does not come back in a rush: the clock is moved on instead. */
static void
follow_late(struct sender *s, const struct media_unit *u, int64_t media_us)
{
	if (media_us - u->time_us <= SENDER_LATE_US)
		return;
	s->base_us += (uint64_t)(media_us - u->time_us);
	s->counts.clock_shifts++;
}

/* The next unit of a kind, if it is due. */
static bool
take_due(struct sender *s, enum media_kind kind, struct media_unit *u)
{
	int64_t now_us = sender_media_us(s), at = feed_peek_us(s->feed, kind);

	if (at < 0 || at > now_us || !feed_take(s->feed, kind, u))
		return false;
	follow_late(s, u, now_us);
	return s->track[kind] >= 0;
}

static void
send_due(struct sender *s)
{
	struct media_unit u;

	while (take_due(s, MEDIA_AUDIO, &u))
		send_audio(s, &u);
	send_burst(s, s->burst);
	while (feed_peek_us(s->feed, MEDIA_VIDEO) >= 0 &&
	       feed_peek_us(s->feed, MEDIA_VIDEO) <= sender_media_us(s)) {
		send_burst(s, UINT32_MAX); /* the frame before must be out: its octets go */
		if (!take_due(s, MEDIA_VIDEO, &u))
			continue;
		start_frame(s, &u);
		send_burst(s, s->burst);
	}
}

static bool
start_clock(struct sender *s)
{
	int64_t video = feed_peek_us(s->feed, MEDIA_VIDEO),
		audio = feed_peek_us(s->feed, MEDIA_AUDIO);
	int64_t first = video < 0 || (audio >= 0 && audio < video) ? audio : video;

	if (first < 0 && feed_due_us(s->feed) < 0)
		return false;
	s->base_us = s->start_us = clock_now_us() - (uint64_t)(first > 0 ? first : 0);
	s->started = true;
	return true;
}

static int64_t
earlier(int64_t a, int64_t b) /* -1: never */
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void
arm(struct sender *s)
{
	int64_t at =
	    earlier(feed_peek_us(s->feed, MEDIA_VIDEO), feed_peek_us(s->feed, MEDIA_AUDIO));
	int64_t wait_us;

	at = earlier(at, feed_due_us(s->feed));
	if (s->duration_us > 0)
		at = earlier(at, s->duration_us);
	if (at < 0 && !s->packing)
		return; /* sender_ready() goes on */
	wait_us = s->packing ? SENDER_WAKE_MS * 1000 : at - sender_media_us(s);
	uv_update_time(s->timer.loop);
	uv_timer_start(&s->timer, on_timer, wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0, 0);
}

static bool
finished(struct sender *s, const char **words)
{
	*words = "";
	if (s->duration_us > 0 && sender_media_us(s) >= s->duration_us)
		return true;
	return !s->packing && feed_ended(s->feed, words);
}

static void
pump(struct sender *s)
{
	const char *words;

	if (!s->running)
		return;
	if (s->started || start_clock(s)) {
		feed_advance(s->feed, sender_media_us(s));
		send_due(s);
		client_session_flush(s->session);
	}
	if (finished(s, &words)) {
		s->running = false;
		uv_timer_stop(&s->timer);
		s->done(s->arg, words);
		return;
	}
	if (s->started)
		arm(s);
}

/* ---- what its owner says ---- */

/* The m-line's own track, and those of more layers with its mid. */
static void
find_layers(struct sender *s)
{
	const struct peer_track *own, *t;
	unsigned count = 1;

	for (unsigned i = 0; i < MEDIA_LAYERS_MAX; i++)
		s->layers[i] = -1;
	s->layers[0] = s->track[MEDIA_VIDEO];
	if (s->layers[0] < 0)
		return;
	own = client_session_track(s->session, (unsigned)s->layers[0]);
	for (unsigned i = 0; (t = client_session_track(s->session, i)) != NULL; i++)
		if (t != own && t->rid[0] != '\0' && strcmp(t->mid, own->mid) == 0 &&
		    count < MEDIA_LAYERS_MAX)
			s->layers[count++] = (int)i;
}

void
sender_start(struct sender *s, struct feed *feed, struct client_session *session,
	     const int track[MEDIA_KINDS])
{
	s->feed = feed;
	s->session = session;
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		const struct peer_track *t =
		    track[k] < 0 ? NULL : client_session_track(session, (unsigned)track[k]);

		s->ts_base[k] = random_u32();
		s->track[k] = t != NULL && (t->direction & PEER_SEND) != 0 && t->codec_count > 0
				  ? track[k]
				  : -1;
		s->pt[k] = s->track[k] >= 0 ? t->codecs[0].pt : 0;
	}
	find_layers(s);
	s->running = true;
	pump(s);
}

unsigned
sender_layers(const struct sender *s)
{
	unsigned count = 0;

	while (count < MEDIA_LAYERS_MAX && s->layers[count] >= 0)
		count++;
	return count;
}

void
sender_ready(struct sender *s)
{
	pump(s);
}

void
sender_keyframe(struct sender *s, unsigned track)
{
	s->counts.keyframe_requests++;
	for (unsigned i = 0; i < MEDIA_LAYERS_MAX && s->feed != NULL && !s->no_pli; i++)
		if (s->layers[i] == (int)track)
			feed_keyframe(s->feed, i);
}

void
sender_bitrate(struct sender *s, uint64_t bitrate_bps)
{
	uint64_t audio = s->track[MEDIA_AUDIO] >= 0 ? AUDIO_BPS : 0;
	uint64_t net = bitrate_bps > audio ? bitrate_bps - audio : 0;

	net = MIN_OF(MAX_OF(net * (100 - OVERHEAD_PERCENT) / 100, (uint64_t)VIDEO_MIN_BPS),
		     (uint64_t)INT32_MAX);
	s->target_bps = (unsigned)net;
	if (s->feed != NULL)
		feed_bitrate(s->feed, s->target_bps);
}

void
sender_stop(struct sender *s)
{
	s->running = false;
	if (s->stopped_us == 0)
		s->stopped_us = clock_now_us();
	if (!uv_is_closing((uv_handle_t *)&s->timer))
		uv_close((uv_handle_t *)&s->timer, NULL);
}
