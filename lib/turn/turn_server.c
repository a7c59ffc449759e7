#include "turn/turn_server.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

enum { PLAIN_PORT = 3478, TLS_PORT = 5349, PORT_MAX = 65535, LINK_PARAMS_MAX = 16 };

bool
turn_server_relays(const struct turn_server *server)
{
	return server->scheme == TURN_TURN || server->scheme == TURN_TURNS;
}

/* ---- URIs ---- */

static const char *
take_scheme(struct turn_server *s, const char *uri)
{
	static const struct {
		const char *text;
		enum turn_scheme scheme;
	} rows[] = {{"stun:", TURN_STUN},
		    {"stuns:", TURN_STUNS},
		    {"turn:", TURN_TURN},
		    {"turns:", TURN_TURNS}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t size = strlen(rows[i].text);

		if (strncasecmp(uri, rows[i].text, size) != 0)
			continue;
		s->scheme = rows[i].scheme;
		return uri + size;
	}
	return NULL;
}

/* "host", "[v6]": what follows it; NULL if it is neither. */
static const char *
take_host(struct turn_server *s, const char *p)
{
	bool v6 = *p == '[';
	const char *allowed = v6 ? "0123456789abcdefABCDEF:."
				 : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "-._";
	size_t size;

	p += v6;
	size = strspn(p, allowed);
	if (size == 0 || size >= sizeof(s->host) || (v6 && p[size] != ']'))
		return NULL;
	memcpy(s->host, p, size);
	s->host[size] = '\0';
	return p + size + v6;
}

static const char *
take_port(struct turn_server *s, const char *p)
{
	size_t digits;
	long port;

	s->port = s->scheme == TURN_STUNS || s->scheme == TURN_TURNS ? TLS_PORT : PLAIN_PORT;
	if (*p != ':')
		return p;
	digits = strspn(++p, "0123456789");
	port = digits > 0 && digits <= 5 ? strtol(p, NULL, 10) : 0;
	if (port < 1 || port > PORT_MAX)
		return NULL;
	s->port = (uint16_t)port;
	return p + digits;
}

static int
parse_uri(struct turn_server *s, const char *uri)
{
	const char *p = text_copy(s->uri, sizeof(s->uri), uri) ? take_scheme(s, uri) : NULL;

	p = p != NULL ? take_host(s, p) : NULL;
	p = p != NULL ? take_port(s, p) : NULL;
	if (p == NULL)
		return -EINVAL;
	s->tcp = s->scheme == TURN_STUNS || s->scheme == TURN_TURNS;
	if (*p == '\0')
		return 0;
	if (!turn_server_relays(s))
		return -EINVAL;
	if (strcasecmp(p, "?transport=tcp") == 0)
		s->tcp = true;
	else if (strcasecmp(p, "?transport=udp") == 0)
		s->tcp = false;
	else
		return -EINVAL;
	return 0;
}

/* ---- the list ---- */

static bool
take_login(char out[static TURN_LOGIN_MAX + 1], const char *text)
{
	for (const char *p = text; p != NULL && *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			return false;
	return text == NULL || text_copy(out, TURN_LOGIN_MAX + 1, text);
}

int
turn_servers_add(struct turn_servers *list, const char *uri, const char *username,
		 const char *credential)
{
	struct turn_server s = {.port = 0};

	if (parse_uri(&s, uri) < 0 || !take_login(s.username, username) ||
	    !take_login(s.credential, credential))
		return -EINVAL;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->servers[i].uri, s.uri) == 0 &&
		    strcmp(list->servers[i].username, s.username) == 0)
			return 0;
	if (list->count == TURN_SERVERS_MAX)
		return -ENOSPC;
	list->servers[list->count++] = s;
	return 0;
}

int
turn_servers_add_line(struct turn_servers *list, char *line)
{
	char *word[4] = {NULL};
	size_t count = text_words(line, word, ARRAY_COUNT(word));

	if (count == 0 || word[0][0] == '#')
		return 0;
	if (count != 1 && count != 3)
		return -EINVAL;
	return turn_servers_add(list, word[0], word[1], word[2]);
}

/* ---- Link fields ---- */

/* What of one link matters. */
struct link {
	char uri[TURN_URI_MAX + 1];
	char rel[64];
	char username[TURN_LOGIN_MAX + 1], credential[TURN_LOGIN_MAX + 1];
	bool has_login, cut; /* cut: a text of it is too long */
};

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A quoted string behind its first quote (RFC 9110 s.5.6.4): what follows it; NULL if it does not
 * end. */
static const char *
take_quoted(const char *p, char *out, size_t cap, bool *cut)
{
	size_t n = 0;

	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
		if (n + 1 < cap)
			out[n++] = *p;
		else
			*cut = true;
	}
	out[n] = '\0';
	return p + 1;
}

static const char *
take_token(const char *p, char *out, size_t cap, bool *cut)
{
	size_t size = strcspn(p, " \t;,=\"");
	size_t n = MIN_OF(size, cap - 1);

	*cut |= n < size;
	memcpy(out, p, n);
	out[n] = '\0';
	return p + size;
}

/* One parameter behind its semicolon: what follows it; NULL if it is none. */
static const char *
take_parameter(struct link *l, const char *p)
{
	char name[32], spare[TURN_LOGIN_MAX + 1], *out = spare;
	size_t cap = sizeof(spare);
	bool ignored = false, *cut = &ignored;

	p = skip_blanks(take_token(skip_blanks(p), name, sizeof(name), &ignored));
	if (*p != '=')
		return p; /* without a value; or an empty one, as after a last semicolon */
	if (strcasecmp(name, "rel") == 0 && l->rel[0] == '\0') { /* RFC 8288 s.3.3: the first */
		out = l->rel;
		cap = sizeof(l->rel);
	} else if (strcasecmp(name, "username") == 0) {
		out = l->username;
		cut = &l->cut;
	} else if (strcasecmp(name, "credential") == 0) {
		out = l->credential;
		cut = &l->cut;
	}
	l->has_login |= out == l->username;
	p = skip_blanks(p + 1);
	return *p == '"' ? take_quoted(p + 1, out, cap, cut) : take_token(p, out, cap, cut);
}

/* One link: what follows it; NULL if it is none. */
static const char *
take_link(struct link *l, const char *p)
{
	size_t size;

	*l = (struct link){.cut = false};
	if (*p != '<')
		return NULL;
	size = strcspn(++p, ">");
	if (p[size] != '>')
		return NULL;
	l->cut = size > TURN_URI_MAX;
	memcpy(l->uri, p, MIN_OF(size, (size_t)TURN_URI_MAX));
	p = skip_blanks(p + size + 1);
	for (unsigned i = 0; *p == ';' && i < LINK_PARAMS_MAX; i++) {
		p = take_parameter(l, p + 1);
		if (p == NULL)
			return NULL;
		p = skip_blanks(p);
	}
	return *p == '\0' || *p == ',' ? p : NULL;
}

/* rel is a list of words. */
static bool
is_ice_server(const struct link *l)
{
	static const char want[] = "ice-server";

	for (const char *p = l->rel; *p != '\0'; p += strspn(p, " ")) {
		size_t size = strcspn(p, " ");

		if (size == sizeof(want) - 1 && strncasecmp(p, want, size) == 0)
			return true;
		p += size;
	}
	return false;
}

int
turn_servers_add_link(struct turn_servers *list, const char *value)
{
	const char *p = skip_blanks(value);
	struct link l;
	bool bad = false;
	int count = 0, r;

	while (*p != '\0') {
		p = take_link(&l, p);
		if (p == NULL)
			return -EBADMSG;
		if (is_ice_server(&l)) {
			r = l.cut ? -EINVAL
				  : turn_servers_add(list, l.uri, l.has_login ? l.username : NULL,
						     l.has_login ? l.credential : NULL);
			if (r == -ENOSPC)
				return r;
			bad |= r < 0;
			count += r == 0;
		}
		p += strspn(p, ", \t");
	}
	explicit_bzero(&l, sizeof(l));
	return bad ? -EBADMSG : count;
}
