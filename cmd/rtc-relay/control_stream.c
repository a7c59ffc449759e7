/* control_stream.c - streams by name: who publishes, who plays, on which workers. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

void
event_stream(struct control *c, const struct stream *s, const char *event)
{
	event_send(c, json_pack("{s:s, s:s, s:s}", "event", event, "stream", s->name, "session",
				s->publisher != NULL ? s->publisher->shared.id : ""));
}

struct stream *
cstream_find(struct control *c, const char *name)
{
	struct stream *s;

	HASH_FIND(by_name, c->streams_by_name, name, (unsigned)strlen(name), s);
	return s;
}

struct stream *
cstream_get(struct control *c, const char *name)
{
	struct stream *s = cstream_find(c, name);

	if (s != NULL || HASH_CNT(by_name, c->streams_by_name) >= STREAMS_MAX)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	text_copy(s->name, sizeof(s->name), name);
	s->serial = c->next_serial++;
	s->home = -1;
	HASH_ADD_KEYPTR(by_name, c->streams_by_name, s->name, (unsigned)strlen(s->name), s);
	HASH_ADD(by_serial, c->streams_by_serial, serial, sizeof(s->serial), s);
	return s;
}

void
cstream_collect(struct stream *s, struct control *c)
{
	struct msg_stream m = {s->serial, s->epoch};

	if (s->publisher != NULL || s->players != NULL || s->contributors != NULL || s->holds > 0)
		return;
	HASH_DELETE(by_name, c->streams_by_name, s);
	HASH_DELETE(by_serial, c->streams_by_serial, s);
	control_post_all(c, M_STREAM_FREE, &m, sizeof(m));
	free(s);
}

void
cstream_hold(struct stream *s)
{
	s->holds++;
}

void
cstream_release(struct stream *s, struct control *c)
{
	s->holds--;
	cstream_collect(s, c);
}

/* Nothing authenticated came from the publisher for longer than it may be silent. */
static bool
is_silent(const struct csession *publisher, uint64_t now_us)
{
	uint64_t heard = STAT_GET(publisher->shared.stats.heard_us);
	uint64_t interval = STAT_GET(publisher->shared.stats.check_interval_us);

	if (publisher->shared.kind == SESSION_LOCAL_PUBLISH)
		return false; /* its socket is open: it lives */
	interval = MIN_OF(interval, CHECK_INTERVAL_MAX_US);
	return now_us > heard && now_us - heard > MAX_OF(interval, TAKEOVER_SILENCE_US);
}

int
cstream_take(struct stream *s, struct control *c, const char *credential)
{
	struct csession *present = s->publisher;
	bool same;

	if (present == NULL)
		return 0;
	same = credential != NULL && *credential != '\0' && present->credential != NULL &&
	       text_equal_secret(credential, present->credential);
	if (!same && !is_silent(present, c->now_us))
		return -EBUSY;
	c->takeovers++;
	csession_end(present, END_TAKEN_OVER);
	return 0;
}

void
cstream_tell(struct csession *player)
{
	struct stream *s = player->stream;
	int owner = player->shared.owner;
	json_t *o;
	char *text;
	uint8_t buf[IPC_MESSAGE_MAX];
	struct msg_datagram head = {player->shared.serial};

	if (owner < 0)
		return;
	if (s->publisher != NULL)
		o = json_pack("{s:s, s:i, s:o}", "event", "tracks", "epoch", (int)s->epoch,
			      "tracks", tracks_local_json(&s->tracks));
	else
		o = json_pack("{s:s}", "event", "end");
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text != NULL && strlen(text) + sizeof(head) <= sizeof(buf)) {
		memcpy(buf, &head, sizeof(head));
		memcpy(buf + sizeof(head), text, strlen(text));
		control_post(player->control, (unsigned)owner, M_LOCAL_TEXT, buf,
			     sizeof(head) + strlen(text));
	}
	free(text);
}

static void
tell_wanted(struct stream *s, unsigned track)
{
	struct csession *source = s->owners[track];
	char buf[sizeof(struct msg_datagram) + 64];
	struct msg_datagram head;
	bool wanted = s->wanted[track] > 0;
	unsigned own;
	int n;

	if (source == NULL || source->shared.owner < 0 || !s->merged[track].on_demand ||
	    source->shared.kind == SESSION_PUBLISH)
		return;
	own = track - source->base;
	if ((source->told >> own & 1) == wanted)
		return;
	source->told ^= 1u << own;
	head.serial = source->shared.serial;
	memcpy(buf, &head, sizeof(head));
	n = snprintf(buf + sizeof(head), sizeof(buf) - sizeof(head),
		     "{\"event\":\"%s\",\"track\":%u}", wanted ? "wanted" : "unwanted", own);
	control_post(source->control, (unsigned)source->shared.owner, M_LOCAL_TEXT, buf,
		     sizeof(head) + (size_t)n);
}

void
cstream_tell_wanted(struct stream *s)
{
	for (unsigned i = 0; i < TRACKS_MAX; i++)
		tell_wanted(s, i);
}

void
cstream_use(struct stream *s, struct csession *player, uint32_t tracks)
{
	uint32_t changed = player->uses ^ tracks;

	player->uses = tracks;
	for (unsigned i = 0; i < TRACKS_MAX; i++) {
		bool added = (tracks & 1u << i) != 0;

		if ((changed & 1u << i) == 0)
			continue;
		s->wanted[i] += added ? 1u : -1u;
		if (s->wanted[i] == (added ? 1 : 0))
			tell_wanted(s, i);
	}
}

/* Nobody uses anything: before the tracks become others. */
static void
forget_uses(struct stream *s)
{
	struct csession *player;

	memset(s->wanted, 0, sizeof(s->wanted));
	DL_FOREACH2(s->players, player, stream_next)
	player->uses = 0;
}

void
cstream_rebind(struct stream *s)
{
	struct csession *player, *next;

	DL_FOREACH_SAFE2(s->players, player, next, stream_next)
	{
		struct binding binding;

		if (player->shared.kind == SESSION_PLAY &&
		    tracks_bind(&binding, &s->tracks, &player->shared.tracks) == 0)
			csession_end(player, END_NO_CODEC);
		else
			csession_bind(player);
	}
}

void
cstream_publish(struct stream *s, struct csession *publisher)
{
	struct control *c = publisher->control;

	s->publisher = publisher;
	s->epoch = publisher->shared.epoch;
	forget_uses(s);
	cstream_merge(s);
	cstream_post_tracks(s, c);
	cstream_home(s, c, -1);
	cstream_rebind(s);
	cstream_tell_wanted(s); /* a contributor that lived on may not be wanted any more */
	cstream_end_unplaced(s);
}

void
cstream_unpublish(struct stream *s, struct control *c)
{
	struct msg_stream m = {s->serial, s->epoch};
	struct csession *player;

	for (unsigned i = 0; i < TRACKS_MAX; i++)
		if (s->owners[i] == s->publisher)
			s->owners[i] = NULL; /* it is told nothing any more */
	s->publisher = NULL;
	s->home = -1;
	forget_uses(s);
	cstream_tell_wanted(s);
	cstream_merge(s);
	control_post_all(c, M_STREAM_END, &m, sizeof(m));
	DL_FOREACH2(s->players, player, stream_next)
	if (player->shared.kind == SESSION_LOCAL_SUBSCRIBE)
		cstream_tell(player);
}

void
cstream_join(struct stream *s, struct csession *player)
{
	DL_APPEND2(s->players, player, stream_prev, stream_next);
	s->player_count++;
}

void
cstream_leave(struct stream *s, struct csession *cs)
{
	cstream_use(s, cs, 0);
	s->gone_packets += STAT_GET(cs->shared.stats.tx_packets);
	s->gone_octets += STAT_GET(cs->shared.stats.tx_octets);
	DL_DELETE2(s->players, cs, stream_prev, stream_next);
	s->player_count--;
}

static void
tell_mask(struct stream *s, struct control *c)
{
	struct msg_mask m = {s->serial, s->mask, s->home};

	control_post_all(c, M_STREAM_MASK, &m, sizeof(m));
}

void
cstream_home(struct stream *s, struct control *c, int home)
{
	s->home = home;
	tell_mask(s, c);
}

void
cstream_interest(struct control *c, unsigned worker, const struct msg_interest *m)
{
	struct stream *s;

	HASH_FIND(by_serial, c->streams_by_serial, &m->stream, sizeof(m->stream), s);
	if (s == NULL)
		return;
	if (m->on)
		s->mask |= 1u << worker;
	else
		s->mask &= ~(1u << worker);
	tell_mask(s, c);
}
