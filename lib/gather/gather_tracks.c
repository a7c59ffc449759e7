/*
 * gather_tracks.c - which tracks and codecs are used.  A browser's track lists all that it could
 * send, so the codec is certain only with the first packet: until then nothing is given away.
 */
#include "gather/gather_impl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

bool
gather_is_video(enum gather_codec codec)
{
	return codec > GATHER_NONE && (int)codec < (int)PAYLOAD_CODECS;
}

static enum gather_codec
codec_of(const char *name)
{
	enum payload_codec video = payload_codec_of(name);

	if (video != PAYLOAD_NONE)
		return (enum gather_codec)video;
	if (strcasecmp(name, "opus") == 0)
		return GATHER_OPUS;
	return strcasecmp(name, AAC_RTP_NAME) == 0 ? GATHER_AAC : GATHER_OTHER;
}

/* Which of two codecs of a kind to use; of video the first. */
static int
rank_of(enum gather_codec codec)
{
	if (codec == GATHER_OTHER)
		return 0;
	return codec == GATHER_AAC ? 2 : 1;
}

/* False if it makes no sense. */
static bool
read_codec(struct gather_choice *c, int track, const json_t *codec)
{
	const char *name = json_string_value(json_object_get(codec, "name"));
	const char *fmtp = json_string_value(json_object_get(codec, "fmtp"));
	struct gather_format *f = &c->format;
	json_int_t pt = json_integer_value(json_object_get(codec, "pt"));
	json_int_t rate = json_integer_value(json_object_get(codec, "clock_rate"));
	json_int_t channels = json_integer_value(json_object_get(codec, "channels"));
	int n;

	if (name == NULL || pt < 0 || pt > 127 || rate <= 0 || rate > 1000000)
		return false;
	memset(c, 0, sizeof(*c));
	c->track = track;
	c->pt = (uint8_t)pt;
	c->nack = json_is_true(json_object_get(codec, "nack"));
	f->codec = codec_of(name);
	text_copy(f->name, sizeof(f->name), name);
	f->clock_rate = (uint32_t)rate;
	f->channel_count = channels > 0 && channels <= 8 ? (unsigned)channels : 1;
	if (f->codec == GATHER_AAC) {
		n = aac_fmtp_config(f->config, sizeof(f->config), fmtp != NULL ? fmtp : "");
		f->config_size = n > 0 ? (size_t)n : 0;
		f->codec = n > 0 ? GATHER_AAC : GATHER_OTHER;
	}
	return true;
}

static void
take_codec(struct gather_source *s, bool video, const struct gather_choice *c)
{
	if (c->format.codec != GATHER_OTHER && gather_is_video(c->format.codec) != video)
		return; /* a name of the other kind */
	if (s->first.track < 0 || rank_of(c->format.codec) > rank_of(s->first.format.codec)) {
		if (s->first.track != c->track)
			s->list_count = 0;
		s->first = *c;
	}
	if (s->first.track == c->track && c->format.codec != GATHER_OTHER &&
	    s->list_count < GATHER_CODECS_MAX)
		s->list[s->list_count++] = *c;
}

void
gather_restart_reorder(struct gather_source *s)
{
	rtp_reorder_free(s->reorder);
	s->reorder = NULL;
	s->seq_known = false;
	if (s->track < 0)
		return;
	s->reorder = rtp_reorder_new(GATHER_SLOTS, RTP_PACKET_MAX,
				     s->first.nack ? GATHER_WAIT_US : GATHER_WAIT_PLAIN_US,
				     GATHER_WAIT_MAX_US);
	if (s->reorder != NULL && s->first.nack)
		rtp_reorder_expect(s->reorder, GATHER_REPAIR_US);
}

static bool
same_choice(const struct gather_choice *a, const struct gather_choice *b)
{
	return a->track == b->track && a->pt == b->pt && a->nack == b->nack &&
	       a->format.codec == b->format.codec && a->format.clock_rate == b->format.clock_rate &&
	       a->format.channel_count == b->format.channel_count &&
	       strcmp(a->format.name, b->format.name) == 0 &&
	       a->format.config_size == b->format.config_size &&
	       memcmp(a->format.config, b->format.config, a->format.config_size) == 0;
}

static void
read_track(struct gather *g, const json_t *track, size_t index)
{
	const char *kind = json_string_value(json_object_get(track, "kind"));
	bool video = kind != NULL && strcmp(kind, "video") == 0;
	const char *mode = json_string_value(json_object_get(track, "mode"));
	const json_t *at = json_object_get(track, "track"), *codec;
	struct gather_choice c;
	size_t k;
	int place = json_is_integer(at) ? (int)json_integer_value(at) : (int)index;

	if (mode != NULL && strcmp(mode, "on-demand") == 0)
		return; /* it does not come unless it is asked for */
	json_array_foreach(json_object_get(track, "codecs"), k, codec)
	{
		if (k < GATHER_CODECS_MAX && read_codec(&c, place, codec))
			take_codec(&g->sources[video ? GATHER_VIDEO : GATHER_AUDIO], video, &c);
	}
}

/* Another stream of packets than before. */
static void
restart_source(struct gather_source *s)
{
	s->track = s->first.track;
	s->pt = s->first.pt;
	s->format = s->first.format;
	gather_clock_reset(&s->clock, s->format.clock_rate);
	gather_restart_reorder(s);
	memset(&s->counts, 0, sizeof(s->counts));
}

static bool
has_several(const struct gather_source *s)
{
	for (size_t i = 0; i < s->list_count; i++)
		if (s->list[i].format.codec != s->first.format.codec)
			return true;
	return false;
}

void
gather_tracks(struct gather *g, uint64_t now_us, const json_t *event)
{
	const json_t *tracks = json_object_get(event, "tracks"), *track;
	json_int_t epoch = json_integer_value(json_object_get(event, "epoch"));
	struct gather_choice before[GATHER_KINDS];
	bool same = g->tracks_epoch != 0 && epoch == g->tracks_epoch;
	size_t i;

	for (unsigned n = 0; n < GATHER_KINDS; n++) {
		before[n] = g->sources[n].first;
		memset(&g->sources[n].first, 0, sizeof(g->sources[n].first));
		g->sources[n].first.track = -1;
		g->sources[n].list_count = 0;
	}
	json_array_foreach(tracks, i, track)
	{
		if (i < GATHER_TRACKS_MAX)
			read_track(g, track, i);
	}
	g->tracks_epoch = epoch;
	for (unsigned n = 0; n < GATHER_KINDS; n++)
		same &= same_choice(&before[n], &g->sources[n].first);
	if (same)
		return; /* tracks that are not used came or went */
	g->has_epoch = false;
	for (unsigned n = 0; n < GATHER_KINDS; n++)
		restart_source(&g->sources[n]);
	gather_video_reset(g);
	g->video.sets_size = 0;
	g->video.asked_us = now_us; /* the relay asked by itself */
	memset(&g->aac, 0, sizeof(g->aac));
	g->undecided = true;
	g->decide_us = now_us + GATHER_DECIDE_US;
	if (!has_several(&g->sources[GATHER_VIDEO]))
		gather_decide(g);
}

void
gather_decide(struct gather *g)
{
	if (!g->undecided)
		return;
	g->undecided = false;
	if (g->events->changed != NULL)
		g->events->changed(g->arg);
}

int
gather_follow(struct gather *g, enum gather_kind kind, uint8_t pt, uint64_t now_us)
{
	struct gather_source *s = &g->sources[kind];
	const struct gather_choice *c = NULL;

	for (size_t i = 0; i < s->list_count && c == NULL; i++)
		if (s->list[i].pt == pt)
			c = &s->list[i];
	if (c == NULL)
		return -ENOENT;
	if (c->format.codec != s->format.codec) {
		gather_drain(g, kind, now_us + GATHER_WAIT_MAX_US);
		if (kind == GATHER_VIDEO) {
			gather_video_reset(g);
			g->video.sets_size = 0;
		}
		memset(&g->aac, 0, sizeof(g->aac));
		if (c->format.clock_rate != s->format.clock_rate)
			gather_clock_reset(&s->clock, c->format.clock_rate);
		s->format = c->format;
		if (!g->undecided && g->events->changed != NULL)
			g->events->changed(g->arg);
	}
	s->pt = pt;
	if (kind == GATHER_VIDEO)
		gather_decide(g);
	return 0;
}
