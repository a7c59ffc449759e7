/* control_session.c - the life of a session: made, announced, connected, ended, forgotten. */
#include "control.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/random.h"

enum { NAMES_SIZE = 300 /* of codecs, for people */ };
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const char *const session_kind_names[SESSION_KINDS] = {
    [SESSION_PUBLISH] = "publish",
    [SESSION_PLAY] = "play",
    [SESSION_LOCAL_PUBLISH] = "local-publish",
    [SESSION_LOCAL_SUBSCRIBE] = "local-subscribe",
    [SESSION_LOCAL_CONTRIBUTE] = "local-contribute",
};

static const char *const end_names[] = {
    [END_NONE] = "none",
    [END_DELETED] = "deleted",
    [END_KICKED] = "kicked",
    [END_EXPIRED] = "expired",
    [END_TIMEOUT] = "timeout",
    [END_DTLS_FAILED] = "dtls-failed",
    [END_DTLS_CLOSED] = "dtls-closed",
    [END_BYE] = "bye",
    [END_TAKEN_OVER] = "taken-over",
    [END_NO_CODEC] = "no-codec",
    [END_CLOSED] = "closed",
    [END_LIMIT] = "limit",
    [END_SHUTDOWN] = "shutdown",
};

void
event_send(struct control *c, json_t *event)
{
	struct timeval tv;
	struct peer *peer, *next;

	gettimeofday(&tv, NULL);
	json_object_set_new(event, "v", json_integer(1));
	json_object_set_new(event, "time",
			    json_integer((json_int_t)tv.tv_sec * 1000 + tv.tv_usec / 1000));
	DL_FOREACH_SAFE(c->peers, peer, next)
	if (peer->wants_events)
		ipc_conn_send(peer->conn, event);
	json_decref(event);
}

void
event_session(const struct csession *cs, const char *event)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "event", event, "session", cs->shared.id,
			      "stream", cs->stream != NULL ? cs->stream->name : "", "kind",
			      session_kind_names[cs->shared.kind]);

	if (cs->state == STATE_ENDING)
		json_object_set_new(o, "reason", json_string(end_names[cs->reason]));
	if (cs->state == STATE_ENDING && cs->reason == END_NO_CODEC && cs->stream != NULL) {
		char names[NAMES_SIZE];

		tracks_codec_names(&cs->stream->tracks, names, sizeof(names));
		json_object_set_new(o, "sends", json_string(names));
		tracks_codec_names(&cs->shared.tracks, names, sizeof(names));
		json_object_set_new(o, "takes", json_string(names));
	}
	event_send(cs->control, o);
}

struct csession *
csession_new(struct control *c, enum session_kind kind)
{
	struct csession *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	cs->control = c;
	cs->shared.kind = (uint8_t)kind;
	cs->shared.serial = c->next_serial++;
	cs->shared.nack = c->nack;
	cs->shared.twcc = c->twcc;
	cs->shared.replay = (uint8_t)c->replay;
	cs->shared.stun_timeout_us = c->stun_timeout_us;
	cs->shared.first_timeout_us = c->stun_timeout_us;
	cs->shared.stats.heard_us = cs->created_us = c->now_us;
	atomic_store(&cs->shared.owner, -1);
	memcpy(cs->shared.id, "s-", 2);
	random_text(cs->shared.id + 2, 8);
	random_text(cs->secret, SECRET_CHARS);
	random_text(cs->shared.cname, SESSION_CNAME_SIZE - 1);
	return cs;
}

int
csession_take_id(struct csession *cs, const json_t *q)
{
	const json_t *member = json_object_get(q, "session");
	const char *id = json_string_value(member);
	struct csession *other = NULL;
	size_t size = strlen(cs->shared.id); /* of the one it was made with */

	if (member == NULL)
		return 0;
	if (id == NULL || strlen(id) != size || strncmp(id, "s-", 2) != 0 ||
	    strspn(id, ID_CHARS) != size)
		return -EINVAL;
	HASH_FIND(by_id, cs->control->by_id, id, (unsigned)size, other);
	if (other != NULL)
		return -EEXIST;
	memcpy(cs->shared.id, id, size);
	return 0;
}

static void
csession_free(struct csession *cs)
{
	dtls_free(cs->dtls);
	tracks_free(&cs->shared.tracks);
	free(cs->shared.lanes);
	free(cs->lane_meters);
	free(cs->shared.local);
	free(cs->shared.remote);
	free(cs->credential);
	free(cs->note);
	for (char **name = cs->codecs; name != NULL && *name != NULL; name++)
		free(*name);
	free(cs->codecs);
	free(cs->restart);
	explicit_bzero(cs->secret, sizeof(cs->secret));
	free(cs);
}

void
csession_discard(struct csession *cs)
{
	struct control *c = cs->control;
	struct stream *s = cs->stream;

	csession_free(cs);
	if (s != NULL)
		cstream_release(s, c);
}

static void
waiting_add(struct csession *cs)
{
	DL_APPEND2(cs->control->waiting, cs, waiting_prev, waiting_next);
	cs->control->waiting_count++;
	cs->in_waiting = true;
}

static void
waiting_remove(struct csession *cs)
{
	if (!cs->in_waiting)
		return;
	DL_DELETE2(cs->control->waiting, cs, waiting_prev, waiting_next);
	cs->control->waiting_count--;
	cs->in_waiting = false;
}

void
csession_announce(struct csession *cs)
{
	struct control *c = cs->control;
	struct session *s = &cs->shared;

	HASH_ADD(by_serial, c->by_serial, shared.serial, sizeof(s->serial), cs);
	HASH_ADD_KEYPTR(by_id, c->by_id, s->id, (unsigned)strlen(s->id), cs);
	if (s->local != NULL) {
		HASH_ADD_KEYPTR(by_secret, c->by_secret, cs->secret, SECRET_CHARS, cs);
		HASH_ADD_KEYPTR(by_ufrag, c->by_ufrag, s->local->ufrag,
				(unsigned)strlen(s->local->ufrag), cs);
		waiting_add(cs);
	}
	c->sessions_total++;
	cs->forgets = c->worker_count;
	csession_measured(cs);
	control_post_all(c, M_SESSION_ADD, &s, sizeof(s));
	if (s->kind == SESSION_PUBLISH || s->kind == SESSION_LOCAL_PUBLISH)
		cstream_publish(cs->stream, cs);
	else if (s->kind == SESSION_LOCAL_CONTRIBUTE)
		cstream_contribute(cs->stream, cs);
	else
		cstream_join(cs->stream, cs);
	cstream_release(cs->stream, c);
	event_session(cs, "session.new");
}

struct csession *
csession_find(struct control *c, uint64_t serial)
{
	struct csession *cs;

	HASH_FIND(by_serial, c->by_serial, &serial, sizeof(serial), cs);
	return cs;
}

void
csession_connected(struct csession *cs)
{
	char address[ADDR_TEXT_SIZE] = "local";

	cs->state = STATE_CONNECTED;
	waiting_remove(cs);
	if (cs->has_path)
		addr_format(&cs->path.remote, address);
	log_info("session", "%s %s %s from %s%s%s", cs->shared.id,
		 session_kind_names[cs->shared.kind], cs->stream->name, address,
		 cs->profile != DTLS_SRTP_NONE ? ", " : "",
		 cs->profile != DTLS_SRTP_NONE ? dtls_profile_name(cs->profile) : "");
	event_session(cs, "session.connected");
	if (cs->stream->publisher == cs)
		event_stream(cs->control, cs->stream, "stream.publish");
}

/* Out of the tables that find living sessions; by_serial keeps it until every worker forgot it. */
static void
unlist(struct csession *cs)
{
	struct control *c = cs->control;

	HASH_DELETE(by_id, c->by_id, cs);
	if (cs->shared.local == NULL)
		return;
	HASH_DELETE(by_secret, c->by_secret, cs);
	HASH_DELETE(by_ufrag, c->by_ufrag, cs);
}

/* Whoever can create a session can make its handshake fail: those lines are limited. */
static void
log_end(const struct csession *cs)
{
	struct control *c = cs->control;
	bool failed = cs->reason == END_DTLS_FAILED && cs->dtls != NULL;
	unsigned held;

	if (failed && !log_allow(&c->dtls_log, c->now_us, &held))
		return;
	if (cs->reason == END_NO_CODEC) {
		char sends[NAMES_SIZE], takes[NAMES_SIZE];

		log_info("session", "%s %s %s ended: no-codec: the publisher sends %s; it takes %s",
			 cs->shared.id, session_kind_names[cs->shared.kind], cs->stream->name,
			 tracks_codec_names(&cs->stream->tracks, sends, sizeof(sends)),
			 tracks_codec_names(&cs->shared.tracks, takes, sizeof(takes)));
		return;
	}
	log_info("session", "%s %s %s ended: %s%s%s", cs->shared.id,
		 session_kind_names[cs->shared.kind], cs->stream->name, end_names[cs->reason],
		 failed ? ": " : "", failed ? dtls_error(cs->dtls) : "");
}

void
csession_end(struct csession *cs, enum session_end reason)
{
	struct control *c = cs->control;
	struct msg_session_del del = {&cs->shared, true};
	bool was_connected = cs->state == STATE_CONNECTED;
	struct stream *s = cs->stream;

	if (cs->state == STATE_ENDING)
		return;
	if (reason != END_DTLS_CLOSED && reason != END_DTLS_FAILED)
		cdtls_close(cs);
	cs->state = STATE_ENDING;
	cs->reason = reason;
	waiting_remove(cs);
	unlist(cs);
	if (was_connected || reason == END_DTLS_FAILED)
		log_end(cs);
	event_session(cs, "session.end");
	if (s->publisher == cs) {
		if (was_connected)
			event_stream(c, s, "stream.unpublish");
		cstream_unpublish(s, c);
	} else if (cs->shared.kind == SESSION_LOCAL_CONTRIBUTE) {
		cstream_uncontribute(s, cs);
	} else {
		cstream_leave(s, cs);
	}
	control_post_all(c, M_SESSION_DEL, &del, sizeof(del));
	cs->stream = NULL;
	cstream_collect(s, c);
}

void
csession_forgotten(struct control *c, struct session *shared)
{
	struct csession *cs = (struct csession *)shared;

	if (cs->forgets == 0 || --cs->forgets > 0)
		return;
	HASH_DELETE(by_serial, c->by_serial, cs);
	csession_free(cs);
}

void
csession_bind(struct csession *cs)
{
	struct stream *s = cs->stream;
	struct msg_bind m = {.serial = cs->shared.serial, .epoch = s->epoch};
	int owner = atomic_load(&cs->shared.owner);
	uint32_t uses = 0;
	bool changed = cs->bound_epoch != s->epoch;

	if (owner < 0)
		return;
	if (cs->shared.kind == SESSION_LOCAL_SUBSCRIBE)
		cstream_tell(cs);
	if (s->publisher == NULL)
		return;
	if (cs->shared.kind == SESSION_PLAY)
		tracks_bind(&m.binding, &s->tracks, &cs->shared.tracks);
	else
		tracks_choose(&m.binding, &s->tracks, cs->codecs);
	for (size_t i = 0; i < TRACKS_MAX; i++) {
		uint8_t source = m.binding.tracks[i].source;

		if (source < TRACKS_MAX)
			uses |= 1u << source;
		changed |= cs->bound[i] != source;
		cs->bound[i] = source;
	}
	cstream_use(s, cs, uses);
	if (!changed)
		return; /* a contributor came or went that it has nothing to do with */
	cs->bound_epoch = s->epoch;
	if (cs->shared.kind == SESSION_PLAY)
		cmatch_tell(cs, &m.binding);
	control_post(cs->control, (unsigned)owner, M_BIND, &m, sizeof(m));
}

/* Sessions that did not connect in time; the list is in order of age but for two different limits.
 */
void
csession_expire(struct control *c)
{
	struct csession *cs, *next;

	DL_FOREACH_SAFE2(c->waiting, cs, next, waiting_next)
	{
		uint64_t age = c->now_us - cs->created_us;
		bool claimed = atomic_load(&cs->shared.owner) >= 0;

		/* Without DTLS the session is a connectivity test: it lives as long as it is
		 * checked. */
		if (cs->has_dtls ? age > CONNECT_TIMEOUT_US
				 : !claimed && age > cs->shared.first_timeout_us)
			csession_end(cs, END_TIMEOUT);
		else if (cs->has_path)
			cdtls_path(cs); /* a handshake that the limit put off */
	}
}
