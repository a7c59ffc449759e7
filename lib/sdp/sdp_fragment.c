#include "sdp/sdp_fragment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
	LINE_MAX_SIZE = 1024, /* octets; candidates in use have some 200 */
	CANDIDATE_WORDS = 8   /* foundation component transport priority address port typ TYPE */
};

struct reader {
	struct sdp_fragment out;
	struct sdp_problem *problem;
	unsigned line;
};

static int
fault(struct reader *r, const char *what)
{
	sdp_problem_set(r->problem, SDP_MALFORMED, "line %u: %s", r->line, what);
	return -EBADMSG;
}

/* Keep a credential; the sections of one transport cannot have two. */
static int
keep(struct reader *r, char *dst, const char *value, size_t min, size_t max)
{
	if (!text_is_ice(value, min, max))
		return fault(r, "no ice-ufrag or ice-pwd (RFC 8839 s.5.4)");
	if (dst[0] != '\0' && strcmp(dst, value) != 0)
		return fault(r, "another ufrag or pwd than before: a bundle has one of each");
	memcpy(dst, value, strlen(value) + 1);
	return 0;
}

static int
on_ufrag(struct reader *r, char *value)
{
	return keep(r, r->out.ufrag, value, 4, SDP_UFRAG_MAX);
}

static int
on_pwd(struct reader *r, char *value)
{
	return keep(r, r->out.pwd, value, 22, SDP_PWD_MAX);
}

static bool
is_number(const char *text, size_t digits, unsigned long long max)
{
	unsigned long long v = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > digits || text[n] != '\0')
		return false;
	for (; *text != '\0'; text++)
		v = v * 10 + (unsigned)(*text - '0');
	return v <= max;
}

static bool
is_type(const char *text)
{
	static const char *const names[] = {"host", "srflx", "prflx", "relay"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return false;
}

/* RFC 8839 s.5.1. What follows the type are pairs; nothing of them matters here. */
static int
on_candidate(struct reader *r, char *value)
{
	char *word[CANDIDATE_WORDS];

	if (r->out.media_count == 0)
		return fault(r, "a candidate before any m= line");
	for (size_t i = 0; i < CANDIDATE_WORDS; i++) {
		word[i] = strsep(&value, " ");
		if (word[i] == NULL || word[i][0] == '\0')
			return fault(r, "a candidate has at least 8 words");
	}
	if (!text_is_ice(word[0], 1, 32) || !is_number(word[1], 3, 256) ||
	    !text_is_token(word[2], 16) || !is_number(word[3], 10, UINT32_MAX) ||
	    strlen(word[4]) > 255 || !is_number(word[5], 5, UINT16_MAX) ||
	    strcmp(word[6], "typ") != 0 || !is_type(word[7]))
		return fault(r, "this is no candidate (RFC 8839 s.5.1)");
	r->out.candidate_count++;
	return 0;
}

static int
on_end(struct reader *r, char *value)
{
	(void)value;
	r->out.end_of_candidates = true;
	return 0;
}

static int
on_mid(struct reader *r, char *value)
{
	if (r->out.media_count == 0 || !text_is_token(value, SDP_MID_MAX))
		return fault(r, "a=mid is a token that follows an m= line");
	return 0;
}

static int
on_attribute(struct reader *r, char *text)
{
	static const struct {
		const char *name;
		int (*fn)(struct reader *r, char *value);
	} rows[] = {
	    {"ice-ufrag", on_ufrag},	   {"ice-pwd", on_pwd}, {"candidate", on_candidate},
	    {"end-of-candidates", on_end}, {"mid", on_mid},
	};
	char *name = strsep(&text, ":");

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (strcasecmp(name, rows[i].name) == 0)
			return rows[i].fn(r, text != NULL ? text : name + strlen(name));
	return text_is_token(name, LINE_MAX_SIZE) ? 0 : fault(r, "this is no attribute");
}

static int
on_line(struct reader *r, char *line)
{
	for (const char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return fault(r, "a control character");
	if (strncmp(line, "a=", 2) == 0)
		return on_attribute(r, line + 2);
	if (strncmp(line, "m=", 2) != 0)
		return fault(r, "a fragment has a= and m= lines only (RFC 8840 s.9)");
	if (++r->out.media_count > SDP_MEDIA_MAX)
		return fault(r, "too many m= lines");
	return strchr(line, ' ') != NULL ? 0 : fault(r, "this is no m= line");
}

/* The next line of *text without its end in out; false if it is too long or holds a NUL. */
static bool
take_line(char out[static LINE_MAX_SIZE], const char **text, size_t *size)
{
	const char *end = memchr(*text, '\n', *size);
	size_t n = end != NULL ? (size_t)(end - *text) : *size, skip = n + (end != NULL);

	if (n >= LINE_MAX_SIZE || memchr(*text, '\0', n) != NULL)
		return false;
	memcpy(out, *text, n);
	*text += skip;
	*size -= skip;
	if (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return true;
}

int
sdp_fragment_parse(struct sdp_fragment *fragment, const char *text, size_t size,
		   struct sdp_problem *problem)
{
	struct reader r = {.problem = problem};
	char line[LINE_MAX_SIZE];

	if (size > SDP_SIZE_MAX)
		return fault(&r, "the fragment is too long");
	while (size > 0) {
		r.line++;
		if (!take_line(line, &text, &size))
			return fault(&r, "too long, or a NUL");
		if (line[0] != '\0' && on_line(&r, line) < 0)
			return -EBADMSG;
	}
	if (r.out.ufrag[0] == '\0' && r.out.pwd[0] == '\0' && r.out.candidate_count == 0 &&
	    !r.out.end_of_candidates)
		return fault(&r, "the fragment says nothing: no credentials, no candidate");
	if (r.out.pwd[0] != '\0' && r.out.ufrag[0] == '\0')
		return fault(&r, "a=ice-pwd without a=ice-ufrag");
	*fragment = r.out;
	return 0;
}

int
sdp_fragment_write(char *out, size_t cap, const char *ufrag, const char *pwd,
		   const char *candidates)
{
	int n = snprintf(out, cap, "a=ice-lite\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n%s", ufrag, pwd,
			 candidates);

	return n >= 0 && (size_t)n < cap ? n : -ENOSPC;
}
