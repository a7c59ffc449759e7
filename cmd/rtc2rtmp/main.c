/* main.c - command line of rtc2rtmp. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/keyhash.h"
#include "base/random.h"
#include "base/text.h"
#include "conf/conf_mount.h"
#include "log/log.h"
#include "media/media.h"
#include "media/media_writer.h"
#include "push.h"
#include "serve.h"

enum {
	OPT_DURATION = 256,
	OPT_SEGMENT,
	OPT_CA,
	OPT_INSECURE,
	OPT_WAIT,
	OPT_AAC_BITRATE,
	OPT_HLS_FRAGMENT,
	OPT_HLS_WINDOW,
	OPT_HLS_FORMAT,
	OPT_HLS_PATH,
	OPT_KEYFRAME,
	OPT_MOUNT,
	OPT_TRANSCODE,
	OPT_NO_FLV,
	OPT_NO_HLS,
	OPT_PROXY,
	AAC_BPS = 128000
};

static struct push_config push = {.wait_s = PUSH_WAIT_S, .aac_bps = AAC_BPS};
static struct serve_config serve = {.live = {.fragment_s = 2,
					     .window_s = 20,
					     .wait_s = LIVE_PUBLISHER_S,
					     .pli_s = 6,
					     .aac_bps = AAC_BPS},
				    .ready_fd = -1};

static const char usage_text[] = "usage: rtc2rtmp [options] STREAM OUTPUT...\n"
				 "       rtc2rtmp [options]\n";

static const char help_text[] =
    "  STREAM is app/stream; OUTPUT is rtmp[s]://HOST/APP/KEY, FILE.flv|mp4|mkv|ts, or -\n"
    "  -f, --format NAME        container of files and of - (by the extension; flv on -)\n"
    "      --duration SECONDS   stop so long after the first packet\n"
    "      --segment TIME       files: another one after 30s, 10m, 1h ..., cut at a keyframe;\n"
    "                           %Y%m%d-%H%M%S and the like in FILE are its time\n"
    "      --ca FILE            authorities to trust for rtmps:// (the system's)\n"
    "      --insecure           rtmps:// to whoever answers\n"
    "      --wait SECONDS       for a publisher (10; of a request when serving: 2)\n"
    "      --aac-bitrate BPS    of sound that is made of Opus (128000)\n"
    "Without STREAM: serve all streams as /app/stream.flv, .ts and .m3u8\n"
    "  -l, --listen [ADDR:]PORT serve here and not on live.sock; may be repeated\n"
    "      --hls-fragment S     length of a segment (2)\n"
    "      --hls-window S       length of a playlist (20)\n"
    "      --hls-format ts|fmp4 of segments, unless a request says ?format= (ts)\n"
    "      --hls-path DIR       write the HLS of all published streams there, too\n"
    "      --keyframe S         ask for one at least so often (6)\n"
    "      --mount TEMPLATE     FLV and MPEG-TS at this path, too: /tv/[app]/[stream].flv\n"
    "      --no-flv, --no-hls   do not serve these\n"
    "      --trusted-proxy ADDR believe the X-Forwarded-* fields of this peer\n"
    "      --transcode          make H.264 of pictures in other codecs\n"
    "  -u, --user USER          become this user once the sockets are taken\n"
    "  -R, --ready-fd FD        write a line to FD when serving\n"
    "  -q, --quiet              errors only\n"
    "  -v, --verbose            more lines in the log\n"
    "  -h, --help               this text\n"
    "  -V, --version            the version\n";

static const struct option options[] = {
    {"format", required_argument, NULL, 'f'},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"segment", required_argument, NULL, OPT_SEGMENT},
    {"ca", required_argument, NULL, OPT_CA},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"aac-bitrate", required_argument, NULL, OPT_AAC_BITRATE},
    {"listen", required_argument, NULL, 'l'},
    {"hls-fragment", required_argument, NULL, OPT_HLS_FRAGMENT},
    {"hls-window", required_argument, NULL, OPT_HLS_WINDOW},
    {"hls-format", required_argument, NULL, OPT_HLS_FORMAT},
    {"hls-path", required_argument, NULL, OPT_HLS_PATH},
    {"keyframe", required_argument, NULL, OPT_KEYFRAME},
    {"mount", required_argument, NULL, OPT_MOUNT},
    {"transcode", no_argument, NULL, OPT_TRANSCODE},
    {"no-flv", no_argument, NULL, OPT_NO_FLV},
    {"no-hls", no_argument, NULL, OPT_NO_HLS},
    {"trusted-proxy", required_argument, NULL, OPT_PROXY},
    {"user", required_argument, NULL, 'u'},
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

/* "90", "30s", "10m", "1h". */
static double
take_time(void)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
	char *end;
	double v = strtod(optarg, &end);

	for (size_t i = 0; end != optarg && i < ARRAY_COUNT(units); i++)
		if (strcmp(end, units[i].unit) == 0 && v * units[i].s >= 1 && v <= 1e6)
			return v * units[i].s;
	log_error("options", "--segment wants a time of a second or more: 30s, 10m, 1h");
	usage();
}

static enum live_form
hls_format(void)
{
	if (strcmp(optarg, "ts") == 0)
		return LIVE_HLS_TS;
	if (strcmp(optarg, "fmp4") == 0)
		return LIVE_HLS_MP4;
	log_error("options", "--hls-format is ts or fmp4");
	usage();
}

static const char *
mount(void)
{
	const char *fault = conf_mount_fault(optarg);

	if (fault == NULL)
		return optarg;
	log_error("options", "--mount %s: %s", optarg, fault);
	usage();
}

static void
take_daemon_option(int opt)
{
	switch (opt) {
	case 'l':
		if (serve.listen_count == HTTP_LISTENER_MAX)
			usage();
		serve.listen[serve.listen_count++] = optarg;
		break;
	case OPT_HLS_FRAGMENT:
		serve.live.fragment_s = number("hls-fragment", 0.5, 60);
		break;
	case OPT_HLS_WINDOW:
		serve.live.window_s = number("hls-window", 1, 3600);
		break;
	case OPT_HLS_FORMAT:
		serve.live.form = hls_format();
		break;
	case OPT_HLS_PATH:
		serve.live.hls_path = optarg;
		break;
	case OPT_KEYFRAME:
		serve.live.pli_s = number("keyframe", 0.5, 60);
		break;
	case OPT_MOUNT:
		serve.live.mount = mount();
		break;
	case OPT_NO_FLV:
		serve.live.no_flv = true;
		break;
	case OPT_NO_HLS:
		serve.live.no_hls = true;
		break;
	case OPT_PROXY:
		if (http_config_add_proxy(&serve.http, optarg) != 0)
			usage();
		break;
	case 'u':
		serve.user = optarg;
		break;
	case 'R':
		serve.ready_fd = (int)number("ready-fd", 0, 65535);
		break;
	default:
		usage();
	}
}

static void
take_option(int opt)
{
	switch (opt) {
	case 'f':
		push.format = optarg;
		break;
	case OPT_DURATION:
		push.duration_s = number("duration", 0, 1e9);
		break;
	case OPT_SEGMENT:
		push.output.segment_s = take_time();
		break;
	case OPT_CA:
		push.output.ca = optarg;
		break;
	case OPT_INSECURE:
		push.output.insecure = true;
		break;
	case OPT_TRANSCODE:
		push.transcode = serve.live.transcode = true;
		break;
	case OPT_WAIT:
		push.wait_s = number("wait", 0, 1e9);
		serve.live.wait_s = MIN_OF(push.wait_s, LIVE_PUBLISHER_MAX_S);
		break;
	case OPT_AAC_BITRATE:
		push.aac_bps = serve.live.aac_bps = (unsigned)number("aac-bitrate", 8000, 512000);
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
		puts("rtc2rtmp " RTCKIT_VERSION);
		exit(EX_OK);
	default:
		take_daemon_option(opt);
	}
}

/* Containers that cannot be told are refused before anything is opened. */
static void
check_outputs(void)
{
	for (size_t i = 0; i < push.path_count; i++) {
		struct media_words words = {""};
		bool takes[MEDIA_KINDS];

		if (media_writer_check(push.paths[i], push_format(&push, i), takes, &words) == 0)
			continue;
		log_error("options", "%s", words.text);
		usage();
	}
}

/*
 * Descriptors 0 to 2 that came closed would be taken by sockets and files, which then get what is
 * meant for others. Was standard output among them?
 */
static bool
fill_standard_fds(void)
{
	bool closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return closed;
}

static void
check_stdout(bool closed)
{
	for (size_t i = 0; closed && i < push.path_count; i++) {
		if (strcmp(push.paths[i], "-") != 0)
			continue;
		log_error("output", "standard output is closed");
		exit(EX_IOERR);
	}
}

int
main(int argc, char **argv)
{
	bool closed = fill_standard_fds();
	uint8_t hash_key[KEYHASH_KEY_SIZE];
	int opt;

	log_init("rtc2rtmp", LOG_INFO);
	random_bytes(hash_key, sizeof(hash_key));
	keyhash_init(hash_key);
	while ((opt = getopt_long(argc, argv, "f:l:u:R:qvhV", options, NULL)) != -1)
		take_option(opt);
	media_init();
	if (argc == optind)
		return serve_run(&serve);
	if (argc - optind < 2 || argc - optind - 1 > PUSH_OUTPUTS_MAX) {
		log_error("options",
			  "wants a stream (live/livestream) and 1 to %d outputs, or neither",
			  PUSH_OUTPUTS_MAX);
		usage();
	}
	push.stream = argv[optind];
	push.paths = argv + optind + 1;
	push.path_count = (size_t)(argc - optind - 1);
	if (!text_is_stream(push.stream)) {
		log_error("options", "%s: a stream is app/stream or vhost/app/stream", push.stream);
		usage();
	}
	check_outputs();
	check_stdout(closed);
	return push_run(&push);
}
