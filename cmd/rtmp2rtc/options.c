#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/text.h"
#include "log/log.h"

enum {
	OPT_OPUS_BITRATE = 256,
	OPT_MAX_CHILDREN,
	OPT_MAX_PER_ADDRESS,
	OPT_RATE,
	OPT_CONNECTION,
	OPT_TLS,
	OPT_CERT,
	OPT_KEY,
	OPT_BFRAMES,
	OPT_NO_SEI,
	OPT_PLAYOUT_DELAY,
	OPT_H265_TO_H264,
	OPT_HOOK,
	OPT_LOG_LEVEL
};

static const char usage_text[] =
    "usage: rtmp2rtc [-hV] [-l [address:]port] [-r path] [-t file] [-u user] [-R fd]\n"
    "                [option ...]\n"
    "       rtmp2rtc [option ...] - app/stream\n";

static const char help_text[] =
    "\n"
    "  -l, --listen [ADDRESS:]PORT   serve RTMP there; may be repeated (1935)\n"
    "      --tls [ADDRESS:]PORT      serve RTMPS there; may be repeated\n"
    "      --cert FILE, --key FILE   its certificate and key, PEM\n"
    "  -r, --relay PATH              the relay's media socket\n"
    "  -t, --token-file FILE         tokens of which publishers must carry one: ?secret= or "
    "?token=\n"
    "      --hook                    ask rtc-hook before somebody publishes or plays\n"
    "      --opus-bitrate BPS        of the Opus twin, 8000 to 320000 (48000)\n"
    "      --bframes MODE            for WebRTC players: drop, transcode or keep (drop)\n"
    "      --h265-to-h264            encode H.265 anew for players that have none\n"
    "      --no-sei                  leave out the picture's SEI\n"
    "      --playout-delay MS        browsers show a picture with sound no sooner (140)\n"
    "      --max-children N          connections in all (500)\n"
    "      --max-per-address N       of them from one address (100)\n"
    "      --rate N                  of them served in a second; more wait (10)\n"
    "      --connection FD           serve the one connection on this descriptor\n"
    "  -u, --user NAME               become this user once listening\n"
    "  -R, --ready-fd FD             write a line to it once listening\n"
    "      --log-level LEVEL         error, warn, info or debug\n"
    "  -h, --help                    this text\n"
    "  -V, --version                 the version\n";

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"tls", required_argument, NULL, OPT_TLS},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"relay", required_argument, NULL, 'r'},
    {"token-file", required_argument, NULL, 't'},
    {"opus-bitrate", required_argument, NULL, OPT_OPUS_BITRATE},
    {"bframes", required_argument, NULL, OPT_BFRAMES},
    {"h265-to-h264", no_argument, NULL, OPT_H265_TO_H264},
    {"no-sei", no_argument, NULL, OPT_NO_SEI},
    {"playout-delay", required_argument, NULL, OPT_PLAYOUT_DELAY},
    {"hook", no_argument, NULL, OPT_HOOK},
    {"max-children", required_argument, NULL, OPT_MAX_CHILDREN},
    {"max-per-address", required_argument, NULL, OPT_MAX_PER_ADDRESS},
    {"rate", required_argument, NULL, OPT_RATE},
    {"connection", required_argument, NULL, OPT_CONNECTION},
    {"user", required_argument, NULL, 'u'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fprintf(stderr, "%srtmp2rtc --help lists the options\n", usage_text);
	exit(EX_USAGE);
}

static unsigned
number(const char *text, unsigned long min, unsigned long max, const char *name)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v < min || v > max) {
		log_error("options", "--%s wants a number of %lu to %lu", name, min, max);
		usage();
	}
	return (unsigned)v;
}

const char *const bframe_modes[] = {[VIDEO_DROP_BFRAMES] = "drop",
				    [VIDEO_TRANSCODE_BFRAMES] = "transcode",
				    [VIDEO_KEEP_BFRAMES] = "keep"};

static enum video_bframes
bframe_mode(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(bframe_modes); i++)
		if (strcmp(text, bframe_modes[i]) == 0)
			return (enum video_bframes)i;
	log_error("options", "--bframes wants drop, transcode or keep");
	usage();
}

static void
take_text(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'l':
		if (o->listen_count == LISTEN_MAX)
			usage();
		o->listen[o->listen_count++] = arg;
		break;
	case OPT_TLS:
		if (o->tls_count == LISTEN_MAX)
			usage();
		o->tls[o->tls_count++] = arg;
		break;
	case OPT_CERT:
		o->cert = arg;
		break;
	case OPT_BFRAMES:
		o->video.bframes = bframe_mode(arg);
		break;
	case OPT_KEY:
		o->key = arg;
		break;
	case 'r':
		o->relay = arg;
		break;
	case 't':
		o->token_file = arg;
		break;
	case 'u':
		o->user = arg;
		break;
	default: /* OPT_LOG_LEVEL */
		if (log_level_parse(arg) < 0)
			usage();
		o->log_level = arg;
		log_set_level((enum log_level)log_level_parse(arg));
		break;
	}
}

static void
take(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'h':
		printf("%s%s", usage_text, help_text);
		exit(EX_OK);
	case 'V':
		puts("rtmp2rtc " RTCKIT_VERSION);
		exit(EX_OK);
	case '?':
		usage();
	case 'R':
		o->ready_fd = (int)number(arg, 0, 65535, "ready-fd");
		break;
	case OPT_CONNECTION:
		o->connection_fd = (int)number(arg, 0, 65535, "connection");
		break;
	case OPT_OPUS_BITRATE:
		o->opus_bps = number(arg, 8000, 320000, "opus-bitrate");
		break;
	case OPT_H265_TO_H264:
		o->video.h265_to_h264 = true;
		break;
	case OPT_NO_SEI:
		o->video.drop_sei = true;
		break;
	case OPT_PLAYOUT_DELAY:
		o->playout_delay_ms = number(arg, 0, 10000, "playout-delay");
		break;
	case OPT_HOOK:
		o->hook = true;
		break;
	case OPT_MAX_CHILDREN:
		o->children_max = number(arg, 1, 100000, "max-children");
		break;
	case OPT_MAX_PER_ADDRESS:
		o->per_address_max = number(arg, 1, 100000, "max-per-address");
		break;
	case OPT_RATE:
		o->rate = number(arg, 1, 10000, "rate");
		break;
	default:
		take_text(o, opt, arg);
		break;
	}
}

static void
check_tls(const struct options *o)
{
	bool is_used = o->tls_count > 0 || o->connection_fd >= 0;

	if ((o->cert == NULL) == (o->key == NULL) && (o->tls_count == 0 || o->cert != NULL) &&
	    (o->cert == NULL || is_used))
		return;
	log_error("options", "--tls, --cert and --key go together");
	usage();
}

void
options_parse(struct options *o, int argc, char **argv)
{
	int opt;

	*o = (struct options){.opus_bps = 48000,
			      .playout_delay_ms = 140,
			      .children_max = 500,
			      .per_address_max = 100,
			      .rate = 10,
			      .ready_fd = -1,
			      .connection_fd = -1};
	while ((opt = getopt_long(argc, argv, "l:r:t:u:R:hV", long_options, NULL)) != -1)
		take(o, opt, optarg);
	check_tls(o);
	if (argc - optind == 2 && strcmp(argv[optind], "-") == 0 && o->listen_count == 0 &&
	    o->tls_count == 0 && o->connection_fd < 0) {
		o->input = argv[optind];
		o->stream = argv[optind + 1];
		if (text_is_stream(o->stream))
			return;
		log_error("options", "a stream's name is app/stream");
		usage();
	}
	if (argc != optind)
		usage();
	if (o->listen_count == 0 && o->tls_count == 0)
		o->listen[o->listen_count++] = "1935";
}
