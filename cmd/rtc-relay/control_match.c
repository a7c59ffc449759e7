/*
 * control_match.c - players that get nothing of one kind for want of a common codec: an event and a
 * line of the log that name what is sent and what would be taken.  A browser lists several codecs
 * and sends one of them, so it may show only with its first packets.
 */
#include "control.h"

enum { NAMES_SIZE = 300 };

static const char *const media_names[] = {[TRACK_AUDIO] = "audio", [TRACK_VIDEO] = "video"};

static void
tell(const struct csession *cs, enum track_kind kind, const char *sends)
{
	char takes[NAMES_SIZE];

	tracks_kind_names(&cs->shared.tracks, kind, takes, sizeof(takes));
	log_info("session", "%s play %s gets no %s: the publisher sends %s; it takes %s",
		 cs->shared.id, cs->stream->name, media_names[kind], sends, takes);
	event_send(cs->control,
		   json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "event", "session.unmatched",
			     "session", cs->shared.id, "stream", cs->stream->name, "kind", "play",
			     "media", media_names[kind], "sends", sends, "takes", takes));
}

/* The stream's number of a source's first track. */
static unsigned
place_of(const struct stream *s, const struct csession *source)
{
	return source == s->publisher ? 0 : source->base;
}

/* Index of the codec that a track of the stream sends; -1: not known yet. */
static int
sent_codec(const struct stream *s, unsigned track)
{
	const struct csession *owner = s->owners[track];

	return owner != NULL ? owner->sent[track - place_of(s, owner)] - 1 : -1;
}

/* A player's track is bound, and not to what comes. */
static void
tell_of_track(const struct csession *cs, const struct binding *b, unsigned track)
{
	const struct stream *s = cs->stream;
	uint8_t source = b->tracks[track].source;
	int codec = source < s->tracks.count ? sent_codec(s, source) : -1;
	char sends[CODEC_WORDS_SIZE];
	const struct track *t;

	if (codec < 0)
		return;
	t = &s->tracks.list[source];
	if (codec < t->codec_count && b->tracks[track].pt[codec] == PT_NONE)
		tell(cs, t->kind, track_codec_name(&t->codecs[codec], sends, sizeof(sends)));
}

void
cmatch_tell(const struct csession *cs, const struct binding *b)
{
	char sends[NAMES_SIZE];

	for (unsigned kind = TRACK_AUDIO; kind <= TRACK_VIDEO; kind++) {
		if (!tracks_miss(b, &cs->stream->tracks, &cs->shared.tracks, kind))
			continue;
		tracks_kind_names(&cs->stream->tracks, kind, sends, sizeof(sends));
		tell(cs, kind, sends);
	}
	for (unsigned i = 0; i < cs->shared.tracks.count; i++)
		tell_of_track(cs, b, i);
}

/* The players of the stream that are bound to the source's track and cannot take its codec. */
static void
tell_players(const struct csession *source, unsigned own)
{
	const struct stream *s = source->stream;
	struct csession *player;
	struct binding b;

	DL_FOREACH2(s->players, player, stream_next)
	{
		if (player->shared.kind != SESSION_PLAY)
			continue;
		tracks_bind(&b, &s->tracks, &player->shared.tracks);
		for (unsigned i = 0; i < player->shared.tracks.count; i++)
			if (b.tracks[i].source == place_of(s, source) + own)
				tell_of_track(player, &b, i);
	}
}

void
cmatch_source(struct csession *cs)
{
	for (unsigned i = 0; i < cs->shared.tracks.count && cs->stream != NULL; i++) {
		uint8_t codec = (uint8_t)STAT_GET(cs->shared.lanes[i].codec);

		if (codec == 0 || codec == cs->sent[i])
			continue;
		cs->sent[i] = codec;
		tell_players(cs, i);
	}
}
