/* show.c - the effective configuration as text and JSON. */
#include "show.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Length of the blocks that two names share: "rtc_server.tcp." of ".listen" and ".enabled". */
static size_t
shared_blocks(const char *a, const char *b)
{
	size_t shared = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		if (a[i] == '.')
			shared = i + 1;
	return shared;
}

static void
indent(unsigned depth)
{
	while (depth-- > 0)
		printf("    ");
}

static unsigned
dots(const char *text, size_t size)
{
	unsigned count = 0;

	for (size_t i = 0; i < size && text[i] != '\0'; i++)
		count += text[i] == '.';
	return count;
}

static void
print_value(const char *value)
{
	if (value[0] != '\0' && value[0] != '#' && strcspn(value, " \t;{}\"'\\") == strlen(value)) {
		printf(" %s", value);
		return;
	}
	printf(" \"");
	for (; *value != '\0'; value++)
		printf(*value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	putchar('"');
}

/* Open the blocks of name past the first `shared` characters; returns the rest: the directive. */
static const char *
open_blocks(const char *name, size_t shared, unsigned *depth)
{
	const char *at = name + shared, *dot;

	for (dot = strchr(at, '.'); dot != NULL; dot = strchr(at, '.')) {
		indent(*depth);
		printf("%.*s%s {\n", (int)(dot - at), at,
		       strncmp(at, "vhost.", 6) == 0 ? " __defaultVhost__" : "");
		(*depth)++;
		at = dot + 1;
	}
	return at;
}

void
show_text(const struct settings *s)
{
	const char *before = "";
	unsigned depth = 0;

	for (size_t i = 0; i <= directive_count; i++) {
		const char *name = i < directive_count ? directives[i].name : "", *directive;
		size_t shared = shared_blocks(before, name);

		while (depth > dots(name, shared)) {
			indent(--depth);
			printf("}\n");
		}
		if (i == directive_count)
			break;
		directive = open_blocks(name, shared, &depth);
		indent(depth);
		printf("%s", directive);
		for (size_t k = 0; k < s->of[i].count; k++)
			print_value(s->of[i].values[k]);
		printf(";\t# %s\n", s->of[i].origin);
		before = name;
	}
}

static json_t *
value_json(const struct directive *o, const char *value)
{
	if (o->type == DIRECTIVE_SWITCH)
		return json_boolean(strcmp(value, "on") == 0);
	if (o->type == DIRECTIVE_NUMBER)
		return json_integer(strtoll(value, NULL, 10));
	if (o->type == DIRECTIVE_SECONDS)
		return json_real(strtod(value, NULL));
	return json_string(value);
}

void
show_json(const struct settings *s)
{
	json_t *all = json_object();

	for (size_t i = 0; i < directive_count; i++) {
		const struct setting *t = &s->of[i];
		json_t *one = json_object(), *values = json_array();

		for (size_t k = 0; k < t->count; k++)
			json_array_append_new(values, value_json(&directives[i], t->values[k]));
		if (directives[i].many) {
			json_object_set_new(one, "values", values);
		} else {
			json_object_set(one, "value", json_array_get(values, 0));
			json_decref(values);
		}
		json_object_set_new(one, "origin", json_string(t->origin));
		json_object_set_new(all, directives[i].name, one);
	}
	json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(all);
}
