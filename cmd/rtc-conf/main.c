/* rtc-conf - resolves defaults, file, environment and flags into each program's argv. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "settings.h"
#include "show.h"

extern char **environ;

enum { FLAGS_MAX = 64 }; /* --set on one command line */

struct command_line {
	const char *file;
	const char *flags[FLAGS_MAX];
	size_t flag_count;
	bool check, json, quiet;
};

static const char usage_text[] =
    "usage: rtc-conf [-jnq] [-c file] [-s name=value] [--show]\n"
    "       rtc-conf [-q] [-c file] [-s name=value] argv program\n"
    "       rtc-conf [-q] [-c file] [-s name=value] get name\n"
    "       rtc-conf [-q] [-c file] [-s name=value] programs\n"
    "       rtc-conf [-q] [-c file] [-s name=value] settings program\n";

static const char help_text[] =
    "  -c, --config FILE      read this file\n"
    "  -s, --set NAME=VALUE   override a directive (rtc_server.listen=8000); may be repeated\n"
    "  -n, --check            check only, print nothing\n"
    "      --show             print the effective configuration (the default)\n"
    "  -j, --json             as JSON\n"
    "  -q, --quiet            errors only, no warnings\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n";

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE;
}

static char *
read_all(const char *name, size_t *size, FILE *f)
{
	char *text = malloc(CONF_TEXT_MAX + 2);

	if (text == NULL)
		return NULL;
	*size = fread(text, 1, CONF_TEXT_MAX + 1, f);
	if (ferror(f)) {
		fprintf(stderr, "rtc-conf: %s: error: cannot read: %s\n", name, strerror(errno));
		free(text);
		return NULL;
	}
	return text;
}

static int
load(struct settings *s, const char *name)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	struct conf *conf;
	struct conf_error error;
	size_t size;
	char *text;
	int err;

	s->file = f == stdin ? "stdin" : name;
	if (f == NULL) {
		fprintf(stderr, "rtc-conf: %s: error: cannot open: %s\n", name, strerror(errno));
		return EX_CONFIG;
	}
	text = read_all(name, &size, f);
	if (f != stdin)
		fclose(f);
	if (text == NULL)
		return EX_CONFIG;
	err = conf_parse(&conf, text, size, &error);
	free(text);
	if (err == -EINVAL)
		fprintf(stderr, "rtc-conf: %s:%u:%u: error: %s\n", s->file, error.line,
			error.column, error.text);
	if (err != 0)
		return err == -EINVAL ? EX_CONFIG : EX_OSERR;
	settings_apply_file(s, conf_root(conf));
	conf_free(conf);
	return EX_OK;
}

static int
resolve(struct settings *s, const struct command_line *c)
{
	s->quiet = c->quiet;
	if (c->file != NULL) {
		int code = load(s, c->file);

		if (code != EX_OK)
			return code;
	}
	settings_apply_environment(s, environ);
	for (size_t i = 0; i < c->flag_count; i++)
		settings_apply_flag(s, c->flags[i]);
	if (s->errors == 0)
		settings_check(s);
	return s->errors > 0 ? EX_CONFIG : EX_OK;
}

static int
command_show(const struct settings *s, const struct command_line *c, const char *operand)
{
	(void)operand;
	if (c->json)
		show_json(s);
	else
		show_text(s);
	return EX_OK;
}

static int
command_argv(const struct settings *s, const struct command_line *c, const char *operand)
{
	(void)c;
	if (show_argv(s, operand) == 0)
		return EX_OK;
	fprintf(stderr, "rtc-conf: %s: no program of this name is configured\n", operand);
	return EX_USAGE;
}

static int
command_settings(const struct settings *s, const struct command_line *c, const char *operand)
{
	(void)c;
	if (show_settings(s, operand) == 0)
		return EX_OK;
	fprintf(stderr, "rtc-conf: %s: no program of this name is configured\n", operand);
	return EX_USAGE;
}

static int
command_get(const struct settings *s, const struct command_line *c, const char *operand)
{
	const struct setting *t = settings_get(s, operand);

	(void)c;
	if (t == NULL) {
		fprintf(stderr, "rtc-conf: unknown directive %s\n", operand);
		return EX_USAGE;
	}
	for (size_t i = 0; i < t->count; i++)
		printf("%s\n", t->values[i]);
	return EX_OK;
}

static int
command_programs(const struct settings *s, const struct command_line *c, const char *operand)
{
	(void)c;
	(void)operand;
	show_programs(s);
	return EX_OK;
}

static const struct command {
	const char *name;
	int operands;
	int (*run)(const struct settings *, const struct command_line *, const char *);
} commands[] = {
    {"show", 0, command_show},	       {"argv", 1, command_argv},	  {"get", 1, command_get},
    {"programs", 0, command_programs}, {"settings", 1, command_settings},
};

static int
run(const struct command_line *c, int count, char **operands)
{
	struct settings s;
	const struct command *command = &commands[0];
	int code;

	for (size_t i = 0; count > 0 && i <= ARRAY_COUNT(commands); i++) {
		if (i == ARRAY_COUNT(commands))
			return usage();
		command = &commands[i];
		if (strcmp(command->name, operands[0]) == 0)
			break;
	}
	if (count > 0 && count - 1 != command->operands)
		return usage();
	settings_init(&s);
	code = resolve(&s, c);
	if (code == EX_OK && !c->check)
		code = command->run(&s, c, count > 1 ? operands[1] : NULL);
	settings_fini(&s);
	if (fflush(stdout) != 0)
		code = EX_IOERR;
	return code;
}

enum { LONG_SHOW = 256 };

/* One option; returns -1 to go on, else the exit code. */
static int
take_option(struct command_line *c, int opt)
{
	switch (opt) {
	case 'c':
		c->file = optarg;
		return -1;
	case 'n':
		c->check = true;
		return -1;
	case 'j':
		c->json = true;
		return -1;
	case 'q':
		c->quiet = true;
		return -1;
	case LONG_SHOW:
		return -1;
	case 's':
		if (c->flag_count == FLAGS_MAX)
			return usage();
		c->flags[c->flag_count++] = optarg;
		return -1;
	case 'h':
		printf("%s%s", usage_text, help_text);
		return EX_OK;
	case 'V':
		printf("rtc-conf %s\n", RTCKIT_VERSION);
		return EX_OK;
	default:
		return usage();
	}
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"set", required_argument, NULL, 's'},
	    {"check", no_argument, NULL, 'n'},
	    {"show", no_argument, NULL, LONG_SHOW},
	    {"json", no_argument, NULL, 'j'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct command_line c = {.file = NULL};
	int opt, code;

	while ((opt = getopt_long(argc, argv, "c:s:njqhV", longs, NULL)) != -1) {
		code = take_option(&c, opt);
		if (code >= 0)
			return code;
	}
	return run(&c, argc - optind, argv + optind);
}
