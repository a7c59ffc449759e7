/* http_reply.c - answers, now or later, and what happens when nobody waits for them any more. */
#include "http/http_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"

static void
watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
watch_stop(struct http_request *req)
{
	if (req->watch == NULL)
		return;
	uv_close((uv_handle_t *)&req->watch->poll, watch_closed);
	req->watch = NULL;
}

static void
on_disconnect(uv_poll_t *handle, int status, int events)
{
	struct http_watch *watch = handle->data;
	struct pollfd p = {.fd = watch->req->conn->fd};

	(void)status;
	(void)events;
	/* The end of the client's octets alone is a half-close: it may still read. */
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)
		http_request_vanish(watch->req, 503);
	else
		uv_poll_stop(handle);
}

/* Watch a sleeping request's connection: the library does not. */
static void
watch_start(struct http_request *req)
{
	struct http_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL ||
	    uv_poll_init(req->conn->server->loop, &watch->poll, req->conn->fd) != 0) {
		free(watch);
		return;
	}
	watch->req = req;
	watch->poll.data = watch;
	req->watch = watch;
	uv_poll_start(&watch->poll, UV_DISCONNECT, on_disconnect);
}

void
http_on_gone(struct http_request *req, void (*fn)(struct http_request *req, void *arg), void *arg)
{
	req->gone = fn;
	req->gone_arg = arg;
	if (req->watch == NULL)
		watch_start(req);
}

void
http_request_vanish(struct http_request *req, int status)
{
	void (*gone)(struct http_request *, void *) = req->gone;

	if (req->response != NULL)
		return;
	req->gone = NULL;
	watch_stop(req);
	if (gone != NULL)
		gone(req, req->gone_arg);
	http_problem(req, status, "too-late", http_reason(status),
		     "the answer could not be made in time; try again");
}

static void
access_log(const struct http_request *req, size_t size)
{
	const struct http_config *c = &req->conn->server->config;
	char client[ADDR_TEXT_SIZE] = "-";
	struct addr a;
	/* What follows a route's path may be a session's secret; so may any query. */
	bool whole =
	    req->route == NULL || strcmp(req->route->path, "/") == 0 || req->rest[0] == '\0';
	size_t shown = strlen(req->path) - (whole ? 0 : strlen(req->rest));

	if (c->log == NULL || !log_enabled(LOG_INFO))
		return;
	if (http_client(req, &a))
		addr_format_host(&a, client);
	log_info(c->log, "%s %s %.*s%s%s %d %zu octets %" PRIu64 " us", client, req->method,
		 (int)shown, req->path, whole ? "" : "/...",
		 req->raw_query[0] != '\0' ? "?..." : "", req->status, size,
		 clock_now_us() - req->began_us);
}

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		log_warn("http", "a header %s could not be added", name);
}

static void
add_cors(struct http_request *req)
{
	if (!req->conn->server->config.cors)
		return;
	add_header(req->response, "Access-Control-Allow-Origin", "*");
	add_header(
	    req->response, "Access-Control-Expose-Headers",
	    "Location, Link, ETag, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate");
}

/* Hand the made response to the library: inside the access callback only. */
enum MHD_Result
http_request_queue(struct http_request *req)
{
	struct MHD_Response *response = req->response;
	enum MHD_Result result;

	req->response = NULL;
	http_conn_enter(req->conn, HTTP_CONN_SENDING);
	result = MHD_queue_response(req->mhd, (unsigned)req->status, response);
	MHD_destroy_response(response);
	return result;
}

/* The answer is made: now or by waking the connection, the library's access callback queues it. */
static void
finish(struct http_request *req, int status, const struct http_header *headers, size_t size)
{
	assert(status >= 200 && status <= 599);
	req->status = status;
	req->gone = NULL;
	watch_stop(req);
	for (; headers != NULL && headers->name != NULL; headers++)
		add_header(req->response, headers->name, headers->value);
	add_cors(req);
	if (req->close || req->conn->server->stopping)
		add_header(req->response, "Connection", "close");
	access_log(req, size);
	if (!req->in_handler && req->suspended) {
		req->suspended = false;
		MHD_resume_connection(req->mhd);
		http_server_kick(req->conn->server); /* its descriptor does not tell */
	}
}

void
http_reply(struct http_request *req, int status, const struct http_header *headers,
	   const void *body, size_t size)
{
	if (req->response != NULL)
		return;
	/* The library copies; it does not write through the pointer. */
	req->response =
	    MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	if (req->response == NULL)
		abort();
	finish(req, status, headers, size);
}

void
http_reply_file(struct http_request *req, int status, const struct http_header *headers, int fd,
		uint64_t size)
{
	req->response = MHD_create_response_from_fd64(size, fd);
	if (req->response == NULL) {
		close(fd);
		http_problem(req, 500, "file", "Internal Server Error", "the file cannot be sent");
		return;
	}
	finish(req, status, headers, (size_t)size);
}

struct http_stream *
http_reply_stream(struct http_request *req, int status, const struct http_header *headers,
		  const struct http_source *source, void *arg)
{
	struct http_stream *stream = NULL;

	req->response = http_stream_new(req, source, arg, &stream);
	if (req->response == NULL) {
		source->closed(arg);
		http_problem(req, 500, "memory", "Internal Server Error", "out of memory");
		return NULL;
	}
	finish(req, status, headers, 0);
	return stream;
}

static void
problem(struct http_request *req, const struct http_header *headers, int status, const char *slug,
	const char *title, const char *detail)
{
	static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
	enum { HEADERS_MAX = 8 };
	struct http_header all[HEADERS_MAX + 3] = {{"Content-Type", HTTP_PROBLEM_TYPE},
						   {"Cache-Control", "no-store"}};
	char body[HTTP_PROBLEM_SIZE];
	size_t size = http_problem_write(body, status, slug, title, detail);

	/* Who knows when says so; nobody is left without. */
	if (headers == NULL && status == 503)
		headers = retry;
	for (size_t i = 0; i < HEADERS_MAX && headers != NULL && headers[i].name != NULL; i++)
		all[i + 2] = headers[i];
	http_reply(req, status, all, body, size);
}

void
http_problem(struct http_request *req, int status, const char *slug, const char *title,
	     const char *detail, ...)
{
	char text[HTTP_PROBLEM_SIZE];
	va_list ap;

	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	problem(req, NULL, status, slug, title, text);
}

void
http_problem_with(struct http_request *req, const struct http_header *headers, int status,
		  const char *slug, const char *title, const char *detail, ...)
{
	char text[HTTP_PROBLEM_SIZE];
	va_list ap;

	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	problem(req, headers, status, slug, title, text);
}
