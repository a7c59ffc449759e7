#include "http/url.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 s.2.3 */
static bool
is_unreserved(char c)
{
	return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Printable ASCII without the blank: what may stand in a URL at all. */
static bool
is_url_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return true;
}

/* ":port" or nothing. */
static int
parse_port(uint16_t *port, const char *text, size_t size)
{
	uint32_t value = 0;

	*port = 0;
	if (size == 0)
		return 0;
	if (text[0] != ':' || size < 2 || size > 6)
		return -EINVAL;
	for (size_t i = 1; i < size; i++) {
		if (!is_digit(text[i]))
			return -EINVAL;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (value == 0 || value > 65535)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

static size_t
host_span(const char *text, size_t size, bool ipv6)
{
	size_t n = 0;

	while (n < size && (ipv6 ? hex_value(text[n]) >= 0 || text[n] == ':' || text[n] == '.'
				 : is_alpha(text[n]) || is_digit(text[n]) ||
				       (text[n] != '\0' && strchr("._-", text[n]) != NULL)))
		n++;
	return n;
}

int
url_parse_host(struct url_span *host, uint16_t *port, bool *is_ipv6, const char *text, size_t size)
{
	bool ipv6 = size > 0 && text[0] == '[';
	size_t start = ipv6 ? 1 : 0,
	       count = size > 0 ? host_span(text + start, size - start, ipv6) : 0;
	size_t end = start + count;
	uint16_t value;

	if (count == 0 || count > URL_HOST_MAX || (ipv6 && (end >= size || text[end] != ']')))
		return -EINVAL;
	if (ipv6)
		end++;
	if (parse_port(&value, text + end, size - end) != 0)
		return -EINVAL;
	host->ptr = text + start;
	host->size = count;
	*port = value;
	*is_ipv6 = ipv6;
	return 0;
}

/* RFC 3986 s.3.1; 0 if text does not start with "scheme://". */
static size_t
scheme_span(const char *text, size_t size)
{
	enum { SCHEME_MAX = 32 };
	size_t n = 0;

	while (n < size && (is_alpha(text[n]) || (n > 0 && (is_digit(text[n]) || text[n] == '+' ||
							    text[n] == '-' || text[n] == '.'))))
		n++;
	if (n == 0 || n > SCHEME_MAX || size - n < 3 || memcmp(text + n, "://", 3) != 0)
		return 0;
	return n;
}

/* Octets up to the first one of stop, or all. */
static size_t
span_until(const char *text, size_t size, const char *stop)
{
	size_t n = 0, stops = strlen(stop);

	while (n < size && memchr(stop, text[n], stops) == NULL)
		n++;
	return n;
}

int
url_parse(struct url *url, const char *text, size_t size)
{
	struct url u = {0};
	const char *at = text, *end = text + size;
	size_t count;

	if (size > URL_MAX)
		return -EMSGSIZE;
	if (!is_url_text(text, size))
		return -EINVAL;
	u.scheme = (struct url_span){at, scheme_span(at, size)};
	if (u.scheme.size == 0)
		return -EINVAL;
	at += u.scheme.size + 3;
	count = span_until(at, (size_t)(end - at), "/?#");
	if (url_parse_host(&u.host, &u.port, &u.is_ipv6, at, count) != 0)
		return -EINVAL;
	at += count;
	u.path = (struct url_span){at, span_until(at, (size_t)(end - at), "?#")};
	at += u.path.size;
	if (at < end && *at == '?') {
		at++;
		u.query = (struct url_span){at, span_until(at, (size_t)(end - at), "#")};
	}
	*url = u;
	return 0;
}

int
url_decode(char *out, size_t cap, const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = size - i > 2 ? hex_value(text[i + 1]) : -1;
			int low = size - i > 2 ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EBADMSG;
			c = high << 4 | low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return -EBADMSG;
		if (count + 1 >= cap)
			return -ENOSPC;
		out[count++] = (char)c;
	}
	if (count >= cap)
		return -ENOSPC;
	out[count] = '\0';
	return (int)count;
}

int
url_encode(char *out, size_t cap, const char *text, const char *keep)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t count = 0;

	for (; *text != '\0'; text++) {
		bool plain = is_unreserved(*text) || strchr(keep, *text) != NULL;
		size_t need = plain ? 1 : 3;

		if (count + need >= cap)
			return -ENOSPC;
		if (plain) {
			out[count] = *text;
		} else {
			out[count] = '%';
			out[count + 1] = digits[(unsigned char)*text >> 4];
			out[count + 2] = digits[*text & 15];
		}
		count += need;
	}
	if (count >= cap)
		return -ENOSPC;
	out[count] = '\0';
	return (int)count;
}

bool
url_path_is_safe(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *at = path; *at == '/';) {
		size_t count = strcspn(at + 1, "/");
		bool last = at[1 + count] == '\0';

		if (count == 0 && !last)
			return false;
		if ((count == 1 && at[1] == '.') || (count == 2 && at[1] == '.' && at[2] == '.'))
			return false;
		at += 1 + count;
	}
	return strchr(path, '\\') == NULL;
}

/* Decode one "name=value" into the query's text from *used on. */
static int
query_add(struct url_query *query, size_t *used, const char *text, size_t size)
{
	size_t name_size = span_until(text, size, "="), value_at;
	size_t name_at = *used;
	int count;

	if (query->count == URL_QUERY_MAX)
		return -E2BIG;
	count = url_decode(query->text + name_at, sizeof(query->text) - name_at, text, name_size);
	if (count < 0)
		return count;
	value_at = name_at + (size_t)count + 1;
	if (name_size == size) { /* no '=': the name's NUL is the empty value */
		value_at--;
		*used = name_at + (size_t)count + 1;
	} else {
		count = url_decode(query->text + value_at, sizeof(query->text) - value_at,
				   text + name_size + 1, size - name_size - 1);
		if (count < 0)
			return count;
		*used = value_at + (size_t)count + 1;
	}
	query->items[query->count].name = (uint16_t)name_at;
	query->items[query->count++].value = (uint16_t)value_at;
	return 0;
}

int
url_query_parse(struct url_query *query, const char *text, size_t size)
{
	size_t used = 0;
	int error = size > URL_MAX ? -EMSGSIZE : 0;

	query->count = 0;
	while (error == 0 && size > 0) {
		size_t count = span_until(text, size, "&");

		if (count > 0)
			error = query_add(query, &used, text, count);
		if (count < size)
			count++;
		text += count;
		size -= count;
	}
	if (error != 0)
		query->count = 0;
	return error;
}

const char *
url_query_get(const struct url_query *query, const char *name)
{
	for (size_t i = 0; i < query->count; i++)
		if (strcmp(query->text + query->items[i].name, name) == 0)
			return query->text + query->items[i].value;
	return NULL;
}

const char *
url_query_name_at(const struct url_query *query, size_t index)
{
	return index < query->count ? query->text + query->items[index].name : NULL;
}

const char *
url_query_value_at(const struct url_query *query, size_t index)
{
	return index < query->count ? query->text + query->items[index].value : NULL;
}
