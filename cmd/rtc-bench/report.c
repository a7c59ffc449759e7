/* report.c - the verdict as a table or as JSON. */
#include "bench.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"

struct percentiles {
	size_t count;
	uint64_t p50_us, p95_us, p99_us, max_us;
};

struct process_cost {
	int pid;
	bool alive;
	double cpu_percent, us_per_packet, rss_mb, kb_per_player;
};

struct result {
	double seconds;
	unsigned players, joined, ended, silent; /* silent: no packet in the interval */
	uint64_t packets, octets, repaired, expected, lost;
	double loss_percent, packets_per_s, mbit_per_s;
	unsigned publishers, connected; /* asked for; alive at the end */
	uint64_t track_expected[BENCH_TRACKS], track_lost[BENCH_TRACKS];
	uint64_t sent; /* by our publisher in the interval */
	double sent_per_s, packets_per_wake, delivered_percent; /* of sent x players */
	struct percentiles post, dtls, packet, keyframe;
	struct percentiles delay, jitter; /* count: packets, players */
	struct process_cost cost[BENCH_PIDS_MAX], own;
};

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of a time of every player that has it; offset is where in struct player. Nearest rank. */
static struct percentiles
percentiles_of(const struct bench *b, size_t offset)
{
	struct percentiles p = {0};
	uint64_t *v = calloc(b->player_count + 1, sizeof(*v));

	if (v == NULL)
		return p;
	for (unsigned i = 0; i < b->started; i++) {
		memcpy(&v[p.count], (const char *)&b->players[i] + offset, sizeof(*v));
		p.count += v[p.count] != 0;
	}
	if (p.count > 0) {
		qsort(v, p.count, sizeof(*v), compare);
		p.p50_us = v[(p.count * 50 + 99) / 100 - 1];
		p.p95_us = v[(p.count * 95 + 99) / 100 - 1];
		p.p99_us = v[(p.count * 99 + 99) / 100 - 1];
		p.max_us = v[p.count - 1];
	}
	free(v);
	return p;
}

static struct process_cost
cost_of(int pid, const struct process_use *begin, const struct process_use *end, uint64_t base_rss,
	const struct result *r)
{
	struct process_cost c = {.pid = pid, .alive = begin->alive && end->alive};
	double cpu_us = (double)(end->cpu_ns - begin->cpu_ns) / 1000;
	unsigned sessions = r->players > 0 ? r->joined : r->connected;
	uint64_t packets;

	if (!c.alive || r->seconds <= 0)
		return c;
	c.cpu_percent = cpu_us / r->seconds / 10000;
	/* Without players the work is receiving. */
	packets = r->players > 0 ? r->packets : r->sent;
	c.us_per_packet = packets > 0 ? cpu_us / (double)packets : 0;
	c.rss_mb = (double)end->rss_octets / 1048576;
	c.kb_per_player =
	    sessions > 0 ? ((double)end->rss_octets - (double)base_rss) / 1024 / sessions : 0;
	return c;
}

static void
sum_players(const struct bench *b, struct result *r)
{
	for (unsigned i = 0; i < b->started; i++) {
		const struct player *p = &b->players[i];

		r->joined += p->dtls_us != 0;
		r->silent += p->dtls_us != 0 && p->measured_packets == 0;
		r->packets += p->measured_packets;
		r->octets += p->measured_octets;
		r->repaired += p->measured_repaired;
		for (size_t k = 0; k < BENCH_TRACKS; k++) {
			r->track_expected[k] += p->expected[k];
			r->track_lost[k] += p->lost[k];
			r->expected += p->expected[k];
			r->lost += p->lost[k];
		}
	}
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void
make_result(const struct bench *b, struct result *r)
{
	uint64_t wakes = b->sent_end.wakes - b->sent_begin.wakes;

	*r = (struct result){.players = b->player_count,
			     .publishers = b->publishers.count,
			     .connected = b->connected_end,
			     .ended = b->ended,
			     .seconds = (double)(b->measure_end_us - b->measure_begin_us) / 1e6,
			     .sent = b->sent_end.packets - b->sent_begin.packets};
	sum_players(b, r);
	r->loss_percent = percent(r->lost, r->expected);
	if (r->seconds > 0) {
		r->packets_per_s = (double)r->packets / r->seconds;
		r->mbit_per_s = (double)r->octets * 8 / r->seconds / 1e6;
		r->sent_per_s = (double)r->sent / r->seconds;
	}
	r->packets_per_wake = wakes > 0 ? (double)r->sent / (double)wakes : 0;
	r->delivered_percent =
	    r->sent > 0 && r->joined > 0
		? 100.0 * (double)r->packets / ((double)r->sent * r->joined / b->o->streams)
		: 0;
	r->post = percentiles_of(b, offsetof(struct player, post_us));
	r->dtls = percentiles_of(b, offsetof(struct player, dtls_us));
	r->packet = percentiles_of(b, offsetof(struct player, packet_us));
	r->keyframe = percentiles_of(b, offsetof(struct player, keyframe_us));
	r->jitter = percentiles_of(b, offsetof(struct player, jitter_us));
	r->delay = (struct percentiles){.count = b->delay.count,
					.p50_us = histogram_percentile(&b->delay, 50),
					.p95_us = histogram_percentile(&b->delay, 95),
					.p99_us = histogram_percentile(&b->delay, 99),
					.max_us = b->delay.max_us};
	for (size_t i = 0; i < b->o->pid_count; i++)
		r->cost[i] =
		    cost_of(b->o->pids[i], &b->begin[i], &b->end[i], b->base[i].rss_octets, r);
	r->own = cost_of(0, &b->own_begin, &b->own_end, b->own_end.rss_octets, r);
}

/* ---- text ---- */

static void
print_times(FILE *out, const char *name, const struct percentiles *p, const char *of)
{
	if (p->count == 0)
		return;
	fprintf(out, "  %-14s %8.1f %8.1f %8.1f %8.1f ms  (%zu %s)\n", name,
		(double)p->p50_us / 1e3, (double)p->p95_us / 1e3, (double)p->p99_us / 1e3,
		(double)p->max_us / 1e3, p->count, of);
}

static void
print_players(const struct result *r, FILE *out)
{
	fprintf(out, "players   %u asked, %u joined, %u ended, %u silent\n", r->players, r->joined,
		r->ended, r->silent);
	fprintf(out, "received  %llu packets in %.1f s: %.0f/s, %.2f Mbit/s; %llu repaired\n",
		(unsigned long long)r->packets, r->seconds, r->packets_per_s, r->mbit_per_s,
		(unsigned long long)r->repaired);
	fprintf(out, "loss      %.4f %% (%llu of %llu); video %.4f %%, audio %.4f %%\n",
		r->loss_percent, (unsigned long long)r->lost, (unsigned long long)r->expected,
		percent(r->track_lost[0], r->track_expected[0]),
		percent(r->track_lost[1], r->track_expected[1]));
}

static void
print_publishers(const struct bench *b, const struct result *r, FILE *out)
{
	fprintf(out, "publishers %u asked, %u there at the end; loss told by the server %.1f %%\n",
		r->publishers, r->connected, b->loss_told);
	fprintf(out, "sent      %llu packets: %.0f/s, %.2f per wake", (unsigned long long)r->sent,
		r->sent_per_s, r->packets_per_wake);
	if (r->players > 0)
		fprintf(out, "; %.3f %% delivered", r->delivered_percent);
	fputc('\n', out);
}

static void
print_text(const struct bench *b, const struct result *r, FILE *out)
{
	if (r->players > 0)
		print_players(r, out);
	if (b->o->publish)
		print_publishers(b, r, out);
	if (r->players > 0)
		fprintf(out, "joining             p50      p95      p99      max\n");
	print_times(out, "answer", &r->post, "players");
	print_times(out, "keys", &r->dtls, "players");
	print_times(out, "first packet", &r->packet, "players");
	print_times(out, "first keyframe", &r->keyframe, "players");
	if (r->delay.count + r->jitter.count > 0)
		fprintf(out, "under way\n");
	print_times(out, "delay", &r->delay, "packets");
	print_times(out, "jitter", &r->jitter, "players");
	for (size_t i = 0; i < b->o->pid_count; i++) {
		const struct process_cost *c = &r->cost[i];

		if (!c->alive)
			fprintf(out, "pid %-7d gone\n", c->pid);
		else
			fprintf(out,
				"pid %-7d %6.1f %% of a core, %6.2f us per packet, %6.1f MB, "
				"%5.1f KB per player\n",
				c->pid, c->cpu_percent, c->us_per_packet, c->rss_mb,
				c->kb_per_player);
	}
	fprintf(out, "rtc-bench   %6.1f %% of a core, %6.2f us per packet, %6.1f MB\n",
		r->own.cpu_percent, r->own.us_per_packet, r->own.rss_mb);
}

/* ---- JSON ---- */

static json_t *
json_times(const struct percentiles *p, const char *of)
{
	if (p->count == 0)
		return json_null();
	return json_pack("{s:I,s:f,s:f,s:f,s:f}", of, (json_int_t)p->count, "p50_ms",
			 (double)p->p50_us / 1e3, "p95_ms", (double)p->p95_us / 1e3, "p99_ms",
			 (double)p->p99_us / 1e3, "max_ms", (double)p->max_us / 1e3);
}

static json_t *
json_cost(const struct process_cost *c)
{
	return json_pack("{s:i,s:b,s:f,s:f,s:f,s:f}", "pid", c->pid, "alive", c->alive,
			 "cpu_percent", c->cpu_percent, "us_per_packet", c->us_per_packet, "rss_mb",
			 c->rss_mb, "kb_per_player", c->kb_per_player);
}

static void
print_json(const struct bench *b, const struct result *r, int status, FILE *out)
{
	json_t *all, *processes = json_array();

	for (size_t i = 0; i < b->o->pid_count; i++)
		json_array_append_new(processes, json_cost(&r->cost[i]));
	all = json_pack("{s:b,s:f,s:I,s:I,s:I,s:I}", "ok", status == 0, "seconds", r->seconds,
			"players", (json_int_t)r->players, "joined", (json_int_t)r->joined, "ended",
			(json_int_t)r->ended, "silent", (json_int_t)r->silent);
	json_object_update_new(
	    all, json_pack("{s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f}", "packets", (json_int_t)r->packets,
			   "octets", (json_int_t)r->octets, "repaired", (json_int_t)r->repaired,
			   "expected", (json_int_t)r->expected, "lost", (json_int_t)r->lost,
			   "loss_percent", r->loss_percent, "packets_per_s", r->packets_per_s,
			   "mbit_per_s", r->mbit_per_s));
	if (b->o->publish)
		json_object_set_new(
		    all, "publisher",
		    json_pack("{s:i,s:i,s:I,s:f,s:f,s:f,s:f}", "asked", (int)r->publishers,
			      "connected", (int)r->connected, "sent", (json_int_t)r->sent,
			      "packets_per_s", r->sent_per_s, "packets_per_wake",
			      r->packets_per_wake, "delivered_percent", r->delivered_percent,
			      "loss_told_percent", b->loss_told));
	json_object_set_new(all, "join",
			    json_pack("{s:o,s:o,s:o,s:o}", "answer",
				      json_times(&r->post, "players"), "keys",
				      json_times(&r->dtls, "players"), "first_packet",
				      json_times(&r->packet, "players"), "first_keyframe",
				      json_times(&r->keyframe, "players")));
	json_object_set_new(all, "delay", json_times(&r->delay, "packets"));
	json_object_set_new(all, "jitter", json_times(&r->jitter, "players"));
	json_object_set_new(all, "video_loss_percent",
			    json_real(percent(r->track_lost[0], r->track_expected[0])));
	json_object_set_new(all, "audio_loss_percent",
			    json_real(percent(r->track_lost[1], r->track_expected[1])));
	json_object_set_new(all, "processes", processes);
	json_object_set_new(all, "bench", json_cost(&r->own));
	json_dumpf(all, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	json_decref(all);
}

/* ---- verdict ---- */

static int
verdict(const struct bench *b, const struct result *r)
{
	const struct publisher *gone = publishers_ended(&b->publishers);

	if (gone != NULL || (b->measure_begin_us == 0 && b->publishers.started > r->connected)) {
		fprintf(stderr, "rtc-bench: fatal: %s ended: %s\n",
			r->publishers == 1 ? "the publisher" : "a publisher",
			gone != NULL ? gone->words : "no connection in time");
		return EX_UNAVAILABLE;
	}
	if (r->players > 0 && r->joined == 0) {
		fprintf(stderr, "rtc-bench: fatal: no player joined: %s\n",
			b->words[0] != '\0' ? b->words : "no answer in time");
		return EX_UNAVAILABLE;
	}
	if (r->joined < r->players || r->ended > 0)
		fprintf(stderr, "rtc-bench: %u of %u players ended: %s\n", r->ended, r->players,
			b->words);
	return r->joined < r->players || r->ended > 0 || r->silent > 0 ||
	       r->connected < r->publishers || r->loss_percent > b->o->max_loss ||
	       b->loss_told > b->o->max_loss;
}

int
bench_report(const struct bench *b, FILE *out)
{
	struct result r;
	int status;

	make_result(b, &r);
	status = verdict(b, &r);
	if (b->o->json)
		print_json(b, &r, status, out);
	else if (status != EX_UNAVAILABLE)
		print_text(b, &r, out);
	return fflush(out) == 0 ? status : EX_IOERR;
}
