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
#include "client/options.h"
#include "client/session.h"
#include "log/log.h"
#include "loop/loop.h"
#include "report.h"
#include "sender.h"

enum {
	OPT_TEST = 256,
	OPT_CODEC,
	OPT_SIMULCAST,
	OPT_START,
	OPT_MAX_BITRATE,
	EXTS_MAX = 6,
	RID_EXT_ID = 10,       /* above those of sdp_default_exts() */
	START_BPS = 1000000,   /* with --max-bitrate */
	VIDEO_CODECS_MAX = 16, /* of sdp_default_codecs() */
	OPT_LOOP,
	OPT_DURATION,
	OPT_STATS,
	OPT_NO_TRANSCODE,
	OPT_VIDEO_BITRATE,
	OPT_AUDIO_BITRATE,
	GRACE_MS = 100 /* after the last packet: time for a NACK of it */
};

static struct publisher {
	struct client_options client;
	struct media_test_config test;
	struct media_file_config file;
	const char *url;
	bool testing, stats, json, quiet;
	double duration_s;
	unsigned max_bps; /* follow the network up to it; 0: do not */

	uv_loop_t loop;
	uv_timer_t second, grace;
	struct whip_http *http;
	struct dtls_ctx *dtls;
	char endpoint[WHIP_URL_SIZE];
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

static const char usage_text[] =
    "usage: rtc-publish [options] URL [FILE|-]\n"
    "       rtc-publish [options] --test[=WIDTHxHEIGHT[@FPS]] URL\n"
    "  -f, --format NAME         container of the input, if it cannot be told\n"
    "      --test[=WxH[@FPS]]    send the test card and its tone (640x360@25)\n"
    "      --codec NAME          of the picture: h264, h265, vp8, vp9, av1 (h264, or the file's)\n"
    "      --simulcast N         the picture in N sizes, each half of the one before (2 to 4)\n"
    "      --loop                begin a file again at its end\n"
    "      --start SECONDS       begin so far into the file\n"
    "      --duration SECONDS    stop after so much media\n"
    "      --no-transcode        fail where the input does not fit WebRTC as it is\n"
    "      --video-bitrate BPS   of what is encoded (1000000 test, 2000000 file)\n"
    "      --max-bitrate BPS     follow the network: encode up to so much, less where it is too "
    "much\n"
    "      --audio-bitrate BPS   of what is encoded (64000 test, 96000 file)\n"
    "      --stats               one JSON object a second on standard output\n"
    "  -j, --json                the summary as a JSON object on standard "
    "output\n" CLIENT_PROTOCOL_HELP CLIENT_OPTIONS_HELP "  -q, --quiet               errors only\n"
    "  -h, --help                this text\n"
    "  -V, --version             the version\n";

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"test", optional_argument, NULL, OPT_TEST},
    {"codec", required_argument, NULL, OPT_CODEC},
    {"simulcast", required_argument, NULL, OPT_SIMULCAST},
    {"loop", no_argument, NULL, OPT_LOOP},
    {"start", required_argument, NULL, OPT_START},
    {"max-bitrate", required_argument, NULL, OPT_MAX_BITRATE},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"no-transcode", no_argument, NULL, OPT_NO_TRANSCODE},
    {"video-bitrate", required_argument, NULL, OPT_VIDEO_BITRATE},
    {"audio-bitrate", required_argument, NULL, OPT_AUDIO_BITRATE},
    {"stats", no_argument, NULL, OPT_STATS},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"token-file", required_argument, NULL, CLIENT_OPT_TOKEN_FILE},
    {"ca-file", required_argument, NULL, CLIENT_OPT_CA_FILE},
    {"insecure", no_argument, NULL, CLIENT_OPT_INSECURE},
    {"resolve", required_argument, NULL, CLIENT_OPT_RESOLVE},
    {"timeout", required_argument, NULL, CLIENT_OPT_TIMEOUT},
    {"protocol", required_argument, NULL, CLIENT_OPT_PROTOCOL},
    {"ice-server", required_argument, NULL, CLIENT_OPT_ICE_SERVER},
    {"ice-server-file", required_argument, NULL, CLIENT_OPT_ICE_SERVER_FILE},
    {"relay-only", no_argument, NULL, CLIENT_OPT_RELAY_ONLY},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

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
	if (p.stats)
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
	p.feed = feed_new(&p.loop, p.source, p.testing, on_feed_ready, NULL);
	if (p.feed == NULL) {
		begin_end(EX_OSERR, "out of memory");
		return;
	}
	p.source = NULL; /* the feed's now */
	sender_start(&p.sender, p.feed, p.session, p.track);
	if (p.test.layer_count > 1 && sender_layers(&p.sender) < p.test.layer_count)
		log_warn("session", "the server takes %u of %u layers", sender_layers(&p.sender),
			 p.test.layer_count);
	if (p.stats || (!p.quiet && isatty(STDERR_FILENO)))
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
	if (p.max_bps != 0)
		sender_bitrate(&p.sender, MIN_OF(bitrate_bps, (uint64_t)p.max_bps));
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
	return MIN_OF((uint64_t)p.file.video_bps * 5 / 4, (uint64_t)p.max_bps);
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
					       .protocol = p.client.protocol,
					       .ice_servers = &p.client.ice_servers,
					       .relay_only = p.client.relay_only,
					       .http = p.http,
					       .dtls = p.dtls,
					       .whip = &p.client.whip,
					       .url = p.endpoint,
					       .tracks = tracks,
					       .rate_start_bps = start_rate(),
					       .rate_max_bps = p.max_bps,
					       .events = &events,
					       .connect_timeout_us =
						   (uint64_t)(p.client.timeout_s * 1e6)};

	choose_codec(video, media_source_codec(p.source));
	sdp_default_codecs(SDP_AUDIO, false, audio, 1);
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		unsigned layers;

		if (!media_source_has(p.source, k))
			continue;
		layers = k == MEDIA_VIDEO ? p.test.layer_count : 0;
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

static int
parse_test(const char *text)
{
	char tail;
	int n;

	p.testing = true;
	if (text == NULL)
		return 0;
	n = sscanf(text, "%5ux%5u@%3u%c", &p.test.width, &p.test.height, &p.test.fps, &tail);
	if (n == 3 || (n == 2 && strchr(text, '@') == NULL))
		return 0;
	log_error("options", "--test wants WIDTHxHEIGHT or WIDTHxHEIGHT@FPS");
	return -EINVAL;
}

static int
parse_codec(const char *text)
{
	p.file.codec = p.test.codec = payload_codec_of(text);
	if (p.file.codec != PAYLOAD_NONE)
		return 0;
	log_error("options", "--codec wants one of h264, h265, vp8, vp9, av1");
	return -EINVAL;
}

static int
parse_layers(const char *text)
{
	double v;

	if (client_number(&v, text, 2, MEDIA_LAYERS_MAX) < 0 || v != (unsigned)v) {
		log_error("options", "--simulcast wants 2, 3 or 4");
		return -EINVAL;
	}
	p.file.layer_count = p.test.layer_count = (unsigned)v;
	return 0;
}

static int
parse_bitrate(unsigned *out, const char *text)
{
	double v;

	if (client_number(&v, text, 6000, 100e6) < 0) {
		log_error("options", "a bit rate is 6000 to 100000000 bits per second");
		return -EINVAL;
	}
	*out = (unsigned)v;
	return 0;
}

static int
parse_seconds(double *out, const char *name, const char *text)
{
	if (client_number(out, text, 0.001, 1e9) == 0)
		return 0;
	log_error("options", "--%s wants seconds", name);
	return -EINVAL;
}

static int
take_option(int opt)
{
	switch (opt) {
	case 'f':
		p.file.format = optarg;
		return 0;
	case 'j':
		p.json = true;
		return 0;
	case 'q':
		p.quiet = true;
		log_set_level(LOG_ERROR);
		return 0;
	case 'h':
		fputs(usage_text, stdout);
		exit(EX_OK);
	case 'V':
		puts("rtc-publish " RTCKIT_VERSION);
		exit(EX_OK);
	case OPT_TEST:
		return parse_test(optarg);
	case OPT_CODEC:
		return parse_codec(optarg);
	case OPT_SIMULCAST:
		return parse_layers(optarg);
	case OPT_LOOP:
		p.file.loop = true;
		return 0;
	case OPT_START:
		return parse_seconds(&p.file.start_s, "start", optarg);
	case OPT_DURATION:
		return parse_seconds(&p.duration_s, "duration", optarg);
	case OPT_MAX_BITRATE:
		return parse_bitrate(&p.max_bps, optarg);
	case OPT_STATS:
		p.stats = true;
		return 0;
	case OPT_NO_TRANSCODE:
		p.file.no_transcode = true;
		return 0;
	case OPT_VIDEO_BITRATE:
		return parse_bitrate(&p.file.video_bps, optarg);
	case OPT_AUDIO_BITRATE:
		return parse_bitrate(&p.file.audio_bps, optarg);
	default:
		return client_option_take(&p.client, opt, optarg) == 1 ? 0 : -EINVAL;
	}
}

static void
parse_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "f:jqhV", long_options, NULL)) != -1)
		if (take_option(opt) < 0)
			usage();
	if (argc - optind != (p.testing ? 1 : 2)) {
		log_error("options", p.testing ? "--test wants a URL and no file"
					       : "wants a URL and a file (- is standard input), or "
						 "--test and a URL");
		usage();
	}
	p.url = argv[optind];
	p.file.path = argv[optind + 1];
	if (whip_url(p.endpoint, sizeof(p.endpoint), p.url, WHIP_PUBLISH) < 0) {
		log_error("options", "the URL is http://, https:// or webrtc://HOST/APP/STREAM");
		usage();
	}
	if (p.max_bps != 0 && p.file.video_bps == 0)
		p.file.video_bps = START_BPS;
	if (p.max_bps != 0)
		p.file.video_bps = MIN_OF(p.file.video_bps, p.max_bps);
	if (p.testing && p.file.start_s > 0) {
		log_error("options", "--start is for files");
		usage();
	}
	p.test.video_bps = p.file.video_bps;
	p.test.audio_bps = p.file.audio_bps;
	if (client_options_finish(&p.client) < 0)
		exit(EX_NOINPUT);
}

static void
open_source(void)
{
	struct media_words words = {""};

	media_init();
	p.source =
	    p.testing ? media_source_test(&p.test, &words) : media_source_file(&p.file, &words);
	if (p.source == NULL) {
		log_error("input", "%s", words.text);
		exit(p.testing ? EX_USAGE : EX_NOINPUT);
	}
	if (p.max_bps != 0 && media_source_has(p.source, MEDIA_VIDEO) &&
	    !media_source_encodes(p.source, MEDIA_VIDEO))
		log_warn("input", "the picture is sent as it is: --max-bitrate changes nothing");
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
	p.sender.duration_us = (int64_t)(p.duration_s * 1e6);
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
	parse_options(argc, argv);
	open_source();
	r = set_up();
	if (r < 0) {
		log_error("session", "%s", strerror(-r));
		p.code = EX_OSERR;
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		if (!p.quiet && isatty(STDERR_FILENO))
			fputc('\n', stderr);
		if (p.json || !p.quiet)
			report_summary(p.json, p.session, &p.sender, p.code, p.words);
	}
	tear_down();
	return p.code;
}
