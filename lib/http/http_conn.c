/* http_conn.c - connections and requests as the library reports them; deadlines. */
#include "http/http_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/log.h"

/* Every transition passes here; a state's deadline starts with it. */
void
http_conn_enter(struct http_conn *conn, enum http_conn_state state)
{
	const struct http_config *c = &conn->server->config;
	const unsigned ms[] = {
	    [HTTP_CONN_NEW] = c->request_timeout_ms,
	    [HTTP_CONN_READING] = c->request_timeout_ms,
	    [HTTP_CONN_ANSWERING] = c->answer_timeout_ms,
	    [HTTP_CONN_SENDING] = 0,
	    /* A client that dribbles a next head; a silent one meets the library's timeout first.
	     */
	    [HTTP_CONN_IDLE] = c->idle_timeout_ms + c->request_timeout_ms + 2000,
	};

	conn->state = state;
	conn->deadline_us =
	    ms[state] > 0 ? clock_now_us() + (uint64_t)ms[state] * 1000 : CLOCK_NEVER;
}

static const char *
abort_detail(int status)
{
	static const struct {
		int status;
		const char *detail;
	} rows[] = {
	    {400, "this is not an HTTP/1.1 request"},
	    {408, "the request did not arrive in time"},
	    {413, "the body is far too large"},
	    {503, "too many connections from this address"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].status == status)
			return rows[i].detail;
	return "";
}

void
http_conn_abort(struct http_conn *conn, int status)
{
	char body[HTTP_PROBLEM_SIZE], head[256];
	size_t size = http_problem_write(body, status, "connection", http_reason(status),
					 abort_detail(status));
	int head_size =
	    snprintf(head, sizeof(head),
		     "HTTP/1.1 %d %s\r\nContent-Type: " HTTP_PROBLEM_TYPE
		     "\r\nContent-Length: %zu\r\n%s%sConnection: close\r\n\r\n",
		     status, http_reason(status), size, status == 503 ? "Retry-After: 1\r\n" : "",
		     conn->server->config.cors ? "Access-Control-Allow-Origin: *\r\n" : "");

	/* The library has written nothing of an answer, so the socket's buffer has room for this.
	 */
	if (send(conn->fd, head, (size_t)head_size, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) > 0)
		send(conn->fd, body, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(conn->fd, SHUT_RDWR);
	conn->deadline_us = CLOCK_NEVER;
	conn->aborted = true;
}

void
http_conn_check(struct http_conn *conn, uint64_t now_us)
{
	if (now_us < conn->deadline_us)
		return;
	if (conn->state == HTTP_CONN_ANSWERING)
		http_request_vanish(conn->req, 503);
	else
		http_conn_abort(conn, 408);
}

static bool
too_many_of(const struct http_conn *conn)
{
	unsigned count = 0, max = conn->server->config.per_address_max;

	if (max == 0 || http_conn_is_trusted(conn))
		return false;
	for (const struct http_conn *c = conn->server->conns; c != NULL; c = c->next)
		if (addr_same_source(&c->peer, &conn->peer))
			count++;
	return count > max;
}

static struct http_conn *
conn_new(struct http_server *server, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info;
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->server = server;
	conn->mhd = mhd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	conn->fd = info->connect_fd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info == NULL || addr_from_sockaddr(&conn->peer, info->client_addr) != 0)
		memset(&conn->peer, 0, sizeof(conn->peer));
	conn->next = server->conns;
	if (conn->next != NULL)
		conn->next->prev = conn;
	server->conns = conn;
	http_conn_enter(conn, HTTP_CONN_NEW);
	http_server_tick_start(server);
	if (too_many_of(conn))
		http_conn_abort(conn, 503);
	return conn;
}

static void
conn_free(struct http_conn *conn)
{
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		conn->server->conns = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	free(conn);
}

void
http_conn_mark_answered(struct http_server *server)
{
	for (struct http_conn *c = server->conns; c != NULL; c = c->next)
		if (c->state == HTTP_CONN_NEW || c->state == HTTP_CONN_READING)
			c->is_answered |= MHD_get_connection_info(
					      c->mhd, MHD_CONNECTION_INFO_HTTP_STATUS) != NULL;
}

/* The library ends what it has not handed over: has it said why? Else we do. */
static void
conn_explain(struct http_conn *conn)
{
	struct http_server *server = conn->server;

	if (!conn->is_answered && server->own_answers > 0) { /* in this very turn */
		server->own_answers--;
		conn->is_answered = true;
	}
	if (!conn->is_answered && !conn->aborted)
		http_conn_abort(conn, 400);
}

void
http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
		 enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = conn_new(cls, mhd);
	} else if (*context != NULL) {
		struct http_conn *conn = *context;

		/* The library closes on some malformed request lines without a word. */
		if (conn->state == HTTP_CONN_NEW)
			conn_explain(conn);
		conn_free(conn);
		*context = NULL;
	}
}

static struct http_conn *
conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/*
 * The library would make a list of the query's parameters in the connection's pool, and close
 * without a word when that is full: some 400 parameters do it. We read queries ourselves, so it
 * sees none. The text is its own buffer of the request line.
 */
static void
hide_query(const char *uri)
{
	char *query = strchr((char *)(uintptr_t)uri, '?');

	if (query != NULL && query[1] != '\0')
		query[1] = '\0'; /* where it begins was found before we are called */
}

/* A request line was read: the raw target is here, before the library touches it. */
void *
http_request_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct http_conn *conn = conn_of(mhd);
	struct http_request *req = conn != NULL ? calloc(1, sizeof(*req)) : NULL;
	size_t size = strnlen(uri, sizeof(req->target));

	(void)cls;
	if (req == NULL)
		return NULL;
	req->conn = conn;
	req->mhd = mhd;
	req->method = "?";
	req->scheme = "http";
	req->rest = req->raw_query = "";
	req->began_us = clock_now_us();
	if (size < sizeof(req->target))
		memcpy(req->target, uri, size);
	else
		req->refusal = 414;
	hide_query(uri);
	conn->req = req;
	http_conn_enter(conn, HTTP_CONN_READING);
	return req;
}

/* Fields by which two parsers could see different bodies (RFC 9112 s.6.3). */
struct framing {
	unsigned lengths, codings, hosts;
	bool bad;
};

static enum MHD_Result
framing_field(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *f = cls;

	(void)kind;
	if (strcasecmp(name, "content-length") == 0) {
		f->lengths++;
		f->bad = f->bad || value == NULL || value[0] == '\0' ||
			 value[strspn(value, "0123456789")] != '\0' || strlen(value) > 18;
	} else if (strcasecmp(name, "transfer-encoding") == 0) {
		f->codings++;
		f->bad = f->bad || value == NULL || strcasecmp(value, "chunked") != 0;
	} else if (strcasecmp(name, "host") == 0) {
		f->hosts++;
	}
	/* The library keeps a blank before the colon as part of the name. */
	f->bad = f->bad || name[strcspn(name, " \t\r\n")] != '\0';
	return MHD_YES;
}

/* What can be told from the head alone. Sets refusal; close is set where no body can be trusted. */
static void
request_check_head(struct http_request *req, const char *version)
{
	struct framing f = {0};
	const char *length;

	MHD_get_connection_values(req->mhd, MHD_HEADER_KIND, framing_field, &f);
	if (f.bad || f.lengths > 1 || f.codings > 1 || f.hosts > 1 ||
	    (f.lengths > 0 && f.codings > 0)) {
		req->refusal = 400;
		req->refusal_detail =
		    "the fields that frame the message are repeated or contradict each other";
		req->close = true;
		return;
	}
	if (f.hosts == 0 && strcmp(version, "HTTP/1.0") != 0) { /* RFC 9112 s.3.2 */
		req->refusal = 400;
		req->refusal_detail = "HTTP/1.1 wants a Host field";
		req->close = true;
		return;
	}
	length = MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, "Content-Length");
	if (length != NULL && strtoull(length, NULL, 10) > req->conn->server->config.body_max) {
		req->refusal = 413;
		req->close =
		    strtoull(length, NULL, 10) > HTTP_DRAIN_MAX ||
		    MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, "Expect") != NULL;
	}
	if (req->refusal == 0)
		req->refusal = http_request_parse(req, &req->refusal_detail);
}

static void
request_refuse(struct http_request *req)
{
	char text[64];

	snprintf(text, sizeof(text), "at most %zu octets", req->conn->server->config.body_max);
	if (req->refusal_detail == NULL)
		req->refusal_detail = req->refusal == 413 ? text : "the request target is too long";
	http_problem(req, req->refusal, req->refusal == 413 ? "body-too-large" : "bad-request",
		     http_reason(req->refusal), "%s", req->refusal_detail);
}

static enum MHD_Result
request_body(struct http_request *req, const char *data, size_t size)
{
	size_t max = req->conn->server->config.body_max, cap = req->body_cap;
	char *body;

	if (req->refusal == 0 && size > max - req->body_size)
		req->refusal = 413;
	if (req->refusal != 0) {
		req->drained += size;
		if (req->drained <= HTTP_DRAIN_MAX + max)
			return MHD_YES;
		http_conn_abort(req->conn, 413);
		return MHD_NO;
	}
	if (req->body_size + size + 1 > cap) {
		cap = MIN_OF(max + 1, MAX_OF(req->body_size + size + 1, cap * 2));
		body = realloc(req->body, cap);
		if (body == NULL)
			return MHD_NO;
		req->body = body;
		req->body_cap = cap;
	}
	memcpy(req->body + req->body_size, data, size);
	req->body_size += size;
	req->body[req->body_size] = '\0';
	return MHD_YES;
}

/* The request is whole: refuse or dispatch; without an answer now it sleeps. */
static enum MHD_Result
request_complete(struct http_request *req)
{
	http_conn_enter(req->conn, HTTP_CONN_ANSWERING);
	req->dispatched = req->in_handler = true;
	if (req->refusal != 0)
		request_refuse(req);
	else
		http_request_dispatch(req);
	req->in_handler = false;
	if (req->response != NULL)
		return http_request_queue(req);
	req->suspended = true;
	MHD_suspend_connection(req->mhd);
	return MHD_YES;
}

enum MHD_Result
http_request_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
		    const char *version, const char *data, size_t *size, void **context)
{
	struct http_request *req = *context;
	enum MHD_Result result = MHD_YES;

	(void)cls;
	(void)mhd;
	(void)url;
	if (req == NULL)
		return MHD_NO;
	if (!req->began) {
		req->began = true;
		req->method = method;
		request_check_head(req, version);
		return req->close ? request_complete(req) : MHD_YES;
	}
	if (*size > 0) {
		result = request_body(req, data, *size);
		*size = 0;
		return result;
	}
	if (req->response != NULL)
		return http_request_queue(req);
	return req->dispatched ? MHD_YES : request_complete(req);
}

void
http_request_completed(void *cls, struct MHD_Connection *mhd, void **context,
		       enum MHD_RequestTerminationCode code)
{
	struct http_request *req = *context;

	(void)cls;
	(void)mhd;
	*context = NULL;
	if (req == NULL)
		return;
	req->conn->req = NULL;
	/* Closed for a malformed head: say so, if the client still listens. */
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && req->conn->state == HTTP_CONN_READING)
		conn_explain(req->conn);
	http_conn_enter(req->conn, HTTP_CONN_IDLE);
	if (req->response != NULL)
		MHD_destroy_response(req->response);
	free(req->body);
	free(req);
}
