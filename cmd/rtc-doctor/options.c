#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "log/log.h"

enum {
	OPT_WHEP = 256,
	OPT_AS,
	OPT_ONLY,
	OPT_UNTIL,
	OPT_SDP,
	OPT_LISTEN,
	OPT_MEDIA,
	OPT_CERT,
	OPT_KEY
};

static const char usage_text[] = "usage: rtc-doctor [options] URL\n"
				 "       rtc-doctor [options] --sdp FILE\n"
				 "       rtc-doctor --listen [ADDR:]PORT\n";

static const char help_text[] =
    "      --whep                the address is for players (WHEP), not publishers (WHIP)\n"
    "      --as CLIENT           with the limits of obs, browser or ffmpeg; says how it ends\n"
    "      --media[=SECONDS]     send the test picture, or receive, for so long (3)\n"
    "  -c, --count N             connectivity checks per candidate (10)\n"
    "      --only STAGE[,STAGE]  report these stages only\n"
    "      --until STAGE         end after this stage\n"
    "      --sdp FILE            examine a saved answer (- is standard input)\n"
    "      --listen [ADDR:]PORT  be the server that another rtc-doctor examines\n"
    "      --cert FILE           with --listen: https too, PEM, the chain\n"
    "      --key FILE            its private key, PEM\n"
    "  -j, --json                one JSON object per stage, and one for the "
    "result\n" CLIENT_OPTIONS_HELP "  -h, --help                this text\n"
    "  -V, --version             the version\n";

static const struct option long_options[] = {
    {"whep", no_argument, NULL, OPT_WHEP},
    {"as", required_argument, NULL, OPT_AS},
    {"media", optional_argument, NULL, OPT_MEDIA},
    {"count", required_argument, NULL, 'c'},
    {"only", required_argument, NULL, OPT_ONLY},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"sdp", required_argument, NULL, OPT_SDP},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    CLIENT_OPTIONS_LONG,
    {NULL, 0, NULL, 0},
};

/* fault: NULL if it was told already. */
static int
usage(const char *fault, const char *what)
{
	if (fault != NULL)
		fprintf(stderr, "rtc-doctor: %s%s%s\n", fault, what[0] != '\0' ? ": " : "", what);
	fprintf(stderr, "%srtc-doctor --help lists the options\n", usage_text);
	return EX_USAGE;
}

static int
set_as(struct options *o, const char *text)
{
	static const struct {
		const char *name;
		enum doctor_client client;
	} rows[] = {{"obs", DOCTOR_OBS}, {"browser", DOCTOR_BROWSER}, {"ffmpeg", DOCTOR_FFMPEG}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (strcasecmp(text, rows[i].name) == 0) {
			o->as = rows[i].client;
			return 0;
		}
	return usage("--as is obs, browser or ffmpeg, not", text);
}

static int
set_until(struct options *o, const char *text)
{
	int stage = doctor_stage_parse(text);

	if (stage < 0)
		return usage("no such stage", text);
	o->until = (enum doctor_stage)stage;
	o->partial = true;
	return 0;
}

static int
set_only(struct options *o, const char *text)
{
	char name[16];

	o->only = 0;
	o->partial = true;
	for (const char *p = text;; p++) {
		size_t size = strcspn(p, ",");
		int stage;

		snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(size, sizeof(name) - 1), p);
		stage = doctor_stage_parse(name);
		if (stage < 0)
			return usage("no such stage", name);
		o->only |= 1u << stage;
		p += size;
		if (*p == '\0')
			return 0;
	}
}

static int
set_media(struct options *o, const char *text)
{
	o->media_s = OPTION_MEDIA_S;
	if (text != NULL && client_number(&o->media_s, text, 0.5, 3600) < 0)
		return usage("--media wants 0.5 to 3600 seconds, not", text);
	return 0;
}

static int
set_count(struct options *o, const char *text)
{
	double v;

	if (client_number(&v, text, 1, OPTION_COUNT_MAX) < 0 || v != (unsigned)v)
		return usage("-c wants 1 to 1000, not", text);
	o->count = (unsigned)v;
	return 0;
}

static int
help(void)
{
	printf("%s%s", usage_text, help_text);
	return EX_OK;
}

static int
version(void)
{
	puts("rtc-doctor " RTCKIT_VERSION);
	return EX_OK;
}

/* 0, or the exit status. */
static int
take_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_WHEP:
		o->action = WHIP_PLAY;
		return 0;
	case OPT_AS:
		return set_as(o, arg);
	case OPT_ONLY:
		return set_only(o, arg);
	case OPT_UNTIL:
		return set_until(o, arg);
	case OPT_MEDIA:
		return set_media(o, arg);
	case OPT_SDP:
		o->sdp_file = arg;
		return 0;
	case OPT_LISTEN:
		o->listen = arg;
		return 0;
	case OPT_CERT:
		o->tls.cert = arg;
		return 0;
	case OPT_KEY:
		o->tls.key = arg;
		return 0;
	case 'c':
		return set_count(o, arg);
	case 'j':
		o->json = true;
		return 0;
	case '?':
		return usage(NULL, "");
	default:
		return client_option_take(&o->client, opt, arg) == 1 ? 0 : EX_USAGE;
	}
}

/* What stands in the rest of the line, and whether it fits together. */
static int
take_operands(struct options *o, int argc, char **argv)
{
	int want = o->sdp_file == NULL && o->listen == NULL;

	if (o->sdp_file != NULL && o->listen != NULL)
		return usage("--sdp and --listen exclude each other", "");
	if ((o->tls.cert == NULL) != (o->tls.key == NULL) ||
	    (o->tls.cert != NULL && o->listen == NULL))
		return usage("--cert and --key belong together, and to --listen", "");
	if (argc - optind != want)
		return usage(want ? "which URL?" : "no URL goes with --sdp and --listen", "");
	if (o->as != DOCTOR_ANYONE && o->as != DOCTOR_BROWSER && o->action == WHIP_PLAY)
		return usage("of these clients only browsers play (--whep)", "");
	if ((o->only & 1u << DOCTOR_MEDIA) != 0 && o->partial && o->only != OPTION_STAGES_ALL &&
	    o->media_s == 0)
		o->media_s = OPTION_MEDIA_S;
	if (want && whip_url(o->url, sizeof(o->url), argv[optind], o->action) < 0)
		return usage("the URL is http://, https:// or webrtc://HOST/APP/STREAM", "");
	return -1;
}

int
options_parse(struct options *o, int argc, char **argv)
{
	int opt, status;

	*o = (struct options){.only = OPTION_STAGES_ALL,
			      .until = DOCTOR_STAGES - 1,
			      .count = 10,
			      .client.timeout_s = OPTION_TIMEOUT_S};
	while ((opt = getopt_long(argc, argv, "c:jhV", long_options, NULL)) != -1) {
		if (opt == 'h')
			return help();
		if (opt == 'V')
			return version();
		status = take_option(o, opt, optarg);
		if (status != 0)
			return status;
	}
	status = take_operands(o, argc, argv);
	if (status >= 0)
		return status;
	return client_options_finish(&o->client) < 0 ? EX_NOINPUT : -1;
}
