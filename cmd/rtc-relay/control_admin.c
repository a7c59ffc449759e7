/* control_admin.c - lists, kick, statistics, events (admin.sock). */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

/* "start" and "count" of a list request. */
static void
get_page(const json_t *q, size_t *start, size_t *count)
{
	const json_t *s = json_object_get(q, "start"), *n = json_object_get(q, "count");

	*start =
	    json_is_integer(s) && json_integer_value(s) > 0 ? (size_t)json_integer_value(s) : 0;
	*count = json_is_integer(n) && json_integer_value(n) > 0
		     ? MIN_OF((size_t)json_integer_value(n), (size_t)PAGE_MAX)
		     : PAGE_MAX;
}

/* Append to a list while it fits into one reply. Steals o. False: it is full. */
static bool
add_element(json_t *list, size_t *octets, json_t *o)
{
	size_t size = json_dumpb(o, NULL, 0, JSON_COMPACT) + 1;

	if (size > PAGE_OCTETS_MAX) { /* nobody could ever be told: without its largest part */
		json_object_del(o, "tracks");
		size = json_dumpb(o, NULL, 0, JSON_COMPACT) + 1;
	}
	*octets += size;
	if (*octets > PAGE_OCTETS_MAX) {
		json_decref(o);
		return false;
	}
	json_array_append_new(list, o);
	return true;
}

static json_int_t
stat_of(const uint64_t *v)
{
	return (json_int_t)__atomic_load_n(v, __ATOMIC_RELAXED);
}

/* A publisher's simulcast layers. NULL if it has none. */
static json_t *
layers_json(const struct csession *pub, uint64_t now_us)
{
	const struct tracks *tracks = &pub->shared.tracks;
	json_t *list = NULL;

	if (pub->shared.lanes == NULL)
		return NULL;
	for (unsigned i = 0; i < tracks->count; i++)
		for (unsigned k = 0; tracks->list[i].rid_count > 1 && k < tracks->list[i].rid_count;
		     k++) {
			uint8_t lane = tracks_lane(tracks, i, k);
			json_t *o = lane != PT_NONE ? measure_lane_json(pub, lane, now_us) : NULL;

			if (o == NULL)
				continue;
			json_object_set_new(o, "mid", json_string(tracks->list[i].mid));
			json_object_set_new(o, "rid", json_string(tracks->list[i].rids[k]));
			if (list == NULL)
				list = json_array();
			json_array_append_new(list, o);
		}
	return list;
}

/* The rid of the layer that a player gets; "" without simulcast. */
static const char *
rid_of(const struct csession *player)
{
	const struct csession *pub = player->stream->publisher;
	uint64_t lane = STAT_GET(player->shared.stats.layer);

	for (unsigned i = 0; pub != NULL && lane != 0 && i < pub->shared.tracks.count; i++)
		for (unsigned k = 0; k < pub->shared.tracks.list[i].rid_count; k++)
			if (tracks_lane(&pub->shared.tracks, i, k) + 1u == lane)
				return pub->shared.tracks.list[i].rids[k];
	return "";
}

static json_t *
stream_json(const struct stream *s, uint64_t now_us)
{
	const struct csession *pub = s->publisher, *player;
	json_int_t tx_packets = (json_int_t)s->gone_packets, rx[4] = {0};
	json_int_t tx_octets = (json_int_t)s->gone_octets;
	json_t *publisher = json_null(), *tracks = json_array(), *layers, *o;
	json_t *contributors = json_array();
	int carriers = 0;

	DL_FOREACH2(s->players, player, stream_next)
	{
		tx_packets += stat_of(&player->shared.stats.tx_packets);
		tx_octets += stat_of(&player->shared.stats.tx_octets);
		carriers += player->is_carrier;
	}
	if (pub != NULL) {
		publisher = json_string(pub->shared.id);
		json_decref(tracks);
		tracks = tracks_json(&s->tracks);
		rx[0] = stat_of(&pub->shared.stats.rx_packets);
		rx[1] = stat_of(&pub->shared.stats.rx_octets);
		rx[2] = stat_of(&pub->shared.stats.rx_lost);
		rx[3] = stat_of(&pub->shared.stats.keyframes);
	}
	o = json_pack("{s:s, s:i, s:o, s:s, s:i, s:i, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
		      s->name, "epoch", (int)s->epoch, "publisher", publisher, "state",
		      pub == NULL		      ? "waiting"
		      : pub->state == STATE_CONNECTED ? "live"
						      : "connecting",
		      "players", (int)s->player_count, "carriers", carriers, "tracks", tracks,
		      "rx_packets", rx[0], "rx_octets", rx[1], "rx_lost", rx[2], "keyframes", rx[3],
		      "tx_packets", tx_packets, "tx_octets", tx_octets);
	DL_FOREACH2(s->contributors, player, stream_next)
	json_array_append_new(contributors, json_string(player->shared.id));
	json_object_set_new(o, "contributors", contributors);
	json_object_set_new(o, "media", measure_media_json(s, NULL, now_us));
	measure_stream_json(o, s, now_us);
	layers = pub != NULL ? layers_json(pub, now_us) : NULL;
	if (layers != NULL)
		json_object_set_new(o, "layers", layers);
	return o;
}

void
op_streams_list(struct peer *peer, json_t *q)
{
	struct control *c = peer->control;
	const char *name = json_string_value(json_object_get(q, "stream"));
	size_t start, count, i = 0, octets = 0;
	json_t *list = json_array();
	struct stream *s;

	get_page(q, &start, &count);
	if (name != NULL) {
		s = cstream_find(c, name);
		i = s != NULL;
		if (s != NULL)
			json_array_append_new(list, stream_json(s, c->now_us));
	}
	for (s = name == NULL ? c->streams_by_name : NULL; s != NULL; s = s->by_name.next, i++)
		if (i >= start && i < start + count &&
		    !add_element(list, &octets, stream_json(s, c->now_us)))
			count = 0;
	reply_ok(peer, q, json_pack("{s:i, s:o}", "total", (int)i, "streams", list));
}

static const struct {
	const char *name;
	size_t offset;
} session_stats[] = {
#define STAT_ROW(field)                                                                            \
	{                                                                                          \
#field, offsetof(struct session_stats, field)                                      \
	}
    STAT_ROW(rx_packets), STAT_ROW(rx_octets),	    STAT_ROW(rx_lost),
    STAT_ROW(tx_packets), STAT_ROW(tx_octets),	    STAT_ROW(tx_dropped),
    STAT_ROW(nacks_sent), STAT_ROW(nacks_received), STAT_ROW(resent),
    STAT_ROW(plis_sent),  STAT_ROW(plis_received),  STAT_ROW(auth_failed),
    STAT_ROW(rtt_us),	  STAT_ROW(remb_bps),	    STAT_ROW(keyframes),
    STAT_ROW(paths),	  STAT_ROW(layer_switches), STAT_ROW(layers_skipped),
    STAT_ROW(jitter_us),  STAT_ROW(loss_permille),  STAT_ROW(rx_duplicates),
    STAT_ROW(rx_late),	  STAT_ROW(frames_dropped),
#undef STAT_ROW
};

static json_t *
session_json(const struct csession *cs, uint64_t now_us)
{
	char address[ADDR_TEXT_SIZE] = "";
	json_t *o, *layers = layers_json(cs, now_us);

	if (cs->has_path)
		addr_format(&cs->path.remote, address);
	else if (cs->shared.local == NULL) /* without ICE: what its program says */
		text_copy(address, sizeof(address), cs->client);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "session", cs->shared.id,
		      "kind", session_kind_names[cs->shared.kind], "stream", cs->stream->name,
		      "state", cs->state == STATE_CONNECTED ? "connected" : "new", "address",
		      address, "protocol",
		      !cs->has_path		  ? cs->protocol
		      : cs->path.proto == ICE_TCP ? "tcp"
						  : "udp",
		      "agent", cs->agent, "profile",
		      cs->profile != DTLS_SRTP_NONE ? dtls_profile_name(cs->profile) : "", "age_ms",
		      (json_int_t)((now_us - cs->created_us) / 1000));
	for (size_t i = 0; i < ARRAY_COUNT(session_stats); i++)
		json_object_set_new(
		    o, session_stats[i].name,
		    json_integer(stat_of((const uint64_t *)((const char *)&cs->shared.stats +
							    session_stats[i].offset))));
	if (layers != NULL)
		json_object_set_new(o, "layers", layers);
	else
		json_object_set_new(o, "layer", json_string(rid_of(cs)));
	measure_session_json(o, cs, now_us);
	return o;
}

static void
add_media(json_t *o, const struct csession *cs, uint64_t now_us)
{
	bool plays = cs->shared.kind == SESSION_PLAY || cs->shared.kind == SESSION_LOCAL_SUBSCRIBE;

	if (plays || cs->stream->publisher == cs)
		json_object_set_new(o, "media",
				    measure_media_json(cs->stream, plays ? cs : NULL, now_us));
}

void
op_sessions_list(struct peer *peer, json_t *q)
{
	struct control *c = peer->control;
	const char *stream = json_string_value(json_object_get(q, "stream"));
	const char *id = json_string_value(json_object_get(q, "session"));
	bool media = json_is_true(json_object_get(q, "media"));
	bool no_carriers = json_is_false(json_object_get(q, "carriers"));
	size_t start, count, i = 0, octets = 0;
	json_t *list = json_array();

	get_page(q, &start, &count);
	for (struct csession *cs = c->by_id; cs != NULL; cs = cs->by_id.next) {
		if ((no_carriers && cs->is_carrier) ||
		    (stream != NULL && strcmp(stream, cs->stream->name) != 0) ||
		    (id != NULL && strcmp(id, cs->shared.id) != 0))
			continue;
		if (i >= start && i < start + count) {
			json_t *o = session_json(cs, c->now_us);

			if (media)
				add_media(o, cs, c->now_us);
			if (!add_element(list, &octets, o))
				count = 0;
		}
		i++;
	}
	reply_ok(peer, q, json_pack("{s:i, s:o}", "total", (int)i, "sessions", list));
}

void
op_session_kick(struct peer *peer, json_t *q)
{
	const char *id = json_string_value(json_object_get(q, "session"));
	struct csession *cs = NULL;

	if (id != NULL)
		HASH_FIND(by_id, peer->control->by_id, id, (unsigned)strlen(id), cs);
	if (cs == NULL) {
		reply_error(peer, q, "not-found", "no such session");
		return;
	}
	csession_end(cs, END_KICKED);
	reply_ok(peer, q, json_pack("{s:s}", "session", id));
}

static void
count_sessions(struct control *c, json_int_t *publishers, json_int_t *players, json_int_t *carriers)
{
	*publishers = *players = *carriers = 0;
	for (struct csession *cs = c->by_id; cs != NULL; cs = cs->by_id.next) {
		bool publishes =
		    cs->shared.kind == SESSION_PUBLISH || cs->shared.kind == SESSION_LOCAL_PUBLISH;

		*publishers += publishes;
		*carriers += cs->is_carrier;
		*players += !publishes && cs->shared.kind != SESSION_LOCAL_CONTRIBUTE;
	}
}

static const struct {
	const char *name;
	size_t offset;
} worker_stats[] = {
#define STAT_ROW(field)                                                                            \
	{                                                                                          \
#field, offsetof(struct worker_counters, field)                                    \
	}
    STAT_ROW(rx_packets),   STAT_ROW(rx_octets),     STAT_ROW(tx_packets),
    STAT_ROW(tx_octets),    STAT_ROW(tx_dropped),    STAT_ROW(stun_answered),
    STAT_ROW(stun_limited), STAT_ROW(auth_failed),   STAT_ROW(unknown_packets),
    STAT_ROW(crossed),	    STAT_ROW(cross_dropped), STAT_ROW(tcp_connections),
    STAT_ROW(tcp_accepted), STAT_ROW(tcp_refused),   STAT_ROW(paths_moved),
#undef STAT_ROW
};

void
op_stats(struct peer *peer, json_t *q)
{
	struct control *c = peer->control;
	json_int_t publishers, players, carriers;
	json_t *o;

	count_sessions(c, &publishers, &players, &carriers);
	o = json_pack("{s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "uptime_ms",
		      (json_int_t)((c->now_us - c->started_us) / 1000), "workers",
		      (int)c->worker_count, "streams", (int)HASH_CNT(by_name, c->streams_by_name),
		      "sessions", (int)HASH_CNT(by_id, c->by_id), "sessions_total",
		      (json_int_t)c->sessions_total, "publishers", publishers, "players", players,
		      "carriers", carriers, "dtls_failed", (json_int_t)c->dtls_failed, "takeovers",
		      (json_int_t)c->takeovers, "cpu_us", (json_int_t)control_cpu_us(), "waiting",
		      (int)c->waiting_count);
	for (size_t i = 0; i < ARRAY_COUNT(worker_stats); i++) {
		json_int_t sum = 0;

		for (unsigned k = 0; k < c->worker_count; k++)
			sum += stat_of((const uint64_t *)((const char *)&c->workers[k]->stats +
							  worker_stats[i].offset));
		json_object_set_new(o, worker_stats[i].name, json_integer(sum));
	}
	measure_stats_json(o, c);
	reply_ok(peer, q, o);
}

void
op_events_subscribe(struct peer *peer, json_t *q)
{
	peer->wants_events = true;
	reply_ok(peer, q, json_object());
}
