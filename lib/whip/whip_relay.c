#include "whip/whip_relay.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

static json_t *
make_feedback(uint32_t fb)
{
	json_t *list = json_array();

	for (uint32_t b = 1; b < SDP_FB_END; b <<= 1)
		if ((fb & b) != 0)
			json_array_append_new(list, json_string(sdp_fb_name((enum sdp_fb)b)));
	return list;
}

static json_t *
make_codec(const struct sdp_codec *c)
{
	json_t *o = json_pack("{s:s, s:i, s:i}", "name", c->name, "clock_rate", (int)c->clock_rate,
			      "pt", (int)c->pt);

	if (o == NULL)
		return NULL;
	if (c->channels > 1)
		json_object_set_new(o, "channels", json_integer(c->channels));
	if (c->rtx_pt >= 0)
		json_object_set_new(o, "rtx_pt", json_integer(c->rtx_pt));
	if (c->fmtp[0] != '\0')
		json_object_set_new(o, "fmtp", json_string(c->fmtp));
	json_object_set_new(o, "fb", make_feedback(c->fb));
	return o;
}

static json_t *
make_numbers(const uint32_t *numbers, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_integer(numbers[i]));
	return list;
}

/* The names of the layers; those that have none but their SSRCs are numbered. */
static json_t *
make_rids(const struct sdp_track *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->rid_count; i++)
		json_array_append_new(list, json_string(t->rids[i]));
	for (size_t i = 0; t->rid_count == 0 && i < t->ssrc_layer_count; i++)
		json_array_append_new(list, json_sprintf("%zu", i));
	return list;
}

static json_t *
make_track(const struct sdp_track *t)
{
	json_t *codecs = json_array(), *exts = json_array();

	for (size_t i = 0; i < t->codec_count; i++)
		json_array_append_new(codecs, make_codec(&t->codecs[i]));
	for (size_t i = 0; i < t->ext_count; i++)
		json_array_append_new(
		    exts, json_pack("{s:i, s:s}", "id", (int)t->exts[i].id, "uri", t->exts[i].uri));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "mid", t->mid, "kind",
			 t->kind == SDP_AUDIO ? "audio" : "video", "codecs", codecs, "ext", exts,
			 "ssrcs", make_numbers(t->ssrcs, t->ssrc_count), "rtx_ssrcs",
			 make_numbers(t->rtx_ssrcs, t->rtx_ssrc_count), "rids", make_rids(t));
}

static void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(object, name, json_string(text));
}

static json_t *
make_ice(const struct sdp_plan *plan, const struct whip_params *params)
{
	json_t *ice = json_object();

	set_text(ice, "ufrag", plan->remote.ufrag);
	set_text(ice, "pwd", plan->remote.pwd);
	set_text(ice, "local_ufrag", params->ufrag);
	set_text(ice, "local_pwd", params->pwd);
	return ice;
}

static json_t *
make_options(const struct whip_session *s)
{
	json_t *o = json_pack("{s:b, s:b, s:b}", "nack", !s->no_nack, "twcc", !s->no_twcc,
			      "keep_bframe", s->keep_bframe);

	if (s->stun_timeout_ms > 0)
		json_object_set_new(o, "stun_timeout_ms", json_integer(s->stun_timeout_ms));
	return o;
}

json_t *
whip_relay_create(const struct sdp_plan *plan, const struct whip_session *s)
{
	json_t *msg = json_object(), *client = json_object(), *tracks = json_array();

	set_text(msg, "op", "session.create");
	set_text(msg, "kind", s->params->role == SDP_PUBLISH ? "publish" : "play");
	set_text(msg, "stream", s->params->stream);
	set_text(msg, "session", s->id);
	set_text(msg, "credential", s->credential);
	set_text(client, "address", s->address);
	set_text(client, "agent", s->agent);
	json_object_set_new(msg, "client", client);
	json_object_set_new(msg, "ice", make_ice(plan, s->params));
	if (plan->remote.fingerprint[0] != '\0')
		json_object_set_new(msg, "dtls",
				    json_pack("{s:s, s:{s:s, s:s}}", "role",
					      plan->dtls_client ? "client" : "server",
					      "fingerprint", "hash", plan->remote.fingerprint_hash,
					      "value", plan->remote.fingerprint));
	json_object_set_new(msg, "options", make_options(s));
	for (size_t i = 0; i < plan->track_count; i++)
		if (plan->tracks[i].direction != SDP_INACTIVE)
			json_array_append_new(tracks, make_track(&plan->tracks[i]));
	json_object_set_new(msg, "tracks", tracks);
	return msg;
}

json_t *
whip_relay_delete(const char *secret)
{
	return json_pack("{s:s, s:s}", "op", "session.delete", "secret", secret);
}

json_t *
whip_relay_get(const char *secret)
{
	return json_pack("{s:s, s:s}", "op", "session.get", "secret", secret);
}

json_t *
whip_relay_note(const char *secret, const char *note)
{
	return json_pack("{s:s, s:s, s:s}", "op", "session.note", "secret", secret, "note", note);
}

json_t *
whip_relay_update(const char *secret, const char *ufrag, const char *pwd)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s}}", "op", "session.update", "secret", secret,
			 "ice", "ufrag", ufrag, "pwd", pwd);
}

static const char *
text_at(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
read_tracks(json_t *tracks, const struct sdp_plan *plan, struct sdp_local *local)
{
	size_t i;
	json_t *track;

	json_array_foreach(tracks, i, track)
	{
		const char *mid = text_at(track, "mid");

		for (size_t k = 0; mid != NULL && k < plan->track_count; k++) {
			if (strcmp(plan->tracks[k].mid, mid) != 0)
				continue;
			local->tracks[k].ssrc =
			    (uint32_t)json_integer_value(json_object_get(track, "ssrc"));
			local->tracks[k].rtx_ssrc =
			    (uint32_t)json_integer_value(json_object_get(track, "rtx_ssrc"));
		}
	}
}

int
whip_relay_read(json_t *reply, const struct sdp_plan *plan, struct sdp_local *local,
		const char **secret, const char **id)
{
	json_t *ice = json_object_get(reply, "ice");
	json_t *print = json_object_get(json_object_get(reply, "dtls"), "fingerprint");
	const char *ufrag = text_at(ice, "ufrag"), *pwd = text_at(ice, "pwd");
	const char *hash = text_at(print, "hash"), *value = text_at(print, "value");
	const char *session = text_at(reply, "session"), *key = text_at(reply, "secret");

	if (ufrag == NULL || pwd == NULL || session == NULL || key == NULL ||
	    !whip_relay_is_secret(key))
		return -EBADMSG;
	if (plan->remote.fingerprint[0] != '\0' && (hash == NULL || value == NULL))
		return -EBADMSG;
	local->ice_lite = true;
	local->ufrag = ufrag;
	local->pwd = pwd;
	local->fingerprint_hash = hash != NULL ? hash : "";
	local->fingerprint = hash != NULL && value != NULL ? value : "";
	local->cname = local->msid_stream = text_at(reply, "cname");
	read_tracks(json_object_get(reply, "tracks"), plan, local);
	*secret = key;
	*id = session;
	return 0;
}

int
whip_relay_read_ice(json_t *reply, const char **ufrag, const char **pwd)
{
	json_t *ice = json_object_get(reply, "ice");
	const char *u = text_at(ice, "ufrag"), *p = text_at(ice, "pwd");

	if (!json_is_true(json_object_get(reply, "ok")) || u == NULL || p == NULL ||
	    !text_is_ice(u, 4, SDP_UFRAG_MAX) || !text_is_ice(p, 22, SDP_PWD_MAX))
		return -EBADMSG;
	*ufrag = u;
	*pwd = p;
	return 0;
}

int
whip_relay_read_generation(json_t *reply, const char **ufrag, const char **remote)
{
	json_t *ice = json_object_get(reply, "ice");
	const char *ours = text_at(ice, "ufrag"), *theirs = text_at(ice, "remote_ufrag");

	if (!json_is_true(json_object_get(reply, "ok")) || ours == NULL)
		return -EBADMSG;
	*ufrag = ours;
	*remote = theirs != NULL ? theirs : "";
	return 0;
}

struct whip_ports
whip_relay_ports(json_t *hello)
{
	struct whip_ports ports = {0, 0, 0, 0};
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(hello, "listen"), i, item)
	{
		const char *proto = text_at(item, "proto"), *family = text_at(item, "family");
		json_int_t number = json_integer_value(json_object_get(item, "port"));
		bool tcp = proto != NULL && strcmp(proto, "tcp") == 0;
		bool ipv6 = family != NULL && strcmp(family, "ipv6") == 0;
		uint16_t *port =
		    tcp ? (ipv6 ? &ports.tcp6 : &ports.tcp4) : (ipv6 ? &ports.udp6 : &ports.udp4);

		if (number > 0 && number < 65536 && *port == 0)
			*port = (uint16_t)number;
	}
	return ports;
}

bool
whip_relay_is_secret(const char *text)
{
	static const char alphabet[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return strlen(text) == WHIP_SECRET_SIZE - 1 &&
	       strspn(text, alphabet) == WHIP_SECRET_SIZE - 1;
}

const struct whip_failure *
whip_relay_failure(json_t *reply)
{
	static const struct {
		const char *code;
		struct whip_failure failure;
	} rows[] = {
	    {"stream-busy", {409, "stream-busy", "Stream Is Being Published", 2}},
	    {"ufrag-busy", {409, "ufrag-busy", "ICE Ufrag In Use", 0}},
	    {"no-codec", {422, "no-codec", "No Codec In Common", 0}},
	    {"limit", {503, "limit", "Limit Reached", 5}},
	    {"client-limit", {429, "client-limit", "Too Many Sessions Of This Client", 5}},
	    {"bad-request", {400, "bad-request", "Bad Request", 0}},
	    {"not-found", {404, "no-such-session", "No Such Session", 0}},
	    {"internal", {503, "relay-failed", "Relay Failed", 2}},
	};
	static const struct whip_failure unreachable = {503, "relay-unreachable",
							"Relay Not Reachable", 1};
	static const struct whip_failure other = {503, "relay-failed", "Relay Failed", 2};
	const char *code = text_at(reply, "error");

	if (reply == NULL)
		return &unreachable;
	for (size_t i = 0; code != NULL && i < ARRAY_COUNT(rows); i++)
		if (strcmp(rows[i].code, code) == 0)
			return &rows[i].failure;
	return &other;
}
