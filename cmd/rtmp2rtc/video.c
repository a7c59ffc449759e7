#include "video.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "h264/h264.h"
#include "log/log.h"

enum {
	UNIT_MIN = 64 << 10,
	BFRAMES_SEEN = 8,     /* enough of them to say of which kind they are */
	END_OF_SEQUENCE = 10, /* NALU types of H.264, */
	FILLER = 12,
	H265_FILLER = 38, /* and of H.265 */
	LONG_GOP_US = 4000000,
	LEVEL_3_1 = 31, /* of H.264: up to so many pixels at 30 a second */
	PIXELS_3_1 = 1280 * 720,
	LEVEL_4 = 40,
	PIXELS_4 = 2048 * 1024,
	LEVEL_5_1 = 51
};

void
video_init(struct video *v, const struct video_config *settings)
{
	memset(v, 0, sizeof(*v));
	v->settings = *settings;
	twin_init(&v->twin);
	v->can_encode = media_video_is_possible();
	v->max_pts_us = v->last_dts_us = INT64_MIN;
}

void
video_fini(struct video *v)
{
	twin_fini(&v->twin);
	free(v->unit);
	v->unit = NULL;
}

enum payload_codec
video_codec_of(enum flv_codec codec)
{
	static const enum payload_codec codecs[] = {[FLV_AVC] = PAYLOAD_H264,
						    [FLV_HEVC] = PAYLOAD_H265,
						    [FLV_AV1] = PAYLOAD_AV1,
						    [FLV_VP9] = PAYLOAD_VP9};

	return (size_t)codec < ARRAY_COUNT(codecs) ? codecs[codec] : PAYLOAD_NONE;
}

/* How many pictures wait for others, as the parameter sets tell; 0: none, or they do not. */
static int
reorder_frames(const struct video *v)
{
	const uint8_t *nalu, *at = v->headers;
	struct h264_sps sps;
	size_t size, left = v->headers_size, used;

	for (; v->codec == PAYLOAD_H264 && (used = h264_annexb_next(at, left, &nalu, &size)) > 0;
	     at += used, left -= used)
		if (h264_sps_parse(&sps, nalu, size) == 0)
			return MAX_OF(sps.reorder_frames, 0);
	return 0;
}

int
video_configure(struct video *v, enum payload_codec codec, const uint8_t *config, size_t size)
{
	uint8_t headers[VIDEO_HEADERS_MAX];
	unsigned length_size = 0;
	int n;

	if (size > VIDEO_CONFIG_MAX)
		return -ENOSPC;
	if (codec == v->codec && size == v->config_size && memcmp(config, v->config, size) == 0)
		return 0;
	n = payload_config_headers(codec, headers, sizeof(headers), config, size, &length_size);
	if (n < 0)
		return n;
	if (codec != v->codec) {
		payload_pack_init(&v->pack, codec);
		v->begun = false;
	}
	v->codec = codec;
	v->twin.h265 = codec == PAYLOAD_H265;
	memcpy(v->config, config, size);
	v->config_size = size;
	memcpy(v->headers, headers, (size_t)n);
	v->headers_size = (size_t)n;
	v->length_size = length_size;
	v->reorder_frames = reorder_frames(v);
	return 1;
}

char *
video_fmtp(const struct video *v, char text[static PAYLOAD_FMTP_SIZE])
{
	struct vp9_config vp9;

	payload_fmtp(v->codec, text, v->headers, v->headers_size);
	if (v->codec == PAYLOAD_VP9 && vp9_config_parse(&vp9, v->config, v->config_size) == 0)
		snprintf(text, PAYLOAD_FMTP_SIZE, "profile-id=%u", vp9.profile);
	if (v->codec == PAYLOAD_H264 && text[0] == '\0') /* a record without sets */
		snprintf(text, PAYLOAD_FMTP_SIZE,
			 "level-asymmetry-allowed=1;packetization-mode=1;"
			 "profile-level-id=%02x%02x%02x",
			 v->config[1], v->config[2], v->config[3]);
	return text;
}

/* Dropping leaves nothing that WebRTC players can show if other frames refer to B-frames. */
static bool
may_fail_to_drop(const struct video *v)
{
	return v->codec == PAYLOAD_H264 && v->settings.bframes == VIDEO_DROP_BFRAMES &&
	       v->can_encode && (v->reorders || v->has_bframes || v->reorder_frames > 1);
}

bool
video_wants_twin(const struct video *v)
{
	if (v->codec == PAYLOAD_H265)
		return v->settings.h265_to_h264;
	if (v->codec == PAYLOAD_H264 && v->settings.bframes == VIDEO_TRANSCODE_BFRAMES)
		return v->has_bframes || v->reorder_frames > 0;
	return may_fail_to_drop(v) && (v->has_referenced || v->reorder_frames > 1);
}

/* Constrained baseline, of the level that the original has (the fourth octet of its record), or
 * that a picture of its size needs (ITU-T H.264 table A-1). */
char *
video_twin_fmtp(const struct video *v, char text[static PAYLOAD_FMTP_SIZE])
{
	uint32_t width, height;
	unsigned level = LEVEL_3_1;

	if (v->codec == PAYLOAD_H264)
		level = v->config[3];
	else if (payload_unit_size(v->codec, v->headers, v->headers_size, &width, &height) == 0 &&
		 (uint64_t)width * height > PIXELS_3_1)
		level = (uint64_t)width * height > PIXELS_4 ? LEVEL_5_1 : LEVEL_4;
	snprintf(text, PAYLOAD_FMTP_SIZE,
		 "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e0%02x", level);
	return text;
}

/* Octets behind those that are there. */
static int
append(struct video *v, const uint8_t *p, size_t size)
{
	size_t need = v->unit_size + size, cap = MAX_OF((size_t)UNIT_MIN, v->unit_cap);
	uint8_t *grown;

	if (need > AU_OCTETS_MAX + VIDEO_HEADERS_MAX)
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
	memcpy(v->unit + v->unit_size, p, size);
	v->unit_size = need;
	return 0;
}

/* What goes on: not delimiters, ends of sequence, filler; SEI if it is wanted. */
static bool
is_carried(const struct video *v, uint8_t head)
{
	unsigned type = v->codec == PAYLOAD_H264 ? head & 0x1fu : head >> 1 & 0x3fu;

	if (v->codec == PAYLOAD_H264)
		return type != H264_AUD && (type < END_OF_SEQUENCE || type > FILLER) &&
		       (type != H264_SEI || !v->settings.drop_sei);
	return (type < H265_AUD || type > H265_FILLER) &&
	       (type < H265_PREFIX_SEI || type > H265_PREFIX_SEI + 1 || !v->settings.drop_sei);
}

/* NALUs behind their lengths into Annex B. */
static int
append_nalus(struct video *v, const struct flv_video *frame)
{
	static const uint8_t start_code[] = {0, 0, 0, 1};
	const uint8_t *nalu;
	size_t at = 0, size;
	int rc;

	while ((rc = flv_avcc_next(frame->data, frame->size, v->length_size, &at, &nalu, &size)) >
	       0) {
		if (!is_carried(v, nalu[0]))
			continue;
		rc = append(v, start_code, sizeof(start_code));
		if (rc == 0)
			rc = append(v, nalu, size);
		if (rc < 0)
			break;
	}
	return rc;
}

/* The unit of a frame, behind the room for its headers, and what is in it. */
static int
build_unit(struct video *v, const struct flv_video *frame, struct payload_facts *facts)
{
	int rc;

	v->unit_size = 0;
	rc = append(v, v->headers, v->headers_size);
	if (rc == 0)
		rc = v->length_size > 0 ? append_nalus(v, frame)
					: append(v, frame->data, frame->size);
	if (rc == 0)
		rc = payload_look(v->codec, v->unit + v->headers_size,
				  v->unit_size - v->headers_size, facts);
	return rc < 0 ? rc : facts->picture ? 0 : -EBADMSG;
}

static void
send_unit(struct video *v, const uint8_t *unit, size_t size, int64_t pts_us, struct link_note *note)
{
	uint8_t payload[LINK_PAYLOAD_MAX];
	uint32_t ts = link_track_ts(&v->track, pts_us);
	bool last = false;
	int n;

	if (payload_pack_start(&v->pack, unit, size, LINK_PAYLOAD_MAX) < 0) {
		v->damaged++;
		return;
	}
	while ((n = payload_pack_next(&v->pack, payload, sizeof(payload), &last)) > 0) {
		link_track_send(&v->track, payload, (size_t)n, last, ts, note);
		note->discontinuity = false;
	}
	v->frames++;
}

/* Once, when enough of them were seen to say which kind they are. */
static void
tell_bframes(struct video *v)
{
	const char *way = v->codec == PAYLOAD_H264   ? ", or use --bframes transcode"
			  : v->codec == PAYLOAD_H265 ? ", or use --h265-to-h264"
						     : "";

	v->told_bframes = true;
	if (video_wants_twin(v) && v->settings.bframes == VIDEO_DROP_BFRAMES &&
	    v->codec == PAYLOAD_H264)
		log_warn("video",
			 "the encoder sends B-frames to which other frames refer (b-pyramid): they "
			 "cannot be left out, so the picture is encoded anew while WebRTC players "
			 "watch; to save that set its B-frames to 0 (x264: bframes=0)");
	else if (video_wants_twin(v))
		log_info("video", "the encoder sends B-frames: the picture is encoded anew without "
				  "them while WebRTC players watch");
	else if (v->settings.bframes == VIDEO_KEEP_BFRAMES)
		log_info("video", "the encoder sends B-frames; they are kept");
	else
		log_warn("video",
			 "the encoder sends B-frames%s; set its B-frames to 0 (x264, x265: "
			 "bframes=0)%s",
			 v->has_referenced
			     ? " to which other frames refer (b-pyramid): they cannot be left out, "
			       "and WebRTC players show them out of order"
			     : ", which WebRTC players do not get: the picture is less smooth",
			 way);
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

/* Marks a picture that is shown before one that came earlier: a B-frame. */
static void
mark(struct video *v, const struct payload_facts *facts, int64_t pts_us, struct link_note *note)
{
	if (!v->begun || v->jump || pts_us >= v->max_pts_us)
		return;
	note->disposable = facts->disposable && v->settings.bframes != VIDEO_KEEP_BFRAMES;
	note_bframe(v, !facts->disposable);
}

int
video_frame(struct video *v, const struct flv_video *frame, int64_t dts_us, uint64_t now_us)
{
	struct payload_facts facts = {0};
	struct link_note note = {.discontinuity = v->jump};
	const uint8_t *unit;
	int64_t pts_us;
	size_t size;
	bool keyframe;
	int rc = build_unit(v, frame, &facts);

	if (rc < 0) {
		v->damaged++;
		return rc;
	}
	keyframe = facts.keyframe || frame->keyframe;
	if (!v->begun && !keyframe)
		return 0;
	dts_us = MAX_OF(dts_us, v->last_dts_us);
	v->last_dts_us = dts_us;
	pts_us = dts_us + (int64_t)frame->cts_ms * 1000;
	note.dts_offset_us = pts_us - dts_us;
	v->reorders |= keyframe && frame->cts_ms > 0;
	mark(v, &facts, pts_us, &note);
	warn_of_settings(v, keyframe || !v->begun, dts_us);
	v->max_pts_us = v->jump ? pts_us : MAX_OF(v->max_pts_us, pts_us);
	v->begun = true;
	v->jump = false;
	unit = v->unit + (keyframe && !facts.headers ? 0 : v->headers_size);
	size = (size_t)(v->unit + v->unit_size - unit);
	send_unit(v, unit, size, pts_us, &note);
	link_track_report(&v->track, now_us, pts_us);
	/* Of a source that may yet turn out to need a twin the group of pictures is kept, too. */
	return v->twin.active || may_fail_to_drop(v)
		   ? twin_unit(&v->twin, unit, size, keyframe, dts_us, pts_us, now_us)
		   : 0;
}
