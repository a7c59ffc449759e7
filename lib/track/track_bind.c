/* track_bind.c - which of a publisher's codecs a player's media section can carry. */
#include "track/track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

/* Value of "key=" in a fmtp list, copied; fallback if absent. */
static const char *
fmtp_value(const char *fmtp, const char *key, const char *fallback, char out[static 32])
{
	size_t n = strlen(key);

	for (const char *p = fmtp; p != NULL && *p != '\0';) {
		p += strspn(p, " ;");
		if (strncasecmp(p, key, n) == 0 && p[n] == '=') {
			size_t size = strcspn(p + n + 1, "; ");

			size = size < 31 ? size : 31;
			memcpy(out, p + n + 1, size);
			out[size] = '\0';
			return out;
		}
		p = strchr(p, ';');
	}
	text_copy(out, 32, fallback);
	return out;
}

/*
 * RFC 6184 s.8.1: the profile is profile_idc with the constraint bits that make another profile of
 * it. Decoders take constrained baseline, baseline, main and high alike as long as the
 * packetization mode is theirs, and encoders often send another profile than SDP says (OBS): so a
 * profile chooses among several candidates (h264_distance), but does not refuse.
 */
static int
h264_distance(const char *a, const char *b)
{
	char pa[32], pb[32];
	unsigned long va = strtoul(fmtp_value(a, "profile-level-id", "42001f", pa), NULL, 16);
	unsigned long vb = strtoul(fmtp_value(b, "profile-level-id", "42001f", pb), NULL, 16);

	if (va >> 8 == vb >> 8)
		return 0;
	return va >> 16 == vb >> 16 ? 1 : 2;
}

/* RFC 9628 s.6.1; RFC 7798 s.7.1 (1 is Main); AV1 payload format s.7.2.1 */
static const struct {
	const char *name, *key, *missing;
} profiles[] = {{"VP9", "profile-id", "0"}, {"H265", "profile-id", "1"}, {"AV1", "profile", "0"}};

/* 0 the same, larger worse, -1 no match. */
static int
distance(const struct codec *a, const struct codec *b)
{
	char va[32], vb[32];

	if (strcasecmp(a->name, b->name) != 0 || a->clock_rate != b->clock_rate)
		return -1;
	if (strcasecmp(a->name, "H264") == 0) {
		fmtp_value(a->fmtp, "packetization-mode", "0", va);
		fmtp_value(b->fmtp, "packetization-mode", "0", vb);
		if (strcmp(va, vb) == 0)
			return h264_distance(a->fmtp, b->fmtp);
		/* A receiver of mode 1 understands mode 0 (RFC 6184 s.5.4), not the reverse. */
		return strcmp(va, "0") == 0 ? 3 + h264_distance(a->fmtp, b->fmtp) : -1;
	}
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		if (strcasecmp(a->name, profiles[i].name) == 0)
			return strcmp(fmtp_value(a->fmtp, profiles[i].key, profiles[i].missing, va),
				      fmtp_value(b->fmtp, profiles[i].key, profiles[i].missing,
						 vb)) == 0
				   ? 0
				   : -1;
	return a->channels == b->channels || strcasecmp(a->name, "opus") == 0 ? 0 : -1;
}

static const struct codec *
codec_by_pt(const struct track *t, uint8_t pt)
{
	for (size_t i = 0; i < t->codec_count; i++)
		if (t->codecs[i].pt == pt)
			return &t->codecs[i];
	return NULL;
}

/* The same of two codecs of tracks: RED matches by what it wraps, and that alone if need be. */
static int
track_distance(const struct track *source, const struct codec *a, const struct track *sink,
	       const struct codec *b)
{
	const struct codec *in_a = codec_by_pt(source, a->red_pt);
	const struct codec *in_b = codec_by_pt(sink, b->red_pt);

	if (a->red_pt == PT_NONE)
		return distance(a, b);
	if (in_a == NULL)
		return -1;
	if (b->red_pt == PT_NONE)
		return distance(in_a, b) == 0 ? 1 : -1;
	return in_b != NULL && distance(in_a, in_b) == 0 ? distance(a, b) : -1;
}

/* See struct binding. */
static uint8_t
red_of(const struct codec *source, const struct codec *sink)
{
	if (source->red_pt == PT_NONE || source->red_pt == sink->red_pt)
		return PT_NONE;
	return sink->red_pt == PT_NONE ? RED_PRIMARY : sink->red_pt;
}

/* Fill pt, rtx_pt and red per codec of the source. Returns how many matched. */
static size_t
bind_codecs(struct bound *out, const struct track *source, const struct track *sink)
{
	size_t matched = 0;

	for (size_t i = 0; i < source->codec_count; i++) {
		int best = -1;

		for (size_t k = 0; k < sink->codec_count; k++) {
			int d = track_distance(source, &source->codecs[i], sink, &sink->codecs[k]);

			if (d < 0 || (best >= 0 && d >= best))
				continue;
			best = d;
			out->pt[i] = sink->codecs[k].pt;
			out->rtx_pt[i] = sink->codecs[k].rtx_pt;
			out->red[i] = red_of(&source->codecs[i], &sink->codecs[k]);
		}
		matched += best >= 0;
	}
	return matched;
}

size_t
tracks_bind(struct binding *out, const struct tracks *publisher, const struct tracks *player)
{
	bool used[TRACKS_MAX] = {false};
	size_t bound = 0;

	memset(out, PT_NONE, sizeof(*out));
	for (size_t i = 0; i < player->count; i++) {
		for (size_t k = 0; k < publisher->count; k++) {
			const struct track *source = &publisher->list[k];

			if (used[k] || source->kind != player->list[i].kind ||
			    bind_codecs(&out->tracks[i], source, &player->list[i]) == 0)
				continue;
			out->tracks[i].source = (uint8_t)k;
			used[k] = true;
			bound++;
			break;
		}
	}
	return bound;
}

static bool
is_chosen(const struct track *t, char *const *codecs)
{
	for (; *codecs != NULL; codecs++)
		for (size_t i = 0; i < t->codec_count; i++)
			if (strcasecmp(*codecs, t->codecs[i].name) == 0)
				return true;
	return false;
}

void
tracks_choose(struct binding *out, const struct tracks *publisher, char *const *codecs)
{
	memset(out, PT_NONE, sizeof(*out));
	for (size_t i = 0; i < publisher->count; i++) {
		const struct track *t = &publisher->list[i];

		if (t->codec_count == 0 || (codecs != NULL ? !is_chosen(t, codecs) : t->on_demand))
			continue;
		out->tracks[i].source = (uint8_t)i;
		for (size_t k = 0; k < t->codec_count; k++) {
			if (t->codecs[k].red_pt == PT_NONE)
				continue;
			out->tracks[i].pt[k] = t->codecs[k].red_pt;
			out->tracks[i].red[k] = RED_PRIMARY;
		}
	}
}

char *
track_codec_name(const struct codec *c, char *out, size_t size)
{
	char value[32] = "", mode[32];

	if (strcasecmp(c->name, "H264") == 0) {
		fmtp_value(c->fmtp, "profile-level-id", "", value);
		fmtp_value(c->fmtp, "packetization-mode", "0", mode);
		snprintf(out, size, "%s%s%s%s", c->name, value[0] != '\0' ? " " : "", value,
			 strcmp(mode, "0") == 0 ? " mode 0" : "");
		return out;
	}
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		if (strcasecmp(c->name, profiles[i].name) == 0)
			fmtp_value(c->fmtp, profiles[i].key, "", value);
	snprintf(out, size, "%s%s%s", c->name, value[0] != '\0' ? " profile " : "", value);
	return out;
}

static char *
list_names(const struct tracks *t, unsigned kinds, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < t->list[i].codec_count; k++) {
			const char *comma = used > 0 ? ", " : "";
			char name[CODEC_WORDS_SIZE];
			int n;

			if ((kinds >> t->list[i].kind & 1) == 0)
				continue;
			track_codec_name(&t->list[i].codecs[k], name, sizeof(name));
			n = snprintf(text + used, size - used, "%s%s", comma, name);
			if (n < 0 || (size_t)n >= size - used)
				return text;
			used += (size_t)n;
		}
	return text;
}

char *
tracks_codec_names(const struct tracks *t, char *text, size_t size)
{
	return list_names(t, 1u << TRACK_AUDIO | 1u << TRACK_VIDEO, text, size);
}

char *
tracks_kind_names(const struct tracks *t, enum track_kind kind, char *text, size_t size)
{
	return list_names(t, 1u << kind, text, size);
}

bool
tracks_miss(const struct binding *b, const struct tracks *publisher, const struct tracks *player,
	    enum track_kind kind)
{
	bool sends = false, takes = false;

	for (size_t i = 0; i < publisher->count; i++)
		sends |= publisher->list[i].kind == kind && publisher->list[i].codec_count > 0;
	for (size_t i = 0; i < player->count; i++) {
		takes |= player->list[i].kind == kind && player->list[i].codec_count > 0;
		if (player->list[i].kind == kind && b->tracks[i].source != PT_NONE)
			return false;
	}
	return sends && takes;
}
