/* control_measure.c - what streams and sessions carry: rates, pictures, codecs, as lists tell it.
 * The workers only count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "control.h"

/* ITU-T H.264 A.2; constraint flags do not matter to who reads the name. */
static const struct {
	uint8_t idc;
	const char *name;
} h264_profiles[] = {
    {66, "Baseline"}, {77, "Main"},	{88, "Extended"}, {100, "High"},
    {110, "High10"},  {122, "High422"}, {244, "High444"},
};

void
csession_measured(struct csession *cs)
{
	enum session_kind kind = cs->shared.kind;

	if (kind != SESSION_PUBLISH && kind != SESSION_LOCAL_PUBLISH &&
	    kind != SESSION_LOCAL_CONTRIBUTE)
		return;
	cs->lane_meters = calloc(LANES_MAX, sizeof(*cs->lane_meters));
	if (cs->lane_meters != NULL) /* without memory: nothing is told of them */
		cs->shared.lanes = calloc(LANES_MAX, sizeof(*cs->shared.lanes));
}

static void
note_session(struct csession *cs, uint64_t now_us)
{
	meter_note(&cs->meter, now_us, STAT_GET(cs->shared.stats.rx_octets),
		   STAT_GET(cs->shared.stats.tx_octets));
	if (cs->shared.lanes != NULL)
		cmatch_source(cs);
	for (unsigned i = 0; cs->shared.lanes != NULL && i < LANES_MAX; i++) {
		const struct lane_stats *s = &cs->shared.lanes[i];

		if (STAT_GET(s->packets) > 0)
			meter_note(&cs->lane_meters[i], now_us, STAT_GET(s->octets),
				   STAT_GET(s->frames));
	}
}

uint64_t
control_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void
sum_octets(const struct control *c, uint64_t *rx, uint64_t *tx)
{
	*rx = *tx = 0;
	for (unsigned i = 0; i < c->worker_count; i++) {
		*rx += STAT_GET(c->workers[i]->stats.rx_octets);
		*tx += STAT_GET(c->workers[i]->stats.tx_octets);
	}
}

void
control_measure(struct control *c)
{
	uint64_t rx, tx;

	sum_octets(c, &rx, &tx);
	meter_note(&c->meter, c->now_us, rx, tx);
	meter_note(&c->cpu_meter, c->now_us, control_cpu_us(), 0);
	for (struct csession *cs = c->by_id; cs != NULL; cs = cs->by_id.next)
		note_session(cs, c->now_us);
}

static void
set_rates(json_t *o, const double rx_tx_now[2], const double rx_tx_30s[2])
{
	json_object_set_new(o, "rx_bps", json_integer(llround(rx_tx_now[0] * 8)));
	json_object_set_new(o, "tx_bps", json_integer(llround(rx_tx_now[1] * 8)));
	json_object_set_new(o, "rx_bps_30s", json_integer(llround(rx_tx_30s[0] * 8)));
	json_object_set_new(o, "tx_bps_30s", json_integer(llround(rx_tx_30s[1] * 8)));
}

static struct meter_rates
session_rates(const struct csession *cs, uint64_t now_us)
{
	return meter_read(&cs->meter, now_us, STAT_GET(cs->shared.stats.rx_octets),
			  STAT_GET(cs->shared.stats.tx_octets));
}

void
measure_session_json(json_t *o, const struct csession *cs, uint64_t now_us)
{
	struct meter_rates r = session_rates(cs, now_us);

	set_rates(o, r.now, r.long_term);
}

void
measure_stream_json(json_t *o, const struct stream *s, uint64_t now_us)
{
	double now[2] = {0}, long_term[2] = {0};
	const struct csession *cs;

	if (s->publisher != NULL) {
		struct meter_rates r = session_rates(s->publisher, now_us);

		now[0] = r.now[0];
		long_term[0] = r.long_term[0];
	}
	DL_FOREACH2(s->players, cs, stream_next)
	{
		struct meter_rates r = session_rates(cs, now_us);

		now[1] += r.now[1];
		long_term[1] += r.long_term[1];
	}
	set_rates(o, now, long_term);
}

/* Resident octets of the process; 0 if the kernel does not say. */
static json_int_t
resident_octets(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (json_int_t)pages * sysconf(_SC_PAGESIZE);
}

void
measure_stats_json(json_t *o, const struct control *c)
{
	struct meter_rates r, cpu = meter_read(&c->cpu_meter, c->now_us, control_cpu_us(), 0);
	uint64_t rx, tx;

	sum_octets(c, &rx, &tx);
	r = meter_read(&c->meter, c->now_us, rx, tx);
	set_rates(o, r.now, r.long_term);
	json_object_set_new(o, "cpu_permille", json_integer(llround(cpu.now[0] / 1000)));
	json_object_set_new(o, "memory_octets", json_integer(resident_octets()));
}

json_t *
measure_lane_json(const struct csession *cs, uint8_t lane, uint64_t now_us)
{
	const struct lane_stats *s = &cs->shared.lanes[lane];
	uint64_t octets = STAT_GET(s->octets), frames = STAT_GET(s->frames);
	uint64_t last = STAT_GET(s->last_us), size = STAT_GET(s->size);
	struct meter_rates r = meter_read(&cs->lane_meters[lane], now_us, octets, frames);

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "active",
			 last != 0 && (last > now_us || now_us - last < LAYER_SILENCE_US), "width",
			 (json_int_t)(size >> 32), "height", (json_int_t)(size & UINT32_MAX),
			 "packets", (json_int_t)STAT_GET(s->packets), "octets", (json_int_t)octets,
			 "frames", (json_int_t)frames, "bps", (json_int_t)llround(r.now[0] * 8),
			 "fps", round(r.now[1] * 10) / 10);
}

static void
set_profile(json_t *o, const struct codec *codec, unsigned profile)
{
	char text[24];

	if (profile == 0) { /* other codecs say it in SDP alone: RFC 9628, RFC 7798, AV1 RTP */
		const char *at = codec->fmtp != NULL ? strstr(codec->fmtp, "profile-id=") : NULL;

		if (at != NULL && strcasecmp(codec->name, "H264") != 0)
			json_object_set_new(o, "profile", json_sprintf("%d", atoi(at + 11)));
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(h264_profiles); i++)
		if (h264_profiles[i].idc == profile >> 8)
			json_object_set_new(o, "profile", json_string(h264_profiles[i].name));
	snprintf(text, sizeof(text), "%u.%u", (profile & 0xff) / 10, (profile & 0xff) % 10);
	json_object_set_new(o, "level", json_string(text));
}

/* The lane of a source's own track to speak of: the largest picture that comes now. */
static uint8_t
best_lane(const struct csession *cs, unsigned track, uint64_t now_us)
{
	uint8_t best = PT_NONE;
	uint64_t most = 0;

	for (unsigned k = 0; k == 0 || k < cs->shared.tracks.list[track].rid_count; k++) {
		uint8_t lane = tracks_lane(&cs->shared.tracks, track, k);
		const struct lane_stats *s = &cs->shared.lanes[lane % LANES_MAX];
		uint64_t last = STAT_GET(s->last_us), size = STAT_GET(s->size);
		uint64_t rank = (size >> 32) * (size & UINT32_MAX) + 1;

		if (lane >= LANES_MAX || STAT_GET(s->packets) == 0)
			continue;
		if (last + LAYER_SILENCE_US > now_us)
			rank |= UINT64_C(1) << 63;
		if (rank > most) {
			most = rank;
			best = lane;
		}
	}
	return best;
}

/* What comes as the stream's track, now or latest. NULL: nothing did. */
static json_t *
media_json(const struct stream *s, unsigned track, uint8_t lane, uint64_t now_us)
{
	const struct csession *cs = s->owners[track];
	unsigned own = track;
	const struct codec *codec;
	const struct track *t;
	uint64_t place;
	json_t *o;

	if (cs == NULL || cs->shared.lanes == NULL)
		return NULL;
	if (cs != s->publisher)
		own = track - cs->base;
	t = &cs->shared.tracks.list[own];
	if (lane == PT_NONE)
		lane = best_lane(cs, own, now_us);
	place = lane < LANES_MAX ? STAT_GET(cs->shared.lanes[lane].codec) : 0;
	if (place == 0 || place > t->codec_count)
		return NULL;
	codec = &t->codecs[place - 1];
	o = measure_lane_json(cs, lane, now_us);
	json_object_set_new(o, "track", json_integer(track));
	json_object_set_new(o, "kind", json_string(t->kind == TRACK_VIDEO ? "video" : "audio"));
	json_object_set_new(o, "codec", json_string(codec->name));
	json_object_set_new(o, "clock_rate", json_integer(codec->clock_rate));
	if (t->kind == TRACK_AUDIO) {
		json_object_set_new(o, "channels", json_integer(codec->channels));
		for (size_t i = 0; i < 4; i++)
			json_object_del(o, (const char *[]){"width", "height", "frames", "fps"}[i]);
	}
	set_profile(o, codec, (unsigned)STAT_GET(cs->shared.lanes[lane].profile));
	return o;
}

json_t *
measure_media_json(const struct stream *s, const struct csession *player, uint64_t now_us)
{
	uint64_t layer = player != NULL ? STAT_GET(player->shared.stats.layer) : 0;
	json_t *list = json_array();

	for (unsigned i = 0; i < s->tracks.count; i++) {
		bool simulcast = s->owners[i] == s->publisher && s->merged[i].rid_count > 1;
		json_t *o;

		if (player != NULL && (player->uses & 1u << i) == 0)
			continue;
		o = media_json(s, i, simulcast && layer > 0 ? (uint8_t)(layer - 1) : PT_NONE,
			       now_us);
		if (o != NULL)
			json_array_append_new(list, o);
	}
	return list;
}
