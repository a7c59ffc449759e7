/* http_head.c - message heads: lines, fields, and what they say about the body. */
#include "http/http_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

/* tchar (RFC 9110 s.5.6.2) */
static bool
is_tchar(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* field-vchar and blanks (RFC 9110 s.5.5); obs-text may pass, control characters may not. */
static bool
is_field_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

static bool
is_token(struct http_span span)
{
	for (size_t i = 0; i < span.size; i++)
		if (!is_tchar(span.ptr[i]))
			return false;
	return span.size > 0;
}

bool
http_span_equal(struct http_span span, const char *text)
{
	return span.size == strlen(text) && memcmp(span.ptr, text, span.size) == 0;
}

bool
http_span_equal_nocase(struct http_span span, const char *text)
{
	return span.size == strlen(text) && strncasecmp(span.ptr, text, span.size) == 0;
}

/*
 * Octets of the head with its blank line; -EAGAIN while that is not there. A line that ends without
 * CR, and a CR that ends no line, are found at once (s.2.2): nobody waits for the rest of those.
 */
static int
head_span(const char *buf, size_t size)
{
	size_t room = MIN_OF(size, (size_t)HTTP_HEAD_MAX), line = 0;

	for (size_t at = 0; at < room;) {
		const char *lf = memchr(buf + at, '\n', room - at);
		const char *cr = memchr(buf + at, '\r', room - at);
		size_t end;

		if (lf == NULL && cr != NULL && cr + 1 < buf + room)
			return -EBADMSG;
		if (lf == NULL)
			break;
		if (cr == NULL || cr + 1 != lf)
			return -EBADMSG;
		end = (size_t)(lf - buf) + 1;
		if (end - at == 2)
			return line > 0 ? (int)end : -EBADMSG;
		line++;
		at = end;
	}
	return size >= HTTP_HEAD_MAX ? -EMSGSIZE : -EAGAIN;
}

/* "HTTP/1.x" (s.2.3) */
static int
parse_version(int *minor, struct http_span text)
{
	if (text.size != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || text.ptr[6] != '.' ||
	    text.ptr[5] < '0' || text.ptr[5] > '9' || text.ptr[7] < '0' || text.ptr[7] > '9')
		return -EBADMSG;
	if (text.ptr[5] != '1')
		return -EPROTONOSUPPORT;
	*minor = text.ptr[7] == '0' ? 0 : 1; /* a later minor version is treated as 1.1 */
	return 0;
}

/* Cut the text up to c off span; false if c is not there. */
static bool
take_until(struct http_span *out, struct http_span *span, char c)
{
	const char *at = memchr(span->ptr, c, span->size);

	if (at == NULL)
		return false;
	*out = (struct http_span){span->ptr, (size_t)(at - span->ptr)};
	span->size -= out->size + 1;
	span->ptr = at + 1;
	return true;
}

/* origin-form, absolute-form of http and https, or "*" for OPTIONS (s.3.2). */
static int
check_target(const struct http_head *head)
{
	struct http_span t = head->target;

	if (t.size > HTTP_TARGET_MAX)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < t.size; i++)
		if (t.ptr[i] <= 0x20 || t.ptr[i] >= 0x7f || t.ptr[i] == '#')
			return -EBADMSG;
	if (t.size > 0 && t.ptr[0] == '/')
		return 0;
	if (http_span_equal(t, "*"))
		return http_span_equal(head->method, "OPTIONS") ? 0 : -EBADMSG;
	if (t.size > 7 && strncasecmp(t.ptr, "http://", 7) == 0)
		return 0;
	return t.size > 8 && strncasecmp(t.ptr, "https://", 8) == 0 ? 0 : -EBADMSG;
}

static int
parse_request_line(struct http_head *head, struct http_span line)
{
	int error;

	if (!take_until(&head->method, &line, ' ') || !take_until(&head->target, &line, ' '))
		return -EBADMSG;
	if (!is_token(head->method) || head->method.size > HTTP_METHOD_MAX)
		return -EBADMSG;
	error = parse_version(&head->minor, line);
	return error != 0 ? error : check_target(head);
}

static int
parse_status_line(struct http_head *head, struct http_span line)
{
	struct http_span version, status = {line.ptr, 0};
	int error;

	if (!take_until(&version, &line, ' '))
		return -EBADMSG;
	error = parse_version(&head->minor, version);
	if (error != 0)
		return error;
	if (!take_until(&status, &line, ' ')) { /* tolerated: no blank before an empty reason */
		status = line;
		line.size = 0;
	}
	if (status.size != 3 || !is_field_text(line.ptr, line.size))
		return -EBADMSG;
	for (size_t i = 0; i < 3; i++)
		if (status.ptr[i] < '0' || status.ptr[i] > '9')
			return -EBADMSG;
	head->status =
	    (status.ptr[0] - '0') * 100 + (status.ptr[1] - '0') * 10 + status.ptr[2] - '0';
	head->reason = line;
	return head->status >= 100 && head->status < 600 ? 0 : -EBADMSG;
}

/* One field line (s.5): no blank before the name (folding) or the colon. */
static int
parse_field(struct http_head *head, struct http_span line)
{
	struct http_field f;

	if (head->field_count == HTTP_FIELD_MAX)
		return -EMSGSIZE;
	if (!take_until(&f.name, &line, ':') || !is_token(f.name))
		return -EBADMSG;
	while (line.size > 0 && is_blank(line.ptr[0])) {
		line.ptr++;
		line.size--;
	}
	while (line.size > 0 && is_blank(line.ptr[line.size - 1]))
		line.size--;
	if (!is_field_text(line.ptr, line.size))
		return -EBADMSG;
	f.value = line;
	head->fields[head->field_count++] = f;
	return 0;
}

const struct http_field *
http_head_next(const struct http_head *head, const char *name, const struct http_field *after)
{
	const struct http_field *end = head->fields + head->field_count;

	for (const struct http_field *f = after != NULL ? after + 1 : head->fields; f < end; f++)
		if (http_span_equal_nocase(f->name, name))
			return f;
	return NULL;
}

const struct http_field *
http_head_find(const struct http_head *head, const char *name)
{
	return http_head_next(head, name, NULL);
}

static bool
list_holds(struct http_span list, const char *token)
{
	while (list.size > 0) {
		struct http_span item;

		if (!take_until(&item, &list, ',')) {
			item = list;
			list.size = 0;
		}
		while (item.size > 0 && is_blank(item.ptr[0])) {
			item.ptr++;
			item.size--;
		}
		while (item.size > 0 && is_blank(item.ptr[item.size - 1]))
			item.size--;
		if (http_span_equal_nocase(item, token))
			return true;
	}
	return false;
}

bool
http_head_has_token(const struct http_head *head, const char *name, const char *token)
{
	const struct http_field *f = http_head_find(head, name);

	for (; f != NULL; f = http_head_next(head, name, f))
		if (list_holds(f->value, token))
			return true;
	return false;
}

/* 1..18 digits: fits 63 bits. */
static int
parse_length(uint64_t *length, struct http_span text)
{
	uint64_t value = 0;

	if (text.size == 0 || text.size > 18)
		return -EBADMSG;
	for (size_t i = 0; i < text.size; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -EBADMSG;
		value = value * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	*length = value;
	return 0;
}

/* s.6.3, stricter: either field once, never both, chunked alone, and chunked not in HTTP/1.0. */
static int
parse_framing(struct http_head *head)
{
	const struct http_field *length = http_head_find(head, "Content-Length");
	const struct http_field *coding = http_head_find(head, "Transfer-Encoding");

	head->framing = HTTP_BODY_NONE;
	if (coding != NULL) {
		if (length != NULL || head->minor == 0 ||
		    http_head_next(head, "Transfer-Encoding", coding) != NULL)
			return -EBADMSG;
		head->framing = HTTP_BODY_CHUNKED;
		return http_span_equal_nocase(coding->value, "chunked") ? 0 : -ENOTSUP;
	}
	if (length == NULL)
		return 0;
	if (http_head_next(head, "Content-Length", length) != NULL)
		return -EBADMSG;
	head->framing = HTTP_BODY_LENGTH;
	return parse_length(&head->content_length, length->value);
}

/* Start line, fields, framing and persistence of the head_size octets at buf. */
static int
parse_lines(struct http_head *head, const char *buf, size_t head_size,
	    int (*start)(struct http_head *, struct http_span))
{
	struct http_span rest = {buf, head_size - 2}, line;
	int error;

	memset(head, 0, offsetof(struct http_head, fields));
	for (bool first = true; rest.size > 0; first = false) {
		if (!take_until(&line, &rest, '\n'))
			return -EBADMSG;
		line.size--; /* its CR: head_span() looked */
		error = first ? start(head, line) : parse_field(head, line);
		if (error != 0)
			return error;
	}
	head->keep_alive = head->minor > 0 ? !http_head_has_token(head, "Connection", "close")
					   : http_head_has_token(head, "Connection", "keep-alive");
	head->upgrade = http_head_find(head, "Upgrade") != NULL &&
			http_head_has_token(head, "Connection", "upgrade");
	head->expect_continue =
	    head->minor > 0 && http_head_has_token(head, "Expect", "100-continue");
	return parse_framing(head);
}

int
http_head_parse_request(struct http_head *head, const char *buf, size_t size)
{
	const struct http_field *host;
	size_t skip = size >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
	int head_size = head_span(buf + skip, size - skip), error;

	if (head_size < 0)
		return head_size;
	error = parse_lines(head, buf + skip, (size_t)head_size, parse_request_line);
	if (error != 0)
		return error;
	host = http_head_find(head, "Host");
	if (host != NULL && http_head_next(head, "Host", host) != NULL)
		return -EBADMSG;
	if (host != NULL)
		head->host = host->value;
	else if (head->minor > 0)
		return -EBADMSG;
	return head_size + (int)skip;
}

int
http_head_parse_response(struct http_head *head, const char *buf, size_t size, bool head_request)
{
	int head_size = head_span(buf, size), error;

	if (head_size < 0)
		return head_size;
	error = parse_lines(head, buf, (size_t)head_size, parse_status_line);
	if (error != 0)
		return error;
	if (head_request || head->status < 200 || head->status == 204 || head->status == 304)
		head->framing = HTTP_BODY_NONE;
	else if (head->framing == HTTP_BODY_NONE)
		head->framing = HTTP_BODY_CLOSE;
	return head_size;
}

int
http_head_status(int error)
{
	static const struct {
		int error, status;
	} rows[] = {
	    {-EMSGSIZE, 431},
	    {-ENAMETOOLONG, 414},
	    {-EPROTONOSUPPORT, 505},
	    {-ENOTSUP, 501},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].error == error)
			return rows[i].status;
	return 400;
}
