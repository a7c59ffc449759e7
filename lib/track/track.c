#include "track/track.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"
#include "payload/payload.h"
#include "red/red.h"

static const struct {
	const char *uri;
	size_t offset;
} ext_fields[] = {
    {"urn:ietf:params:rtp-hdrext:sdes:mid", offsetof(struct track, ext_mid)},
    {"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", offsetof(struct track, ext_rid)},
    {"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
     offsetof(struct track, ext_repaired_rid)},
    {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
     offsetof(struct track, ext_twcc)},
    {"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
     offsetof(struct track, ext_playout_delay)},
};

static const struct {
	const char *text;
	uint8_t bit;
} feedback_names[] = {
    {"nack", FEEDBACK_NACK},	     {"nack pli", FEEDBACK_PLI},   {"ccm fir", FEEDBACK_FIR},
    {"transport-cc", FEEDBACK_TWCC}, {"goog-remb", FEEDBACK_REMB},
};

static int
complain(char *detail, size_t size, const char *what)
{
	snprintf(detail, size, "%s", what);
	return -EINVAL;
}

/* An integer member within min..max; fallback if it is absent. false if wrong. */
static bool
get_int(const json_t *o, const char *key, json_int_t min, json_int_t max, json_int_t fallback,
	json_int_t *out)
{
	const json_t *v = json_object_get(o, key);

	*out = v == NULL || json_is_null(v) ? fallback : json_integer_value(v);
	if (v != NULL && !json_is_null(v) && !json_is_integer(v))
		return false;
	return *out == fallback || (*out >= min && *out <= max);
}

static bool
is_printable(const char *s, size_t max)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			return false;
	return n <= max;
}

static uint8_t
parse_feedback(const json_t *array)
{
	uint8_t mask = 0;
	size_t i;
	json_t *v;

	json_array_foreach((json_t *)array, i,
			   v) for (size_t k = 0;
				   json_is_string(v) && k < ARRAY_COUNT(feedback_names);
				   k++) if (strcmp(json_string_value(v), feedback_names[k].text) ==
					    0) mask |= feedback_names[k].bit;
	return mask;
}

/* RED whose parameters name no single payload type cannot be unwrapped: it is an unknown codec. */
static uint8_t
red_pt_of(const char *name, const char *fmtp, uint8_t kind)
{
	int pt = kind == TRACK_AUDIO && fmtp != NULL && strcasecmp(name, "red") == 0
		     ? red_fmtp_pt(fmtp)
		     : -EINVAL;

	return pt >= 0 ? (uint8_t)pt : PT_NONE;
}

static int
parse_codec(struct codec *c, const json_t *o, uint8_t kind, char *detail, size_t size)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *fmtp = json_string_value(json_object_get(o, "fmtp"));
	json_int_t pt, rtx_pt, clock_rate, channels;

	if (name == NULL || !text_is_token(name, CODEC_NAME_SIZE - 1))
		return complain(detail, size,
				"tracks.codecs.name: a token of at most 16 characters");
	if (!get_int(o, "pt", 0, 127, -1, &pt) || pt < 0)
		return complain(detail, size, "tracks.codecs.pt: 0..127");
	if (!get_int(o, "rtx_pt", 0, 127, PT_NONE, &rtx_pt))
		return complain(detail, size, "tracks.codecs.rtx_pt: 0..127");
	if (!get_int(o, "clock_rate", 1000, 384000, -1, &clock_rate) || clock_rate < 0)
		return complain(detail, size, "tracks.codecs.clock_rate: 1000..384000");
	if (!get_int(o, "channels", 1, 8, 1, &channels))
		return complain(detail, size, "tracks.codecs.channels: 1..8");
	if (fmtp != NULL && !is_printable(fmtp, CODEC_FMTP_MAX))
		return complain(detail, size,
				"tracks.codecs.fmtp: at most 512 printable characters");
	text_copy(c->name, sizeof(c->name), name);
	c->pt = (uint8_t)pt;
	c->rtx_pt = (uint8_t)rtx_pt;
	c->clock_rate = (uint32_t)clock_rate;
	c->channels = (uint8_t)channels;
	c->format = kind == TRACK_VIDEO ? payload_codec_of(name) : PAYLOAD_NONE;
	c->red_pt = red_pt_of(name, fmtp, kind);
	c->feedback = parse_feedback(json_object_get(o, "fb"));
	c->fmtp = fmtp != NULL && *fmtp != '\0' ? strdup(fmtp) : NULL;
	return fmtp != NULL && *fmtp != '\0' && c->fmtp == NULL ? -ENOMEM : 0;
}

static int
parse_codecs(struct track *t, const json_t *array, char *detail, size_t size)
{
	size_t count = json_array_size(array);

	if (count == 0 || count > CODECS_MAX)
		return complain(detail, size, "tracks.codecs: 1 to 24 of them");
	t->codecs = calloc(count, sizeof(*t->codecs));
	if (t->codecs == NULL)
		return -ENOMEM;
	t->codec_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		int rc =
		    parse_codec(&t->codecs[i], json_array_get(array, i), t->kind, detail, size);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
parse_ext(struct track *t, const json_t *array, char *detail, size_t size)
{
	size_t i;
	json_t *o;

	json_array_foreach((json_t *)array, i, o)
	{
		const char *uri = json_string_value(json_object_get(o, "uri"));
		json_int_t id;

		if (uri == NULL || !get_int(o, "id", 1, 255, -1, &id) || id < 0)
			return complain(detail, size, "tracks.ext: id 1..255 and uri");
		for (size_t k = 0; k < ARRAY_COUNT(ext_fields); k++)
			if (strcmp(uri, ext_fields[k].uri) == 0)
				*((uint8_t *)t + ext_fields[k].offset) = (uint8_t)id;
	}
	return 0;
}

/* SSRCs below least, and those over the limit, are left out: they are learnt from packets anyway.
 */
static uint8_t
parse_ssrcs(uint32_t *out, const json_t *array, json_int_t least)
{
	uint8_t count = 0;
	size_t i;
	json_t *v;

	json_array_foreach((json_t *)array, i,
			   v) if (json_is_integer(v) && json_integer_value(v) >= least &&
				  json_integer_value(v) <= UINT32_MAX && count < TRACK_SSRCS_MAX)
	    out[count++] = (uint32_t)json_integer_value(v);
	return count;
}

static int
parse_rids(struct track *t, const json_t *array, char *detail, size_t size)
{
	size_t i;
	json_t *v;

	if (json_array_size(array) > TRACK_RIDS_MAX)
		return complain(detail, size, "tracks.rids: at most 4");
	json_array_foreach((json_t *)array, i, v)
	{
		const char *rid = json_string_value(v);

		if (rid == NULL || !text_is_token(rid, TRACK_RID_SIZE - 1))
			return complain(detail, size,
					"tracks.rids: tokens of at most 16 characters");
		text_copy(t->rids[t->rid_count++], TRACK_RID_SIZE, rid);
	}
	return 0;
}

static int
parse_track(struct track *t, const json_t *o, char *detail, size_t size)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *mid = json_string_value(json_object_get(o, "mid"));
	const char *mode = json_string_value(json_object_get(o, "mode"));
	json_int_t delay_ms;
	int rc;

	if (kind == NULL || (strcmp(kind, "audio") != 0 && strcmp(kind, "video") != 0))
		return complain(detail, size, "tracks.kind: audio or video");
	if (mid != NULL && *mid != '\0' && !text_is_token(mid, TRACK_MID_SIZE - 1))
		return complain(detail, size, "tracks.mid: a token of at most 32 characters");
	if (mode != NULL && strcmp(mode, "live") != 0 && strcmp(mode, "on-demand") != 0)
		return complain(detail, size, "tracks.mode: live or on-demand");
	if (!get_int(o, "playout_delay_ms", 0, PLAYOUT_DELAY_MAX_MS, 0, &delay_ms))
		return complain(detail, size, "tracks.playout_delay_ms: 0..10000");
	t->kind = strcmp(kind, "video") == 0 ? TRACK_VIDEO : TRACK_AUDIO;
	t->on_demand = mode != NULL && strcmp(mode, "on-demand") == 0;
	t->playout_delay_ms = (uint16_t)delay_ms;
	text_copy(t->mid, sizeof(t->mid), mid != NULL ? mid : "");
	t->ssrc_count = parse_ssrcs(t->ssrcs, json_object_get(o, "ssrcs"), 1);
	t->rtx_ssrc_count = parse_ssrcs(t->rtx_ssrcs, json_object_get(o, "rtx_ssrcs"), 0);
	rc = parse_codecs(t, json_object_get(o, "codecs"), detail, size);
	if (rc == 0)
		rc = parse_ext(t, json_object_get(o, "ext"), detail, size);
	return rc == 0 ? parse_rids(t, json_object_get(o, "rids"), detail, size) : rc;
}

int
tracks_parse(struct tracks *out, const json_t *array, char *detail, size_t detail_size)
{
	struct tracks t = {.count = json_array_size(array)};

	if (t.count == 0 || t.count > TRACKS_MAX)
		return complain(detail, detail_size, "tracks: 1 to 8 of them");
	t.list = calloc(t.count, sizeof(*t.list));
	if (t.list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < t.count; i++) {
		int rc = parse_track(&t.list[i], json_array_get(array, i), detail, detail_size);

		if (rc < 0) {
			tracks_free(&t);
			return rc;
		}
	}
	*out = t;
	return 0;
}

void
tracks_free(struct tracks *t)
{
	for (size_t i = 0; i < t->count; i++) {
		for (size_t k = 0; k < t->list[i].codec_count; k++)
			free(t->list[i].codecs[k].fmtp);
		free(t->list[i].codecs);
	}
	free(t->list);
	t->list = NULL;
	t->count = 0;
}

static json_t *
codec_json(const struct codec *c)
{
	json_t *o = json_pack("{s:s, s:i, s:i, s:i}", "name", c->name, "clock_rate",
			      (int)c->clock_rate, "channels", c->channels, "pt", c->pt);

	if (c->fmtp != NULL)
		json_object_set_new(o, "fmtp", json_string(c->fmtp));
	if ((c->feedback & FEEDBACK_NACK) != 0)
		json_object_set_new(o, "nack", json_true());
	return o;
}

static json_t *
list_json(const struct tracks *t, bool with_red)
{
	json_t *array = json_array();

	for (size_t i = 0; i < t->count; i++) {
		const struct track *track = &t->list[i];
		json_t *codecs, *o;

		if (track->codec_count == 0)
			continue; /* a place that is free */
		codecs = json_array();
		for (size_t k = 0; k < track->codec_count; k++)
			if (with_red || track->codecs[k].red_pt == PT_NONE)
				json_array_append_new(codecs, codec_json(&track->codecs[k]));
		o = json_pack("{s:i, s:s, s:s, s:o}", "track", (int)i, "kind",
			      track->kind == TRACK_VIDEO ? "video" : "audio", "mid", track->mid,
			      "codecs", codecs);
		if (track->on_demand)
			json_object_set_new(o, "mode", json_string("on-demand"));
		if (track->playout_delay_ms > 0)
			json_object_set_new(o, "playout_delay_ms",
					    json_integer(track->playout_delay_ms));
		json_array_append_new(array, o);
	}
	return array;
}

json_t *
tracks_json(const struct tracks *t)
{
	return list_json(t, true);
}

json_t *
tracks_local_json(const struct tracks *t)
{
	return list_json(t, false);
}

uint8_t
tracks_lane(const struct tracks *t, unsigned track, unsigned layer)
{
	unsigned lane = TRACKS_MAX - 1 + layer;

	if (track >= t->count || (layer > 0 && layer >= t->list[track].rid_count))
		return PT_NONE;
	if (layer == 0)
		return (uint8_t)track;
	for (unsigned i = 0; i < track; i++)
		lane += t->list[i].rid_count > 0 ? t->list[i].rid_count - 1u : 0;
	return lane < LANES_MAX ? (uint8_t)lane : PT_NONE;
}
