/* http_parse.c - the parts of a request beyond its framing: target, query, who asked, for which
 * host. */
#include "http/http_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char *
field(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, name);
}

struct last {
	const char *name, *value;
};

static enum MHD_Result
take_last(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct last *last = cls;

	(void)kind;
	if (strcasecmp(name, last->name) == 0)
		last->value = value;
	return MHD_YES;
}

/* The last field of the name: what came before is the word of others than the peer, for some
 * proxies add a field of their own behind the client's. */
static const char *
last_field(const struct http_request *req, const char *name)
{
	struct last last = {name, NULL};

	MHD_get_connection_values(req->mhd, MHD_HEADER_KIND, take_last, &last);
	return last.value;
}

/* Split the raw target at '?' and decode both halves. Absolute form loses its scheme and host. */
static int
parse_target(struct http_request *req, const char **detail)
{
	char *text = req->target, *query;
	struct url url;
	int error;

	*detail = "the request target is malformed";
	if (strcmp(text, "*") == 0)
		return text_copy(req->path, sizeof(req->path), "*") ? 0 : 400;
	if (text[0] != '/') {
		if (url_parse(&url, text, strlen(text)) != 0)
			return 400;
		text = req->target + (url.path.ptr - req->target);
	}
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f || *c == '#')
			return 400;
	query = strchr(text, '?');
	if (query != NULL)
		*query++ = '\0';
	req->raw_query = query != NULL ? query : "";
	if (text[0] == '\0') /* absolute form without a path */
		text_copy(req->path, sizeof(req->path), "/");
	else if (url_decode(req->path, sizeof(req->path), text, strlen(text)) < 0)
		return 400;
	if (!url_path_is_safe(req->path))
		return 400;
	*detail = "the query is malformed or has too many parameters";
	error = url_query_parse(&req->query, req->raw_query, strlen(req->raw_query));
	return error == 0 ? 0 : 400;
}

bool
http_conn_is_trusted(const struct http_conn *conn)
{
	const struct http_config *c = &conn->server->config;

	if (conn->peer.sa.sa_family == 0)
		return true;
	for (size_t i = 0; i < c->proxy_count; i++)
		if (addr_same_host(&c->proxies[i], &conn->peer))
			return true;
	return false;
}

/* The last address of a list: the one that the trusted peer itself added. */
static void
parse_client(struct http_request *req)
{
	const char *list = req->trusted ? last_field(req, "X-Forwarded-For") : NULL;
	const char *last = list != NULL ? strrchr(list, ',') : NULL;
	char text[ADDR_TEXT_SIZE];

	req->client = req->conn->peer;
	req->client_known = req->conn->peer.sa.sa_family != 0;
	if (list == NULL)
		return;
	last = last != NULL ? last + 1 : list;
	last += strspn(last, " \t");
	if (text_copy(text, sizeof(text), last)) {
		text[strcspn(text, " \t")] = '\0';
		if (addr_parse(&req->client, text, 0) == 0)
			req->client_known = true;
	}
}

static void
copy_host(struct http_request *req, const char *text)
{
	struct url_span host;
	uint16_t port;
	bool ipv6;

	if (text != NULL && url_parse_host(&host, &port, &ipv6, text, strlen(text)) == 0)
		text_copy(req->host, sizeof(req->host), text);
}

/* The port at which the client reached a proxy that passes Host on without it. */
static void
add_port(struct http_request *req, const char *text)
{
	size_t size = strlen(text), used = strlen(req->host);
	unsigned long port = strtoul(text, NULL, 10);
	struct url_span host;
	uint16_t named;
	bool ipv6;

	if (size == 0 || size > 5 || strspn(text, "0123456789") != size || port == 0 ||
	    port > UINT16_MAX || port == (strcmp(req->scheme, "https") == 0 ? 443 : 80))
		return;
	if (url_parse_host(&host, &named, &ipv6, req->host, used) == 0 && named == 0)
		snprintf(req->host + used, sizeof(req->host) - used, ":%lu", port);
}

/* "/a/b": a safe path of unreserved characters without a final slash. */
static bool
is_prefix(const char *text)
{
	size_t size = strlen(text);

	for (const char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("/-._~", *c) == NULL)
			return false;
	return size > 1 && url_path_is_safe(text) && text[size - 1] != '/';
}

static void
parse_forwarded(struct http_request *req)
{
	const char *proto, *host, *port, *prefix;

	req->trusted = http_conn_is_trusted(req->conn);
	parse_client(req);
	copy_host(req, field(req, "Host"));
	if (!req->trusted)
		return;
	proto = last_field(req, "X-Forwarded-Proto");
	host = last_field(req, "X-Forwarded-Host");
	port = last_field(req, "X-Forwarded-Port");
	prefix = last_field(req, "X-Forwarded-Prefix");
	if (proto != NULL && strcasecmp(proto, "https") == 0)
		req->scheme = "https";
	copy_host(req, host);
	if (port != NULL)
		add_port(req, port);
	if (prefix != NULL && strlen(prefix) < sizeof(req->prefix) && is_prefix(prefix))
		text_copy(req->prefix, sizeof(req->prefix), prefix);
}

static void
parse_type(struct http_request *req)
{
	const char *text = field(req, "Content-Type");
	size_t size;

	if (text == NULL)
		return;
	text += strspn(text, " \t");
	size = strcspn(text, " \t;");
	if (size >= sizeof(req->type))
		return;
	for (size_t i = 0; i < size; i++)
		req->type[i] = (char)tolower((unsigned char)text[i]);
}

int
http_request_parse(struct http_request *req, const char **detail)
{
	int status = parse_target(req, detail);

	parse_forwarded(req);
	parse_type(req);
	if (status == 0)
		*detail = NULL;
	return status;
}
