#include "audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"
#include "media/media_opus.h"

enum { FOLLOW_MS = 30 /* milliseconds are coarse: units are counted until they are off by more */ };

static const enum media_audio_codec decoders[] = {
    [FLV_AAC] = MEDIA_AAC, [FLV_MP3] = MEDIA_MP3, [FLV_PCMA] = MEDIA_PCMA, [FLV_PCMU] = MEDIA_PCMU};

void
audio_init(struct audio *a, unsigned opus_bps)
{
	memset(a, 0, sizeof(*a));
	a->opus_bps = opus_bps;
	a->last_us = INT64_MIN;
}

void
audio_fini(struct audio *a)
{
	media_audio_free(a->encoder);
	a->encoder = NULL;
}

static int
configure_aac(struct audio *a, const struct flv_audio *body)
{
	struct aac_config c;

	if (body->kind != FLV_SEQUENCE_HEADER)
		return 0;
	if (a->codec == FLV_AAC && body->size == a->config_size &&
	    memcmp(body->data, a->config, body->size) == 0)
		return 0;
	if (body->size > AAC_CONFIG_MAX || aac_config_parse(&c, body->data, body->size) < 0)
		return -EBADMSG;
	memcpy(a->config, body->data, body->size);
	a->config_size = body->size;
	a->aac = c;
	a->codec = FLV_AAC;
	return 1;
}

int
audio_configure(struct audio *a, const struct flv_audio *body)
{
	int rc = 1;

	if (body->codec == FLV_CODEC_NONE)
		return -ENOMSG;
	if (body->codec == FLV_AAC)
		rc = configure_aac(a, body);
	else if (body->kind == FLV_OTHER || body->kind == FLV_SEQUENCE_END ||
		 (a->codec == body->codec && a->rate_hz == body->rate_hz &&
		  a->channel_count == body->channel_count))
		return 0;
	if (rc <= 0)
		return rc;
	a->codec = body->codec;
	a->rate_hz = body->rate_hz;
	a->channel_count = body->channel_count;
	media_audio_free(a->encoder);
	a->encoder = NULL;
	a->has_next = false;
	return 1;
}

void
audio_want(struct audio *a, bool wanted)
{
	a->wanted = wanted;
	if (wanted)
		return;
	media_audio_free(a->encoder);
	a->encoder = NULL;
}

/* ---- the original ---- */

static uint32_t
original_ts(struct audio *a, int64_t time_us, bool jump)
{
	uint32_t ts = link_track_ts(&a->original, time_us);
	int32_t off = (int32_t)(ts - a->next_ts);
	int32_t follow = (int32_t)(a->aac.rate_hz * FOLLOW_MS / 1000);

	if (a->has_next && !jump && off > -follow && off < follow)
		ts = a->next_ts;
	a->has_next = true;
	a->next_ts = ts + a->aac.unit_samples;
	return ts;
}

static void
send_original(struct audio *a, const struct flv_audio *body, int64_t time_us)
{
	const struct aac_unit unit = {body->data, body->size};
	struct link_note note = {.discontinuity = a->jump};
	uint8_t payload[LINK_PAYLOAD_MAX];
	struct aac_pack pack;
	uint32_t ts = original_ts(a, time_us, a->jump);
	bool last;
	int n;

	if (aac_pack_start(&pack, &unit, LINK_PAYLOAD_MAX) < 0)
		return;
	while ((n = aac_pack_next(&pack, payload, sizeof(payload), &last)) > 0) {
		link_track_send(&a->original, payload, (size_t)n, last, ts, &note);
		note.discontinuity = false;
	}
	link_track_report(&a->original, a->now_us, time_us);
}

/* ---- Opus ---- */

static int
send_opus(void *arg, const struct media_unit *unit)
{
	struct audio *a = arg;
	const struct link_note note = {0};

	link_track_send(&a->opus, unit->data, unit->size, false,
			link_track_ts(&a->opus, unit->time_us), &note);
	link_track_report(&a->opus, a->now_us, unit->time_us);
	return 0;
}

static int
encode(struct audio *a, const struct flv_audio *body, int64_t time_us)
{
	const struct media_audio_config config = {.codec = decoders[a->codec],
						  .config = a->config,
						  .config_size =
						      a->codec == FLV_AAC ? a->config_size : 0,
						  .rate_hz = a->rate_hz,
						  .channel_count = a->channel_count,
						  .opus_bps = a->opus_bps};
	struct media_words words = {""};

	if (!a->wanted)
		return 0;
	if (a->encoder == NULL) {
		a->encoder = media_audio_new(&config, send_opus, a, &words);
		if (a->encoder == NULL) {
			log_warn("audio", "%s", words.text);
			a->wanted = false;
			return 0;
		}
	}
	return media_audio_push(a->encoder, body->data, body->size, time_us);
}

static int
pass_opus(struct audio *a, const struct flv_audio *body, int64_t time_us)
{
	const struct media_unit unit = {
	    .kind = MEDIA_AUDIO, .time_us = time_us, .data = body->data, .size = body->size};

	if (media_opus_samples(body->data, body->size) < 0 || body->size > LINK_PAYLOAD_MAX)
		return -EBADMSG;
	return send_opus(a, &unit);
}

int
audio_frame(struct audio *a, const struct flv_audio *body, int64_t time_us, uint64_t now_us)
{
	int rc;

	if (a->codec == FLV_CODEC_NONE || body->size == 0 || body->codec != a->codec)
		return 0;
	time_us = MAX_OF(time_us, a->last_us);
	a->last_us = time_us;
	a->now_us = now_us;
	a->frames++;
	if (a->codec == FLV_OPUS)
		return pass_opus(a, body, time_us);
	if (a->codec == FLV_AAC)
		send_original(a, body, time_us);
	rc = encode(a, body, time_us);
	a->jump = false;
	return rc;
}
