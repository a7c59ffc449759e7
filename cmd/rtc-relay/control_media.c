/* control_media.c - attach: local publishers, contributors and subscribers (media.sock). */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* The publisher's, where that is known: packets need not cross. */
static unsigned
worker_for(const struct csession *cs)
{
	return cs->stream->home >= 0 ? (unsigned)cs->stream->home
				     : (unsigned)(cs->shared.serial % cs->control->worker_count);
}

/* A local session: from here on its socket belongs to a worker. */
static void
hand_over(struct peer *peer, struct csession *cs)
{
	struct control *c = peer->control;
	unsigned worker = cs->shared.kind == SESSION_LOCAL_CONTRIBUTE ? cs->worker : worker_for(cs);
	struct msg_local m = {cs->shared.serial, ipc_conn_detach(peer->conn)};

	peer->conn = NULL;
	peer_free(peer);
	control_post(c, worker, M_LOCAL_ADD, &m, sizeof(m));
	csession_connected(cs);
}

/* Whom a local program serves. */
static void
parse_client(struct csession *cs, const json_t *q)
{
	const json_t *client = json_object_get(q, "client");
	const char *address = json_string_value(json_object_get(client, "address"));
	const char *agent = json_string_value(json_object_get(client, "agent"));
	const char *protocol = json_string_value(json_object_get(client, "protocol"));

	text_copy(cs->client, sizeof(cs->client), address != NULL ? address : "");
	text_copy(cs->agent, sizeof(cs->agent), agent != NULL ? agent : "");
	text_copy(cs->protocol, sizeof(cs->protocol), protocol != NULL ? protocol : "");
	cs->is_carrier = cs->shared.kind == SESSION_LOCAL_SUBSCRIBE &&
			 json_is_true(json_object_get(q, "carrier"));
}

/* Members beside the tracks: how a publisher makes keyframes, which codecs a subscriber takes. */
static int
parse_attach(struct csession *cs, const json_t *q, struct refusal *r)
{
	const char *keyframes = json_string_value(json_object_get(q, "keyframes"));
	const json_t *codecs = json_object_get(q, "codecs");
	size_t count = json_array_size(codecs);

	if (keyframes != NULL && strcmp(keyframes, "on-demand") != 0 &&
	    strcmp(keyframes, "periodic") != 0)
		return refuse(r, "bad-request", "keyframes: on-demand or periodic");
	cs->shared.periodic = keyframes != NULL && strcmp(keyframes, "periodic") == 0;
	if (codecs == NULL)
		return 0;
	if (!json_is_array(codecs) || count == 0 || count > CODECS_MAX)
		return refuse(r, "bad-request", "codecs: 1 to 24 names");
	cs->codecs = calloc(count + 1, sizeof(*cs->codecs));
	for (size_t i = 0; cs->codecs != NULL && i < count; i++) {
		const char *name = json_string_value(json_array_get(codecs, i));

		if (name == NULL || !text_is_token(name, CODEC_NAME_SIZE - 1))
			return refuse(r, "bad-request", "codecs: tokens of at most 16 characters");
		cs->codecs[i] = strdup(name);
		if (cs->codecs[i] == NULL)
			return refuse(r, "internal", "out of memory");
	}
	return cs->codecs != NULL ? 0 : refuse(r, "internal", "out of memory");
}

static const struct {
	const char *as;
	enum session_kind kind;
	bool has_tracks;
} kinds[] = {
    {"publisher", SESSION_LOCAL_PUBLISH, true},
    {"contributor", SESSION_LOCAL_CONTRIBUTE, true},
    {"subscriber", SESSION_LOCAL_SUBSCRIBE, false},
};

void
op_attach(struct peer *peer, json_t *q)
{
	const char *as = json_string_value(json_object_get(q, "as"));
	const char *name = json_string_value(json_object_get(q, "stream"));
	const char *credential = json_string_value(json_object_get(q, "credential"));
	struct refusal r = {0};
	struct csession *cs;
	size_t kind = 0;

	while (kind < ARRAY_COUNT(kinds) && (as == NULL || strcmp(as, kinds[kind].as) != 0))
		kind++;
	if (kind == ARRAY_COUNT(kinds) || name == NULL || !text_is_stream(name)) {
		reply_error(peer, q, "bad-request",
			    "as: publisher, contributor or subscriber; stream: app/stream");
		return;
	}
	cs = csession_new(peer->control, kinds[kind].kind);
	if (cs == NULL) {
		reply_error(peer, q, "internal", "out of memory");
		return;
	}
	if (credential != NULL && *credential != '\0' && strlen(credential) <= CREDENTIAL_MAX)
		cs->credential = strdup(credential);
	parse_client(cs, q);
	if (parse_attach(cs, q, &r) < 0)
		;
	else if (kinds[kind].has_tracks &&
		 tracks_parse(&cs->shared.tracks, json_object_get(q, "tracks"), r.detail,
			      sizeof(r.detail)) < 0)
		r.code = "bad-request";
	else if (enter_stream(cs, name, &r) == 0)
		r.code = NULL;
	if (r.code != NULL) {
		reply_error(peer, q, r.code, r.detail);
		csession_discard(cs);
		return;
	}
	cs->worker = worker_for(cs);
	csession_announce(cs);
	reply_ok(peer, q, json_pack("{s:s}", "session", cs->shared.id));
	hand_over(peer, cs);
}
