#include "card.h"

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "h264/h264.h"

enum { WIDTH = 320, HEIGHT = 180, FPS = 15, VIDEO_BPS = 200000, AUDIO_BPS = 32000 };

/* ---- one unit ---- */

static void
send_packet(struct card *c, struct peer *peer, uint64_t now_us, const struct media_unit *u,
	    const uint8_t *payload, size_t size, bool marker, bool first)
{
	static const int64_t rates[MEDIA_KINDS] = {
	    [MEDIA_VIDEO] = MEDIA_VIDEO_RATE, [MEDIA_AUDIO] = MEDIA_AUDIO_RATE};
	const struct peer_media out = {.pt = c->pt[u->kind],
				       .marker = marker,
				       .keyframe = first && u->kind == MEDIA_VIDEO && u->keyframe,
				       .ts = c->ts_base[u->kind] +
					     (uint32_t)(u->time_us * rates[u->kind] / 1000000),
				       .capture_us = c->start_us + (uint64_t)u->time_us,
				       .payload = payload,
				       .payload_size = size};

	if (peer_send(peer, now_us, (unsigned)c->track[u->kind], &out) < 0)
		return;
	if (u->kind == MEDIA_VIDEO)
		c->video_packets++;
	else
		c->audio_packets++;
}

static void
send_unit(struct card *c, struct peer *peer, uint64_t now_us, const struct media_unit *u)
{
	uint8_t payload[PEER_PAYLOAD_MAX];
	struct h264_pack pack;
	bool last = false, first = true;

	if (c->track[u->kind] < 0)
		return;
	if (u->kind == MEDIA_AUDIO) {
		if (u->size <= PEER_PAYLOAD_MAX)
			send_packet(c, peer, now_us, u, u->data, u->size, false, true);
		return;
	}
	if (h264_pack_start(&pack, u->data, u->size, sizeof(payload)) < 0)
		return;
	c->frames++;
	while (!last) {
		int n = h264_pack_next(&pack, payload, sizeof(payload), &last);

		if (n <= 0)
			return;
		send_packet(c, peer, now_us, u, payload, (size_t)n, last, first);
		first = false;
	}
}

void
card_send(struct card *c, struct peer *peer, uint64_t now_us)
{
	int64_t at_us = (int64_t)(now_us - c->start_us);
	struct media_words words;
	struct media_unit u;

	while (media_source_due_us(c->source) <= at_us &&
	       media_source_next(c->source, &u, &words) == 1)
		send_unit(c, peer, now_us, &u);
}

uint64_t
card_due_us(const struct card *c)
{
	return c->start_us + (uint64_t)media_source_due_us(c->source);
}

void
card_keyframe(struct card *c)
{
	if (c->source != NULL)
		media_source_keyframe(c->source);
}

/* ---- life ---- */

static void
choose_track(struct card *c, const struct sdp_track *t, size_t index)
{
	enum media_kind kind = t->kind == SDP_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO;
	const char *codec = kind == MEDIA_VIDEO ? "H264" : "opus";

	if (!t->accepted || (t->direction & SDP_SENDONLY) == 0 || c->track[kind] >= 0)
		return;
	for (size_t k = 0; k < t->codec_count; k++) {
		if (!sdp_codec_is(&t->codecs[k], codec))
			continue;
		c->track[kind] = (int)index;
		c->pt[kind] = t->codecs[k].pt;
		return;
	}
}

int
card_init(struct card *c, const struct sdp_plan *plan, uint64_t now_us, struct media_words *words)
{
	static const struct media_test_config config = {.width = WIDTH,
							.height = HEIGHT,
							.fps = FPS,
							.video_bps = VIDEO_BPS,
							.audio_bps = AUDIO_BPS};

	memset(c, 0, sizeof(*c));
	c->start_us = now_us;
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		c->track[k] = -1;
		c->ts_base[k] = random_u32();
	}
	for (size_t i = 0; i < plan->track_count; i++)
		if (plan->tracks[i].kind != SDP_OTHER)
			choose_track(c, &plan->tracks[i], i);
	c->source = media_source_test(&config, words);
	return c->source != NULL ? 0 : -EINVAL;
}

void
card_fini(struct card *c)
{
	media_source_free(c->source);
	c->source = NULL;
}
