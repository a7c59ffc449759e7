/* verdict_report.c - telling what arrived, and judging it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/client.h"
#include "verdict.h"

static const double SECOND = 1e6;

static double
since_start_ms(const struct verdict *v, uint64_t at_us)
{
	return at_us > v->start_us ? (double)(at_us - v->start_us) / 1000 : 0;
}

/* Frames per second from the first frame to now, so that a stall at the end counts. */
static double
fps_of(const struct verdict *v, uint64_t now_us)
{
	double seconds = (double)(now_us - v->first_frame_us) / SECOND;

	return v->frames > 1 && seconds > 0 ? (double)(v->frames - 1) / seconds : 0;
}

static double
loss_percent(const struct peer_stats *st)
{
	uint64_t expected = st->rx_packets + st->rx_lost;

	return expected > 0 ? 100.0 * (double)st->rx_lost / (double)expected : 0;
}

static struct peer_stats
stats_of(const struct peer *peer)
{
	struct peer_stats st = {0};

	if (peer != NULL)
		peer_stats(peer, &st);
	return st;
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Of a sorted copy; 0 without samples. */
static double
latency_ms(const struct verdict_samples *s, double fraction)
{
	uint32_t sorted[VERDICT_LATENCIES_MAX];

	if (s->count == 0)
		return 0;
	memcpy(sorted, s->us, s->count * sizeof(sorted[0]));
	qsort(sorted, s->count, sizeof(sorted[0]), compare_u32);
	return sorted[(size_t)((double)(s->count - 1) * fraction)] / 1000.0;
}

static json_t *
latency_json(const struct verdict_samples *s)
{
	return s->count == 0
		   ? json_null()
		   : json_pack("{sf sf}", "median", latency_ms(s, 0.5), "p95", latency_ms(s, 0.95));
}

static void
latency_print(const struct verdict_samples *s, const char *by, FILE *out)
{
	if (s->count == 0)
		fprintf(out, "- (%s)", by);
	else
		fprintf(out, "median %.0f ms, 95 %% within %.0f ms (%s)", latency_ms(s, 0.5),
			latency_ms(s, 0.95), by);
}

static bool
card_seen(const struct verdict *v)
{
	return v->card.count > v->card.unreadable;
}

static json_t *
card_json(const struct verdict *v)
{
	const struct verdict_card *c = &v->card;

	if (!card_seen(v))
		return json_null();
	return json_pack("{sI sI sI sI sI sI sI sI sb}", "count", (json_int_t)c->count, "first",
			 (json_int_t)c->first, "last", (json_int_t)c->last, "missing",
			 (json_int_t)c->missing, "repeated", (json_int_t)c->repeated, "disordered",
			 (json_int_t)c->disordered, "unreadable", (json_int_t)c->unreadable,
			 "restarts", (json_int_t)c->restarts, "in_order", c->disordered == 0);
}

static json_t *
video_json(const struct verdict *v, uint64_t now_us)
{
	if (v->frames == 0)
		return json_null();
	return json_pack("{ss si si sf sI sI sI sI sf sf so so so}", "codec",
			 payload_name(v->codec), "width", (int)v->width, "height", (int)v->height,
			 "fps", fps_of(v, now_us), "frames", (json_int_t)v->frames, "keyframes",
			 (json_int_t)v->keyframes, "undecodable", (json_int_t)v->undecodable,
			 "freezes", (json_int_t)v->freezes, "freeze_ms",
			 (double)v->freeze_us / 1000, "freeze_max_ms",
			 (double)v->freeze_max_us / 1000, "card", card_json(v), "latency_ms",
			 latency_json(&v->arrival), "picture_latency_ms", latency_json(&v->seeing));
}

static json_t *
audio_json(const struct verdict *v)
{
	json_t *steps;

	if (v->windows == 0)
		return json_null();
	steps = json_array();
	for (size_t i = 0; i < v->step_count; i++)
		json_array_append_new(steps, json_integer(v->steps[i]));
	return json_pack("{ss sf sf so}", "codec", "opus", "seconds",
			 (double)v->audio_samples / MEDIA_AUDIO_RATE, "sound_seconds",
			 (double)v->audio_samples / MEDIA_AUDIO_RATE * (double)v->loud_windows /
			     (double)v->windows,
			 "tone_steps", steps);
}

static json_t *
network_json(const struct peer *peer)
{
	struct peer_stats st = stats_of(peer);
	struct peer_info info;
	char text[ADDR_TEXT_SIZE];
	json_t *o =
	    json_pack("{sI sI sI sf sI sI sI sI sf sf}", "packets", (json_int_t)st.rx_packets,
		      "octets", (json_int_t)st.rx_octets, "lost", (json_int_t)st.rx_lost,
		      "loss_percent", loss_percent(&st), "repaired", (json_int_t)st.rx_repaired,
		      "duplicates", (json_int_t)st.rx_duplicates, "nacks",
		      (json_int_t)st.nacks_sent, "plis", (json_int_t)st.plis_sent, "rtt_ms",
		      (double)st.rtt_us / 1000, "jitter_ms", (double)st.jitter_us / 1000);

	if (peer != NULL && peer_get_info(peer, &info) == 0) {
		json_object_set_new(o, "remote", json_string(addr_format(&info.path.remote, text)));
		json_object_set_new(o, "protocol", json_string(client_proto_name(info.path.proto)));
		json_object_set_new(o, "srtp", json_string(info.profile_name));
		json_object_set_new(o, "dtls", json_string(info.dtls_version));
	}
	return o;
}

json_t *
verdict_json(const struct verdict *v, const struct peer *peer, uint64_t now_us)
{
	return json_pack("{so so so s{sf sf}}", "video", video_json(v, now_us), "audio",
			 audio_json(v), "network", network_json(peer), "times", "first_packet_ms",
			 since_start_ms(v, v->first_packet_us), "first_frame_ms",
			 since_start_ms(v, v->first_frame_us));
}

void
verdict_print(const struct verdict *v, const struct peer *peer, uint64_t now_us, FILE *out)
{
	struct peer_stats st = stats_of(peer);
	const struct verdict_card *c = &v->card;

	if (st.rx_packets > 0)
		fprintf(out,
			"network  %" PRIu64 " packets, %.2f %% lost, %" PRIu64
			" repaired, rtt %.1f ms\n",
			st.rx_packets, loss_percent(&st), st.rx_repaired, (double)st.rtt_us / 1000);
	if (v->frames > 0)
		fprintf(out,
			"video    %s %ux%u, %" PRIu64
			" frames, %.1f fps, first after %.0f ms, %" PRIu64 " freezes (%.0f ms)\n",
			payload_name(v->codec), v->width, v->height, v->frames, fps_of(v, now_us),
			since_start_ms(v, v->first_frame_us), v->freezes,
			(double)v->freeze_us / 1000);
	if (card_seen(v))
		fprintf(out,
			"card     %" PRIu64 " numbers, %" PRId64 " to %" PRId64 ", %" PRId64
			" missing, %" PRIu64 " disordered\n",
			c->count, c->first, c->last, c->missing, c->disordered);
	if (v->frames > 0) {
		fputs("latency  ", out);
		latency_print(&v->arrival, "to arrival, by the sender's clock", out);
		fputs("; picture ", out);
		latency_print(&v->seeing, "drawn to decoded, by the test card's clock", out);
		fputc('\n', out);
	}
	if (v->windows == 0)
		return;
	fprintf(out, "audio    opus, %.1f s, tone steps",
		(double)v->audio_samples / MEDIA_AUDIO_RATE);
	for (size_t i = 0; i < v->step_count && i < 32; i++)
		fprintf(out, " %u", v->steps[i]);
	fputs(v->step_count == 0 ? " none\n" : "\n", out);
}

static void fault(json_t *faults, bool failed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
fault(json_t *faults, bool failed, const char *format, ...)
{
	va_list ap;

	if (!failed)
		return;
	va_start(ap, format);
	json_array_append_new(faults, json_vsprintf(format, ap));
	va_end(ap);
}

/* The longest freeze, the one that lasts now included. */
static double
longest_freeze_s(const struct verdict *v, uint64_t now_us)
{
	uint64_t now_gap_us = v->frames > 0 ? now_us - v->last_frame_us : 0;

	if ((double)now_gap_us <= v->interval_us + VERDICT_FREEZE_US)
		now_gap_us = 0;
	return (double)MAX_OF(v->freeze_max_us, now_gap_us) / SECOND;
}

json_t *
verdict_judge(const struct verdict *v, const struct verdict_wants *w, const struct peer *peer,
	      uint64_t now_us)
{
	struct peer_stats st = stats_of(peer);
	json_t *faults = json_array();
	double fps = fps_of(v, now_us), loss = loss_percent(&st);
	double first_s = since_start_ms(v, v->first_frame_us) / 1000;
	double freeze_s = longest_freeze_s(v, now_us);

	fault(faults, w->video && v->frames == 0, "no picture was decoded");
	fault(faults, w->codec != PAYLOAD_NONE && v->frames > 0 && v->codec != w->codec,
	      "the picture is %s, not %s", payload_name(v->codec), payload_name(w->codec));
	fault(faults, w->codec != PAYLOAD_NONE && v->frames == 0, "no picture in %s was decoded",
	      payload_name(w->codec));
	fault(faults, w->opus && v->windows == 0, "no sound in Opus was decoded");
	fault(faults, w->audio && v->loud_windows == 0, "no sound was heard");
	fault(faults, w->card && (!card_seen(v) || v->card.disordered > 0),
	      "the test card was not seen, or not in order");
	fault(faults, w->min_fps >= 0 && fps < w->min_fps, "%.2f fps is below %.2f", fps,
	      w->min_fps);
	fault(faults, w->max_loss_percent >= 0 && loss > w->max_loss_percent,
	      "%.2f %% lost is over %.2f %%", loss, w->max_loss_percent);
	fault(faults,
	      w->max_first_frame_s >= 0 && (v->frames == 0 || first_s > w->max_first_frame_s),
	      "first frame after %.3f s is later than %.3f s", first_s, w->max_first_frame_s);
	fault(faults, w->max_freeze_s >= 0 && freeze_s > w->max_freeze_s,
	      "a freeze of %.3f s is longer than %.3f s", freeze_s, w->max_freeze_s);
	return faults;
}
