/* options.c - what rtc-publish was asked for. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "log/log.h"

enum {
	OPT_TEST = 256,
	OPT_CODEC,
	OPT_SIMULCAST,
	OPT_START,
	OPT_MAX_BITRATE,
	OPT_LOOP,
	OPT_DURATION,
	OPT_STATS,
	OPT_NO_TRANSCODE,
	OPT_VIDEO_BITRATE,
	OPT_AUDIO_BITRATE,
	OPT_GOP,
	OPT_NO_PLI,
	START_BPS = 1000000, /* with --max-bitrate */
	GOP_MAX_S = 600
};

#define GOP_MIN_S 0.1

static const char usage_text[] = "usage: rtc-publish [options] URL [FILE|-]\n"
				 "       rtc-publish [options] --test[=WIDTHxHEIGHT[@FPS]] URL\n";

static const char help_text[] =
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
    "      --gop SECONDS         a keyframe so often in what is encoded (4)\n"
    "      --no-pli              and no other: ignore requests for one, as OBS does\n"
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
    {"gop", required_argument, NULL, OPT_GOP},
    {"no-pli", no_argument, NULL, OPT_NO_PLI},
    {"stats", no_argument, NULL, OPT_STATS},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    CLIENT_OPTIONS_LONG,
    CLIENT_PROTOCOL_LONG,
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fprintf(stderr, "%srtc-publish --help lists the options\n", usage_text);
	exit(EX_USAGE);
}

static int
parse_test(struct publish_options *o, const char *text)
{
	char tail;
	int n;

	o->testing = true;
	if (text == NULL)
		return 0;
	n = sscanf(text, "%5ux%5u@%3u%c", &o->test.width, &o->test.height, &o->test.fps, &tail);
	if (n == 3 || (n == 2 && strchr(text, '@') == NULL))
		return 0;
	log_error("options", "--test wants WIDTHxHEIGHT or WIDTHxHEIGHT@FPS");
	return -EINVAL;
}

static int
parse_codec(struct publish_options *o, const char *text)
{
	o->file.codec = o->test.codec = payload_codec_of(text);
	if (o->file.codec != PAYLOAD_NONE)
		return 0;
	log_error("options", "--codec wants one of h264, h265, vp8, vp9, av1");
	return -EINVAL;
}

static int
parse_layers(struct publish_options *o, const char *text)
{
	double v;

	if (client_number(&v, text, 2, MEDIA_LAYERS_MAX) < 0 || v != (unsigned)v) {
		log_error("options", "--simulcast wants 2, 3 or 4");
		return -EINVAL;
	}
	o->file.layer_count = o->test.layer_count = (unsigned)v;
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
parse_gop(struct publish_options *o, const char *text)
{
	double v;

	if (client_number(&v, text, GOP_MIN_S, GOP_MAX_S) < 0) {
		log_error("options", "--gop wants %g to %d seconds", GOP_MIN_S, GOP_MAX_S);
		return -EINVAL;
	}
	o->file.gop_s = o->test.gop_s = v;
	return 0;
}

static int
take_option(struct publish_options *o, int opt)
{
	switch (opt) {
	case 'f':
		o->file.format = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'q':
		o->quiet = true;
		log_set_level(LOG_ERROR);
		return 0;
	case 'h':
		printf("%s%s", usage_text, help_text);
		exit(EX_OK);
	case 'V':
		puts("rtc-publish " RTCKIT_VERSION);
		exit(EX_OK);
	case OPT_TEST:
		return parse_test(o, optarg);
	case OPT_CODEC:
		return parse_codec(o, optarg);
	case OPT_SIMULCAST:
		return parse_layers(o, optarg);
	case OPT_LOOP:
		o->file.loop = true;
		return 0;
	case OPT_START:
		return parse_seconds(&o->file.start_s, "start", optarg);
	case OPT_DURATION:
		return parse_seconds(&o->duration_s, "duration", optarg);
	case OPT_MAX_BITRATE:
		return parse_bitrate(&o->max_bps, optarg);
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_NO_TRANSCODE:
		o->file.no_transcode = true;
		return 0;
	case OPT_VIDEO_BITRATE:
		return parse_bitrate(&o->file.video_bps, optarg);
	case OPT_AUDIO_BITRATE:
		return parse_bitrate(&o->file.audio_bps, optarg);
	case OPT_GOP:
		return parse_gop(o, optarg);
	case OPT_NO_PLI:
		o->no_pli = true;
		return 0;
	default:
		return client_option_take(&o->client, opt, optarg) == 1 ? 0 : -EINVAL;
	}
}

void
publish_options_parse(struct publish_options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "f:jqhV", long_options, NULL)) != -1)
		if (take_option(o, opt) < 0)
			usage();
	if (argc - optind != (o->testing ? 1 : 2)) {
		log_error("options", o->testing
					 ? "--test wants a URL and no file"
					 : "wants a URL and a file (- is standard input), or "
					   "--test and a URL");
		usage();
	}
	o->url = argv[optind];
	o->file.path = argv[optind + 1];
	if (whip_url(o->endpoint, sizeof(o->endpoint), o->url, WHIP_PUBLISH) < 0) {
		log_error("options", "the URL is http://, https:// or webrtc://HOST/APP/STREAM");
		usage();
	}
	if (o->max_bps != 0 && o->file.video_bps == 0)
		o->file.video_bps = START_BPS;
	if (o->max_bps != 0)
		o->file.video_bps = MIN_OF(o->file.video_bps, o->max_bps);
	if (o->testing && o->file.start_s > 0) {
		log_error("options", "--start is for files");
		usage();
	}
	o->test.video_bps = o->file.video_bps;
	o->test.audio_bps = o->file.audio_bps;
	if (client_options_finish(&o->client) < 0)
		exit(EX_NOINPUT);
}
