/* http_request.c - read access to a request. */
#include "http/http_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

struct http_server *
http_server_of(const struct http_request *req)
{
	return req->conn->server;
}

const char *
http_method(const struct http_request *req)
{
	return req->method;
}

const char *
http_path(const struct http_request *req)
{
	return req->path;
}

const char *
http_rest(const struct http_request *req)
{
	return req->rest;
}

const char *
http_raw_query(const struct http_request *req)
{
	return req->raw_query;
}

const char *
http_query(const struct http_request *req, const char *name)
{
	return url_query_get(&req->query, name);
}

size_t
http_query_count(const struct http_request *req)
{
	return req->query.count;
}

const char *
http_query_name_at(const struct http_request *req, size_t index)
{
	return url_query_name_at(&req->query, index);
}

const char *
http_query_value_at(const struct http_request *req, size_t index)
{
	return url_query_value_at(&req->query, index);
}

const char *
http_header(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, name);
}

const char *
http_body(const struct http_request *req, size_t *size)
{
	*size = req->body_size;
	return req->body != NULL ? req->body : "";
}

const char *
http_content_type(const struct http_request *req)
{
	return req->type;
}

const char *
http_bearer(const struct http_request *req)
{
	const char *text = http_header(req, "Authorization");

	if (text == NULL || strncasecmp(text, "Bearer ", 7) != 0)
		return NULL;
	return text + 7 + strspn(text + 7, " ");
}

bool
http_client(const struct http_request *req, struct addr *client)
{
	if (req->client_known)
		*client = req->client;
	return req->client_known;
}

bool
http_peer_is_unix(const struct http_request *req)
{
	return req->conn->peer.sa.sa_family == 0;
}

const char *
http_scheme(const struct http_request *req)
{
	return req->scheme;
}

const char *
http_host(const struct http_request *req)
{
	return req->host[0] != '\0' ? req->host : NULL;
}

const char *
http_prefix(const struct http_request *req)
{
	return req->prefix;
}

const char *
http_base(const struct http_request *req, char out[static HTTP_BASE_SIZE])
{
	if (req->host[0] != '\0')
		snprintf(out, HTTP_BASE_SIZE, "%s://%s%s", req->scheme, req->host, req->prefix);
	else
		text_copy(out, HTTP_BASE_SIZE, req->prefix);
	return out;
}

void
http_set_arg(struct http_request *req, void *arg)
{
	req->arg = arg;
}

void *
http_arg(const struct http_request *req)
{
	return req->arg;
}
