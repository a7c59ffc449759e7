/* settings.c - values: checked, kept with their origin, found. */
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/text.h"

__attribute__((format(printf, 3, 0))) static void
say(const char *where, const char *level, const char *format, va_list args)
{
	fprintf(stderr, "rtc-conf: %s: %s: ", where, level);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void
settings_warn(struct settings *s, const char *where, const char *format, ...)
{
	va_list args;

	s->warnings++;
	if (s->quiet)
		return;
	va_start(args, format);
	say(where, "warning", format, args);
	va_end(args);
}

void
settings_error(struct settings *s, const char *where, const char *format, ...)
{
	va_list args;

	s->errors++;
	va_start(args, format);
	say(where, "error", format, args);
	va_end(args);
}

static bool
is_number(const char *text, double min, double max, bool fraction)
{
	char *end;
	double v;

	if (text[strspn(text, fraction ? "0123456789." : "0123456789")] != '\0' || *text == '\0')
		return false;
	v = strtod(text, &end);
	return *end == '\0' && v >= min && v <= max;
}

/* "8000", "0.0.0.0:8000", "[::]:8000"; port 0 lets the kernel choose. */
static bool
is_listen(const char *text)
{
	struct addr a;

	if (is_number(text, 0, 65535, false))
		return true;
	return strchr(text, ':') != NULL && addr_parse(&a, text, 0) == 0 && addr_port(&a) != 0;
}

bool
settings_is_word(const char *text, const char *words)
{
	size_t n = strlen(text);

	for (const char *w = words; *w != '\0'; w += strcspn(w, " "), w += *w == ' ')
		if (n > 0 && strcspn(w, " ") == n && memcmp(w, text, n) == 0)
			return true;
	return false;
}

static bool
is_text(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* NULL if the value fits, else what would. */
static const char *
fault_of(const struct directive *o, const char *value, char *out, size_t size)
{
	bool ok = true;

	out[0] = '\0';
	switch (o->type) {
	case DIRECTIVE_SWITCH:
		ok = settings_is_word(value, "on off");
		snprintf(out, size, "on or off");
		break;
	case DIRECTIVE_LISTEN:
		ok = is_listen(value);
		snprintf(out, size, "a port (0 to 65535) or address:port");
		break;
	case DIRECTIVE_NUMBER:
	case DIRECTIVE_SECONDS:
		ok = is_number(value, o->min, o->max, o->type == DIRECTIVE_SECONDS);
		snprintf(out, size, "a number from %g to %.0f%s", o->min, o->max,
			 o->type == DIRECTIVE_SECONDS ? " (seconds)" : "");
		break;
	case DIRECTIVE_CHOICE:
		ok = settings_is_word(value, o->words);
		snprintf(out, size, "one of: %s", o->words);
		break;
	case DIRECTIVE_TEXT:
		ok = is_text(value);
		snprintf(out, size, "text without control characters");
		break;
	case DIRECTIVE_CHECKED:
		ok = value[0] == '\0' || (is_text(value) && o->fits(value));
		snprintf(out, size, "%s", o->words);
		break;
	}
	return ok ? NULL : out;
}

static void
clear(struct setting *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->values[i]);
	t->count = 0;
}

static void
store(struct setting *t, const char *const *values, size_t count, const char *origin)
{
	for (size_t i = 0; i < count; i++) {
		t->values[t->count] = strdup(values[i]);
		if (t->values[t->count] == NULL)
			abort();
		t->count++;
	}
	text_copy(t->origin, sizeof(t->origin), origin);
}

bool
settings_set(struct settings *s, int index, const char *const *values, size_t count,
	     const char *where, const char *origin)
{
	const struct directive *o = &directives[index];
	struct setting *t = &s->of[index];
	bool adds = o->many && t->layer == s->layer && s->layer != LAYER_ENVIRONMENT;
	char expected[128];

	if (count == 0 || (count > 1 && !o->many)) {
		settings_error(s, where, "%s takes %s, %zu given%s", o->name,
			       o->many ? "one or more values" : "one value", count,
			       count > 1 ? ": is a ';' missing?" : "");
		return false;
	}
	if (count + (adds ? t->count : 0) > SETTING_VALUES_MAX) {
		settings_error(s, where, "%s takes %d values at most", o->name, SETTING_VALUES_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (fault_of(o, values[i], expected, sizeof(expected)) != NULL) {
			settings_error(s, where, "%s: '%.64s' is not %s", o->name, values[i],
				       expected);
			return false;
		}
	}
	if (!adds)
		clear(t);
	store(t, values, count, origin);
	t->layer = s->layer;
	return true;
}

void
settings_init(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < directive_count; i++)
		store(&s->of[i], &directives[i].preset, 1, "default");
}

void
settings_fini(struct settings *s)
{
	for (size_t i = 0; i < directive_count; i++)
		clear(&s->of[i]);
}

const struct setting *
settings_get(const struct settings *s, const char *name)
{
	int i = directive_find(name);

	return i < 0 ? NULL : &s->of[i];
}

const char *
settings_text(const struct settings *s, const char *name)
{
	const struct setting *t = settings_get(s, name);

	return t == NULL || t->count == 0 ? "" : t->values[0];
}

bool
settings_is_on(const struct settings *s, const char *name)
{
	return strcmp(settings_text(s, name), "on") == 0;
}
