#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/text.h"

enum { OPTION_UFRAG = 256, OPTION_PWD, OPTION_PWD_FILE };

/* RFC 8489 s.6.2.1: 7 transmissions from 500 ms on, doubling, and 16 x 500 ms after the last. */
#define RFC_TIMEOUT_US	 39500000u
#define COUNT_TIMEOUT_US 3000000u

static const char usage_text[] =
    "usage: rtc-stun-probe [-46hjTV] [-c count] [-i seconds] [-t seconds]\n"
    "                      [--ufrag ufrag [--pwd pwd | --pwd-file file]] host[:port]\n"
    "       rtc-stun-probe URL    (runs rtc-doctor)\n";

static int
usage(const char *fault, const char *what)
{
	fprintf(stderr, "rtc-stun-probe: %s%s%s\n%s", fault, what[0] != '\0' ? ": " : "", what,
		usage_text);
	return EX_USAGE;
}

static int
help(void)
{
	fputs(usage_text, stdout);
	fputs("Send STUN Binding requests and say whether the port answers.\n"
	      "  -T, --tcp             over TCP (ICE-TCP); else over UDP, and over TCP if that "
	      "fails\n"
	      "  -4, --ipv4            IPv4 only\n"
	      "  -6, --ipv6            IPv6 only\n"
	      "  -c, --count N         send N single requests; report loss and round-trip times\n"
	      "  -i, --interval SEC    time between them (1)\n"
	      "  -t, --timeout SEC     give up after this long (39.5; with -c 3 after each)\n"
	      "      --ufrag UFRAG     the server's ICE user name: authenticate\n"
	      "      --pwd PWD         its ICE password; better --pwd-file or RTC_STUN_PWD\n"
	      "      --pwd-file FILE   read the password from FILE (- is standard input)\n"
	      "  -j, --json            one JSON object\n"
	      "  -h, --help            this text\n"
	      "  -V, --version         the version\n",
	      stdout);
	return 0;
}

/* "0.2" seconds to microseconds, within bounds. 0 or -EINVAL. */
static int
parse_seconds(const char *text, double min, double max, uint64_t *us)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= min && v <= max))
		return -EINVAL;
	*us = (uint64_t)(v * 1e6);
	return 0;
}

static int
set_count(struct options *o, const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v < 1 || v > OPTION_COUNT_MAX)
		return -EINVAL;
	o->count = (unsigned)v;
	o->counting = true;
	return 0;
}

static int
set_interval(struct options *o, const char *text)
{
	return parse_seconds(text, OPTION_INTERVAL_MIN_MS / 1000.0, 3600, &o->interval_us);
}

static int
set_timeout(struct options *o, const char *text)
{
	return parse_seconds(text, 0.01, 3600, &o->timeout_us);
}

/* "LOCAL" or "LOCAL:REMOTE", both of ice-char. */
static int
set_ufrag(struct options *o, const char *text)
{
	size_t head = strcspn(text, ":");

	if (head > ICE_UFRAG_MAX)
		return -EINVAL;
	memcpy(o->creds.ufrag, text, head);
	o->creds.ufrag[head] = '\0';
	if (text[head] == ':' && !text_copy(o->remote, sizeof(o->remote), text + head + 1))
		return -EINVAL;
	return text_is_ice(o->creds.ufrag, 1, ICE_UFRAG_MAX) &&
		       text_is_ice(o->remote, 1, ICE_UFRAG_MAX)
		   ? 0
		   : -EINVAL;
}

static int
set_pwd(struct options *o, const char *text)
{
	return text[0] != '\0' && text_copy(o->creds.pwd, sizeof(o->creds.pwd), text) ? 0 : -EINVAL;
}

static int
set_pwd_file(struct options *o, const char *path)
{
	char line[ICE_PWD_MAX + 2];
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	bool got;

	if (f == NULL)
		return -errno;
	got = fgets(line, sizeof(line), f) != NULL;
	if (f != stdin)
		fclose(f);
	if (!got)
		return -ENODATA;
	line[strcspn(line, "\r\n")] = '\0';
	return set_pwd(o, line);
}

static int
set_ipv4(struct options *o, const char *text)
{
	(void)text;
	o->family = AF_INET;
	return 0;
}

static int
set_ipv6(struct options *o, const char *text)
{
	(void)text;
	o->family = AF_INET6;
	return 0;
}

static int
set_json(struct options *o, const char *text)
{
	(void)text;
	o->json = true;
	return 0;
}

static int
set_tcp(struct options *o, const char *text)
{
	(void)text;
	o->tcp = true;
	return 0;
}

static const struct {
	int key;
	const char *name;
	int (*set)(struct options *, const char *);
} setters[] = {
    {'4', "-4", set_ipv4},	    {'6', "-6", set_ipv6},
    {'c', "-c", set_count},	    {'i', "-i", set_interval},
    {'t', "-t", set_timeout},	    {'j', "-j", set_json},
    {'T', "-T", set_tcp},	    {OPTION_UFRAG, "--ufrag", set_ufrag},
    {OPTION_PWD, "--pwd", set_pwd}, {OPTION_PWD_FILE, "--pwd-file", set_pwd_file},
};

/* Apply one option; 0 or the exit status. */
static int
apply(struct options *o, int key, char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(setters); i++) {
		int err;

		if (setters[i].key != key)
			continue;
		err = setters[i].set(o, text);
		/* The list of processes shows argv to everybody. */
		if (key == OPTION_PWD)
			explicit_bzero(text, strlen(text));
		if (err == 0)
			return 0;
		if (key == OPTION_PWD_FILE && err != -EINVAL) {
			fprintf(stderr, "rtc-stun-probe: cannot read %s: %s\n", text,
				strerror(-err));
			return EX_NOINPUT;
		}
		return usage("bad value of", setters[i].name);
	}
	return usage("unknown option", "");
}

/* "host", "host:port", "1.2.3.4:5", "[::1]:5", "::1". 0 or -EINVAL. */
static int
parse_target(struct options *o, const char *text)
{
	struct addr a;
	const char *colon = strrchr(text, ':');
	size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);
	char *end = NULL;
	unsigned long port = OPTION_PORT;
	char host[ADDR_TEXT_SIZE];

	if (addr_parse(&a, text, OPTION_PORT) == 0) {
		text_copy(o->host, sizeof(o->host), addr_format_host(&a, host));
		o->port = addr_port(&a);
		return o->port != 0 ? 0 : -EINVAL;
	}
	if (colon != NULL)
		port = strtoul(colon + 1, &end, 10);
	if (port < 1 || port > UINT16_MAX ||
	    (colon != NULL && (*end != '\0' || colon[1] < '0' || colon[1] > '9')))
		return -EINVAL;
	if (size == 0 || size >= sizeof(o->host) || text[0] == '-' ||
	    strcspn(text, ":/ []@?#") != size)
		return -EINVAL;
	memcpy(o->host, text, size);
	o->host[size] = '\0';
	o->port = (uint16_t)port;
	return 0;
}

static int
finish(struct options *o, int argc, char **argv)
{
	const char *pwd = getenv("RTC_STUN_PWD");

	if (optind + 1 != argc)
		return usage(optind == argc ? "which host?" : "one host at a time", "");
	if (parse_target(o, argv[optind]) < 0)
		return usage("not host[:port]", argv[optind]);
	if (o->creds.ufrag[0] != '\0' && o->creds.pwd[0] == '\0' &&
	    (pwd == NULL || set_pwd(o, pwd) < 0))
		return usage("--ufrag needs --pwd-file, RTC_STUN_PWD or --pwd", "");
	if (o->creds.ufrag[0] == '\0' && o->creds.pwd[0] != '\0')
		return usage("a password needs --ufrag", "");
	if (o->timeout_us == 0)
		o->timeout_us = o->counting ? COUNT_TIMEOUT_US : RFC_TIMEOUT_US;
	return -1;
}

int
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"ipv4", no_argument, NULL, '4'},
	    {"ipv6", no_argument, NULL, '6'},
	    {"count", required_argument, NULL, 'c'},
	    {"interval", required_argument, NULL, 'i'},
	    {"timeout", required_argument, NULL, 't'},
	    {"ufrag", required_argument, NULL, OPTION_UFRAG},
	    {"pwd", required_argument, NULL, OPTION_PWD},
	    {"pwd-file", required_argument, NULL, OPTION_PWD_FILE},
	    {"json", no_argument, NULL, 'j'},
	    {"tcp", no_argument, NULL, 'T'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0}};
	int key, status;

	*o = (struct options){
	    .family = AF_UNSPEC, .count = 1, .interval_us = 1000000, .remote = "probe"};
	opterr = 0;
	for (key = getopt_long(argc, argv, "46c:i:t:jThV", longs, NULL); key != -1;
	     key = getopt_long(argc, argv, "46c:i:t:jThV", longs, NULL)) {
		if (key == 'h')
			return help();
		if (key == 'V') {
			puts("rtc-stun-probe " RTCKIT_VERSION);
			return 0;
		}
		status = key == '?' ? usage("bad option", argv[optind - 1]) : apply(o, key, optarg);
		if (status != 0)
			return status;
	}
	return finish(o, argc, argv);
}
