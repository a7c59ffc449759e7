/*
 * settings.h - the directives this server knows, each with its default, and their values resolved
 * in the order default, file, environment, flags.
 */
#ifndef RTCKIT_RTC_CONF_SETTINGS_H
#define RTCKIT_RTC_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

enum {
	SETTING_VALUES_MAX = CONF_ARGS_MAX, /* values of one directive */
	SETTINGS_MAX = 128,
	ORIGIN_SIZE = 96,
	DIRECTIVE_NAME_SIZE = 64 /* of a known one, with its NUL */
};

enum directive_type {
	DIRECTIVE_SWITCH,  /* on or off */
	DIRECTIVE_LISTEN,  /* [address:]port */
	DIRECTIVE_NUMBER,  /* min..max */
	DIRECTIVE_SECONDS, /* min..max, a fraction allowed */
	DIRECTIVE_CHOICE,  /* one of words */
	DIRECTIVE_TEXT,	   /* one or more words without control characters */
	DIRECTIVE_CHECKED  /* the same, and fits() says yes, unless it is empty */
};

/* Where a value is from; later ones win. */
enum layer { LAYER_DEFAULT, LAYER_FILE, LAYER_ENVIRONMENT, LAYER_FLAG };

struct directive {
	const char *name; /* "rtc_server.tcp.listen": blocks and directive, joined by dots */
	const char *preset;
	enum directive_type type;
	double min, max;
	const char *words; /* "udp tcp all"; what would fit, if checked */
	bool (*fits)(const char *value);
	const char *alias; /* a second name in files, blocks and directive */
	const char *env;   /* a second environment name, which yields to the first */
	bool many;	   /* takes several values */
};

struct setting {
	char *values[SETTING_VALUES_MAX]; /* owned */
	size_t count;
	enum layer layer;
	char origin[ORIGIN_SIZE]; /* "default", "rtc.conf:3:5", "environment SRS_X", "flag" */
};

/* The resolved configuration and what was said about it. */
struct settings {
	struct setting of[SETTINGS_MAX]; /* in the order of directives[] */
	const char *file;		 /* its name in messages, borrowed */
	unsigned errors, warnings;
	enum layer layer; /* what is being applied */
	bool quiet;	  /* no warnings */
};

extern const struct directive directives[];
extern const size_t directive_count;

/* Index into directives[], or -1. */
int directive_find(const char *name);
/* The environment's name of a directive: "SRS_RTC_SERVER_TCP_LISTEN". Cut at size. */
void directive_env_name(char *out, size_t size, const char *name);

/* Fill with the defaults. */
void settings_init(struct settings *s);
void settings_fini(struct settings *s);
/* Each reports faults on standard error, counts them in errors and warnings, and goes on. */
void settings_apply_file(struct settings *s, const struct conf_node *root);
void settings_apply_environment(struct settings *s, char *const *environment);
void settings_apply_flag(struct settings *s, const char *assignment); /* "name=value" */
/* checks.c: what does not fit together is an error; what is set but has no effect is noted. */
void settings_check(struct settings *s);

/*
 * Check the values of a directive and take them; where is "file:3:5" or a name, for messages. Where
 * several are taken, those that a file says in several lines add up, and so do those of flags.
 */
bool settings_set(struct settings *s, int index, const char *const *values, size_t count,
		  const char *where, const char *origin);
void settings_warn(struct settings *s, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void settings_error(struct settings *s, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Is the text one of the words, which blanks separate? */
bool settings_is_word(const char *text, const char *words);
const struct setting *settings_get(const struct settings *s, const char *name);
const char *settings_text(const struct settings *s, const char *name); /* the first value */
bool settings_is_on(const struct settings *s, const char *name);

/* What an unknown name was meant to be, or NULL if nothing is near. May be written to out. */
const char *directive_suggest(const char *name, char out[static DIRECTIVE_NAME_SIZE]);
/* Known from the usual files, but nothing here reads it. */
bool directive_is_ignored(const char *name);
/* A token itself, where a file of them is to be named. */
bool directive_is_secret(const char *name);

/* fits.c: may it be a value? */
bool fits_ice_server(const char *value);
bool fits_redirect(const char *value);
bool fits_route(const char *value);
/* What is wrong with the files that are named; one that this user may not read is left to those who
 * may. */
void fits_check_files(struct settings *s);

#endif
