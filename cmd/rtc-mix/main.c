/* main.c - command line of rtc-mix. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/text.h"
#include "log/log.h"
#include "media/media.h"
#include "mix.h"

enum {
	OPT_ROOM = 256,
	OPT_LAYOUT,
	OPT_SIZE,
	OPT_FPS,
	OPT_AUDIO_BITRATE,
	OPT_DELAY,
	OPT_HOLD,
	OPT_FILTER,
	OPT_DURATION,
	OPT_STATS,
	SIDE_MIN = 64,
	SIDE_MAX = 4096
};

static struct mix_config config = {.layout = MIX_GRID,
				   .width = 1280,
				   .height = 720,
				   .fps = 25,
				   .video_bps = 2000000,
				   .audio_bps = 96000,
				   .delay_ms = 200,
				   .hold_s = 3,
				   .ready_fd = -1};

static const char usage_text[] = "usage: rtc-mix [options] STREAM... OUTPUT\n"
				 "       rtc-mix [options] --room ROOM OUTPUT\n";

static const char help_text[] =
    "  STREAM and OUTPUT are app/stream; the relay has the one and gets the other\n"
    "      --room ROOM          mix whoever publishes ROOM/NAME\n"
    "      --layout grid|pip    side by side, or the first large and the others over it\n"
    "      --size WIDTHxHEIGHT  of the picture (1280x720)\n"
    "      --fps N              frames a second (25)\n"
    "  -b, --bitrate BPS        of the picture (2000000)\n"
    "      --audio-bitrate BPS  of the sound (96000)\n"
    "      --delay MS           from a member to the mix; what comes later is late (200)\n"
    "      --hold SECONDS       the last picture of a member that stalls stays (3; 0: for ever)\n"
    "      --filter CHAIN       of libavfilter, for the whole picture\n"
    "      --duration SECONDS   stop after so long\n"
    "      --stats              one JSON object a second on standard output\n"
    "  -j, --json               the summary as a JSON object on standard output\n"
    "  -R, --ready-fd FD        write a line to FD when the mix is published\n"
    "  -q, --quiet              errors only\n"
    "  -v, --verbose            more lines in the log\n"
    "  -h, --help               this text\n"
    "  -V, --version            the version\n";

static const struct option options[] = {
    {"room", required_argument, NULL, OPT_ROOM},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"size", required_argument, NULL, OPT_SIZE},
    {"fps", required_argument, NULL, OPT_FPS},
    {"bitrate", required_argument, NULL, 'b'},
    {"audio-bitrate", required_argument, NULL, OPT_AUDIO_BITRATE},
    {"delay", required_argument, NULL, OPT_DELAY},
    {"hold", required_argument, NULL, OPT_HOLD},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"stats", no_argument, NULL, OPT_STATS},
    {"json", no_argument, NULL, 'j'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static double
number(const char *name, double low, double high)
{
	char *end;
	double v = strtod(optarg, &end);

	if (*optarg != '\0' && *end == '\0' && v >= low && v <= high)
		return v;
	log_error("options", "--%s wants a number from %g to %g", name, low, high);
	usage();
}

static void
take_size(void)
{
	unsigned w, h;
	char rest;

	if (sscanf(optarg, "%ux%u%c", &w, &h, &rest) != 2 || w < SIDE_MIN || w > SIDE_MAX ||
	    h < SIDE_MIN || h > SIDE_MAX || w % 2 != 0 || h % 2 != 0) {
		log_error("options", "--size wants WIDTHxHEIGHT, both even, from %d to %d",
			  SIDE_MIN, SIDE_MAX);
		usage();
	}
	config.width = w;
	config.height = h;
}

static void
take_layout(void)
{
	if (strcmp(optarg, "grid") != 0 && strcmp(optarg, "pip") != 0) {
		log_error("options", "--layout wants grid or pip");
		usage();
	}
	config.layout = optarg[0] == 'p' ? MIX_PIP : MIX_GRID;
}

static void
take_mix_option(int opt)
{
	switch (opt) {
	case OPT_ROOM:
		config.room = optarg;
		break;
	case OPT_LAYOUT:
		take_layout();
		break;
	case OPT_SIZE:
		take_size();
		break;
	case OPT_FPS:
		config.fps = (unsigned)number("fps", 1, 60);
		break;
	case 'b':
		config.video_bps = (unsigned)number("bitrate", 50000, 50000000);
		break;
	case OPT_AUDIO_BITRATE:
		config.audio_bps = (unsigned)number("audio-bitrate", 8000, 320000);
		break;
	case OPT_DELAY:
		config.delay_ms = (unsigned)number("delay", 20, 800);
		break;
	case OPT_HOLD:
		config.hold_s = number("hold", 0, 86400);
		break;
	case OPT_FILTER:
		config.filter = optarg;
		break;
	default:
		usage();
	}
}

static void
take_option(int opt)
{
	switch (opt) {
	case OPT_DURATION:
		config.duration_s = number("duration", 0, 1e9);
		break;
	case OPT_STATS:
		config.stats = true;
		break;
	case 'j':
		config.json = true;
		break;
	case 'R':
		config.ready_fd = (int)number("ready-fd", 0, 65535);
		break;
	case 'q':
		log_set_level(LOG_ERROR);
		break;
	case 'v':
		log_set_level(LOG_DEBUG);
		break;
	case 'h':
		fputs(usage_text, stdout);
		fputs(help_text, stdout);
		exit(EX_OK);
	case 'V':
		puts("rtc-mix " RTCKIT_VERSION);
		exit(EX_OK);
	default:
		take_mix_option(opt);
	}
}

static void
check_stream(const char *name)
{
	if (text_is_stream(name))
		return;
	log_error("options", "%s: a stream is app/stream or vhost/app/stream", name);
	usage();
}

static void
check_streams(void)
{
	char probe[TEXT_STREAM_SIZE + 2];

	check_stream(config.output);
	for (unsigned i = 0; i < config.stream_count; i++) {
		check_stream(config.streams[i]);
		if (strcmp(config.streams[i], config.output) == 0) {
			log_error("options", "%s: the mix cannot be a member of itself",
				  config.output);
			usage();
		}
		for (unsigned k = 0; k < i; k++)
			if (strcmp(config.streams[i], config.streams[k]) == 0) {
				log_error("options", "%s is given twice", config.streams[i]);
				usage();
			}
	}
	if (config.room == NULL)
		return;
	if (!text_copy(probe, sizeof(probe), config.room) ||
	    !text_copy(probe + strlen(probe), 3, "/x") || !text_is_stream(probe)) {
		log_error("options", "--room %s: a room is a name, or vhost/name", config.room);
		usage();
	}
}

int
main(int argc, char **argv)
{
	int opt, count;

	log_init("rtc-mix", LOG_INFO);
	while ((opt = getopt_long(argc, argv, "b:jR:qvhV", options, NULL)) != -1)
		take_option(opt);
	count = argc - optind;
	if (config.room != NULL ? count != 1 : count < 2) {
		log_error("options", "wants streams and an output, or --room and an output");
		usage();
	}
	if (count - 1 > MIX_MEMBERS_MAX) {
		log_error("options", "at most %d streams", MIX_MEMBERS_MAX);
		usage();
	}
	config.streams = argv + optind;
	config.stream_count = (unsigned)count - 1;
	config.output = argv[argc - 1];
	check_streams();
	media_init();
	return mix_run(&config);
}
