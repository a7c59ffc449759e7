/* http_route.c - from a whole request to its handler: tables, 404, 405, OPTIONS. */
#include "http/http_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Does the row match? *covered gets the octets of the path before its rest. */
static bool
match(const struct http_route *route, const char *path, size_t *covered)
{
	size_t size = strlen(route->path);

	*covered = size;
	if (strcmp(route->path, path) == 0)
		return true;
	if (!route->prefix || strncmp(route->path, path, size) != 0)
		return false;
	if (route->path[size - 1] != '/')
		return path[size] == '/';
	*covered = size - 1;
	return true;
}

static bool
allows(const struct http_route *route, const char *method)
{
	return route->method == NULL || strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static bool
holds(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ' ') && (at[size] == ',' || at[size] == '\0'))
			return true;
	return false;
}

static void
append(char *list, size_t cap, const char *word)
{
	size_t at = strlen(list);

	if (!holds(list, word))
		snprintf(list + at, cap - at, "%s%s", at > 0 ? ", " : "", word);
}

/* The methods of the rows that match the path, for Allow; their count of octets, 0 if none match.
 */
size_t
http_route_methods(const struct http_request *req, char *out, size_t cap)
{
	const struct http_route *routes = req->conn->server->config.routes;
	size_t covered;

	out[0] = '\0';
	for (const struct http_route *r = routes; r->path != NULL; r++) {
		if (strcmp(req->path, "*") != 0 && !match(r, req->path, &covered))
			continue;
		append(out, cap, r->method != NULL ? r->method : "GET");
		if (r->method == NULL || strcmp(r->method, "GET") == 0)
			append(out, cap, "HEAD");
	}
	if (out[0] != '\0')
		append(out, cap, "OPTIONS");
	return strlen(out);
}

/* A list of field names as a preflight sends it; what is echoed must not be able to hurt. */
static bool
is_name_list(const char *text)
{
	static const char alphabet[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ";

	return strlen(text) < 512 && text[strspn(text, alphabet)] == '\0';
}

void
http_reply_options(struct http_request *req, const struct http_header *further)
{
	enum { OWN = 4, FURTHER_MAX = 16 };
	const char *asked = http_header(req, "Access-Control-Request-Headers");
	struct http_header headers[OWN + FURTHER_MAX + 1] = {{NULL, NULL}}, *at = headers;
	char methods[256];

	http_route_methods(req, methods, sizeof(methods));
	*at++ = (struct http_header){"Allow", methods};
	if (req->conn->server->config.cors) {
		*at++ = (struct http_header){"Access-Control-Allow-Methods", methods};
		*at++ = (struct http_header){
		    "Access-Control-Allow-Headers",
		    asked != NULL && is_name_list(asked)
			? asked
			: "Authorization, Content-Type, If-Match, If-None-Match"};
		*at++ = (struct http_header){"Access-Control-Max-Age", "7200"};
	}
	for (size_t i = 0; further != NULL && further[i].name != NULL && i < FURTHER_MAX; i++)
		*at++ = further[i];
	http_reply(req, 200, headers, "", 0);
}

static void
answer_without_route(struct http_request *req)
{
	char methods[256];
	size_t size = http_route_methods(req, methods, sizeof(methods));
	struct http_header allow[] = {{"Allow", methods}, {NULL, NULL}};

	if (size == 0)
		http_problem(req, 404, "not-found", "Not Found", "there is nothing at this path");
	else if (strcmp(req->method, "OPTIONS") == 0)
		http_reply_options(req, NULL);
	else
		http_problem_with(req, allow, 405, "method-not-allowed", "Method Not Allowed",
				  "%.32s is not possible here; allowed: %s", req->method, methods);
}

void
http_request_dispatch(struct http_request *req)
{
	const struct http_route *routes = req->conn->server->config.routes;
	size_t covered;

	for (const struct http_route *r = routes; r->path != NULL; r++) {
		if (!match(r, req->path, &covered))
			continue;
		req->route = r; /* of another method too: the log must know what is secret */
		req->rest = req->path + covered;
		if (!allows(r, req->method))
			continue;
		r->handler(req);
		return;
	}
	answer_without_route(req);
}
