/*
 * url.h - URLs, percent-encoding and query strings (RFC 3986).  Pure and bounded; never allocates,
 * never resolves, never normalises: what does not fit the grammar is refused.
 */
#ifndef RTCKIT_HTTP_URL_H
#define RTCKIT_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	URL_MAX = 8192,	    /* octets of a URL or request target */
	URL_HOST_MAX = 255, /* octets of a host (RFC 1035 s.2.3.4) */
	URL_QUERY_MAX = 64  /* parameters of one query */
};

/* A piece of somebody else's text: not terminated, never freed. ptr is NULL where it is absent. */
struct url_span {
	const char *ptr;
	size_t size;
};

/* Spans borrow from the text given to url_parse(). */
struct url {
	struct url_span scheme; /* as written; 1..32 characters */
	struct url_span host;	/* without brackets and port; 1..URL_HOST_MAX octets */
	struct url_span path;	/* raw; "" or "/..." */
	struct url_span query;	/* raw, without '?'; NULL if there is none */
	uint16_t port;		/* 0 if there is none */
	bool is_ipv6;		/* host was in brackets */
};

/*
 * Split "scheme://host[:port][/path][?query][#fragment]" of size octets. User information is
 * refused. Returns 0; -EINVAL if it is no such URL; -EMSGSIZE above URL_MAX. *url is untouched on
 * error. Does not decode.
 */
int url_parse(struct url *url, const char *text, size_t size);

/*
 * "host", "host:port", "[v6]" or "[v6]:port" by the allow-list [A-Za-z0-9._-] (v6: hexadecimal, ':'
 * and '.'), as in a Host field. Returns 0 (host borrows; *port is 0 without one) or -EINVAL.
 */
int url_parse_host(struct url_span *host, uint16_t *port, bool *is_ipv6, const char *text,
		   size_t size);

/*
 * Percent-decode once: out gets the octets and a NUL. '+' stays '+' (it is an ice-char, and no
 * value here contains spaces). Returns the count of octets; -EBADMSG on a bad escape, a control
 * character or NUL, written or escaped; -ENOSPC if cap is too small. out may be the same as text.
 */
int url_decode(char *out, size_t cap, const char *text, size_t size);

/* Percent-encode everything but unreserved characters and those of keep. Count or -ENOSPC. */
int url_encode(char *out, size_t cap, const char *text, const char *keep);

/*
 * A decoded path: starts with '/', has no "." or ".." segment, no empty segment but a last one, no
 * backslash. What passes may be matched against routes and opened beneath a directory.
 */
bool url_path_is_safe(const char *path);

/* A decoded query. Self-contained (offsets, not pointers): copy freely. */
struct url_query {
	struct {
		uint16_t name, value; /* offsets into text */
	} items[URL_QUERY_MAX];
	size_t count;
	char text[URL_MAX + 1];
};

/*
 * Parse "a=1&b=2" of size octets. Empty pieces are skipped; "a" alone has the value "". Returns 0;
 * -EBADMSG (bad escape, control character), -E2BIG (more than URL_QUERY_MAX parameters),
 * -EMSGSIZE (above URL_MAX octets). *query is an empty query on error.
 */
int url_query_parse(struct url_query *query, const char *text, size_t size);
/* The first value of name, or NULL. Borrows from query. */
const char *url_query_get(const struct url_query *query, const char *name);
const char *url_query_name_at(const struct url_query *query, size_t index);
const char *url_query_value_at(const struct url_query *query, size_t index);

#endif
