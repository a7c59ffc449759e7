#include "http/http_problem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} names[] = {
	    {100, "Continue"},
	    {101, "Switching Protocols"},
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {406, "Not Acceptable"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {421, "Misdirected Request"},
	    {422, "Unprocessable Content"},
	    {426, "Upgrade Required"},
	    {428, "Precondition Required"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (names[i].status == status)
			return names[i].text;
	return "Unknown";
}

/* Octets of the UTF-8 character at s (RFC 3629 s.4), 0 if it is none. */
static size_t
utf8_span(const unsigned char *s)
{
	static const struct {
		unsigned char low, high, second_low, second_high, size;
	} rows[] = {
	    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (s[0] < rows[i].low || s[0] > rows[i].high)
			continue;
		if (s[1] < rows[i].second_low || s[1] > rows[i].second_high)
			return 0;
		for (size_t n = 2; n < rows[i].size; n++)
			if ((s[n] & 0xc0) != 0x80)
				return 0;
		return rows[i].size;
	}
	return 0;
}

/* Write text as the inside of a JSON string, at most room octets; a character is never cut. */
static size_t
escape(char *out, size_t room, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	while (*s != '\0') {
		char piece[8];
		size_t span = utf8_span(s), size;

		if (span == 0) {
			span = size = 1;
			piece[0] = '?';
		} else if (*s == '"' || *s == '\\') {
			size = 2;
			piece[0] = '\\';
			piece[1] = (char)*s;
		} else if (*s < 0x20 || *s == 0x7f) {
			size = (size_t)snprintf(piece, sizeof(piece), "\\u%04x", *s);
		} else {
			size = span;
			memcpy(piece, s, span);
		}
		if (at + size > room)
			break;
		memcpy(out + at, piece, size);
		at += size;
		s += span;
	}
	return at;
}

size_t
http_problem_write(char out[static HTTP_PROBLEM_SIZE], int status, const char *slug,
		   const char *title, const char *detail)
{
	enum { SLUG_ROOM = 128, TITLE_ROOM = 256, TAIL = 4 };
	size_t at = 0;

	at += (size_t)sprintf(out, "{\"type\":\"urn:rtckit:problem:");
	at += escape(out + at, SLUG_ROOM, slug);
	at += (size_t)sprintf(out + at, "\",\"title\":\"");
	at += escape(out + at, TITLE_ROOM, title);
	at += (size_t)sprintf(out + at, "\",\"status\":%d,\"detail\":\"", status);
	at += escape(out + at, HTTP_PROBLEM_SIZE - at - TAIL, detail);
	at += (size_t)sprintf(out + at, "\"}\n");
	return at;
}
