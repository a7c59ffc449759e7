/*
 * http.h - an HTTP server on a uv loop, by libmicrohttpd: static route tables, whole requests in,
 * one answer out, now or later.  Listens on Unix sockets and TCP.  What it guarantees:
 *
 *  - a handler sees complete, bounded requests only; duplicate Content-Length, Transfer-Encoding
 *    beside Content-Length, bad escapes and unsafe paths are answered 400 before it;
 *  - 404, 405 with Allow, 413, 414, 431 and OPTIONS are made here, as problem bodies where
 *    the library allows; a request whose handler does not answer in time is answered 503;
 *  - no connection is closed without an HTTP answer while a request is pending on it.
 *
 * All functions belong to the loop's thread.  Does not do TLS or upgrades.
 */
#ifndef RTCKIT_HTTP_HTTP_H
#define RTCKIT_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/addr.h"
#include "http/http_problem.h"

enum {
	HTTP_LISTENER_MAX = 8, /* sockets of one server */
	HTTP_PROXY_MAX = 16,   /* trusted proxies of one server */
	HTTP_BASE_SIZE = 1024  /* octets of an absolute base URL with its NUL */
};

struct http_server;
struct http_request; /* valid from the handler's call until the answer or the gone callback */
typedef void http_handler(struct http_request *req);

/* A header field of an answer; arrays end with a NULL name. Texts are copied. */
struct http_header {
	const char *name, *value;
};

/*
 * One row of a route table (static const, ends with a NULL path). The first row that matches path
 * and method wins; HEAD falls back to GET. A path of several rows with other methods is 405.
 */
struct http_route {
	const char *method; /* "POST"; NULL is any */
	const char *path;   /* "/rtc/v1/whip": compared with the decoded path */
	bool prefix;	    /* also matches "path/" and everything below it */
	http_handler *handler;
};

/* Zero means the default in parentheses. Pointers are borrowed for the life of the server. */
struct http_config {
	const struct http_route *routes;
	void *arg;		     /* http_server_arg() */
	size_t body_max;	     /* octets of a request body (65536); above it 413 */
	size_t head_max;	     /* octets of memory for a request head (16384); above it 431 */
	unsigned connection_max;     /* connections per listener (512); more wait in the backlog */
	unsigned per_address_max;    /* those of one IPv4 address or /64 but for a proxy's (0: no
				      * limit); one more is answered 503 */
	unsigned idle_timeout_ms;    /* between requests and within one (30000) */
	unsigned request_timeout_ms; /* from the first line to the last octet (10000): 408 */
	unsigned answer_timeout_ms;  /* from the handler's call to the answer (10000): 503 */
	bool cors;		     /* allow any origin; OPTIONS answers preflights */
	const char *log;	     /* subsystem of access log lines (info); NULL: none */
	struct addr proxies[HTTP_PROXY_MAX]; /* TCP peers whose X-Forwarded-* are believed */
	size_t proxy_count;
};

/* The server does not listen yet. NULL without memory. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_config *config);
/* Take a listening stream socket (closed with the server). 0 or -errno. */
int http_server_listen_fd(struct http_server *server, int fd);
/* A listening socket at "[addr:]port"; without an address all of IPv6 and IPv4. fd or -errno. */
int http_tcp_socket(const char *text);
/* The same, taken. 0 or -errno. */
int http_server_listen_tcp(struct http_server *server, const char *text);
/* $RTC_RUN/name by ipc_listen(), mode 0600. 0 or -errno (-EADDRINUSE: another instance lives). */
int http_server_listen_unix(struct http_server *server, const char *name);
/* The TCP port of the index-th listener (host order), 0 if it is none: for port 0. */
uint16_t http_server_port(const struct http_server *server, size_t index);
/*
 * Stop listening; fn is called when the last pending request is answered, or after grace_ms with
 * the rest answered 503. Then http_server_free().
 */
void http_server_stop(struct http_server *server, unsigned grace_ms, void (*fn)(void *arg),
		      void *arg);
/* Close everything. Pending requests get their gone callback. NULL is allowed. Not from a handler.
 */
void http_server_free(struct http_server *server);
void *http_server_arg(const struct http_server *server);

/* "--trusted-proxy ADDRESS": add one (at most HTTP_PROXY_MAX). 0, -EINVAL or -ENOSPC. */
int http_config_add_proxy(struct http_config *config, const char *text);

/* What a request holds. All texts borrow from it; none is NULL unless said so. */
struct http_server *http_server_of(const struct http_request *req);
const char *http_method(const struct http_request *req); /* "POST" */
const char *http_path(const struct http_request *req);	 /* decoded once, url_path_is_safe() */
const char *http_rest(const struct http_request *req); /* path after the route's: "", "/", "/id" */
const char *http_raw_query(const struct http_request *req); /* as sent, without '?'; "" if none */
const char *http_query(const struct http_request *req,
		       const char *name); /* decoded; NULL if absent */
size_t http_query_count(const struct http_request *req);
const char *http_query_name_at(const struct http_request *req, size_t index);
const char *http_query_value_at(const struct http_request *req, size_t index);
const char *http_header(const struct http_request *req,
			const char *name); /* first; NULL if absent */
/* Octets of the body; a NUL follows the last one. */
const char *http_body(const struct http_request *req, size_t *size);
/* The media type without parameters, lower case ("application/sdp"); "" if absent or over-long. */
const char *http_content_type(const struct http_request *req);
/* "Authorization: Bearer T": T, or NULL. */
const char *http_bearer(const struct http_request *req);

/*
 * Who asks and how it got here. From the Unix peer and from trusted proxies X-Forwarded-For (its
 * last address), -Proto, -Host, -Prefix, and -Port if the host has none, are believed; from nobody
 * else. http_client() is false
 * when the address is not known (a Unix peer that forwards nothing). http_host() is "host[:port]"
 * by the allow-list of url_parse_host(), NULL if absent or refused.
 */
bool http_client(const struct http_request *req, struct addr *client);
bool http_peer_is_unix(const struct http_request *req);
const char *http_scheme(const struct http_request *req); /* "http" or "https" */
const char *http_host(const struct http_request *req);
const char *http_prefix(const struct http_request *req); /* "" or "/x": goes before our paths */
/* "scheme://host[:port]prefix" for absolute Locations; "" + prefix if the host is not known. */
const char *http_base(const struct http_request *req, char out[static HTTP_BASE_SIZE]);

/*
 * Answer; req is not valid afterwards. May be called inside the handler or any time later. headers
 * may be NULL. body is copied; its type goes into headers ("Content-Type"). 100..199 are refused
 * by assert. With HEAD the body is counted, not sent.
 */
void http_reply(struct http_request *req, int status, const struct http_header *headers,
		const void *body, size_t size);
/* The same with size octets of a regular file from its start. Takes fd. */
void http_reply_file(struct http_request *req, int status, const struct http_header *headers,
		     int fd, uint64_t size);
/*
 * A problem body (RFC 9457): slug names the kind ("no-such-session"), title is the same for all of
 * its kind, detail (printf) says what to fix. No secret belongs into it.
 */
void http_problem(struct http_request *req, int status, const char *slug, const char *title,
		  const char *detail, ...) __attribute__((format(printf, 5, 6)));
/* The same with further headers (Retry-After, WWW-Authenticate). */
void http_problem_with(struct http_request *req, const struct http_header *headers, int status,
		       const char *slug, const char *title, const char *detail, ...)
    __attribute__((format(printf, 6, 7)));

/*
 * The answer to OPTIONS that a route without a handler for it gets (Allow, and what a preflight
 * asks for), with further headers (at most 16; may be NULL): for a table that has an OPTIONS row.
 */
void http_reply_options(struct http_request *req, const struct http_header *headers);

/*
 * An answer without a known end (chunked for HTTP/1.1). read fills at most cap octets whenever the
 * client has room: their count; 0 if there is nothing now (then http_stream_wake() when there is);
 * -1 for the end. closed is called once when nothing more will be read, whoever ended it: the
 * stream is not valid after it. source is borrowed. NULL, with the request answered 500 and closed
 * called, without memory. For HEAD nothing is read.
 */
struct http_stream;
struct http_source {
	ssize_t (*read)(void *arg, uint8_t *buf, size_t cap);
	void (*closed)(void *arg);
};
struct http_stream *http_reply_stream(struct http_request *req, int status,
				      const struct http_header *headers,
				      const struct http_source *source, void *arg);
void http_stream_wake(struct http_stream *stream);

/*
 * A handler that answers later must set this: fn is called once if the client goes away or the
 * answer comes too late (or the server is freed); req is not valid after it returns. A half-closed
 * client still waits.
 */
void http_on_gone(struct http_request *req, void (*fn)(struct http_request *req, void *arg),
		  void *arg);
/* A pointer of the handler's own, NULL at first. */
void http_set_arg(struct http_request *req, void *arg);
void *http_arg(const struct http_request *req);

#endif
