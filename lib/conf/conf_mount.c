#include "conf/conf_mount.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* What stands for the variable of a part; both borrow. */
struct span {
	const char *ptr;
	size_t size;
};

static const struct span vhost_part = {"[vhost]/", 8};

enum variable { VAR_NONE, VAR_APP, VAR_STREAM };

static const struct span variables[] = {
    [VAR_NONE] = {"", 0}, [VAR_APP] = {"[app]", 5}, [VAR_STREAM] = {"[stream]", 8}};

static bool
begins_with(struct span s, struct span with)
{
	return s.size >= with.size && memcmp(s.ptr, with.ptr, with.size) == 0;
}

/* The first variable of a part and where it begins (the part's end: there is none). */
static enum variable
find_variable(struct span part, size_t *at)
{
	for (*at = 0; *at < part.size; (*at)++) {
		struct span rest = {part.ptr + *at, part.size - *at};

		for (size_t v = VAR_APP; v < ARRAY_COUNT(variables); v++)
			if (begins_with(rest, variables[v]))
				return (enum variable)v;
	}
	return VAR_NONE;
}

static struct span
next_part(const char **at, size_t *left)
{
	const char *slash = memchr(*at, '/', *left);
	struct span part = {*at, slash != NULL ? (size_t)(slash - *at) : *left};
	size_t step = part.size + (slash != NULL ? 1 : 0);

	*at += step;
	*left -= step;
	return part;
}

static bool
is_plain(const char *text, size_t size)
{
	static const char fine[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

	while (size > 0 && *text != '\0' && strchr(fine, *text) != NULL) {
		text++;
		size--;
	}
	return size == 0;
}

/* The template without the first slash and without its suffix; size 0: it has none of ours. */
static struct span
body_of(const char *template)
{
	static const struct span suffixes[] = {{".flv", 4}, {".ts", 3}};
	const char *text = template + (template[0] == '/');
	size_t size = strlen(text);

	for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
		size_t n = suffixes[i].size;

		if (size > n && memcmp(text + size - n, suffixes[i].ptr, n) == 0)
			return (struct span){text, size - n};
	}
	return (struct span){text, 0};
}

static const char *
part_fault(struct span part, unsigned counts[])
{
	size_t at, end;
	enum variable v = find_variable(part, &at);

	if (part.size == 0 ||
	    (part.ptr[0] == '.' && part.size <= 2 && part.ptr[part.size - 1] == '.'))
		return "a part between slashes is empty, or made of dots";
	counts[v]++;
	end = at + variables[v].size;
	if (!is_plain(part.ptr, at) || !is_plain(part.ptr + end, part.size - end))
		return "a part may have letters, digits, . _ ~ - and one of [app] and [stream]; "
		       "[vhost] is the first one or none";
	return NULL;
}

const char *
conf_mount_fault(const char *template)
{
	struct span body = body_of(template);
	unsigned counts[ARRAY_COUNT(variables)] = {0};
	const char *fault = NULL;

	if (strlen(template) > CONF_MOUNT_MAX)
		return "it is too long";
	if (body.size == 0)
		return "streams are served as .flv and .ts: it must end in one of these";
	if (begins_with(body, (struct span){"rtc/v1/", 7}) ||
	    begins_with(body, (struct span){"sig/", 4}))
		return "/rtc/v1 and /sig are taken";
	if (begins_with(body, vhost_part)) {
		body.ptr += vhost_part.size;
		body.size -= vhost_part.size;
	}
	while (fault == NULL && body.size > 0)
		fault = part_fault(next_part(&body.ptr, &body.size), counts);
	if (fault != NULL)
		return fault;
	if (counts[VAR_STREAM] != 1 || counts[VAR_APP] > 1)
		return "it wants [stream] once, and [app] at most once";
	return body.ptr[-1] == '/' ? "a part between slashes is empty" : NULL;
}

/* A part of the path against one of the template; what its variable stands for. */
static bool
match_part(struct span want, struct span got, struct span found[])
{
	size_t before, after;
	enum variable v = find_variable(want, &before);

	after = want.size - before - variables[v].size;
	if (v == VAR_NONE)
		return want.size == got.size && begins_with(got, want);
	if (got.size <= before + after || memcmp(got.ptr, want.ptr, before) != 0 ||
	    memcmp(got.ptr + got.size - after, want.ptr + want.size - after, after) != 0)
		return false;
	found[v] = (struct span){got.ptr + before, got.size - before - after};
	return true;
}

static int
match(struct span body, const char *path, struct span vhost, char *name, size_t size)
{
	struct span found[] = {
	    [VAR_NONE] = {"", 0}, [VAR_APP] = {"live", 4}, [VAR_STREAM] = {"", 0}};
	size_t left = strlen(path), need;

	while (body.size > 0 && left > 0)
		if (!match_part(next_part(&body.ptr, &body.size), next_part(&path, &left), found))
			return -ENOENT;
	if (body.size > 0 || left > 0 || path[-1] == '/')
		return -ENOENT;
	need = vhost.size + (vhost.size > 0) + found[VAR_APP].size + 1 + found[VAR_STREAM].size;
	if (need >= size)
		return -ENOSPC;
	snprintf(name, size, "%.*s%s%.*s/%.*s", (int)vhost.size, vhost.ptr,
		 vhost.size > 0 ? "/" : "", (int)found[VAR_APP].size, found[VAR_APP].ptr,
		 (int)found[VAR_STREAM].size, found[VAR_STREAM].ptr);
	return 0;
}

int
conf_mount_match(const char *template, const char *path, char *name, size_t size)
{
	struct span body = body_of(template), none = {"", 0}, vhost;
	const char *slash;
	int r;

	if (path[0] != '/' || path[1] == '\0')
		return -ENOENT;
	path++;
	if (!begins_with(body, vhost_part))
		return match(body, path, none, name, size);
	body.ptr += vhost_part.size;
	body.size -= vhost_part.size;
	r = match(body, path, none, name, size);
	slash = strchr(path, '/');
	if (r != -ENOENT || slash == NULL || slash == path || slash[1] == '\0')
		return r;
	vhost = (struct span){path, (size_t)(slash - path)};
	return match(body, slash + 1, vhost, name, size);
}
