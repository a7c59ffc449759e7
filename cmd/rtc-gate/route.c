/* route.c - from a path to the program that serves it. */
#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "http/url.h"
#include "ipc/ipc.h"

/* First match wins. Sockets are named in the run directory. */
static const struct {
	const char *prefix, *suffix, *query, *program, *socket;
	bool has_secrets;
} table[] = {
    {"/rtc/v1/whip-play", NULL, NULL, "rtc-whep", "whep.sock", true},
    {"/rtc/v1/whip", NULL, "action=play", "rtc-whep", "whep.sock", true},
    {"/rtc/v1/whip", NULL, NULL, "rtc-whip", "whip.sock", true},
    {"/rtc/v1/whep", NULL, NULL, "rtc-whep", "whep.sock", true},
    {"/rtc/v1/publish", NULL, NULL, "rtc-whip", "whip.sock", true},
    {"/rtc/v1/play", NULL, NULL, "rtc-whep", "whep.sock", true},
    {"/sig", NULL, NULL, "rtc-signal", "signal.sock", false},
    {NULL, ".flv", NULL, "rtc2rtmp", "live.sock", false},
    {NULL, ".m3u8", NULL, "rtc2rtmp", "live.sock", false},
    {NULL, ".ts", NULL, "rtc2rtmp", "live.sock", false},
    {NULL, ".m4s", NULL, "rtc2rtmp", "live.sock", false},
    {"/", NULL, NULL, "rtc-web", "web.sock", false},
};

int
gate_routes_init(struct gate_config *config)
{
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct gate_route *r = &config->routes[config->route_count];
		int error = ipc_run_path(r->up.path, sizeof(r->up.path), table[i].socket);

		if (error != 0)
			return error;
		r->prefix = table[i].prefix;
		r->suffix = table[i].suffix;
		r->query = table[i].query;
		r->has_secrets = table[i].has_secrets;
		r->up.program = table[i].program;
		config->route_count++;
	}
	return 0;
}

/* "/abs/path", "name.sock", "port" (loopback), "addr:port". */
static int
parse_upstream(struct gate_upstream *up, const char *text)
{
	size_t size = strlen(text);
	char whole[32];

	up->program = text;
	if (text[0] == '/')
		return text_copy(up->path, sizeof(up->path), text) ? 0 : -ENAMETOOLONG;
	if (size > 5 && strcmp(text + size - 5, ".sock") == 0 && strchr(text, '/') == NULL)
		return ipc_run_path(up->path, sizeof(up->path), text);
	if (size > 0 && size < 6 && strspn(text, "0123456789") == size) {
		snprintf(whole, sizeof(whole), "127.0.0.1:%.5s", text);
		text = whole;
	}
	if (addr_parse(&up->tcp, text, 0) != 0 || addr_port(&up->tcp) == 0)
		return -EINVAL;
	return 0;
}

/* Later --route options are asked first, all of them before the table. */
int
gate_routes_add(struct gate_config *config, char *text)
{
	struct gate_route route = {0};
	char *equals = strchr(text, '=');
	int error;

	if (equals == NULL || config->route_count == GATE_ROUTE_MAX)
		return equals == NULL ? -EINVAL : -ENOSPC;
	*equals = '\0';
	route.prefix = text;
	if (!url_path_is_safe(text))
		return -EINVAL;
	error = parse_upstream(&route.up, equals + 1);
	if (error != 0)
		return error;
	memmove(config->routes + 1, config->routes, config->route_count * sizeof(route));
	config->routes[0] = route;
	config->route_count++;
	return 0;
}

static bool
is_below(const char *prefix, const char *path)
{
	size_t size = strlen(prefix);

	if (strncmp(prefix, path, size) != 0)
		return false;
	return prefix[size - 1] == '/' || path[size] == '\0' || path[size] == '/';
}

static bool
ends_with(const char *path, const char *suffix)
{
	size_t size = strlen(path), n = strlen(suffix);

	return size > n && strcmp(path + size - n, suffix) == 0;
}

static bool
has_parameter(struct url_span query, const char *wanted)
{
	size_t n = strlen(wanted);

	while (query.size > 0) {
		const char *amp = memchr(query.ptr, '&', query.size);
		size_t size = amp != NULL ? (size_t)(amp - query.ptr) : query.size;

		if (size == n && memcmp(query.ptr, wanted, n) == 0)
			return true;
		size += amp != NULL ? 1 : 0;
		query.ptr += size;
		query.size -= size;
	}
	return false;
}

/* The path and query of an origin-form or absolute-form target. */
static bool
split_target(struct http_span target, struct url_span *path, struct url_span *query)
{
	const char *mark;
	struct url url;

	if (target.ptr[0] == '*') {
		*path = (struct url_span){"/", 1};
		*query = (struct url_span){"", 0};
		return true;
	}
	if (target.ptr[0] != '/') {
		if (url_parse(&url, target.ptr, target.size) != 0)
			return false;
		*path = url.path.size > 0 ? url.path : (struct url_span){"/", 1};
		*query = url.query;
		return true;
	}
	mark = memchr(target.ptr, '?', target.size);
	path->ptr = target.ptr;
	path->size = mark != NULL ? (size_t)(mark - target.ptr) : target.size;
	query->ptr = mark != NULL ? mark + 1 : NULL;
	query->size = mark != NULL ? target.size - path->size - 1 : 0;
	return true;
}

const struct gate_route *
gate_route_find(const struct gate_config *config, struct http_span target,
		char log_path[static GATE_LOG_PATH_SIZE])
{
	const char *tail;
	struct url_span raw, query;
	char path[HTTP_TARGET_MAX + 1];

	if (!split_target(target, &raw, &query) ||
	    url_decode(path, sizeof(path), raw.ptr, raw.size) < 0 || !url_path_is_safe(path))
		return NULL;
	tail = query.ptr != NULL ? "?..." : "";
	for (size_t i = 0; i < config->route_count; i++) {
		const struct gate_route *r = &config->routes[i];

		if (r->prefix != NULL ? !is_below(r->prefix, path) : !ends_with(path, r->suffix))
			continue;
		if (r->query != NULL && !has_parameter(query, r->query))
			continue;
		if (r->has_secrets && strlen(path) > strlen(r->prefix) + 1)
			snprintf(log_path, GATE_LOG_PATH_SIZE, "%.100s/...%s", r->prefix, tail);
		else
			snprintf(log_path, GATE_LOG_PATH_SIZE, "%.100s%s", path, tail);
		return r;
	}
	return NULL;
}
