/* gather_video.c - access units out of RTP payloads, from a keyframe on. */
#include "gather/gather_impl.h"

#include <stdlib.h>
#include <string.h>

/* Its headers replace the kept ones; a PPS of its own is kept beside them. */
static void
keep_headers(struct gather_video *v, enum payload_codec codec, const struct payload_facts *f)
{
	size_t used = f->headers ? 0 : v->sets_size;
	int n =
	    payload_headers(codec, v->sets + used, sizeof(v->sets) - used, v->au.buf, v->au.size);

	if (n > 0)
		v->sets_size = used + (size_t)n;
}

/* A keyframe without parameter sets gets the kept ones before it. */
static bool
join_sets(struct gather_video *v, struct gather_unit *u)
{
	size_t size = v->sets_size + u->size;

	if (size > v->joined_cap) {
		uint8_t *buf = realloc(v->joined, size);

		if (buf == NULL)
			return false;
		v->joined = buf;
		v->joined_cap = size;
	}
	memcpy(v->joined, v->sets, v->sets_size);
	memcpy(v->joined + v->sets_size, u->data, u->size);
	u->data = v->joined;
	u->size = size;
	return true;
}

static void
finish_frame(struct gather *g, uint64_t now_us)
{
	struct gather_source *s = &g->sources[GATHER_VIDEO];
	enum payload_codec codec = (enum payload_codec)s->format.codec;
	struct gather_video *v = &g->video;
	struct payload_facts f;
	struct gather_unit u = {0};

	v->frame_open = false;
	if (v->au.size == 0 && !v->au.damaged)
		return;
	u.pts_us = gather_clock_time(g, &s->clock, v->ts, v->dts_offset, now_us);
	u.dts_us = u.pts_us - (int64_t)v->dts_offset * SECOND_US / (int64_t)s->clock.rate_hz;
	if (!payload_depack_end(codec, &v->au) ||
	    payload_look(codec, v->au.buf, v->au.size, &f) < 0) {
		s->counts.damaged++;
		v->need_keyframe = true;
		return;
	}
	keep_headers(v, codec, &f);
	if (!f.picture)
		return; /* parameter sets or messages of their own: kept, not shown */
	if (v->need_keyframe && (!f.keyframe || (!f.headers && v->sets_size == 0))) {
		s->counts.skipped++;
		return;
	}
	u.keyframe = f.keyframe;
	u.data = v->au.buf;
	u.size = v->au.size;
	if (f.keyframe && !f.headers && !join_sets(v, &u))
		return;
	v->need_keyframe = false;
	gather_give(g, GATHER_VIDEO, &u);
}

void
gather_video_take(struct gather *g, const struct rtp_packet *p, uint32_t dts_offset, bool hole,
		  uint64_t now_us)
{
	enum payload_codec codec = (enum payload_codec)g->sources[GATHER_VIDEO].format.codec;
	struct gather_video *v = &g->video;

	if (p->payload_size == 0 && !hole)
		return;
	if (hole && v->frame_open)
		v->au.damaged = true;
	if (v->frame_open && p->ts != v->ts)
		finish_frame(g, now_us);
	if (!v->frame_open) {
		au_reset(&v->au);
		v->frame_open = true;
		v->ts = p->ts;
		v->dts_offset = dts_offset;
		/* What is missing may be this frame's beginning, or a frame that it refers to. */
		v->need_keyframe |= hole;
		v->au.damaged = hole && p->payload_size > 0 &&
				!payload_starts_keyframe(codec, p->payload, p->payload_size);
	}
	(void)payload_depack_push(codec, &v->au, p->payload,
				  p->payload_size); /* marks it damaged */
	if (p->marker)
		finish_frame(g, now_us);
}

void
gather_video_reset(struct gather *g)
{
	au_reset(&g->video.au);
	g->video.frame_open = false;
	g->video.need_keyframe = true;
}

bool
gather_video_wants(const struct gather *g)
{
	const struct gather_source *s = &g->sources[GATHER_VIDEO];

	return s->track >= 0 && gather_is_video(s->format.codec) && g->video.need_keyframe &&
	       s->counts.packets > 0 && gather_clock_holds(g, GATHER_VIDEO) == 0;
}

void
gather_video_ask(struct gather *g, uint64_t now_us)
{
	if (!gather_video_wants(g) || now_us - g->video.asked_us < GATHER_ASK_US)
		return;
	g->video.asked_us = now_us;
	g->events->keyframe_wanted(g->arg, (unsigned)g->sources[GATHER_VIDEO].track);
}
