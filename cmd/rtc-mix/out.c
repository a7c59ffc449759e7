#include "out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "h264/h264.h"
#include "link/link_track.h"
#include "log/log.h"

enum {
	RETRY_MS = 500,
	VIDEO_PT = 96,
	AUDIO_PT = 111,
	CREDENTIAL_SIZE = 33,
	FMTP_SIZE = 128,
	VIDEO_TRACK = 0
};

static const char CNAME[] = "rtc-mix";

struct out {
	uv_loop_t *loop;
	struct out_config config;
	out_began_fn *began;
	void *arg;
	char credential[CREDENTIAL_SIZE];
	struct link *link; /* NULL: between two attempts */
	uv_timer_t retry;
	bool live, answered, wants_keyframe, told;
	uint64_t ntp_base;
	struct link_track video, audio;
	struct h264_pack pack;
	struct out_counts counts;
};

static void open_link(struct out *o);

/* ---- what is published ---- */

/* The least level that has room (ITU-T H.264 table A-1), in macroblocks a second and a frame. */
static unsigned
level_of(const struct out_config *c)
{
	static const struct {
		unsigned level, per_frame, per_second;
	} rows[] = {{31, 3600, 108000}, {40, 8192, 245760}, {51, 36864, 983040}};
	unsigned frame = (c->width + 15) / 16 * ((c->height + 15) / 16);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (frame <= rows[i].per_frame && frame * c->fps <= rows[i].per_second)
			return rows[i].level;
	return 52;
}

static json_t *
tracks_of(const struct out_config *c)
{
	char fmtp[FMTP_SIZE];

	snprintf(fmtp, sizeof(fmtp),
		 "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e0%02x",
		 level_of(c));
	return json_pack("[{s:s, s:[{s:s, s:i, s:i, s:s}]}, {s:s, s:[{s:s, s:i, s:i, s:i, s:s}]}]",
			 "kind", "video", "codecs", "name", "H264", "clock_rate", MEDIA_VIDEO_RATE,
			 "pt", VIDEO_PT, "fmtp", fmtp, "kind", "audio", "codecs", "name", "opus",
			 "clock_rate", MEDIA_AUDIO_RATE, "channels", MEDIA_AUDIO_CHANNELS, "pt",
			 AUDIO_PT, "fmtp", "minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1");
}

/* ---- the connection ---- */

static void
on_retry(uv_timer_t *timer)
{
	open_link(timer->data);
}

static void
lose_link(struct out *o, const char *words)
{
	link_free(o->link);
	o->link = o->video.link = o->audio.link = NULL;
	o->counts.packets += o->video.packets + o->audio.packets; /* the next link counts anew */
	o->video.packets = o->audio.packets = 0;
	o->live = false;
	if (!o->told)
		log_warn("output", "%s: %s; trying again", o->config.stream, words);
	o->told = true;
	uv_timer_start(&o->retry, on_retry, RETRY_MS, 0);
}

static void
on_state(void *arg, struct link *link, enum link_state state, const char *words)
{
	struct out *o = arg;
	bool first = !o->answered;

	o->answered = true;
	if (state != LINK_LIVE) {
		lose_link(o, words);
		if (first)
			o->began(o->arg, false, state == LINK_BUSY, words);
		return;
	}
	link_track_init(&o->video, VIDEO_PT, MEDIA_VIDEO_RATE, o->ntp_base, CNAME);
	link_track_init(&o->audio, AUDIO_PT, MEDIA_AUDIO_RATE, o->ntp_base, CNAME);
	o->video.link = o->audio.link = link;
	o->live = o->wants_keyframe = true;
	o->told = false;
	log_info("output", "%s: published", o->config.stream);
	if (first)
		o->began(o->arg, true, false, "");
	else
		o->counts.reconnects++;
}

static void
on_keyframe(void *arg, struct link *link, unsigned track)
{
	struct out *o = arg;

	(void)link;
	o->wants_keyframe |= track == VIDEO_TRACK;
}

static const struct link_events events = {.state = on_state, .keyframe = on_keyframe};

static void
open_link(struct out *o)
{
	const struct link_config config = {.path = o->config.path,
					   .stream = o->config.stream,
					   .credential = o->credential,
					   .tracks = tracks_of(&o->config),
					   .on_demand = true};
	const char *words = "";

	o->link = link_new(o->loop, &config, &events, o, &words);
	if (o->link == NULL)
		on_state(o, NULL, LINK_FAILED, words);
}

static void
on_first(uv_timer_t *timer)
{
	open_link(timer->data);
}

struct out *
out_new(uv_loop_t *loop, const struct out_config *config, out_began_fn *began, void *arg)
{
	struct out *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->loop = loop;
	o->config = *config;
	o->began = began;
	o->arg = arg;
	random_text(o->credential, CREDENTIAL_SIZE - 1);
	uv_timer_init(loop, &o->retry);
	o->retry.data = o;
	uv_timer_start(&o->retry, on_first, 0, 0); /* no callback before we return */
	return o;
}

static void
release(uv_handle_t *handle)
{
	free(handle->data);
}

void
out_free(struct out *o)
{
	if (o == NULL)
		return;
	link_free(o->link);
	uv_close((uv_handle_t *)&o->retry, release);
}

/* ---- media ---- */

bool
out_wants_keyframe(const struct out *o)
{
	return o->wants_keyframe;
}

bool
out_takes(const struct out *o)
{
	return o->live && !link_is_full(o->link);
}

static void
send_video(struct out *o, const struct media_unit *u)
{
	const struct link_note note = {0};
	uint8_t payload[LINK_PAYLOAD_MAX];
	uint32_t ts = link_track_ts(&o->video, u->time_us);
	bool last = false;
	int n;

	o->counts.frames++;
	o->counts.keyframes += u->keyframe;
	o->wants_keyframe &= !u->keyframe;
	if (h264_pack_start(&o->pack, u->data, u->size, LINK_PAYLOAD_MAX) < 0)
		return;
	while ((n = h264_pack_next(&o->pack, payload, sizeof(payload), &last)) > 0)
		link_track_send(&o->video, payload, (size_t)n, last, ts, &note);
}

void
out_send(struct out *o, const struct media_unit *u, uint64_t now_us)
{
	const struct link_note note = {0};
	struct link_track *t = u->kind == MEDIA_VIDEO ? &o->video : &o->audio;

	if (!out_takes(o)) {
		o->counts.refused++;
		/* What follows refers to a frame that players do not have. */
		o->wants_keyframe |= u->kind == MEDIA_VIDEO;
		return;
	}
	if (o->ntp_base == 0)
		o->ntp_base = o->video.ntp_base = o->audio.ntp_base =
		    clock_ntp() - clock_us_to_ntp((uint64_t)u->time_us);
	o->counts.octets += u->size;
	if (u->kind == MEDIA_VIDEO)
		send_video(o, u);
	else if (u->size <= LINK_PAYLOAD_MAX)
		link_track_send(t, u->data, u->size, false, link_track_ts(t, u->time_us), &note);
	link_track_report(t, now_us, u->time_us);
}

struct out_counts
out_counts(const struct out *o)
{
	struct out_counts c = o->counts;

	c.packets += o->video.packets + o->audio.packets;
	return c;
}
