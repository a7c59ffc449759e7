/* options.c - the command line. */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/text.h"

static const char usage_text[] =
    "usage: rtc-bench [-jk] [-n players] [-M streams] [-d seconds] [-r joins] [-s seconds]\n"
    "                 [-m percent] [-D all|sample|none] [-x percent] [-p pid] [-t file]\n"
    "                 [--publish[=URL]] [--file file] URL\n";

static const char help_text[] =
    "  -n, --players N        players of each stream (50)\n"
    "  -M, --streams N        streams; [s] in the URLs stands for the number, 1 to N (1)\n"
    "  -d, --duration S       seconds that are measured (10)\n"
    "  -r, --rate N           players that join per second (50)\n"
    "  -s, --settle S         seconds between the last join and the measured interval (2)\n"
    "      --publish[=URL]    publish a stream, too; URL: where, if URL of the players is not "
    "webrtc://\n"
    "      --file FILE        what is published: a file's picture and sound, in a loop\n"
    "  -p, --pid PID          measure this process's CPU and memory; may be repeated\n"
    "  -D, --decrypt WHAT     all, sample or none of the packets (sample)\n"
    "  -m, --max-loss P       exit 1 above this loss in percent (0.5)\n"
    "  -x, --drop P           throw this percentage of arriving packets away (0)\n"
    "  -t, --token-file FILE  Bearer token; else $RTC_TOKEN\n"
    "  -k, --insecure         do not verify TLS certificates\n"
    "  -j, --json             one JSON object on stdout\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n";

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE + 1;
}

static int
bad(const char *what, const char *value)
{
	fprintf(stderr, "rtc-bench: fatal: %s: %s\n", what, value);
	return usage();
}

/* A plain number from low to high. */
static bool
take_number(const char *text, double low, double high, double *out)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0 || !isfinite(v) || v < low || v > high)
		return false;
	*out = v;
	return true;
}

static int
take_decrypt(struct bench_options *o, const char *text)
{
	static const char *const names[] = {
	    [BENCH_ALL] = "all", [BENCH_SAMPLE] = "sample", [BENCH_NONE] = "none"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			o->decrypt = (enum bench_decrypt)i;
			return 0;
		}
	}
	return bad("--decrypt is all, sample or none, not", text);
}

static int
take_option(struct bench_options *o, int c, const char *text, const char **publish,
	    const char **token_file)
{
	double v = 0;

	switch (c) {
	case 'n':
		if (!take_number(text, 0, BENCH_PLAYERS_MAX, &v) || v != floor(v))
			return bad("--players is 0 to 20000, not", text);
		o->players = (unsigned)v;
		break;
	case 'M':
		if (!take_number(text, 1, BENCH_STREAMS_MAX, &v) || v != floor(v))
			return bad("--streams is 1 to 2000, not", text);
		o->streams = (unsigned)v;
		break;
	case 'r':
		if (!take_number(text, 1, 10000, &v))
			return bad("--rate is 1 to 10000, not", text);
		o->rate = (unsigned)v;
		break;
	case 'd':
		if (!take_number(text, 0.1, 86400, &v))
			return bad("--duration is 0.1 to 86400, not", text);
		o->duration_us = (uint64_t)(v * 1e6);
		break;
	case 's':
		if (!take_number(text, 0, 3600, &v))
			return bad("--settle is 0 to 3600, not", text);
		o->settle_us = (uint64_t)(v * 1e6);
		break;
	case 'm':
		if (!take_number(text, 0, 100, &v))
			return bad("--max-loss is 0 to 100, not", text);
		o->max_loss = v;
		break;
	case 'x':
		if (!take_number(text, 0, 100, &o->drop))
			return bad("--drop is 0 to 100, not", text);
		break;
	case 'p':
		if (!take_number(text, 1, 4194304, &v) || v != floor(v))
			return bad("--pid is a process id, not", text);
		if (o->pid_count == BENCH_PIDS_MAX)
			return bad("too many --pid", text);
		o->pids[o->pid_count++] = (int)v;
		break;
	case 'D':
		return take_decrypt(o, text);
	case 'P':
		o->publish = true;
		*publish = text;
		break;
	case 'F':
		o->file = text;
		break;
	case 't':
		*token_file = text;
		break;
	case 'k':
		o->whip.insecure = true;
		break;
	case 'j':
		o->json = true;
		break;
	default:
		return usage();
	}
	return 0;
}

int
bench_url(char out[static WHIP_URL_SIZE], const char *url, unsigned stream, enum whip_action action)
{
	const char *mark = strstr(url, "[s]");
	char one[WHIP_URL_SIZE];
	int n;

	if (mark == NULL)
		return whip_url(out, WHIP_URL_SIZE, url, action);
	n = snprintf(one, sizeof(one), "%.*s%u%s", (int)(mark - url), url, stream, mark + 3);
	return n < (int)sizeof(one) ? whip_url(out, WHIP_URL_SIZE, one, action) : -ENOSPC;
}

/* Every number must give a URL; the longest is that of the last. */
static int
try_url(const struct bench_options *o, const char *url, enum whip_action action)
{
	char whole[WHIP_URL_SIZE];

	if (o->streams > 1 && strstr(url, "[s]") == NULL)
		return bad("more than one stream wants [s] in the URL where the number goes", url);
	if (bench_url(whole, url, o->streams, action) != 0)
		return bad("not a URL of http, https or webrtc", url);
	return 0;
}

static int
take_urls(struct bench_options *o, const char *play, const char *publish, const char *token_file)
{
	int r = try_url(o, play, WHIP_PLAY);

	if (r != 0)
		return r;
	if (o->publish && publish == NULL && strncmp(play, "webrtc://", 9) != 0)
		return bad("--publish needs its own URL, for this one only plays", play);
	o->play_url = play;
	o->publish_url = publish != NULL ? publish : play;
	r = o->publish ? try_url(o, o->publish_url, WHIP_PUBLISH) : 0;
	if (r != 0)
		return r;
	if (o->file != NULL && !o->publish)
		return bad("--file is what --publish publishes; it is not given, for", play);
	if (o->players == 0 && !o->publish)
		return bad("nothing to do: no players and no --publish", play);
	if ((uint64_t)o->players * o->streams > BENCH_PLAYERS_MAX)
		return bad("more than 20000 players in all", play);
	r = whip_token(o->token, token_file);
	if (r != 0) {
		fprintf(stderr, "rtc-bench: fatal: cannot read the token: %s\n", strerror(-r));
		return EX_NOINPUT + 1;
	}
	o->whip.token = o->token[0] != '\0' ? o->token : NULL;
	return 0;
}

int
bench_options_parse(struct bench_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"players", required_argument, NULL, 'n'},
	    {"streams", required_argument, NULL, 'M'},
	    {"duration", required_argument, NULL, 'd'},
	    {"rate", required_argument, NULL, 'r'},
	    {"settle", required_argument, NULL, 's'},
	    {"publish", optional_argument, NULL, 'P'},
	    {"file", required_argument, NULL, 'F'},
	    {"pid", required_argument, NULL, 'p'},
	    {"decrypt", required_argument, NULL, 'D'},
	    {"max-loss", required_argument, NULL, 'm'},
	    {"drop", required_argument, NULL, 'x'},
	    {"token-file", required_argument, NULL, 't'},
	    {"insecure", no_argument, NULL, 'k'},
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {0},
	};
	const char *publish = NULL, *token_file = NULL;

	*o = (struct bench_options){.players = 50,
				    .streams = 1,
				    .rate = 50,
				    .duration_us = 10000000,
				    .settle_us = 2000000,
				    .join_timeout_us = 20000000,
				    .decrypt = BENCH_SAMPLE,
				    .max_loss = 0.5};
	for (;;) {
		int c = getopt_long(argc, argv, "n:M:d:r:s:p:D:m:x:t:kjhV", longs, NULL), r;

		if (c < 0)
			break;
		if (c == 'h') {
			printf("%s%s", usage_text, help_text);
			return EX_OK + 1;
		}
		if (c == 'V') {
			puts("rtc-bench " RTCKIT_VERSION);
			return EX_OK + 1;
		}
		r = take_option(o, c, optarg, &publish, &token_file);
		if (r != 0)
			return r;
	}
	if (argc - optind != 1)
		return bad("wants one URL", argc == optind ? "there is none" : argv[optind + 1]);
	return take_urls(o, argv[optind], publish, token_file);
}
