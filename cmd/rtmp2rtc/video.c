#include "video.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"

enum {
	START_CODE_SIZE = 4,
	UNIT_MIN = 64 << 10,
	TYPE_MASK = 0x1f,
	REF_MASK = 0x60,
	SLICE_FIRST = H264_SLICE, /* VCL types 1 to 5 */
	SLICE_LAST = H264_IDR,
	BFRAMES_SEEN = 8, /* enough of them to say of which kind they are */
	END_OF_SEQUENCE = 10,
	FILLER = 12,
	LONG_GOP_US = 4000000
};

/* What an access unit holds. */
struct unit_facts {
	bool idr, referenced, slices, own_sets;
};

void
video_init(struct video *v, const struct video_config *settings)
{
	memset(v, 0, sizeof(*v));
	v->settings = *settings;
	twin_init(&v->twin);
	v->max_pts_us = v->last_dts_us = INT64_MIN;
}

void
video_fini(struct video *v)
{
	twin_fini(&v->twin);
	free(v->unit);
	v->unit = NULL;
}

int
video_configure(struct video *v, const uint8_t *config, size_t size)
{
	struct flv_avc_config sets;

	if (size > VIDEO_CONFIG_MAX)
		return -ENOSPC;
	if (size == v->config_size && memcmp(config, v->config, size) == 0)
		return 0;
	if (flv_avc_config_parse(&sets, config, size) < 0)
		return -EBADMSG;
	memcpy(v->config, config, size);
	v->config_size = size;
	return flv_avc_config_parse(&v->sets, v->config, size) < 0 ? -EBADMSG : 1;
}

char *
video_fmtp(const struct video *v, char text[static VIDEO_FMTP_SIZE])
{
	snprintf(text, VIDEO_FMTP_SIZE,
		 "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=%02x%02x%02x",
		 v->sets.profile_idc, v->sets.constraints, v->sets.level_idc);
	return text;
}

static int
append_nalu(struct video *v, const uint8_t *nalu, size_t size)
{
	static const uint8_t start_code[START_CODE_SIZE] = {0, 0, 0, 1};
	size_t need = v->unit_size + START_CODE_SIZE + size,
	       cap = MAX_OF((size_t)UNIT_MIN, v->unit_cap);
	uint8_t *grown;

	if (need > H264_AU_MAX + VIDEO_CONFIG_MAX)
		return -EBADMSG;
	while (cap < need)
		cap *= 2;
	if (cap != v->unit_cap) {
		grown = realloc(v->unit, cap);
		if (grown == NULL)
			return -ENOMEM;
		v->unit = grown;
		v->unit_cap = cap;
	}
	memcpy(v->unit + v->unit_size, start_code, START_CODE_SIZE);
	memcpy(v->unit + v->unit_size + START_CODE_SIZE, nalu, size);
	v->unit_size = need;
	return 0;
}

static int
append_sets(struct video *v)
{
	int rc = 0;

	for (size_t i = 0; i < v->sets.sps_count && rc == 0; i++)
		rc = append_nalu(v, v->sets.sps[i].p, v->sets.sps[i].size);
	for (size_t i = 0; i < v->sets.pps_count && rc == 0; i++)
		rc = append_nalu(v, v->sets.pps[i].p, v->sets.pps[i].size);
	return rc;
}

static void
note_nalu(struct unit_facts *f, uint8_t head)
{
	unsigned type = head & TYPE_MASK;

	f->idr |= type == H264_IDR;
	f->own_sets |= type == H264_SPS;
	if (type < SLICE_FIRST || type > SLICE_LAST)
		return;
	f->slices = true;
	f->referenced |= (head & REF_MASK) != 0;
}

/* What goes on: not delimiters, ends of sequence, filler; SEI if it is wanted. */
static bool
is_carried(const struct video *v, uint8_t head)
{
	unsigned type = head & TYPE_MASK;

	if (type == H264_SEI && v->settings.drop_sei)
		return false;
	return type != H264_AUD && (type < END_OF_SEQUENCE || type > FILLER);
}

static int
look_through(const struct video *v, const struct flv_video *frame, struct unit_facts *facts)
{
	const uint8_t *nalu;
	size_t at = 0, size;
	int rc;

	*facts = (struct unit_facts){0};
	do {
		rc =
		    flv_avcc_next(frame->data, frame->size, v->sets.length_size, &at, &nalu, &size);
		if (rc > 0)
			note_nalu(facts, nalu[0]);
	} while (rc > 0);
	return rc;
}

static int
build_unit(struct video *v, const struct flv_video *frame, bool with_sets)
{
	const uint8_t *nalu;
	size_t at = 0, size;
	int rc;

	v->unit_size = 0;
	rc = with_sets ? append_sets(v) : 0;
	while (rc == 0 &&
	       flv_avcc_next(frame->data, frame->size, v->sets.length_size, &at, &nalu, &size) > 0)
		if (is_carried(v, nalu[0]))
			rc = append_nalu(v, nalu, size);
	return rc;
}

static void
send_unit(struct video *v, int64_t pts_us, struct link_note *note)
{
	uint8_t payload[LINK_PAYLOAD_MAX];
	uint32_t ts = link_track_ts(&v->track, pts_us);
	bool last = false;
	int n;

	if (h264_pack_start(&v->pack, v->unit, v->unit_size, LINK_PAYLOAD_MAX) < 0) {
		v->damaged++;
		return;
	}
	while ((n = h264_pack_next(&v->pack, payload, sizeof(payload), &last)) > 0) {
		link_track_send(&v->track, payload, (size_t)n, last, ts, note);
		note->discontinuity = false;
	}
	v->frames++;
}

static const char cure[] = "set the encoder's B-frames to 0 (x264: bframes=0, or "
			   "tune=zerolatency), or use --bframes transcode";

/* Once, when enough of them were seen to say which kind they are. */
static void
tell_bframes(struct video *v)
{
	v->told_bframes = true;
	if (v->settings.bframes == VIDEO_TRANSCODE_BFRAMES)
		log_info("video", "the encoder sends B-frames: the picture is encoded anew without "
				  "them while WebRTC players watch");
	else if (v->settings.bframes == VIDEO_DROP_BFRAMES && v->has_referenced)
		log_warn(
		    "video",
		    "the encoder sends B-frames to which other frames refer (x264: b-pyramid): "
		    "they cannot be left out, and WebRTC players show them out of order; %s",
		    cure);
	else if (v->settings.bframes == VIDEO_DROP_BFRAMES)
		log_warn("video",
			 "the encoder sends B-frames, which WebRTC players do not get: the picture "
			 "is less smooth; %s",
			 cure);
}

static void
note_bframe(struct video *v, bool referenced)
{
	v->has_bframes = true;
	v->has_referenced |= referenced;
	v->bframe_count++;
}

/* Once per stream each, in words that name the encoder's setting. */
static void
warn_of_settings(struct video *v, bool keyframe, int64_t dts_us)
{
	if (v->has_bframes && !v->told_bframes && (keyframe || v->bframe_count >= BFRAMES_SEEN))
		tell_bframes(v);
	if (keyframe)
		v->keyframe_us = dts_us;
	else if (!v->has_long_gop && dts_us - v->keyframe_us > LONG_GOP_US) {
		v->has_long_gop = true;
		log_warn("video",
			 "no keyframe for 4 s: players begin late; set the encoder's keyframe "
			 "interval to 2 s (x264: keyint = 2 x frames per second)");
	}
}

int
video_frame(struct video *v, const struct flv_video *frame, int64_t dts_us, uint64_t now_us)
{
	struct unit_facts facts;
	struct link_note note = {.discontinuity = v->jump};
	int64_t pts_us;
	bool keyframe, bframe;
	int rc;

	if (v->sets.sps_count == 0 || look_through(v, frame, &facts) < 0 || !facts.slices) {
		v->damaged += v->sets.sps_count != 0;
		return -EBADMSG;
	}
	keyframe = facts.idr || frame->keyframe;
	if (!v->begun && !keyframe)
		return 0;
	dts_us = MAX_OF(dts_us, v->last_dts_us);
	v->last_dts_us = dts_us;
	pts_us = dts_us + (int64_t)frame->cts_ms * 1000;
	note.dts_offset_us = pts_us - dts_us;
	/* Shown before one that came earlier: a B-frame. Without references it can be left out. */
	bframe = v->begun && !v->jump && pts_us < v->max_pts_us;
	note.disposable = bframe && !facts.referenced && v->settings.bframes != VIDEO_KEEP_BFRAMES;
	if (bframe)
		note_bframe(v, facts.referenced);
	warn_of_settings(v, keyframe || !v->begun, dts_us);
	v->max_pts_us = v->jump ? pts_us : MAX_OF(v->max_pts_us, pts_us);
	v->begun = true;
	v->jump = false;
	rc = build_unit(v, frame, keyframe && !facts.own_sets);
	if (rc < 0)
		return rc;
	send_unit(v, pts_us, &note);
	link_track_report(&v->track, now_us, pts_us);
	return v->twin.active
		   ? twin_unit(&v->twin, v->unit, v->unit_size, keyframe, dts_us, pts_us, now_us)
		   : 0;
}
