/* forward.c - heads rewritten for the other side: hop-by-hop fields end here, X-Forwarded-* are
 * ours. */
#include "gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "http/http_problem.h"
#include "http/url.h"

struct writer {
	char *out;
	size_t cap, size;
	bool full;
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct writer *w, const char *format, ...)
{
	va_list ap;
	int size;

	va_start(ap, format);
	size = vsnprintf(w->out + w->size, w->cap - w->size, format, ap);
	va_end(ap);
	if (size < 0 || (size_t)size >= w->cap - w->size)
		w->full = true;
	else
		w->size += (size_t)size;
}

static void
put_field(struct writer *w, const struct http_field *f)
{
	put(w, "%.*s: %.*s\r\n", (int)f->name.size, f->name.ptr, (int)f->value.size, f->value.ptr);
}

static bool
is_one_of(struct http_span name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (http_span_equal_nocase(name, list[i]))
			return true;
	return false;
}

/* RFC 9110 s.7.6.1: the fields of this connection, and those that Connection names. */
static bool
is_hop_field(const struct http_head *head, struct http_span name)
{
	static const char *const list[] = {"Connection",
					   "Keep-Alive",
					   "Proxy-Connection",
					   "TE",
					   "Trailer",
					   "Transfer-Encoding",
					   "Content-Length",
					   "Upgrade",
					   "Proxy-Authorization",
					   "Proxy-Authenticate",
					   "HTTP2-Settings"};
	char text[64];

	if (is_one_of(name, list, ARRAY_COUNT(list)))
		return true;
	if (name.size >= sizeof(text))
		return false;
	memcpy(text, name.ptr, name.size);
	text[name.size] = '\0';
	return http_head_has_token(head, "Connection", text);
}

static bool
is_forwarded_field(struct http_span name)
{
	static const char *const list[] = {
	    "Forwarded",	  "X-Forwarded-For",  "X-Forwarded-Proto", "X-Forwarded-Host",
	    "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Real-IP"};

	return is_one_of(name, list, ARRAY_COUNT(list));
}

/* Of what a proxy says its own word is the last one: some add a field behind the client's. */
static const struct http_field *
last_field(const struct http_head *head, const char *name)
{
	const struct http_field *last = NULL;
	const struct http_field *f = http_head_find(head, name);

	for (; f != NULL; f = http_head_next(head, name, f))
		last = f;
	return last;
}

bool
gate_is_secure(const struct client *client, const struct http_head *head)
{
	const struct http_field *f = last_field(head, "X-Forwarded-Proto");

	if (f != NULL && gate_peers_have(&client->gate->config.proxies, &client->peer))
		return http_span_equal_nocase(f->value, "https");
	return client->secure;
}

static void
put_forwarded(struct writer *w, const struct http_head *head, const struct client *client)
{
	static const char *const names[] = {"X-Forwarded-For", "X-Forwarded-Proto",
					    "X-Forwarded-Host", "X-Forwarded-Prefix",
					    "X-Forwarded-Port"};
	bool trusted = gate_peers_have(&client->gate->config.proxies, &client->peer);
	const struct http_field *f;
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; trusted && i < ARRAY_COUNT(names); i++) {
		f = last_field(head, names[i]);
		if (f != NULL)
			put_field(w, f);
	}
	if (!trusted || http_head_find(head, names[0]) == NULL)
		put(w, "X-Forwarded-For: %s\r\n", addr_format_host(&client->peer, text));
	if (!trusted || http_head_find(head, names[1]) == NULL)
		put(w, "X-Forwarded-Proto: %s\r\n", client->secure ? "https" : "http");
	if ((!trusted || http_head_find(head, names[2]) == NULL) && head->host.size > 0)
		put(w, "X-Forwarded-Host: %.*s\r\n", (int)head->host.size, head->host.ptr);
}

/* The path and query of an absolute-form target: upstreams get origin-form. */
struct http_span
gate_origin_form(struct http_span target)
{
	struct url url;

	if (target.ptr[0] == '/' || target.ptr[0] == '*' ||
	    url_parse(&url, target.ptr, target.size) != 0)
		return target;
	target.size -= (size_t)(url.path.ptr - target.ptr);
	target.ptr = url.path.ptr;
	return target;
}

int
gate_forward_request(char *out, size_t cap, const struct http_head *head,
		     const struct client *client)
{
	struct writer w = {.out = out, .cap = cap};
	struct http_span target = gate_origin_form(head->target);
	const struct http_field *upgrade = http_head_find(head, "Upgrade");
	bool slash = target.size == 0 || (target.ptr[0] != '/' && target.ptr[0] != '*');

	put(&w, "%.*s %s%.*s HTTP/1.1\r\n", (int)head->method.size, head->method.ptr,
	    slash ? "/" : "", (int)target.size, target.ptr);
	if (head->host.ptr == NULL)
		put(&w, "Host: \r\n");
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http_field *f = &head->fields[i];

		if (!is_hop_field(head, f->name) && !is_forwarded_field(f->name) &&
		    !http_span_equal_nocase(f->name, "Expect"))
			put_field(&w, f);
	}
	put_forwarded(&w, head, client);
	if (head->framing == HTTP_BODY_LENGTH)
		put(&w, "Content-Length: %" PRIu64 "\r\n", head->content_length);
	else if (head->framing == HTTP_BODY_CHUNKED)
		put(&w, "Transfer-Encoding: chunked\r\n");
	if (client->upgrade && upgrade != NULL) {
		put(&w, "Connection: upgrade\r\n");
		put_field(&w, upgrade);
	} else {
		put(&w, "Connection: close\r\n");
	}
	put(&w, "\r\n");
	return w.full ? -ENOSPC : (int)w.size;
}

int
gate_forward_answer(char *out, size_t cap, const struct http_head *head,
		    const struct client *client, enum http_framing framing)
{
	struct writer w = {.out = out, .cap = cap};
	const struct http_field *length = http_head_find(head, "Content-Length");
	const struct http_field *upgrade = http_head_find(head, "Upgrade");

	put(&w, "HTTP/1.1 %d %s\r\n", head->status, http_reason(head->status));
	for (size_t i = 0; i < head->field_count; i++)
		if (!is_hop_field(head, head->fields[i].name))
			put_field(&w, &head->fields[i]);
	if (framing == HTTP_BODY_LENGTH)
		put(&w, "Content-Length: %" PRIu64 "\r\n", head->content_length);
	else if (framing == HTTP_BODY_CHUNKED)
		put(&w, "Transfer-Encoding: chunked\r\n");
	else if (length != NULL && (client->is_head || head->status == 304))
		put_field(&w, length); /* describes a body that is not sent */
	if (head->status == 101) {
		put(&w, "Connection: upgrade\r\n");
		if (upgrade != NULL)
			put_field(&w, upgrade);
	} else {
		put(&w, "Connection: %s\r\n", client->keep_alive ? "keep-alive" : "close");
	}
	put(&w, "\r\n");
	return w.full ? -ENOSPC : (int)w.size;
}
