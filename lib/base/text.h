/* text.h - small text helpers: allow-list grammars, bounded copies, hexadecimal, base64. */
#ifndef RTCKIT_BASE_TEXT_H
#define RTCKIT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TEXT_NAME_MAX = 128, /* characters of one part (vhost, app, stream) of a stream's name */
	TEXT_STREAM_SIZE = 3 * (TEXT_NAME_MAX + 1) /* "vhost/app/stream" with its NUL */
};

/* Copy src into dst of size octets, cut if need be, always terminated. Returns false if it was cut.
 */
bool text_copy(char *dst, size_t size, const char *src);

/*
 * The allow-list for a part of a stream's name: 1..TEXT_NAME_MAX of [A-Za-z0-9._~@-] and ':',
 * UTF-8 letters excluded, not "." nor "..". What passes is safe in SDP, a path, a URL and a log.
 */
bool text_is_name(const char *s);
bool text_is_stream(const char *s); /* two or three names joined by '/' */

/* ice-char (RFC 8839 s.5.4): [A-Za-z0-9+/]; also '-', '_' and '=', which clients in use send. */
bool text_is_ice(const char *s, size_t min_count, size_t max_count);

/* An SDP token (RFC 8866 s.9, token-char) of 1..max_count characters. */
bool text_is_token(const char *s, size_t max_count);

/* Lower-case hexadecimal: out has room for 2 * size + 1. Returns out. */
char *text_hex(char *out, const uint8_t *buf, size_t size);
/* Parse exactly 2 * size digits. Returns 0 or -EINVAL. */
int text_unhex(uint8_t *buf, size_t size, const char *text);

/* Cut a line at its blanks: at most cap words, borrowed from it. Returns how many. */
size_t text_words(char *line, char **words, size_t cap);

/* Compare in time that depends on b's length only: for secrets. */
bool text_equal_secret(const char *a, const char *b);

#endif
