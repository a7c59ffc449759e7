/* gather_video.c - H.264 access units out of RTP payloads, from a keyframe on. */
#include "gather/gather_impl.h"

#include <stdlib.h>
#include <string.h>

enum { START_CODE_SIZE = 4, TYPE_MASK = 0x1f };

/* What is in an access unit. */
struct contents {
	bool slice, sps, pps;
};

static void
keep_set(struct gather_video *v, const uint8_t *nalu, size_t size)
{
	static const uint8_t start_code[START_CODE_SIZE] = {0, 0, 0, 1};

	if (size > sizeof(v->sets) - v->sets_size || sizeof(v->sets) - v->sets_size - size < 4)
		return;
	memcpy(v->sets + v->sets_size, start_code, sizeof(start_code));
	memcpy(v->sets + v->sets_size + sizeof(start_code), nalu, size);
	v->sets_size += sizeof(start_code) + size;
}

/* Look through the unit; its parameter sets replace the kept ones from the first SPS on. */
static struct contents
look_through(struct gather_video *v)
{
	struct contents c = {false, false, false};
	const uint8_t *nalu;
	size_t n;

	for (size_t at = 0, step;
	     (step = h264_annexb_next(v->depack.buf + at, v->depack.size - at, &nalu, &n)) > 0;
	     at += step) {
		unsigned type = nalu[0] & TYPE_MASK;

		if (type == H264_SPS && !c.sps)
			v->sets_size = 0;
		c.sps |= type == H264_SPS;
		c.pps |= type == H264_PPS;
		c.slice |= type >= H264_SLICE && type <= H264_IDR;
		if (type == H264_SPS || type == H264_PPS)
			keep_set(v, nalu, n);
	}
	return c;
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
	struct gather_video *v = &g->video;
	struct gather_unit u = {
	    .keyframe = v->depack.keyframe, .data = v->depack.buf, .size = v->depack.size};
	struct contents c;

	v->frame_open = false;
	if (u.size == 0 && !v->depack.damaged)
		return;
	u.pts_us = gather_clock_time(g, &s->clock, v->ts, v->dts_offset, now_us);
	u.dts_us = u.pts_us - (int64_t)v->dts_offset * SECOND_US / (int64_t)s->clock.rate_hz;
	if (v->depack.damaged || v->depack.in_fragment) {
		s->counts.damaged++;
		v->need_keyframe = true;
		return;
	}
	c = look_through(v);
	if (!c.slice)
		return; /* parameter sets or messages of their own: kept, not shown */
	if (v->need_keyframe && (!u.keyframe || v->sets_size == 0)) {
		s->counts.skipped++;
		return;
	}
	if (u.keyframe && !c.sps && !join_sets(v, &u))
		return;
	v->need_keyframe = false;
	gather_give(g, GATHER_VIDEO, &u);
}

void
gather_video_take(struct gather *g, const struct rtp_packet *p, uint32_t dts_offset, bool hole,
		  uint64_t now_us)
{
	struct gather_video *v = &g->video;

	if (p->payload_size == 0 && !hole)
		return;
	if (hole && v->frame_open)
		v->depack.damaged = true;
	if (v->frame_open && p->ts != v->ts)
		finish_frame(g, now_us);
	if (!v->frame_open) {
		au_reset(&v->depack);
		v->frame_open = true;
		v->ts = p->ts;
		v->dts_offset = dts_offset;
		/* What is missing may be this frame's beginning, or a frame that it refers to. */
		v->need_keyframe |= hole;
		v->depack.damaged = hole && p->payload_size > 0 &&
				    !h264_payload_starts_keyframe(p->payload, p->payload_size);
	}
	(void)h264_depack_push(&v->depack, p->payload, p->payload_size); /* marks it damaged */
	if (p->marker)
		finish_frame(g, now_us);
}

void
gather_video_reset(struct gather *g)
{
	au_reset(&g->video.depack);
	g->video.frame_open = false;
	g->video.need_keyframe = true;
}

void
gather_video_ask(struct gather *g, uint64_t now_us)
{
	const struct gather_source *s = &g->sources[GATHER_VIDEO];

	if (s->track < 0 || s->format.codec != GATHER_H264 || !g->video.need_keyframe ||
	    s->counts.packets == 0 || now_us - g->video.asked_us < GATHER_ASK_US)
		return;
	g->video.asked_us = now_us;
	g->events->keyframe_wanted(g->arg, (unsigned)s->track);
}
