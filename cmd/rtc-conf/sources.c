/* sources.c - where values come from: the file's tree, the environment, flags. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

enum { NAME_SIZE = 256, WHERE_SIZE = 512 };

static const char default_vhost[] = "__defaultVhost__";

/* "vhost.rtc.nack" of a node; false if it is longer than any known name. */
static bool
path_of(char out[static NAME_SIZE], const struct conf_node *n)
{
	const struct conf_node *line[CONF_DEPTH_MAX + 1];
	size_t depth = 0, used = 0;

	for (; n->parent != NULL; n = n->parent)
		line[depth++] = n;
	while (depth-- > 0) {
		int k = snprintf(out + used, NAME_SIZE - used, "%s%s", used > 0 ? "." : "",
				 line[depth]->name);

		if (k < 0 || (size_t)k >= NAME_SIZE - used)
			return false;
		used += (size_t)k;
	}
	return true;
}

/* Left out it would leave a door open; taken it would be shown, and passed in command lines. */
static void
refuse_secret(struct settings *s, const char *where, const char *name, const char *end)
{
	settings_error(s, where,
		       "%s: a token does not belong here: write it into a file of its own, and "
		       "name that with %s%s",
		       name, name, end);
}

static void
unknown(struct settings *s, const char *where, const char *name)
{
	char spare[DIRECTIVE_NAME_SIZE];
	const char *near = directive_suggest(name, spare);

	if (directive_is_secret(name))
		refuse_secret(s, where, name, "_file");
	else if (near != NULL)
		settings_warn(s, where, "unknown directive %s, ignored; did you mean %s?", name,
			      near);
	else
		settings_warn(s, where, "unknown directive %s, ignored", name);
}

static bool
is_block_of(const char *name, const char *known)
{
	size_t n = strlen(name);

	return known != NULL && strncmp(known, name, n) == 0 && known[n] == '.';
}

/* A name of which known ones are made: "rtc_server.tcp" of "rtc_server.tcp.listen". */
static bool
is_known_block(const char *name)
{
	for (size_t i = 0; i < directive_count; i++)
		if (is_block_of(name, directives[i].name) || is_block_of(name, directives[i].alias))
			return true;
	return false;
}

/* "$NAME" is what the environment says, or the default if it says nothing. */
static const char *
expand(const char *value, const struct directive *directive)
{
	const char *env = value[0] == '$' ? getenv(value + 1) : value;

	return value[0] == '$' && (env == NULL || env[0] == '\0') ? directive->preset : env;
}

static void
apply_directive(struct settings *s, const struct conf_node *n, int index, const char *where)
{
	const char *values[CONF_ARGS_MAX];
	char origin[ORIGIN_SIZE];

	for (size_t i = 0; i < n->arg_count; i++)
		values[i] = expand(n->args[i], &directives[index]);
	snprintf(origin, sizeof(origin), "%.64s:%u:%u", s->file, n->line, n->column);
	settings_set(s, index, values, n->arg_count, where, origin);
}

/* Take one node; true if its children are to be visited. */
static bool
apply_node(struct settings *s, const struct conf_node *n)
{
	char name[NAME_SIZE], where[WHERE_SIZE];
	int index;

	snprintf(where, sizeof(where), "%.400s:%u:%u", s->file, n->line, n->column);
	if (!path_of(name, n)) {
		settings_warn(s, where, "unknown directive, ignored");
		return false;
	}
	index = directive_find(name);
	if (directive_is_ignored(name)) {
		settings_warn(s, where, "%s is known but has no effect in this version", name);
	} else if (n->is_block && strcmp(name, "vhost") == 0 &&
		   (n->arg_count != 1 || strcmp(n->args[0], default_vhost) != 0)) {
		settings_warn(s, where,
			      "only vhost %s is configured in this version; this block is ignored",
			      default_vhost);
	} else if (n->is_block && is_known_block(name)) {
		return true;
	} else if (n->is_block && index >= 0) {
		settings_error(s, where, "%s takes a value, not a block", name);
	} else if (!n->is_block && is_known_block(name)) {
		settings_error(s, where, "%s is a block: write %s { ... }", name, name);
	} else if (index >= 0) {
		apply_directive(s, n, index, where);
	} else {
		unknown(s, where, name);
	}
	return false;
}

void
settings_apply_file(struct settings *s, const struct conf_node *root)
{
	const struct conf_node *n = root->child;

	s->layer = LAYER_FILE;
	while (n != NULL) {
		if (apply_node(s, n) && n->child != NULL) {
			n = n->child;
			continue;
		}
		while (n != root && n->next == NULL)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
}

static void
apply_variable(struct settings *s, int index, const char *name)
{
	const char *value = getenv(name), *values[SETTING_VALUES_MAX];
	char copy[4096], origin[ORIGIN_SIZE], *at, *word;
	size_t count = 0;

	if (value == NULL || value[0] == '\0')
		return;
	snprintf(origin, sizeof(origin), "environment %.64s", name);
	if (!directives[index].many) {
		settings_set(s, index, &value, 1, name, origin);
		return;
	}
	text_copy(copy, sizeof(copy), value);
	for (word = strtok_r(copy, " ,", &at); word != NULL && count < SETTING_VALUES_MAX;
	     word = strtok_r(NULL, " ,", &at))
		values[count++] = word;
	if (count > 0)
		settings_set(s, index, values, count, name, origin);
}

static bool
is_env_of_directive(const char *name)
{
	char known[NAME_SIZE];

	for (size_t i = 0; i < directive_count; i++) {
		directive_env_name(known, sizeof(known), directives[i].name);
		if (strcmp(known, name) == 0 ||
		    (directives[i].env != NULL && strcmp(directives[i].env, name) == 0))
			return true;
	}
	return false;
}

/* "SRS_VHOST_PLAY_TOKEN", while there is a variable for a file of tokens. */
static bool
is_secret_variable(const char *name)
{
	char file[NAME_SIZE], known[NAME_SIZE];

	snprintf(file, sizeof(file), "%.*s_FILE", NAME_SIZE - 6, name);
	for (size_t i = 0; i < directive_count; i++) {
		size_t n = strlen(directives[i].name), end = strlen(".token_file");

		directive_env_name(known, sizeof(known), directives[i].name);
		if (n > end && strcmp(directives[i].name + n - end, ".token_file") == 0 &&
		    strcmp(known, file) == 0)
			return true;
	}
	return false;
}

/* Names of the family that nothing reads are mistakes more often than not. */
static void
check_unknown_variables(struct settings *s, char *const *environment)
{
	for (; *environment != NULL; environment++) {
		char name[NAME_SIZE];
		size_t n = strcspn(*environment, "=");

		if (strncmp(*environment, "SRS_", 4) != 0 || n >= sizeof(name))
			continue;
		memcpy(name, *environment, n);
		name[n] = '\0';
		if (is_secret_variable(name))
			refuse_secret(s, name, name, "_FILE");
		else if (!is_env_of_directive(name))
			settings_warn(s, name, "unknown or without effect here, ignored");
	}
}

void
settings_apply_environment(struct settings *s, char *const *environment)
{
	char name[NAME_SIZE];

	s->layer = LAYER_ENVIRONMENT;
	for (size_t i = 0; i < directive_count; i++) {
		if (directives[i].env != NULL)
			apply_variable(s, (int)i, directives[i].env);
		directive_env_name(name, sizeof(name), directives[i].name);
		apply_variable(s, (int)i, name);
	}
	check_unknown_variables(s, environment);
}

void
settings_apply_flag(struct settings *s, const char *assignment)
{
	char name[NAME_SIZE], spare[DIRECTIVE_NAME_SIZE];
	size_t n = strcspn(assignment, "=");
	const char *value = assignment + n + 1, *near;
	int index;

	s->layer = LAYER_FLAG;
	if (assignment[n] != '=' || n >= sizeof(name)) {
		settings_error(s, "--set", "'%.64s' is not NAME=VALUE", assignment);
		return;
	}
	memcpy(name, assignment, n);
	name[n] = '\0';
	index = directive_find(name);
	if (index >= 0) {
		settings_set(s, index, &value, 1, "--set", "flag");
		return;
	}
	near = directive_suggest(name, spare);
	settings_error(s, "--set", "unknown directive %s%s%s%s", name,
		       near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		       near != NULL ? "?" : "");
}
