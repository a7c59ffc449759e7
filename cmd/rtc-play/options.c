#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "log/log.h"
#include "media/media_writer.h"

enum {
	OPT_DURATION = 256,
	OPT_WAIT,
	OPT_MIN_FPS,
	OPT_MAX_LOSS,
	OPT_MAX_FIRST_FRAME,
	OPT_MAX_FREEZE,
	OPT_EXPECT_AUDIO,
	OPT_EXPECT_VIDEO,
	OPT_EXPECT_CARD,
	OPT_EXPECT_CODEC,
	OPT_SNAPSHOT,
	OPT_CODEC
};

static const double WAIT_S = 10;

static const char usage_text[] = "usage: rtc-play [options] URL [FILE|-]\n";

static const char help_text[] =
    "  -f, --format NAME         container of the output (by its extension; matroska on a pipe)\n"
    "      --codec NAME[,NAME]   video codecs to ask for: h264, h265, vp8, vp9, av1 (all that the\n"
    "                            container holds)\n"
    "      --duration SECONDS    stop so long after the first packet\n"
    "      --wait SECONDS        for the first packet, once connected (10)\n"
    "      --min-fps N           fail below so many frames a second\n"
    "      --max-loss PERCENT    fail above so much loss after repair\n"
    "      --max-first-frame S   fail if the first frame comes later\n"
    "      --max-freeze S        fail if the picture stands still longer\n"
    "      --expect-video        fail if no picture is decoded\n"
    "      --expect-audio        fail if no sound is heard\n"
    "      --expect-card         fail unless the test card is seen, in order\n"
    "      --expect-codec NAME   fail unless it is h264, h265, vp8, vp9 or av1; or opus\n"
    "      --snapshot FILE.png   write the first picture (- is standard output); then end, if "
    "nothing\n"
    "                            else is asked for\n"
    "  -j, --json                the report as a JSON object on standard "
    "output\n" CLIENT_PROTOCOL_HELP CLIENT_OPTIONS_HELP "  -q, --quiet               errors only\n"
    "  -h, --help                this text\n"
    "  -V, --version             the version\n";

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"codec", required_argument, NULL, OPT_CODEC},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"min-fps", required_argument, NULL, OPT_MIN_FPS},
    {"max-loss", required_argument, NULL, OPT_MAX_LOSS},
    {"max-first-frame", required_argument, NULL, OPT_MAX_FIRST_FRAME},
    {"max-freeze", required_argument, NULL, OPT_MAX_FREEZE},
    {"expect-video", no_argument, NULL, OPT_EXPECT_VIDEO},
    {"expect-audio", no_argument, NULL, OPT_EXPECT_AUDIO},
    {"expect-card", no_argument, NULL, OPT_EXPECT_CARD},
    {"expect-codec", required_argument, NULL, OPT_EXPECT_CODEC},
    {"snapshot", required_argument, NULL, OPT_SNAPSHOT},
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
	fprintf(stderr, "%srtc-play --help lists the options\n", usage_text);
	exit(EX_USAGE);
}

static int
take_number(double *out, const char *name, const char *arg, double high)
{
	if (client_number(out, arg, 0, high) == 0)
		return 0;
	log_error("options", "--%s wants a number from 0 to %g", name, high);
	return -EINVAL;
}

static int
expect_codec(struct verdict_wants *w, const char *name)
{
	if (strcasecmp(name, "opus") == 0) {
		w->opus = true;
		return 0;
	}
	w->codec = payload_codec_of(name);
	if (w->codec != PAYLOAD_NONE)
		return 0;
	log_error("options", "--expect-codec wants h264, h265, vp8, vp9, av1 or opus");
	return -EINVAL;
}

/* Options that ask for a verdict. */
static int
take_want(struct options *o, int opt, const char *arg)
{
	struct verdict_wants *w = &o->wants;

	o->judging = o->wanting = true;
	switch (opt) {
	case OPT_MIN_FPS:
		return take_number(&w->min_fps, "min-fps", arg, 1000);
	case OPT_MAX_LOSS:
		return take_number(&w->max_loss_percent, "max-loss", arg, 100);
	case OPT_MAX_FIRST_FRAME:
		return take_number(&w->max_first_frame_s, "max-first-frame", arg, 1e6);
	case OPT_MAX_FREEZE:
		return take_number(&w->max_freeze_s, "max-freeze", arg, 1e6);
	case OPT_EXPECT_AUDIO:
		w->audio = true;
		return 0;
	case OPT_EXPECT_VIDEO:
		w->video = true;
		return 0;
	case OPT_EXPECT_CARD:
		w->card = true;
		return 0;
	case OPT_EXPECT_CODEC:
		return expect_codec(w, arg);
	default:
		return -EINVAL;
	}
}

static int
take_shared(struct options *o, int opt, const char *arg)
{
	switch (client_option_take(&o->client, opt, arg)) {
	case 0:
		return take_want(o, opt, arg);
	case 1:
		return 0;
	default:
		return -EINVAL;
	}
}

static int
take_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'f':
		o->format = arg;
		return 0;
	case 'j':
		o->json = o->judging = true;
		return 0;
	case 'q':
		o->quiet = true;
		log_set_level(LOG_ERROR);
		return 0;
	case 'h':
		printf("%s%s", usage_text, help_text);
		exit(EX_OK);
	case 'V':
		puts("rtc-play " RTCKIT_VERSION);
		exit(EX_OK);
	case OPT_CODEC:
		return offer_choose(&o->offer, arg);
	case OPT_SNAPSHOT:
		o->snapshot = arg;
		o->judging = true;
		return 0;
	case OPT_DURATION:
		o->wanting = true;
		return take_number(&o->duration_s, "duration", arg, 1e9);
	case OPT_WAIT:
		return take_number(&o->wait_s, "wait", arg, 1e9);
	default:
		return take_shared(o, opt, arg);
	}
}

/* What was said, taken together. */
static void
check(struct options *o)
{
	struct media_words words = {""};
	bool takes[MEDIA_KINDS];

	if (whip_url(o->endpoint, sizeof(o->endpoint), o->url, WHIP_PLAY) < 0) {
		log_error("options", "the URL is http://, https:// or webrtc://HOST/APP/STREAM");
		usage();
	}
	if (o->path != NULL && o->snapshot != NULL && strcmp(o->path, "-") == 0 &&
	    strcmp(o->snapshot, "-") == 0) {
		log_error("options", "the recording and the snapshot cannot both be standard "
				     "output");
		usage();
	}
	media_init();
	if (o->path != NULL && media_writer_check(o->path, o->format, takes, &words) < 0) {
		log_error("options", "%s", words.text);
		usage();
	}
	o->offer.path = o->path;
	o->offer.format = o->format;
	if (offer_check(&o->offer) < 0)
		usage();
}

void
options_parse(struct options *o, int argc, char **argv)
{
	int opt;

	*o = (struct options){.wait_s = WAIT_S,
			      .wants = {-1, -1, -1, -1, false, false, false, false, PAYLOAD_NONE}};
	while ((opt = getopt_long(argc, argv, "f:jqhV", long_options, NULL)) != -1)
		if (take_option(o, opt, optarg) < 0)
			usage();
	if (argc - optind < 1 || argc - optind > 2) {
		log_error("options", "wants a URL, and at most one file or - for standard output");
		usage();
	}
	o->url = argv[optind];
	o->path = argv[optind + 1];
	o->judging |= o->path == NULL;
	o->wanting |= o->path != NULL;
	check(o);
	if (client_options_finish(&o->client) < 0)
		exit(EX_NOINPUT);
}
