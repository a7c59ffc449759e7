/* rtc-play - receive from a WHEP endpoint: a verdict, a file, a pipe. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "client/session.h"
#include "log/log.h"
#include "loop/loop.h"
#include "media/media_writer.h"
#include "options.h"
#include "receiver.h"
#include "recorder.h"
#include "verdict.h"

enum {
	EXIT_NEGATIVE = 1,
	TICK_MS = 20 /* how often gaps are given up and deadlines looked at */
};

static struct player {
	struct options o;

	uv_loop_t loop;
	uv_timer_t tick;
	struct whip_http *http;
	struct dtls_ctx *dtls;
	struct client_session *session;
	struct receiver receiver;
	struct recorder *recorder;
	struct verdict verdict;
	uint64_t connected_us, end_us; /* 0: not yet */
	bool ending, pictured;
	int code;
	char words[WHIP_WORDS_SIZE];
} p;

/* ---- the end ---- */

static void
on_stopped(void *arg, enum client_code code, const char *words)
{
	(void)arg;
	if (code != CLIENT_OK) {
		log_warn("session", "%s", words);
		if (p.code == EX_OK)
			p.code = code;
	}
	uv_stop(&p.loop);
}

static void
begin_end(int code, const char *words)
{
	if (p.ending)
		return;
	p.ending = true;
	p.code = code;
	p.end_us = clock_now_us();
	text_copy(p.words, sizeof(p.words), words);
	if (words[0] != '\0')
		log_error(code < EX__BASE || code == EX_SOFTWARE ? client_code_stage(code)
								 : "output",
			  "%s", words);
	uv_timer_stop(&p.tick);
	client_session_stop(p.session, on_stopped);
}

/* Sound alone, though not every codec was asked for: say what may be the reason. */
static void
explain_no_picture(void)
{
	char names[64];

	if (p.receiver.tracks[MEDIA_VIDEO].reorder == NULL ||
	    p.receiver.tracks[MEDIA_VIDEO].counts.packets > 0 ||
	    p.receiver.tracks[MEDIA_AUDIO].counts.packets == 0)
		return;
	offer_names(&p.o.offer, names, sizeof(names));
	if (names[0] != '\0')
		log_warn(
		    "session",
		    "sound came, but no picture: %s was asked for, the publisher may send another "
		    "codec",
		    names);
}

/* The time is up: connected, so what counts is whether media came and could be used. */
static void
end_of_time(void)
{
	bool video_came = p.receiver.tracks[MEDIA_VIDEO].counts.packets > 0;

	if (p.verdict.first_packet_us == 0)
		begin_end(CLIENT_NO_MEDIA,
			  "connected, but no media came (is somebody publishing?)");
	else if (p.o.judging && video_came && p.verdict.frames == 0)
		begin_end(CLIENT_BAD_MEDIA, "video came, but no picture could be made of it");
	else
		begin_end(EX_OK, "");
	explain_no_picture();
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	if (p.ending)
		_exit(128 + signum);
	begin_end(EX_OK, "");
}

/* ---- media ---- */

/* Microseconds from capture to now, if the clocks agree; -1: not known. */
static int64_t
latency_of(const struct receiver_unit *u)
{
	const struct peer *peer = client_session_peer(p.session);
	uint64_t ntp;

	if (peer == NULL || u->unit.kind != MEDIA_VIDEO ||
	    peer_track_ntp(peer, p.receiver.tracks[MEDIA_VIDEO].index, u->ts, &ntp) < 0)
		return -1;
	return (int64_t)(clock_ntp_to_us(clock_ntp()) - clock_ntp_to_us(ntp));
}

/* The first picture that is whole. */
static void
on_picture(void *arg, const struct media_picture *picture)
{
	struct media_words words = {""};
	int r;

	(void)arg;
	if (p.o.snapshot == NULL || p.pictured || picture->damaged)
		return;
	p.pictured = true;
	r = media_picture_png(picture, p.o.snapshot, &words);
	if (r < 0)
		begin_end(EX_CANTCREAT, words.text);
	else if (!p.o.wanting)
		begin_end(EX_OK, "");
}

static void
on_unit(void *arg, const struct receiver_unit *u)
{
	struct media_words words = {""};
	int r = 0;

	(void)arg;
	if (p.ending)
		return;
	if (p.o.judging)
		verdict_unit(&p.verdict, u, latency_of(u));
	if (p.recorder != NULL)
		r = recorder_unit(p.recorder, u, &words);
	if (r == -EPIPE)
		begin_end(EX_OK, ""); /* as much as the reader wanted */
	else if (r < 0)
		begin_end(EX_IOERR, words.text[0] != '\0' ? words.text : strerror(-r));
}

static void
on_keyframe_wanted(void *arg, unsigned track)
{
	(void)arg;
	(void)client_session_request_keyframe(p.session,
					      track); /* if it was not negotiated: wait */
}

static const struct receiver_events receiver_events = {
    .unit = on_unit,
    .keyframe_wanted = on_keyframe_wanted,
};

static void
on_packet(void *arg, uint64_t now_us, const struct peer_packet *packet)
{
	(void)arg;
	verdict_packet(&p.verdict, now_us);
	receiver_packet(&p.receiver, now_us, packet);
}

static void
on_drained(void *arg, uint64_t now_us)
{
	(void)arg;
	receiver_poll(&p.receiver, now_us);
}

static void
on_tick(uv_timer_t *timer)
{
	uint64_t now_us = clock_now_us(), first_us = p.verdict.first_packet_us;

	(void)timer;
	receiver_poll(&p.receiver, now_us);
	if (p.ending)
		return;
	if (first_us == 0 && p.connected_us != 0 &&
	    now_us - p.connected_us >= (uint64_t)(p.o.wait_s * 1e6))
		end_of_time();
	else if (first_us != 0 && p.o.duration_s > 0 &&
		 now_us - first_us >= (uint64_t)(p.o.duration_s * 1e6))
		end_of_time();
}

/* ---- the session ---- */

static int
ntp_of(void *arg, enum media_kind kind, uint32_t ts, uint64_t *ntp)
{
	const struct peer *peer = client_session_peer(p.session);

	(void)arg;
	return peer != NULL ? peer_track_ntp(peer, p.receiver.tracks[kind].index, ts, ntp)
			    : -EAGAIN;
}

/* A recording without sound should surprise nobody. */
static void
tell_left_out(const bool expects[MEDIA_KINDS])
{
	static const char *const what[MEDIA_KINDS] = {
	    [MEDIA_VIDEO] = "picture", [MEDIA_AUDIO] = "sound in Opus"};
	struct media_words words;
	bool takes[MEDIA_KINDS];

	if (media_writer_check(p.o.path, p.o.format, takes, &words) < 0)
		return;
	for (unsigned k = 0; k < MEDIA_KINDS; k++)
		if (expects[k] && !takes[k])
			log_info("output", "%s holds no %s: left out (mkv holds all)",
				 p.o.format != NULL ? p.o.format : p.o.path, what[k]);
}

static int
open_recorder(const bool expects[MEDIA_KINDS])
{
	struct media_words words = {""};

	if (p.o.path == NULL)
		return 0;
	p.recorder = recorder_new(p.o.path, p.o.format, expects, ntp_of, NULL, &words);
	if (p.recorder == NULL)
		begin_end(EX_CANTCREAT, words.text);
	else
		tell_left_out(expects);
	return p.recorder != NULL ? 0 : -EIO;
}

static void
on_answered(void *arg)
{
	bool expects[MEDIA_KINDS] = {false, false};
	const struct peer_track *t;

	(void)arg;
	for (unsigned i = 0; (t = client_session_track(p.session, i)) != NULL; i++) {
		enum media_kind kind = t->kind == PEER_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO;

		if ((t->direction & PEER_RECEIVE) == 0)
			continue;
		expects[kind] = true;
		for (size_t k = 0; k < t->codec_count && kind == MEDIA_VIDEO; k++)
			receiver_codec(&p.receiver, t->codecs[k].pt,
				       payload_codec_of(t->codecs[k].name));
		if (receiver_expect(&p.receiver, kind, i, t->nack) < 0)
			begin_end(EX_OSERR, "out of memory");
	}
	(void)open_recorder(expects);
}

static void
on_connected(void *arg, const struct peer_info *info)
{
	char text[ADDR_TEXT_SIZE];
	const char *relay = client_session_relay(p.session);

	(void)arg;
	p.connected_us = clock_now_us();
	receiver_round_trip(&p.receiver, info->rtt_us);
	log_info("session", "connected to %s%s%s, %s", addr_format(&info->path.remote, text),
		 relay != NULL ? " by " : "", relay != NULL ? relay : "", info->profile_name);
}

static void
on_ended(void *arg, enum client_code code, const char *words)
{
	(void)arg;
	begin_end(code, words);
}

static const struct client_session_events events = {
    .answered = on_answered,
    .connected = on_connected,
    .ended = on_ended,
    .packet = on_packet,
    .drained = on_drained,
};

static int
start_session(void)
{
	struct sdp_codec video[OFFER_CODECS_MAX], audio[1];
	struct sdp_ext exts[4];
	size_t ext_count = sdp_default_exts(true, exts, ARRAY_COUNT(exts));
	const struct sdp_offer_track tracks[] = {
	    {.kind = SDP_VIDEO,
	     .direction = SDP_RECVONLY,
	     .codecs = video,
	     .exts = exts,
	     .codec_count = offer_codecs(&p.o.offer, video),
	     .ext_count = ext_count},
	    {.kind = SDP_AUDIO,
	     .direction = SDP_RECVONLY,
	     .codecs = audio,
	     .exts = exts,
	     .codec_count = sdp_default_codecs(SDP_AUDIO, false, audio, 1),
	     .ext_count = ext_count},
	};
	const struct client_session_config config = {.loop = &p.loop,
						     .protocol = p.o.client.protocol,
						     .ice_servers = &p.o.client.ice_servers,
						     .relay_only = p.o.client.relay_only,
						     .http = p.http,
						     .dtls = p.dtls,
						     .whip = &p.o.client.whip,
						     .url = p.o.endpoint,
						     .tracks = tracks,
						     .track_count = ARRAY_COUNT(tracks),
						     .events = &events,
						     .connect_timeout_us =
							 (uint64_t)(p.o.client.timeout_s * 1e6)};

	p.session = client_session_start(&config);
	return p.session != NULL ? 0 : -errno;
}

/* ---- the report ---- */

static json_t *
report_json(const struct peer *peer, const json_t *faults)
{
	const struct receiver_counts *c = &p.receiver.tracks[MEDIA_VIDEO].counts;
	struct client_session_times t;
	json_t *o = verdict_json(&p.verdict, peer, p.end_us), *times = json_object_get(o, "times");
	json_t *video = json_object_get(o, "video");

	if (json_is_object(video)) {
		json_object_set_new(video, "damaged", json_integer((json_int_t)c->damaged));
		json_object_set_new(video, "skipped", json_integer((json_int_t)c->skipped));
	}
	client_session_times(p.session, &t);
	json_object_set_new(times, "answer_ms", json_real((double)t.answer_us / 1000));
	json_object_set_new(times, "ice_ms", json_real((double)t.ice_us / 1000));
	json_object_set_new(times, "dtls_ms", json_real((double)t.dtls_us / 1000));
	json_object_set_new(o, "ok", json_boolean(p.code == EX_OK));
	json_object_set_new(o, "code", json_integer(p.code));
	json_object_set_new(
	    o, "stage",
	    json_string(p.code == EXIT_NEGATIVE ? "verdict" : client_code_stage(p.code)));
	json_object_set_new(o, "words", json_string(p.words));
	json_object_set(o, "faults", (json_t *)(uintptr_t)faults);
	return o;
}

static bool
is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

static void
print_report(const struct peer *peer, const json_t *faults)
{
	/* Standard output may carry the media. */
	FILE *out = is_stdout(p.o.path) || is_stdout(p.o.snapshot) ? stderr : stdout;
	json_t *o;

	if (p.o.json) {
		o = report_json(peer, faults);
		json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
		fputc('\n', out);
		json_decref(o);
		return;
	}
	if (p.o.quiet || !p.o.judging || (p.o.snapshot != NULL && !p.o.wanting))
		return;
	verdict_print(&p.verdict, peer, p.end_us, out);
	for (size_t i = 0; i < json_array_size(faults); i++)
		fprintf(out, "FAIL     %s\n", json_string_value(json_array_get(faults, i)));
	fprintf(out, "%s\n", p.code == EX_OK ? "ok" : "not ok");
}

static void
report(void)
{
	const struct peer *peer = client_session_peer(p.session);
	struct media_words words = {""};
	json_t *faults;
	int r = recorder_close(p.recorder, &words);

	p.recorder = NULL;
	if (r < 0 && r != -ENODATA && r != -EPIPE && p.code == EX_OK) {
		log_error("output", "%s", words.text);
		p.code = EX_IOERR;
	}
	faults = p.o.judging ? verdict_judge(&p.verdict, &p.o.wants, peer, p.end_us) : json_array();
	if (p.code == EX_OK && json_array_size(faults) > 0)
		p.code = EXIT_NEGATIVE;
	print_report(peer, faults);
	json_decref(faults);
}

/* ---- the beginning ---- */

static int
set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&p.loop);
	uv_timer_init(&p.loop, &p.tick);
	receiver_init(&p.receiver, &receiver_events, NULL);
	p.http = whip_http_new(&p.loop);
	p.dtls = dtls_ctx_new();
	if (p.http == NULL || p.dtls == NULL || verdict_init(&p.verdict, clock_now_us()) < 0)
		return -ENOMEM;
	p.verdict.picture = on_picture;
	loop_on_signal(&p.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&p.loop, SIGTERM, on_signal, NULL);
	uv_timer_start(&p.tick, on_tick, TICK_MS, TICK_MS);
	return start_session();
}

static void
tear_down(void)
{
	verdict_fini(&p.verdict);
	receiver_fini(&p.receiver);
	client_session_free(p.session);
	whip_http_free(p.http);
	loop_finish(&p.loop);
	dtls_ctx_free(p.dtls);
}

int
main(int argc, char **argv)
{
	int r;

	log_init("rtc-play", LOG_INFO);
	options_parse(&p.o, argc, argv);
	r = set_up();
	if (r < 0) {
		log_error("session", "%s", strerror(-r));
		p.code = EX_OSERR;
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		report();
	}
	tear_down();
	return p.code;
}
