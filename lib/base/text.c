#include "base/text.h"

#include <errno.h>
#include <string.h>

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Characters of s that are alphanumeric or in extra; 0 unless the whole of s is. */
static size_t
span_of(const char *s, const char *extra)
{
	size_t n = 0;

	while (s[n] != '\0' && (is_alnum(s[n]) || strchr(extra, s[n]) != NULL))
		n++;
	return s[n] == '\0' ? n : 0;
}

bool
text_copy(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size);

	if (size == 0)
		return false;
	if (n == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

bool
text_is_name(const char *s)
{
	size_t n = span_of(s, "._~@-:");

	return n > 0 && n <= TEXT_NAME_MAX && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

bool
text_is_stream(const char *s)
{
	char part[TEXT_NAME_MAX + 1];
	int count = 0;

	for (;;) {
		size_t n = strcspn(s, "/");

		if (n >= sizeof(part))
			return false;
		memcpy(part, s, n);
		part[n] = '\0';
		if (!text_is_name(part))
			return false;
		count++;
		if (s[n] == '\0')
			return count == 2 || count == 3;
		s += n + 1;
	}
}

bool
text_is_ice(const char *s, size_t min_count, size_t max_count)
{
	size_t n = span_of(s, "+/-_=");

	return n >= min_count && n > 0 && n <= max_count;
}

bool
text_is_token(const char *s, size_t max_count)
{
	size_t n = span_of(s, "!#$%&'*+-.^_`{|}~");

	return n > 0 && n <= max_count;
}

char *
text_hex(char *out, const uint8_t *buf, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[buf[i] >> 4];
		out[2 * i + 1] = digits[buf[i] & 15];
	}
	out[2 * size] = '\0';
	return out;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
text_unhex(uint8_t *buf, size_t size, const char *text)
{
	if (strlen(text) != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < 2 * size; i++)
		if (digit_value(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < size; i++)
		buf[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return 0;
}

size_t
text_words(char *line, char **words, size_t cap)
{
	char *save = NULL;
	size_t count = 0;

	for (char *w = strtok_r(line, " \t\r\n", &save); w != NULL && count < cap;
	     w = strtok_r(NULL, " \t\r\n", &save))
		words[count++] = w;
	return count;
}

bool
text_equal_secret(const char *a, const char *b)
{
	size_t an = strlen(a), bn = strlen(b);
	unsigned diff = an != bn;

	for (size_t i = 0; i < bn; i++)
		diff |= (unsigned char)(i < an ? a[i] : 0) ^ (unsigned char)b[i];
	return diff == 0;
}
