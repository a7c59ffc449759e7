/* rtc-publish - send a file, a pipe or a test picture to a WHIP endpoint. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "client/session.h"
#include "log/log.h"
#include "loop/loop.h"
#include "options.h"
#include "report.h"
#include "sender.h"

enum {
	EXTS_MAX = 6,
	RID_EXT_ID = 10,       /* above those of sdp_default_exts() */
	VIDEO_CODECS_MAX = 16, /* of sdp_default_codecs() */
	GRACE_MS = 100	       /* after the last packet: time for a NACK of it */
};

static struct publisher {
	struct publish_options o;
	uv_loop_t loop;
	uv_timer_t second, grace;
	struct whip_http *http;
	struct dtls_ctx *dtls;
	struct media_source *source;
	struct feed *feed;
	struct sender sender;
	struct client_session *session;
	struct report_last last;
	int track[MEDIA_KINDS];
	bool ending;
	int code; /* exit status */
	char words[WHIP_WORDS_SIZE];
} p = {.track = {-1, -1}};

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
	text_copy(p.words, sizeof(p.words), words);
	sender_stop(&p.sender);
	uv_timer_stop(&p.second);
	client_session_stop(p.session, on_stopped);
}

static void
on_grace(uv_timer_t *timer)
{
	(void)timer;
	begin_end(EX_OK, "");
}

static void
on_sender_done(void *arg, const char *words)
{
	(void)arg;
	if (words[0] == '\0') {
		uv_timer_start(&p.grace, on_grace, GRACE_MS, 0);
		return;
	}
	log_error("input", "%s", words);
	begin_end(EX_DATAERR, words);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	if (p.ending)
		_exit(128 + signum);
	begin_end(EX_OK, "");
}

/* ---- the session ---- */

static void
on_second(uv_timer_t *timer)
{
	(void)timer;
	if (p.o.stats)
		report_second(stdout, p.session, &p.sender, &p.last);
	else
		report_status(stderr, p.session, &p.sender, &p.last);
}

static void
on_feed_ready(void *arg)
{
	(void)arg;
	sender_ready(&p.sender);
}

static void
on_connected(void *arg, const struct peer_info *info)
{
	char text[ADDR_TEXT_SIZE];
	const char *relay = client_session_relay(p.session);

	(void)arg;
	log_info("session", "connected to %s%s%s, %s", addr_format(&info->path.remote, text),
		 relay != NULL ? " by " : "", relay != NULL ? relay : "", info->profile_name);
	p.feed = feed_new(&p.loop, p.source, p.o.testing, on_feed_ready, NULL);
	if (p.feed == NULL) {
		begin_end(EX_OSERR, "out of memory");
		return;
	}
	p.source = NULL; /* the feed's now */
	sender_start(&p.sender, p.feed, p.session, p.track);
	if (p.o.test.layer_count > 1 && sender_layers(&p.sender) < p.o.test.layer_count)
		log_warn("session", "the server takes %u of %u layers", sender_layers(&p.sender),
			 p.o.test.layer_count);
	if (p.o.stats || (!p.o.quiet && isatty(STDERR_FILENO)))
		uv_timer_start(&p.second, on_second, 1000, 1000);
}

static void
on_ended(void *arg, enum client_code code, const char *words)
{
	(void)arg;
	log_error(client_code_stage(code), "%s", words);
	begin_end(code, words);
}

static void
on_keyframe(void *arg, unsigned track)
{
	(void)arg;
	sender_keyframe(&p.sender, track);
}

static void
on_bitrate(void *arg, uint64_t bitrate_bps)
{
	(void)arg;
	if (p.o.max_bps != 0)
		sender_bitrate(&p.sender, MIN_OF(bitrate_bps, (uint64_t)p.o.max_bps));
}

static const struct client_session_events events = {
    .bitrate = on_bitrate,
    .connected = on_connected,
    .ended = on_ended,
    .keyframe = on_keyframe,
};

/*
 * The source's codec, by its first row: of H.264 that is constrained baseline, and receivers decode
 * other profiles too, whatever the label says.
 */
static void
choose_codec(struct sdp_codec *out, enum payload_codec codec)
{
	struct sdp_codec all[VIDEO_CODECS_MAX];
	size_t count = sdp_default_codecs(SDP_VIDEO, true, all, VIDEO_CODECS_MAX);

	*out = all[0];
	for (size_t i = count; i > 0; i--)
		if (payload_codec_of(all[i - 1].name) == codec)
			*out = all[i - 1];
}

/* What the encoder begins with, with room for headers and the sound. */
static uint64_t
start_rate(void)
{
	return MIN_OF((uint64_t)p.o.file.video_bps * 5 / 4, (uint64_t)p.o.max_bps);
}

/* Packets of a simulcast layer carry its name (RFC 8852). */
static size_t
choose_exts(struct sdp_ext exts[static EXTS_MAX], bool layers)
{
	static const char *const uris[] = {SDP_EXT_RID, SDP_EXT_REPAIRED_RID};
	size_t count = sdp_default_exts(true, exts, EXTS_MAX - ARRAY_COUNT(uris));

	for (size_t i = 0; layers && i < ARRAY_COUNT(uris); i++)
		exts[count++] = (struct sdp_ext){
		    .id = (uint16_t)(RID_EXT_ID + i), .direction = SDP_SENDRECV, .uri = uris[i]};
	return count;
}

static int
start_session(void)
{
	static const char *const rids[MEDIA_LAYERS_MAX] = {"f", "h", "q", "e"}; /* full, half ... */
	struct sdp_codec video[1], audio[1];
	struct sdp_ext exts[MEDIA_KINDS][EXTS_MAX];
	size_t count = 0;
	struct sdp_offer_track tracks[MEDIA_KINDS];
	struct client_session_config config = {.loop = &p.loop,
					       .protocol = p.o.client.protocol,
					       .ice_servers = &p.o.client.ice_servers,
					       .relay_only = p.o.client.relay_only,
					       .http = p.http,
					       .dtls = p.dtls,
					       .whip = &p.o.client.whip,
					       .url = p.o.endpoint,
					       .tracks = tracks,
					       .rate_start_bps = start_rate(),
					       .rate_max_bps = p.o.max_bps,
					       .events = &events,
					       .connect_timeout_us =
						   (uint64_t)(p.o.client.timeout_s * 1e6)};

	choose_codec(video, media_source_codec(p.source));
	sdp_default_codecs(SDP_AUDIO, false, audio, 1);
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		unsigned layers;

		if (!media_source_has(p.source, k))
			continue;
		layers = k == MEDIA_VIDEO ? p.o.test.layer_count : 0;
		p.track[k] = (int)count;
		tracks[count++] =
		    (struct sdp_offer_track){.kind = k == MEDIA_VIDEO ? SDP_VIDEO : SDP_AUDIO,
					     .direction = SDP_SENDONLY,
					     .codec_count = 1,
					     .codecs = k == MEDIA_VIDEO ? video : audio,
					     .ext_count = choose_exts(exts[k], layers > 1),
					     .exts = exts[k],
					     .rids = rids,
					     .rid_count = layers};
	}
	config.track_count = count;
	p.session = client_session_start(&config);
	return p.session != NULL ? 0 : -errno;
}

/* ---- the beginning ---- */

static void
open_source(void)
{
	struct media_words words = {""};

	media_init();
	p.source = p.o.testing ? media_source_test(&p.o.test, &words)
			       : media_source_file(&p.o.file, &words);
	if (p.source == NULL) {
		log_error("input", "%s", words.text);
		exit(p.o.testing ? EX_USAGE : EX_NOINPUT);
	}
	if (p.o.max_bps != 0 && media_source_has(p.source, MEDIA_VIDEO) &&
	    !media_source_encodes(p.source, MEDIA_VIDEO))
		log_warn("input", "the picture is sent as it is: --max-bitrate changes nothing");
	if (p.o.file.gop_s > 0 && media_source_has(p.source, MEDIA_VIDEO) &&
	    !media_source_encodes(p.source, MEDIA_VIDEO))
		log_warn("input", "the picture is sent as it is: --gop changes nothing");
	if (media_source_note(p.source)[0] != '\0')
		log_info("input", "%s", media_source_note(p.source));
}

static int
set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&p.loop);
	uv_timer_init(&p.loop, &p.second);
	uv_timer_init(&p.loop, &p.grace);
	p.http = whip_http_new(&p.loop);
	p.dtls = dtls_ctx_new();
	sender_init(&p.sender, &p.loop, on_sender_done, NULL);
	p.sender.duration_us = (int64_t)(p.o.duration_s * 1e6);
	p.sender.no_pli = p.o.no_pli;
	if (p.http == NULL || p.dtls == NULL)
		return -ENOMEM;
	loop_on_signal(&p.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&p.loop, SIGTERM, on_signal, NULL);
	return start_session();
}

static void
tear_down(void)
{
	feed_free(p.feed);
	media_source_free(p.source);
	sender_stop(&p.sender);
	client_session_free(p.session);
	whip_http_free(p.http);
	loop_finish(&p.loop);
	dtls_ctx_free(p.dtls);
}

int
main(int argc, char **argv)
{
	int r;

	log_init("rtc-publish", LOG_INFO);
	publish_options_parse(&p.o, argc, argv);
	open_source();
	r = set_up();
	if (r < 0) {
		log_error("session", "%s", strerror(-r));
		p.code = EX_OSERR;
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		if (!p.o.quiet && isatty(STDERR_FILENO))
			fputc('\n', stderr);
		if (p.o.json || !p.o.quiet)
			report_summary(p.o.json, p.session, &p.sender, p.code, p.words);
	}
	tear_down();
	return p.code;
}
