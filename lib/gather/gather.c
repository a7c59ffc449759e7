#include "gather/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "gather/gather_impl.h"

/* The local header extension, rtc-control(5). */
enum { LOCAL_EXT_ID = 14, LOCAL_DTS = 4, LOCAL_CAPTURE = 8 };

struct gather *
gather_new(const struct gather_events *events, void *arg)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->events = events;
	g->arg = arg;
	au_init(&g->video.au);
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		g->sources[k].track = -1;
	return g;
}

void
gather_free(struct gather *g)
{
	if (g == NULL)
		return;
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		rtp_reorder_free(g->sources[k].reorder);
	au_fini(&g->video.au);
	free(g->video.joined);
	free(g);
}

void
gather_give(struct gather *g, enum gather_kind kind, struct gather_unit *u)
{
	struct gather_source *s = &g->sources[kind];

	u->kind = kind;
	u->codec = s->format.codec;
	u->keyframe |= kind == GATHER_AUDIO;
	s->clock.end_us = MAX_OF(s->clock.end_us, u->pts_us + u->duration_us);
	s->counts.units++;
	g->events->unit(g->arg, u);
}

/* ---- events ---- */

static struct gather_source *
source_of(struct gather *g, json_int_t track)
{
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		if (track >= 0 && g->sources[k].track == track)
			return &g->sources[k];
	return NULL;
}

static void flush(struct gather *g, uint64_t now_us);

static void
on_gap(struct gather *g, uint64_t now_us, const json_t *event)
{
	struct gather_source *s = source_of(g, json_integer_value(json_object_get(event, "track")));

	if (s == NULL)
		return;
	flush(g, now_us);
	s->counts.gaps++;
	s->counts.lost += (uint64_t)json_integer_value(json_object_get(event, "lost"));
	gather_restart_reorder(s);
	if (s == &g->sources[GATHER_VIDEO])
		gather_video_reset(g);
	else
		memset(&g->aac, 0, sizeof(g->aac));
}

static void
on_end(struct gather *g, uint64_t now_us, const json_t *event)
{
	(void)event;
	g->tracks_epoch = 0;
	gather_decide(g);
	flush(g, now_us);
	if (g->events->ended != NULL)
		g->events->ended(g->arg);
}

void
gather_reconnect(struct gather *g)
{
	g->tracks_epoch = 0;
}

void
gather_event(struct gather *g, uint64_t now_us, const json_t *event)
{
	static const struct {
		const char *name;
		void (*fn)(struct gather *, uint64_t, const json_t *);
	} rows[] = {{"tracks", gather_tracks}, {"gap", on_gap}, {"end", on_end}};
	const char *name = json_string_value(json_object_get(event, "event"));

	for (size_t i = 0; name != NULL && i < ARRAY_COUNT(rows); i++)
		if (strcmp(name, rows[i].name) == 0)
			rows[i].fn(g, now_us, event);
}

/* ---- packets ---- */

/* DTS offset and capture time (NTP; 0: none). What the extension promises but does not hold is
 * ignored. */
static void
read_local_ext(const struct rtp_packet *p, uint32_t *dts_offset, uint64_t *capture_ntp)
{
	struct rtp_ext ext;
	size_t at = 1;

	*dts_offset = 0;
	*capture_ntp = 0;
	if (rtp_ext_find(p, LOCAL_EXT_ID, &ext) < 0 || ext.size < 1)
		return;
	if ((ext.data[0] & LOCAL_DTS) != 0 && at + 3 <= ext.size) {
		*dts_offset = be24(ext.data + at);
		at += 3;
	}
	if ((ext.data[0] & LOCAL_CAPTURE) != 0 && at + 8 <= ext.size)
		*capture_ntp = be64(ext.data + at);
}

/* A capture time is as good as a report, and there sooner. */
static void
read_capture(struct gather *g, struct gather_source *s, const struct rtp_packet *p)
{
	uint32_t dts_offset;
	uint64_t capture_ntp;

	if (s->clock.has_sr)
		return;
	read_local_ext(p, &dts_offset, &capture_ntp);
	if (capture_ntp != 0)
		gather_clock_report(g, &s->clock, capture_ntp, p->ts);
}

static void
take(struct gather *g, enum gather_kind kind, const uint8_t *buf, size_t size, uint64_t lost,
     uint64_t now_us)
{
	struct gather_source *s = &g->sources[kind];
	struct rtp_packet p;
	uint32_t dts_offset;
	uint64_t capture_ntp;

	s->counts.gaps += lost > 0;
	s->counts.lost += lost;
	if (rtp_parse(&p, buf, size) < 0)
		return;
	read_local_ext(&p, &dts_offset, &capture_ntp);
	if (kind == GATHER_VIDEO)
		gather_video_take(g, &p, dts_offset, lost > 0, now_us);
	else
		gather_audio_take(g, &p, lost > 0, now_us);
}

void
gather_drain(struct gather *g, enum gather_kind kind, uint64_t now_us)
{
	uint64_t held_us = gather_clock_holds(g, kind), lost;
	const uint8_t *buf;
	size_t size;

	if (g->sources[kind].reorder == NULL || g->undecided || held_us > now_us)
		return;
	g->sources[kind].clock.released |= held_us != 0;
	while ((size = rtp_reorder_pop(g->sources[kind].reorder, now_us, &buf, &lost)) > 0)
		take(g, kind, buf, size, lost, now_us);
}

static void
drain(struct gather *g, uint64_t now_us)
{
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		gather_drain(g, k, now_us);
}

void
gather_release(struct gather *g, enum gather_kind kind, uint64_t now_us)
{
	g->sources[kind].clock.released = true;
	gather_drain(g, kind, now_us);
}

/* All that there is: nothing is waited for. */
static void
flush(struct gather *g, uint64_t now_us)
{
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		gather_release(g, k, now_us + GATHER_WAIT_MAX_US);
}

static void
on_rtp(struct gather *g, uint64_t now_us, const struct rtp_packet *p)
{
	struct gather_source *s = p->ssrc > 0 ? source_of(g, (json_int_t)p->ssrc - 1) : NULL;
	enum gather_kind kind;
	uint64_t seq;

	kind = s == &g->sources[GATHER_VIDEO] ? GATHER_VIDEO : GATHER_AUDIO;
	if (s == NULL || s->reorder == NULL || gather_follow(g, kind, p->pt, now_us) < 0)
		return;
	s->counts.packets++;
	if (s->clock.arrival_us == 0)
		s->clock.arrival_us = now_us;
	read_capture(g, s, p);
	if (!g->begun) {
		g->begun = true;
		g->origin_us = now_us;
	}
	if (s->seq_known && abs(rtp_seq_diff(p->seq, (uint16_t)s->seq)) >= GATHER_SLOTS) {
		/* The source began anew: nothing is to be waited for. */
		gather_release(g, kind, now_us + GATHER_WAIT_MAX_US);
		gather_restart_reorder(s);
		if (kind == GATHER_VIDEO)
			gather_video_reset(g);
		if (s->reorder == NULL)
			return;
	}
	/* Early packets of the source may come after the first: room below it. */
	seq = s->seq_known ? rtp_seq_extend(s->seq, p->seq) : p->seq + 65536u;
	if (rtp_reorder_push(s->reorder, now_us, seq, p->buf, p->size) == -EAGAIN) {
		gather_release(g, kind, now_us);
		(void)rtp_reorder_push(s->reorder, now_us, seq, p->buf, p->size);
	}
	s->seq = s->seq_known ? MAX_OF(s->seq, seq) : seq;
	s->seq_known = true;
	gather_drain(g, kind, now_us);
}

static void
on_rtcp(struct gather *g, uint64_t now_us, const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	struct rtcp_sr sr;
	size_t offset = 0;

	while (rtcp_next(buf, size, &offset, &p) > 0) {
		struct gather_source *s;

		if (rtcp_get_sr(&p, &sr) < 0 || sr.ntp == 0 || sr.ssrc == 0)
			continue;
		s = source_of(g, (json_int_t)sr.ssrc - 1);
		if (s != NULL)
			gather_clock_report(g, &s->clock, sr.ntp, sr.rtp_ts);
	}
	drain(g, now_us);
}

void
gather_packet(struct gather *g, uint64_t now_us, const uint8_t *buf, size_t size)
{
	struct rtp_packet p;

	if (rtcp_accepts(buf, size))
		on_rtcp(g, now_us, buf, size);
	else if (rtp_parse(&p, buf, size) == 0)
		on_rtp(g, now_us, &p);
	gather_video_ask(g, now_us);
}

void
gather_timeout(struct gather *g, uint64_t now_us)
{
	if (now_us >= g->decide_us)
		gather_decide(g);
	drain(g, now_us);
	gather_video_ask(g, now_us);
}

/* When a track has something to give though nothing comes. */
static uint64_t
source_deadline(const struct gather *g, enum gather_kind kind)
{
	const struct gather_source *s = &g->sources[kind];
	uint64_t held_us = gather_clock_holds(g, kind);

	if (s->reorder == NULL || g->undecided)
		return CLOCK_NEVER;
	return held_us != 0 ? held_us : rtp_reorder_deadline(s->reorder);
}

uint64_t
gather_deadline(const struct gather *g, uint64_t now_us)
{
	uint64_t first = g->undecided ? g->decide_us : CLOCK_NEVER;

	for (unsigned k = 0; k < GATHER_KINDS; k++)
		first = MIN_OF(first, source_deadline(g, k));
	if (gather_video_wants(g))
		first = MIN_OF(first, MAX_OF(now_us, g->video.asked_us + GATHER_ASK_US));
	return first;
}

/* ---- looking ---- */

const struct gather_format *
gather_format(const struct gather *g, enum gather_kind kind)
{
	return &g->sources[kind].format;
}

const struct gather_counts *
gather_counts(const struct gather *g, enum gather_kind kind)
{
	return &g->sources[kind].counts;
}

int
gather_video_track(const struct gather *g)
{
	return g->sources[GATHER_VIDEO].track;
}
