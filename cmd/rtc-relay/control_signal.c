/* control_signal.c - session.create and its kin: what rtc-whip and rtc-whep ask. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"

int
refuse(struct refusal *r, const char *code, const char *detail)
{
	r->code = code;
	text_copy(r->detail, sizeof(r->detail), detail);
	return -EINVAL;
}

static bool
get_bool(const json_t *o, const char *key, bool fallback)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

static int
parse_options(struct csession *cs, const json_t *o, struct refusal *r)
{
	const json_t *timeout = json_object_get(o, "stun_timeout_ms");

	cs->shared.nack = get_bool(o, "nack", cs->shared.nack);
	cs->shared.twcc = get_bool(o, "twcc", cs->shared.twcc);
	cs->shared.keep_bframe = get_bool(o, "keep_bframe", false);
	if (timeout == NULL)
		return 0;
	if (!json_is_integer(timeout) || json_integer_value(timeout) < 1000 ||
	    json_integer_value(timeout) > 3600000)
		return refuse(r, "bad-request", "options.stun_timeout_ms: 1000..3600000");
	cs->shared.stun_timeout_us = (uint64_t)json_integer_value(timeout) * 1000;
	return 0;
}

static int
parse_dtls(struct csession *cs, const json_t *o, struct refusal *r)
{
	const json_t *fp = json_object_get(o, "fingerprint");
	const char *role = json_string_value(json_object_get(o, "role"));
	const char *hash = json_string_value(json_object_get(fp, "hash"));
	const char *value = json_string_value(json_object_get(fp, "value"));
	struct dtls *probe;

	if (o == NULL || json_is_null(o) || fp == NULL || json_is_null(fp))
		return 0; /* a bare connectivity test */
	if (role != NULL && strcmp(role, "server") != 0 && strcmp(role, "client") != 0)
		return refuse(r, "bad-request", "dtls.role: server or client");
	if (hash == NULL || value == NULL || !text_copy(cs->hash, sizeof(cs->hash), hash) ||
	    !text_copy(cs->fingerprint, sizeof(cs->fingerprint), value))
		return refuse(r, "bad-request", "dtls.fingerprint: hash and value");
	probe = dtls_new(cs->control->dtls_ctx, DTLS_SERVER, cs->hash, cs->fingerprint);
	if (probe == NULL)
		return refuse(r, "bad-request",
			      "dtls.fingerprint: sha-256, sha-384 or sha-512 in the form AB:CD:..");
	dtls_free(probe);
	cs->has_dtls = true;
	cs->dtls_role = role != NULL && strcmp(role, "client") == 0 ? DTLS_CLIENT : DTLS_SERVER;
	return 0;
}

/* A text member copied into dst; absent: dst is emptied. false if it does not fit the grammar. */
static bool
get_ice_text(char *dst, size_t size, const json_t *o, const char *key, size_t min, size_t max)
{
	const json_t *v = json_object_get(o, key);

	*dst = '\0';
	if (v == NULL || json_is_null(v))
		return true;
	return json_is_string(v) && text_is_ice(json_string_value(v), min, max) &&
	       text_copy(dst, size, json_string_value(v));
}

/* The local ufrag is free, or its holder never connected: then it yields to the newcomer. */
static int
take_ufrag(struct control *c, const char *ufrag, struct refusal *r)
{
	struct csession *holder;

	HASH_FIND(by_ufrag, c->by_ufrag, ufrag, (unsigned)strlen(ufrag), holder);
	if (holder == NULL)
		return 0;
	if (holder->state == STATE_CONNECTED)
		return refuse(r, "ufrag-busy", "a connected session uses this ufrag");
	csession_end(holder, END_TAKEN_OVER);
	return 0;
}

static int
parse_ice(struct csession *cs, const json_t *o, struct refusal *r)
{
	struct ice_creds *local = calloc(1, sizeof(*local)), *remote = calloc(1, sizeof(*remote));

	cs->shared.local = local;
	cs->shared.remote = remote;
	if (local == NULL || remote == NULL)
		return refuse(r, "internal", "out of memory");
	if (!get_ice_text(remote->ufrag, sizeof(remote->ufrag), o, "ufrag", 1, ICE_UFRAG_MAX) ||
	    !get_ice_text(remote->pwd, sizeof(remote->pwd), o, "pwd", 1, ICE_PWD_MAX))
		return refuse(r, "bad-request", "ice.ufrag, ice.pwd: ice-char, at most 256");
	if (!get_ice_text(local->ufrag, sizeof(local->ufrag), o, "local_ufrag", 4,
			  ICE_LITE_UFRAG_MAX))
		return refuse(r, "bad-request", "ice.local_ufrag: 4 to 32 ice-char");
	if (!get_ice_text(local->pwd, sizeof(local->pwd), o, "local_pwd", 22, ICE_LITE_PWD_MAX))
		return refuse(r, "bad-request", "ice.local_pwd: 22 to 64 ice-char");
	/* A bare connectivity test answers whoever knows the password and checks nobody. */
	cs->shared.has_remote = cs->has_dtls && remote->ufrag[0] != '\0' && remote->pwd[0] != '\0';
	if (local->ufrag[0] == '\0')
		random_ice_text(local->ufrag, 8);
	if (local->pwd[0] == '\0')
		random_ice_text(local->pwd, 24);
	return take_ufrag(cs->control, local->ufrag, r);
}

static int
check_limits(struct control *c, const struct addr *source, struct refusal *r)
{
	unsigned same = 0;
	struct csession *cs;

	if (HASH_CNT(by_serial, c->by_serial) >= SESSIONS_MAX)
		return refuse(r, "limit", "the relay holds its maximum of sessions (20000)");
	if (c->waiting_count >= UNCONNECTED_MAX)
		return refuse(r, "limit", "too many sessions wait to be connected (4096)");
	DL_FOREACH2(c->waiting, cs, waiting_next)
	same += addr_same_source(&cs->source, source);
	if (same >= UNCONNECTED_PER_ADDRESS_MAX)
		return refuse(r, "client-limit",
			      "too many sessions of this address wait to be connected (512)");
	return 0;
}

/* One that no track of the session has: two would share the nonces of one key (RFC 7714 s.8.1). */
static uint32_t
fresh_ssrc(const struct tracks *tracks)
{
	uint32_t ssrc = random_u32();

	for (size_t i = 0; i < tracks->count; i++)
		if (ssrc == 0 || tracks->list[i].out_ssrc == ssrc ||
		    tracks->list[i].out_rtx_ssrc == ssrc) {
			ssrc = random_u32();
			i = (size_t)-1; /* from the beginning */
		}
	return ssrc;
}

static void
assign_ssrcs(struct csession *cs)
{
	for (size_t i = 0; i < cs->shared.tracks.count; i++) {
		struct track *t = &cs->shared.tracks.list[i];
		bool rtx = false;

		for (size_t k = 0; k < t->codec_count; k++)
			rtx |= t->codecs[k].rtx_pt != PT_NONE;
		t->out_ssrc = fresh_ssrc(&cs->shared.tracks);
		t->out_rtx_ssrc = rtx ? fresh_ssrc(&cs->shared.tracks) : 0;
	}
}

/* The part of the stream that this session takes: publisher's place, or a match with it. */
int
enter_stream(struct csession *cs, const char *name, struct refusal *r)
{
	struct stream *s = cstream_get(cs->control, name);
	struct binding binding;
	char ours[DETAIL_SIZE / 2 - 32], theirs[DETAIL_SIZE / 2 - 32];

	if (s == NULL)
		return refuse(r, "limit", "the relay holds its maximum of streams (5000)");
	cstream_hold(s);
	cs->stream = s;
	cs->shared.stream = s->serial;
	if (cs->shared.kind == SESSION_PUBLISH || cs->shared.kind == SESSION_LOCAL_PUBLISH) {
		if (cstream_take(s, cs->control, cs->credential) < 0)
			return refuse(r, "stream-busy",
				      "another publisher of this stream is alive");
		cs->shared.epoch = s->epoch + 1;
		return 0;
	}
	if (cs->shared.kind == SESSION_LOCAL_CONTRIBUTE)
		return cstream_has_room(s, cs->shared.tracks.count)
			   ? 0
			   : refuse(
				 r, "limit",
				 "the stream has no room for more tracks (8, of 4 contributors)");
	if (cs->shared.kind != SESSION_PLAY || s->publisher == NULL ||
	    tracks_bind(&binding, &s->tracks, &cs->shared.tracks) > 0)
		return 0;
	r->code = "no-codec";
	snprintf(r->detail, sizeof(r->detail), "the publisher sends %s; the player takes %s",
		 tracks_codec_names(&s->tracks, theirs, sizeof(theirs)),
		 tracks_codec_names(&cs->shared.tracks, ours, sizeof(ours)));
	return -EINVAL;
}

static int
parse_session(struct csession *cs, const json_t *q, struct refusal *r)
{
	const json_t *client = json_object_get(q, "client");
	const char *address = json_string_value(json_object_get(client, "address"));
	const char *agent = json_string_value(json_object_get(client, "agent"));
	const char *credential = json_string_value(json_object_get(q, "credential"));
	int rc;

	text_copy(cs->client, sizeof(cs->client), address != NULL ? address : "");
	text_copy(cs->agent, sizeof(cs->agent), agent != NULL ? agent : "");
	/* OBS ignores PLI and FIR; others that do are found out when they do. */
	cs->shared.periodic = strstr(cs->agent, "OBS-Studio") != NULL;
	if (credential != NULL && strlen(credential) > CREDENTIAL_MAX)
		return refuse(r, "bad-request", "credential: at most 1024 characters");
	if (credential != NULL && *credential != '\0')
		cs->credential = strdup(credential);
	addr_parse(&cs->source, cs->client, 0);
	if (check_limits(cs->control, &cs->source, r) < 0)
		return -EINVAL;
	rc = tracks_parse(&cs->shared.tracks, json_object_get(q, "tracks"), r->detail,
			  sizeof(r->detail));
	if (rc < 0) {
		r->code = rc == -EINVAL ? "bad-request" : "internal";
		return rc;
	}
	if (parse_options(cs, json_object_get(q, "options"), r) < 0 ||
	    parse_dtls(cs, json_object_get(q, "dtls"), r) < 0 ||
	    parse_ice(cs, json_object_get(q, "ice"), r) < 0)
		return -EINVAL;
	return 0;
}

static json_t *
created(const struct csession *cs)
{
	json_t *tracks = json_array();

	for (size_t i = 0; i < cs->shared.tracks.count; i++) {
		const struct track *t = &cs->shared.tracks.list[i];
		json_t *o = json_pack("{s:s}", "mid", t->mid);

		if (t->out_ssrc != 0)
			json_object_set_new(o, "ssrc", json_integer(t->out_ssrc));
		if (t->out_rtx_ssrc != 0)
			json_object_set_new(o, "rtx_ssrc", json_integer(t->out_rtx_ssrc));
		json_array_append_new(tracks, o);
	}
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:{s:s, s:s}}, s:s, s:o}", "session",
			 cs->shared.id, "secret", cs->secret, "ice", "ufrag",
			 cs->shared.local->ufrag, "pwd", cs->shared.local->pwd, "dtls", "role",
			 cs->dtls_role == DTLS_CLIENT ? "client" : "server", "fingerprint", "hash",
			 "sha-256", "value", dtls_ctx_fingerprint(cs->control->dtls_ctx), "cname",
			 cs->shared.cname, "tracks", tracks);
}

static void
log_refusal(struct control *c, const char *name, const struct refusal *r)
{
	unsigned held;

	if (log_allow(&c->limit_log, c->now_us, &held))
		log_info("session", "refused %s: %s: %s (%u like it not shown)", name, r->code,
			 r->detail, held);
}

void
op_session_create(struct peer *peer, json_t *q)
{
	struct control *c = peer->control;
	const char *kind = json_string_value(json_object_get(q, "kind"));
	const char *name = json_string_value(json_object_get(q, "stream"));
	struct refusal r = {0};
	struct csession *cs;

	if (kind == NULL || (strcmp(kind, "publish") != 0 && strcmp(kind, "play") != 0)) {
		reply_error(peer, q, "bad-request", "kind: publish or play");
		return;
	}
	if (name == NULL || !text_is_stream(name)) {
		reply_error(peer, q, "bad-request",
			    "stream: app/stream of letters, digits and ._~@:-");
		return;
	}
	cs = csession_new(c, strcmp(kind, "publish") == 0 ? SESSION_PUBLISH : SESSION_PLAY);
	if (cs == NULL) {
		reply_error(peer, q, "internal", "out of memory");
		return;
	}
	if (csession_take_id(cs, q) < 0) {
		reply_error(peer, q, "bad-request",
			    "session: s- and 8 characters, in use by nobody");
		csession_discard(cs);
		return;
	}
	if (parse_session(cs, q, &r) < 0 || enter_stream(cs, name, &r) < 0) {
		log_refusal(c, name, &r);
		reply_error(peer, q, r.code, r.detail);
		csession_discard(cs);
		return;
	}
	if (cs->shared.kind == SESSION_PLAY)
		assign_ssrcs(cs);
	csession_announce(cs);
	reply_ok(peer, q, created(cs));
}

static struct csession *
by_secret(struct peer *peer, const json_t *q)
{
	const char *secret = json_string_value(json_object_get(q, "secret"));
	struct csession *cs = NULL;

	if (secret != NULL && strlen(secret) == SECRET_CHARS)
		HASH_FIND(by_secret, peer->control->by_secret, secret, SECRET_CHARS, cs);
	if (cs == NULL)
		reply_error(peer, q, "not-found", "no such session");
	return cs;
}

void
op_session_delete(struct peer *peer, json_t *q)
{
	struct csession *cs = by_secret(peer, q);
	json_t *answer;

	if (cs == NULL)
		return;
	answer = json_pack("{s:s}", "session", cs->shared.id);
	csession_end(cs, END_DELETED);
	reply_ok(peer, q, answer);
}

/* The credentials of the present generation: what an endpoint makes an ETag of. */
static json_t *
generation(const struct csession *cs)
{
	const struct ice_creds *local = cs->shared.local, *remote = cs->shared.remote;

	if (local == NULL || remote == NULL)
		return json_null();
	if (cs->restart != NULL) {
		local = &cs->restart->local;
		remote = &cs->restart->remote;
	}
	return json_pack("{s:s, s:s}", "ufrag", local->ufrag, "remote_ufrag", remote->ufrag);
}

void
op_session_get(struct peer *peer, json_t *q)
{
	struct csession *cs = by_secret(peer, q);

	if (cs != NULL)
		reply_ok(peer, q,
			 json_pack("{s:s, s:s, s:s, s:s, s:o, s:s*}", "session", cs->shared.id,
				   "kind", session_kind_names[cs->shared.kind], "stream",
				   cs->stream->name, "state",
				   cs->state == STATE_CONNECTED ? "connected" : "new", "ice",
				   generation(cs), "note", cs->note));
}

/* What the endpoint, which keeps nothing, wants to find again with the session. */
void
op_session_note(struct peer *peer, json_t *q)
{
	struct csession *cs = by_secret(peer, q);
	const char *note = json_string_value(json_object_get(q, "note"));
	char *copy;

	if (cs == NULL)
		return;
	if (note == NULL || strlen(note) > NOTE_MAX) {
		reply_error(peer, q, "bad-request", "note: a text of at most 4096 octets");
		return;
	}
	copy = strdup(note);
	if (copy == NULL) {
		reply_error(peer, q, "internal", "out of memory");
		return;
	}
	free(cs->note);
	cs->note = copy;
	reply_ok(peer, q, json_pack("{s:s}", "session", cs->shared.id));
}

/* ICE restart. The session's own copy of its credentials belongs to the workers: they get new ones.
 */
void
op_session_update(struct peer *peer, json_t *q)
{
	struct csession *cs = by_secret(peer, q);
	const json_t *ice = json_object_get(q, "ice");
	struct msg_restart m = {0};

	if (cs == NULL)
		return;
	if (!cs->shared.has_remote) {
		reply_error(peer, q, "bad-request", "a bare connectivity test cannot restart");
		return;
	}
	if (!get_ice_text(m.remote.ufrag, sizeof(m.remote.ufrag), ice, "ufrag", 4, ICE_UFRAG_MAX) ||
	    !get_ice_text(m.remote.pwd, sizeof(m.remote.pwd), ice, "pwd", 22, ICE_PWD_MAX) ||
	    m.remote.ufrag[0] == '\0' || m.remote.pwd[0] == '\0') {
		reply_error(peer, q, "bad-request",
			    "ice.ufrag (4 to 256) and ice.pwd (22 to 256) of ice-char");
		return;
	}
	if (cs->restart == NULL)
		cs->restart = malloc(sizeof(*cs->restart));
	if (cs->restart == NULL) {
		reply_error(peer, q, "internal", "out of memory");
		return;
	}
	m.serial = cs->shared.serial;
	random_ice_text(m.local.ufrag, 8);
	random_ice_text(m.local.pwd, 24);
	/* Its name from now on: another session cannot choose it. */
	HASH_DELETE(by_ufrag, cs->control->by_ufrag, cs);
	*cs->restart = m;
	HASH_ADD_KEYPTR(by_ufrag, cs->control->by_ufrag, cs->restart->local.ufrag,
			(unsigned)strlen(cs->restart->local.ufrag), cs);
	control_post_all(peer->control, M_RESTART, &m, sizeof(m));
	reply_ok(peer, q,
		 json_pack("{s:s, s:{s:s, s:s}}", "session", cs->shared.id, "ice", "ufrag",
			   m.local.ufrag, "pwd", m.local.pwd));
}

void
op_stream_get(struct peer *peer, json_t *q)
{
	const char *name = json_string_value(json_object_get(q, "stream"));
	struct stream *s = name != NULL ? cstream_find(peer->control, name) : NULL;

	if (s == NULL || s->publisher == NULL)
		reply_ok(peer, q, json_pack("{s:b, s:[]}", "publishing", 0, "tracks"));
	else
		reply_ok(peer, q,
			 json_pack("{s:b, s:o}", "publishing",
				   s->publisher->state == STATE_CONNECTED, "tracks",
				   tracks_json(&s->tracks)));
}
