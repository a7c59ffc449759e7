/*
 * http_head.h - strict read-only view of an HTTP/1.1 message head (RFC 9112) and a decoder of the
 * chunked coding.  Sans-IO; never allocates; every form that two parsers could read differently is
 * refused: Content-Length twice or beside Transfer-Encoding, folded lines, bare CR or LF, blanks
 * before the colon, codings other than one final "chunked".
 */
#ifndef RTCKIT_HTTP_HTTP_HEAD_H
#define RTCKIT_HTTP_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_HEAD_MAX = 16384,	   /* octets of a head, start line and blank line included */
	HTTP_TARGET_MAX = 8192,	   /* octets of a request target (RFC 9112 s.3 asks for 8000) */
	HTTP_METHOD_MAX = 32,	   /* octets of a method */
	HTTP_FIELD_MAX = 96,	   /* fields of one head */
	HTTP_CHUNK_LINE_MAX = 256, /* octets of a chunk-size line with its extensions */
	HTTP_TRAILER_MAX = 4096	   /* octets of a trailer section */
};

struct http_span {
	const char *ptr; /* not terminated; borrows from the parsed buffer */
	size_t size;
};

struct http_field {
	struct http_span name, value; /* value without the blanks around it */
};

/* How the body's end is found (RFC 9112 s.6.3). */
enum http_framing {
	HTTP_BODY_NONE,	  /* there is none */
	HTTP_BODY_LENGTH, /* content_length octets; may be 0 */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE /* until the connection ends: responses only */
};

struct http_head {
	struct http_span method, target, host; /* requests; host.ptr is NULL without the field */
	struct http_span reason;	       /* responses */
	int status;			       /* responses: 100..599 */
	int minor;			       /* HTTP/1.minor: 0 or 1 */
	enum http_framing framing;
	uint64_t content_length; /* octets, with HTTP_BODY_LENGTH */
	bool keep_alive;	 /* the connection may be used again after this message */
	bool upgrade;		 /* "Connection: upgrade" and an Upgrade field */
	bool expect_continue;	 /* "Expect: 100-continue" of HTTP/1.1 */
	size_t field_count;
	struct http_field fields[HTTP_FIELD_MAX];
};

/*
 * Parse the head at the start of size octets. Returns its octets (> 0; the body follows), or
 * -EAGAIN	no blank line yet and nothing wrong so far
 * -EBADMSG	malformed: answer 400
 * -EMSGSIZE	more than HTTP_HEAD_MAX octets or HTTP_FIELD_MAX fields: 431
 * -ENAMETOOLONG	target above HTTP_TARGET_MAX: 414
 * -EPROTONOSUPPORT	HTTP of another major version: 505
 * -ENOTSUP	a transfer coding that is not chunked: 501
 * *head is undefined on error. One empty line before a request is skipped (s.2.2). HTTP/1.1 without
 * Host, or two Hosts, is -EBADMSG (s.3.2). Only origin-form, absolute-form and "*" targets pass.
 */
int http_head_parse_request(struct http_head *head, const char *buf, size_t size);
/* The same for a response; head_request says that it answers HEAD (no body then). */
int http_head_parse_response(struct http_head *head, const char *buf, size_t size,
			     bool head_request);

/* The status with which to answer an error of http_head_parse_request. */
int http_head_status(int error);

/* The first field of that name (any case), or NULL; the next one after `after`. */
const struct http_field *http_head_find(const struct http_head *head, const char *name);
const struct http_field *http_head_next(const struct http_head *head, const char *name,
					const struct http_field *after);
/* Does a comma-separated list field hold the token (any case)? All fields of that name count. */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);

bool http_span_equal(struct http_span span, const char *text); /* case matters */
bool http_span_equal_nocase(struct http_span span, const char *text);

/* The chunked coding (s.7.1). Caller's storage; all zero is the start. */
struct http_chunked {
	int state;
	uint64_t left; /* octets of the running chunk */
	uint32_t line; /* octets of the running line or trailer section */
	bool digit;    /* a size digit was seen */
};

/*
 * Eat at most size octets; *used says how many. Returns 1 with *data_size >= 1 octets of body at
 * *data (borrows from in; call again for the rest); 0 when all of in is used up and more is needed;
 * -ENODATA when the last chunk and its trailer are complete (*used octets belong to this message);
 * -EBADMSG when malformed. Extensions and trailers are checked for characters and dropped.
 */
int http_chunked_feed(struct http_chunked *chunked, const char *in, size_t size, size_t *used,
		      const char **data, size_t *data_size);

#endif
