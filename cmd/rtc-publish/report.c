#include "report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"

static const double SECOND = 1e6;

/* Rates since the line before. */
struct rates {
	double bps, fps;
};

static struct peer_stats
stats_of(const struct client_session *session)
{
	const struct peer *peer = session != NULL ? client_session_peer(session) : NULL;
	struct peer_stats st = {0};

	if (peer != NULL)
		peer_stats(peer, &st);
	return st;
}

static struct rates
rates_since(struct report_last *last, const struct peer_stats *st, const struct sender *sender)
{
	uint64_t now_us = clock_now_us();
	double seconds = (double)(now_us - last->time_us) / SECOND;
	struct rates r = {0, 0};

	if (last->time_us != 0 && seconds > 0) {
		r.bps = (double)(st->tx_octets - last->octets) * 8 / seconds;
		r.fps = (double)(sender->counts.frames - last->frames) / seconds;
	}
	*last = (struct report_last){st->tx_octets, sender->counts.frames, now_us};
	return r;
}

static void
print_json(FILE *out, json_t *object)
{
	char *text =
	    object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

	if (text != NULL)
		fprintf(out, "%s\n", text);
	fflush(out);
	free(text);
	json_decref(object);
}

static json_t *
counters(const struct peer_stats *st, const struct sender *sender)
{
	const struct sender_counts *c = &sender->counts;

	return json_pack(
	    "{sf sI sI sI sI sI sI sI sI sI sI sI sf sf sI}", "media_s",
	    (double)sender_media_us(sender) / SECOND, "packets", (json_int_t)st->tx_packets,
	    "octets", (json_int_t)st->tx_octets, "frames", (json_int_t)c->frames, "keyframes",
	    (json_int_t)c->keyframes, "audio_packets", (json_int_t)c->audio_packets, "nacks",
	    (json_int_t)st->nacks_received, "resent", (json_int_t)st->tx_resent, "plis",
	    (json_int_t)st->plis_received, "twcc_lost", (json_int_t)st->twcc_lost, "remb_bps",
	    (json_int_t)st->remb_bps, "clock_shifts", (json_int_t)c->clock_shifts, "rtt_ms",
	    (double)st->rtt_us / 1000, "loss", st->remote_loss / 256.0, "target_bps",
	    (json_int_t)sender->target_bps);
}

void
report_second(FILE *out, const struct client_session *session, const struct sender *sender,
	      struct report_last *last)
{
	struct peer_stats st = stats_of(session);
	struct rates r = rates_since(last, &st, sender);
	json_t *o = counters(&st, sender);

	json_object_set_new(o, "bitrate_bps", json_integer((json_int_t)r.bps));
	json_object_set_new(o, "fps", json_real(r.fps));
	print_json(out, o);
}

void
report_status(FILE *out, const struct client_session *session, const struct sender *sender,
	      struct report_last *last)
{
	struct peer_stats st = stats_of(session);
	struct rates r = rates_since(last, &st, sender);

	fprintf(out,
		"\r%7.1f s  %7.0f kbit/s  %4.1f fps  rtt %.1f ms  loss %.1f %%  nacks %" PRIu64
		"  plis %" PRIu64 "\033[K",
		(double)sender_media_us(sender) / SECOND, r.bps / 1000, r.fps,
		(double)st.rtt_us / 1000, st.remote_loss / 2.56, st.nacks_received,
		st.plis_received);
	fflush(out);
}

static json_t *
stages(const struct client_session *session)
{
	const struct peer *peer = session != NULL ? client_session_peer(session) : NULL;
	struct client_session_times t = {0};
	struct peer_info info;
	json_t *o;

	if (session != NULL)
		client_session_times(session, &t);
	o = json_pack("{sf sf sf}", "answer_ms", (double)t.answer_us / 1000, "ice_ms",
		      (double)t.ice_us / 1000, "dtls_ms", (double)t.dtls_us / 1000);
	if (peer != NULL && peer_get_info(peer, &info) == 0) {
		char text[ADDR_TEXT_SIZE];

		json_object_set_new(o, "srtp", json_string(info.profile_name));
		json_object_set_new(o, "remote", json_string(addr_format(&info.path.remote, text)));
		json_object_set_new(o, "protocol", json_string(client_proto_name(info.path.proto)));
	}
	return o;
}

void
report_summary(bool json, const struct client_session *session, const struct sender *sender,
	       enum client_code code, const char *words)
{
	struct peer_stats st = stats_of(session);
	json_t *o;

	if (!json && st.tx_packets == 0)
		return; /* what went wrong was said; there is nothing to sum up */
	if (!json) {
		fprintf(stderr,
			"sent %" PRIu64 " frames (%" PRIu64 " keyframes) and %" PRIu64
			" audio packets in %.1f s: %" PRIu64 " packets, %" PRIu64
			" resent, %" PRIu64 " keyframe requests\n",
			sender->counts.frames, sender->counts.keyframes,
			sender->counts.audio_packets, (double)sender_media_us(sender) / SECOND,
			st.tx_packets, st.tx_resent, st.plis_received);
		return;
	}
	o = counters(&st, sender);
	json_object_set_new(o, "code", json_integer(code));
	json_object_set_new(o, "stage", json_string(client_code_stage(code)));
	json_object_set_new(o, "words", json_string(words));
	json_object_set_new(o, "times", stages(session));
	print_json(stdout, o);
}
