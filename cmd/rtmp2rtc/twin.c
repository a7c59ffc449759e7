#include "twin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

enum { OCTETS_MIN = 256 << 10, SECOND_US = 1000000, FPS_MAX = 240, FIT_US = 500000 };

void
twin_init(struct twin *t)
{
	memset(t, 0, sizeof(*t));
}

void
twin_fini(struct twin *t)
{
	media_video_free(t->video);
	free(t->octets);
	t->video = NULL;
	t->octets = NULL;
}

/* ---- the group of pictures under way ---- */

static int
keep(struct twin *t, const uint8_t *data, size_t size, bool keyframe, int64_t pts_us)
{
	size_t cap = MAX_OF((size_t)OCTETS_MIN, t->cap);
	uint8_t *grown;

	if (keyframe) {
		t->kept_count = t->size = 0;
		t->whole = true;
	}
	if (!t->whole)
		return 0;
	if (t->kept_count == TWIN_UNITS_MAX || size > TWIN_OCTETS_MAX - t->size) {
		t->whole = false;
		return 0;
	}
	while (cap < t->size + size)
		cap *= 2;
	if (cap != t->cap) {
		grown = realloc(t->octets, cap);
		if (grown == NULL)
			return -ENOMEM;
		t->octets = grown;
		t->cap = cap;
	}
	memcpy(t->octets + t->size, data, size);
	t->size += size;
	t->kept[t->kept_count].size = size;
	t->kept[t->kept_count++].pts_us = pts_us;
	return 0;
}

/* ---- out ---- */

static int
send_unit(void *arg, const struct media_unit *unit)
{
	struct twin *t = arg;
	struct link_note note = {0};
	uint8_t payload[LINK_PAYLOAD_MAX];
	uint32_t ts = link_track_ts(&t->track, unit->time_us);
	bool last = false;
	int n;

	if (h264_pack_start(&t->pack, unit->data, unit->size, LINK_PAYLOAD_MAX) < 0)
		return 0;
	while ((n = h264_pack_next(&t->pack, payload, sizeof(payload), &last)) > 0)
		link_track_send(&t->track, payload, (size_t)n, last, ts, &note);
	link_track_report(&t->track, t->now_us, unit->time_us);
	return 0;
}

/* A little more than the source has: B-frames save some. */
static struct media_video_config
settings(const struct twin *t)
{
	uint64_t passed_us = (uint64_t)(t->last_us - t->first_us);
	struct media_video_config c = {.bitrate_bps = TWIN_BPS_FIRST,
				       .codec = t->h265 ? PAYLOAD_H265 : PAYLOAD_H264};
	uint64_t bps;

	if (passed_us < FIT_US)
		return c;
	bps = t->source_octets * 8 * SECOND_US / passed_us * 5 / 4;
	c.bitrate_bps =
	    (unsigned)MIN_OF(MAX_OF(bps, (uint64_t)TWIN_BPS_MIN), (uint64_t)TWIN_BPS_MAX);
	c.fps = (unsigned)MIN_OF((t->source_units * SECOND_US + passed_us / 2) / passed_us,
				 (uint64_t)FPS_MAX);
	return c;
}

static int
push(struct twin *t, const uint8_t *data, size_t size, int64_t pts_us, bool encode)
{
	struct media_words words = {""};
	int rc = media_video_push(t->video, data, size, pts_us, encode, &words);

	if (rc != -EIO)
		return rc;
	log_warn("video", "the picture is not encoded anew: %s", words.text);
	twin_want(t, false);
	return 0;
}

void
twin_want(struct twin *t, bool wanted)
{
	const struct media_video_config config = settings(t);
	size_t at = 0;

	if (wanted == t->wanted)
		return;
	t->wanted = wanted;
	media_video_free(t->video);
	t->video = wanted ? media_video_new(&config, send_unit, t) : NULL;
	t->debt_us = 0;
	t->late = false;
	for (size_t i = 0; t->video != NULL && t->whole && i < t->kept_count; i++) {
		push(t, t->octets + at, t->kept[i].size, t->kept[i].pts_us, false);
		at += t->kept[i].size;
	}
}

void
twin_keyframe(struct twin *t)
{
	if (t->video != NULL)
		media_video_keyframe(t->video);
}

/* An encoder that is too slow leaves pictures out, else the source would have to wait. */
static void
count_debt(struct twin *t, int64_t spent_us, int64_t interval_us)
{
	t->debt_us = MAX_OF(t->debt_us + spent_us - interval_us, (int64_t)0);
	if (t->debt_us < TWIN_DEBT_MAX_US && !(t->late && t->debt_us > TWIN_DEBT_MAX_US / 4)) {
		t->late = false;
		return;
	}
	t->late = true;
	if (t->told_late)
		return;
	t->told_late = true;
	log_warn("video", "this machine is too slow to encode the picture anew: some pictures are "
			  "left out; set the encoder to H.264 without B-frames instead");
}

int
twin_unit(struct twin *t, const uint8_t *data, size_t size, bool keyframe, int64_t dts_us,
	  int64_t pts_us, uint64_t now_us)
{
	int64_t interval_us = dts_us - t->last_us;
	uint64_t began_us = clock_now_us();
	int rc;

	if (t->source_units++ == 0)
		t->first_us = dts_us;
	t->source_octets += size;
	t->last_us = dts_us;
	t->now_us = now_us;
	rc = keep(t, data, size, keyframe, pts_us);
	if (rc < 0 || t->video == NULL)
		return rc;
	rc = push(t, data, size, pts_us, !t->late);
	count_debt(t, (int64_t)(clock_now_us() - began_us), interval_us);
	return rc;
}
