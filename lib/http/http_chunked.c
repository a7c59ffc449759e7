/* http_chunked.c - decoder of the chunked transfer coding (RFC 9112 s.7.1). */
#include "http/http_head.h"

#include <errno.h>

#include "base/bytes.h"

enum {
	SIZE_DIGITS, /* zero is the start */
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* at the start of a trailer line */
	TRAILER_LINE,
	TRAILER_LF,
	END_LF,
	DONE
};

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Visible text or a blank: what extensions and trailers may hold. */
static bool
is_text(char c)
{
	return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t';
}

static int
size_digit(struct http_chunked *c, char in)
{
	enum { DIGITS_MAX = 15 };
	int value = hex_value(in);

	if (value >= 0) {
		c->digit = true;
		c->left = c->left << 4 | (uint64_t)value;
		return c->line <= DIGITS_MAX ? SIZE_DIGITS : -EBADMSG;
	}
	if (!c->digit)
		return -EBADMSG;
	if (in == '\r')
		return SIZE_LF;
	return in == ';' ? EXTENSION : -EBADMSG; /* no blank before ';': two readings */
}

static int
extension(struct http_chunked *c, char in)
{
	if (c->line > HTTP_CHUNK_LINE_MAX)
		return -EBADMSG;
	if (in == '\r')
		return SIZE_LF;
	return is_text(in) ? EXTENSION : -EBADMSG;
}

static int
size_lf(struct http_chunked *c, char in)
{
	c->line = 0;
	c->digit = false;
	if (in != '\n')
		return -EBADMSG;
	return c->left > 0 ? DATA : TRAILER_START;
}

static int
data_cr(struct http_chunked *c, char in)
{
	c->line = 0;
	return in == '\r' ? DATA_LF : -EBADMSG;
}

static int
data_lf(struct http_chunked *c, char in)
{
	c->line = 0;
	return in == '\n' ? SIZE_DIGITS : -EBADMSG;
}

static int
trailer_start(struct http_chunked *c, char in)
{
	(void)c;
	if (in == '\r')
		return END_LF;
	/* A folded line or an empty name is refused as in heads. */
	return is_text(in) && in != ' ' && in != '\t' && in != ':' ? TRAILER_LINE : -EBADMSG;
}

static int
trailer_line(struct http_chunked *c, char in)
{
	if (c->line > HTTP_TRAILER_MAX)
		return -EBADMSG;
	if (in == '\r')
		return TRAILER_LF;
	return is_text(in) ? TRAILER_LINE : -EBADMSG;
}

static int
trailer_lf(struct http_chunked *c, char in)
{
	(void)c;
	return in == '\n' ? TRAILER_START : -EBADMSG;
}

static int
end_lf(struct http_chunked *c, char in)
{
	(void)c;
	return in == '\n' ? DONE : -EBADMSG;
}

/* One octet outside of data: the next state or -EBADMSG. */
static int (*const steps[])(struct http_chunked *, char) = {
    [SIZE_DIGITS] = size_digit,	   [EXTENSION] = extension,   [SIZE_LF] = size_lf,
    [DATA_CR] = data_cr,	   [DATA_LF] = data_lf,	      [TRAILER_START] = trailer_start,
    [TRAILER_LINE] = trailer_line, [TRAILER_LF] = trailer_lf, [END_LF] = end_lf,
};

int
http_chunked_feed(struct http_chunked *chunked, const char *in, size_t size, size_t *used,
		  const char **data, size_t *data_size)
{
	size_t at = 0;

	while (at < size && chunked->state != DONE) {
		int next;

		if (chunked->state == DATA) {
			size_t count = (size_t)MIN_OF((uint64_t)(size - at), chunked->left);

			chunked->left -= count;
			if (chunked->left == 0)
				chunked->state = DATA_CR;
			*data = in + at;
			*data_size = count;
			*used = at + count;
			return 1;
		}
		chunked->line++;
		next = steps[chunked->state](chunked, in[at]);
		if (next < 0)
			return next;
		chunked->state = next;
		at++;
	}
	*used = at;
	return chunked->state == DONE ? -ENODATA : 0;
}
