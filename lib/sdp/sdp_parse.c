#include "sdp/sdp_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

char *
sdp_next_word(char **text)
{
	char *word = *text + strspn(*text, " ");
	size_t n = strcspn(word, " ");

	if (n == 0)
		return NULL;
	*text = word + n;
	if (**text != '\0')
		*(*text)++ = '\0';
	return word;
}

bool
sdp_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text < '0' || *text > '9' || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return v <= max;
}

bool
sdp_only(const char *text, const char *extra, size_t max)
{
	size_t n = 0;

	for (; text[n] != '\0'; n++) {
		char c = text[n];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    strchr(extra, c) == NULL)
			return false;
	}
	return n > 0 && n <= max;
}

struct sdp_codec *
sdp_codec_by_pt(struct sdp_media *m, uint64_t pt)
{
	for (size_t i = 0; i < m->codec_count; i++)
		if (m->codecs[i].pt == pt)
			return &m->codecs[i];
	return NULL;
}

/* Payload types of the m-line, in order and once each. The text stays whole. */
static void
take_formats(struct sdp_parser *p, const char *formats)
{
	struct sdp_media *m = p->media;

	while (*formats != '\0') {
		size_t n = strcspn(formats, " ");
		char word[4] = "";
		uint64_t pt;

		if (n > 0 && n < sizeof(word))
			memcpy(word, formats, n);
		if (sdp_number(word, 127, &pt) && sdp_codec_by_pt(m, pt) == NULL &&
		    m->codec_count < SDP_CODECS_MAX) {
			struct sdp_codec *c = &m->codecs[m->codec_count++];

			sdp_codec_init(c);
			c->pt = (uint8_t)pt;
		} else if (n > 0) {
			p->sdp->ignored++;
		}
		formats += n;
		formats += strspn(formats, " ");
	}
}

/* m=KIND PORT[/COUNT] PROTO FORMATS (RFC 8866 s.5.14). */
static int
parse_media_line(struct sdp_parser *p, char *value)
{
	struct sdp *sdp = p->sdp;
	struct sdp_media *m;
	char *kind = sdp_next_word(&value), *port = sdp_next_word(&value);
	char *proto = sdp_next_word(&value);
	uint64_t number;

	if (sdp->media_count == SDP_MEDIA_MAX) {
		sdp_problem_set(p->problem, SDP_TOO_LARGE,
				"the description has more than %d media sections", SDP_MEDIA_MAX);
		return -EBADMSG;
	}
	if (port != NULL)
		port[strcspn(port, "/")] = '\0';
	if (proto == NULL || !text_is_token(kind, 32) || !sdp_number(port, 65535, &number) ||
	    !sdp_only(proto, "/-", 32)) {
		sdp_problem_set(p->problem, SDP_MALFORMED,
				"line %u is not a media line (m=KIND PORT PROTO FORMATS)", p->line);
		return -EBADMSG;
	}
	m = p->media = &sdp->media[sdp->media_count++];
	sdp_media_init(m);
	m->kind_name = kind;
	m->kind = strcmp(kind, "audio") == 0   ? SDP_AUDIO
		  : strcmp(kind, "video") == 0 ? SDP_VIDEO
					       : SDP_OTHER;
	m->port = (uint16_t)number;
	m->proto = proto;
	m->formats = value + strspn(value, " ");
	if (m->kind != SDP_OTHER)
		take_formats(p, m->formats);
	return 0;
}

/* o=USER ID ... : what is wrong in it is left out. */
static int
parse_origin(struct sdp_parser *p, char *value)
{
	char *user = sdp_next_word(&value), *id = sdp_next_word(&value);

	if (user != NULL)
		p->sdp->origin_user = user;
	if (id != NULL && !sdp_number(id, UINT64_MAX, &p->sdp->session_id))
		p->sdp->ignored++;
	return 0;
}

static int
parse_name(struct sdp_parser *p, char *value)
{
	if (*value != '\0')
		p->sdp->name = value;
	return 0;
}

static int
parse_attribute_line(struct sdp_parser *p, char *value)
{
	char *colon = strchr(value, ':');

	if (colon != NULL)
		*colon++ = '\0';
	else
		colon = value + strlen(value);
	return sdp_parse_attribute(p, value, colon + strspn(colon, " "));
}

static int (*const line_handlers[128])(struct sdp_parser *p, char *value) = {
    ['a'] = parse_attribute_line,
    ['m'] = parse_media_line,
    ['o'] = parse_origin,
    ['s'] = parse_name,
};

/* One line without its end; trailing blanks go, other octets than printable ASCII become '?'. */
static int
parse_line(struct sdp_parser *p, char *line, size_t size)
{
	while (size > 0 &&
	       (line[size - 1] == '\r' || line[size - 1] == ' ' || line[size - 1] == '\t'))
		size--;
	line[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c == '\t')
			line[i] = ' ';
		else if (c < ' ' || c == 0x7f) {
			sdp_problem_set(p->problem, SDP_MALFORMED,
					"line %u has a control character", p->line);
			return -EBADMSG;
		} else if (c > 0x7f) {
			line[i] = '?';
		}
	}
	if (p->line == 1 && strncmp(line, "v=0", 3) != 0) {
		sdp_problem_set(p->problem, SDP_MALFORMED, "it does not begin with the line v=0");
		return -EBADMSG;
	}
	if (size == 0)
		return 0;
	if (size < 2 || line[1] != '=') {
		p->sdp->ignored++;
		return 0;
	}
	if (line_handlers[(unsigned char)line[0] & 127] == NULL)
		return 0;
	return line_handlers[(unsigned char)line[0] & 127](p, line + 2);
}

/* Payload types that mean something without rtpmap (RFC 3551 table 4). */
static void
name_static_codec(struct sdp_codec *c)
{
	static const struct {
		uint8_t pt;
		const char *name;
		uint32_t clock_rate;
	} rows[] = {
	    {0, "PCMU", 8000}, {3, "GSM", 8000}, {4, "G723", 8000},  {8, "PCMA", 8000},
	    {9, "G722", 8000}, {13, "CN", 8000}, {18, "G729", 8000},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (c->name[0] == '\0' && c->pt == rows[i].pt) {
			c->name = rows[i].name;
			c->clock_rate = rows[i].clock_rate;
		}
}

/* RFC 4588 s.8.6: the rtx payload type points at what it repairs. */
static void
link_rtx(struct sdp_media *m)
{
	for (size_t i = 0; i < m->codec_count; i++) {
		struct sdp_codec *rtx = &m->codecs[i], *c;
		char text[8];
		uint64_t apt;

		if (!sdp_codec_is(rtx, "rtx") ||
		    !sdp_fmtp_get(rtx->fmtp, "apt", text, sizeof(text)) ||
		    !sdp_number(text, 127, &apt))
			continue;
		c = sdp_codec_by_pt(m, apt);
		if (c != NULL && c != rtx && c->rtx_pt < 0 && !sdp_codec_is(c, "rtx"))
			c->rtx_pt = rtx->pt;
	}
}

static void
inherit(struct sdp_transport *t, const struct sdp_transport *from)
{
	if (t->ufrag[0] == '\0')
		t->ufrag = from->ufrag;
	if (t->pwd[0] == '\0')
		t->pwd = from->pwd;
	if (t->fingerprint[0] == '\0') {
		t->fingerprint_hash = from->fingerprint_hash;
		t->fingerprint = from->fingerprint;
	}
	if (t->setup == SDP_SETUP_NONE)
		t->setup = from->setup;
}

static void
finish_media(struct sdp_parser *p, struct sdp_media *m)
{
	inherit(&m->transport, &p->sdp->transport);
	if (!m->direction_said)
		m->direction = p->direction;
	m->extmap_allow_mixed = m->extmap_allow_mixed || p->sdp->extmap_allow_mixed;
	for (size_t i = 0; i < p->ext_count && m->ext_count < SDP_EXTS_MAX; i++)
		m->exts[m->ext_count++] = p->exts[i];
	if (m->kind == SDP_AUDIO)
		for (size_t i = 0; i < m->codec_count; i++)
			name_static_codec(&m->codecs[i]);
	link_rtx(m);
}

static int
parse_lines(struct sdp_parser *p, char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		char *end = memchr(text + at, '\n', size - at);
		size_t n = end != NULL ? (size_t)(end - (text + at)) : size - at;
		int r;

		p->line++;
		r = parse_line(p, text + at, n);
		if (r < 0)
			return r;
		at += n + 1;
	}
	if (p->sdp->media_count == 0) {
		sdp_problem_set(
		    p->problem, SDP_MALFORMED,
		    size == 0 ? "it is empty"
			      : "it has no m= line: at least one of audio or video is needed");
		return -EBADMSG;
	}
	return 0;
}

struct sdp *
sdp_parse(const char *text, size_t size, struct sdp_problem *problem)
{
	struct sdp_parser p = {.problem = problem, .direction = SDP_SENDRECV};

	if (size > SDP_SIZE_MAX) {
		sdp_problem_set(problem, SDP_TOO_LARGE, "it has more than %d octets", SDP_SIZE_MAX);
		return NULL;
	}
	p.sdp = sdp_new(size + 1);
	if (p.sdp == NULL) {
		sdp_problem_set(problem, SDP_NO_MEMORY, "out of memory");
		return NULL;
	}
	memcpy(p.sdp->text, text, size);
	p.sdp->text[size] = '\0';
	p.sdp->text_size = size + 1;
	if (parse_lines(&p, p.sdp->text, size) < 0) {
		sdp_free(p.sdp);
		return NULL;
	}
	for (size_t i = 0; i < p.sdp->media_count; i++)
		finish_media(&p, &p.sdp->media[i]);
	return p.sdp;
}
