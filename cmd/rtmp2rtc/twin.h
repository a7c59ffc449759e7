/*
 * twin.h - a second track, of H.264, beside one with B-frames or of H.265: the same pictures
 * encoded anew, only while a WebRTC player wants it. The group of pictures under way is always
 * kept, so that the twin begins at once and not at the next keyframe.
 */
#ifndef RTMP2RTC_TWIN_H
#define RTMP2RTC_TWIN_H

#include "h264/h264.h"
#include "link/link_track.h"
#include "media/media_video.h"

enum {
	TWIN_PT = 98,
	TWIN_UNITS_MAX = 1024,	    /* of a group of pictures that is kept, */
	TWIN_OCTETS_MAX = 16 << 20, /* and octets; a larger one is not */
	TWIN_BPS_MIN = 500000,
	TWIN_BPS_MAX = 10000000,
	TWIN_BPS_FIRST = 2500000, /* before the source's own rate is known */
	TWIN_DEBT_MAX_US = 250000 /* the encoder is behind by so much: pictures are left out */
};

struct twin {
	struct link_track track;
	bool active; /* the source is one that not every player can show */
	bool h265;   /* is the source's codec */
	bool wanted;
	struct media_video *video; /* NULL while not wanted */
	struct h264_pack pack;
	struct {
		size_t size;
		int64_t pts_us;
	} kept[TWIN_UNITS_MAX];
	size_t kept_count;
	uint8_t *octets; /* owned: of all of them */
	size_t size, cap;
	bool whole; /* the group is kept from its keyframe on */
	/* Of the source, for the encoder's settings. */
	uint64_t source_octets, source_units;
	int64_t first_us, last_us; /* decoding times */
	int64_t debt_us;	   /* what encoding took over the pictures' own time */
	bool late, told_late;
	uint64_t now_us;
};

void twin_init(struct twin *t);
void twin_fini(struct twin *t);
void twin_want(struct twin *t, bool wanted);
/* A player needs a keyframe. */
void twin_keyframe(struct twin *t);
/* A unit of the source in Annex B form, decoding order. 0 or -ENOMEM. */
int twin_unit(struct twin *t, const uint8_t *data, size_t size, bool keyframe, int64_t dts_us,
	      int64_t pts_us, uint64_t now_us);

#endif
