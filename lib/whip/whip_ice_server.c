#include "whip/whip_ice_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "http/url.h"

/* Length of the scheme with its colon, 0 if it is none; *turn says which kind. */
static size_t
scheme_of(const char *uri, bool *turn)
{
	static const struct {
		const char *text;
		bool turn;
	} rows[] = {{"stun:", false}, {"stuns:", false}, {"turn:", true}, {"turns:", true}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (strncmp(uri, rows[i].text, strlen(rows[i].text)) == 0) {
			*turn = rows[i].turn;
			return strlen(rows[i].text);
		}
	return 0;
}

static bool
is_uri(const char *uri, bool *turn)
{
	size_t at = scheme_of(uri, turn), size;
	struct url_span host;
	const char *query;
	uint16_t port;
	bool ipv6;

	if (at == 0 || strlen(uri) > WHIP_ICE_SERVER_URI_MAX)
		return false;
	size = strcspn(uri + at, "?");
	query = uri + at + size;
	if (url_parse_host(&host, &port, &ipv6, uri + at, size) < 0)
		return false;
	return *query == '\0' || (*turn && (strcmp(query, "?transport=udp") == 0 ||
					    strcmp(query, "?transport=tcp") == 0));
}

/* What can stand inside of a quoted string as it is. */
static bool
is_text(const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return n > 0 && n <= WHIP_ICE_SERVER_TEXT_MAX;
}

int
whip_ice_server_add(struct whip_ice_servers *servers, const char *uri, const char *username,
		    const char *credential)
{
	char *out;
	bool turn;

	if (servers->count == WHIP_ICE_SERVERS_MAX)
		return -ENOSPC;
	if (!is_uri(uri, &turn) || turn != (username != NULL) || turn != (credential != NULL) ||
	    (turn && (!is_text(username) || !is_text(credential))))
		return -EINVAL;
	out = servers->links[servers->count++];
	if (turn)
		snprintf(out, WHIP_LINK_SIZE,
			 "<%s>; rel=\"ice-server\"; username=\"%s\"; credential=\"%s\"; "
			 "credential-type=\"password\"",
			 uri, username, credential);
	else
		snprintf(out, WHIP_LINK_SIZE, "<%s>; rel=\"ice-server\"", uri);
	return 0;
}

static int
add_line(struct whip_ice_servers *servers, char *line)
{
	char *word[4] = {NULL};
	size_t count = text_words(line, word, ARRAY_COUNT(word));

	if (count == 0 || word[0][0] == '#')
		return 0;
	return count == 4 ? -EINVAL : whip_ice_server_add(servers, word[0], word[1], word[2]);
}

int
whip_ice_servers_load(struct whip_ice_servers *servers, const char *path)
{
	size_t before = servers->count, cap = 0;
	FILE *file = fopen(path, "re");
	char *line = NULL;
	int r = 0;

	if (file == NULL)
		return -errno;
	while (r == 0 && getline(&line, &cap, file) >= 0)
		r = add_line(servers, line);
	if (r == 0 && ferror(file))
		r = -EIO;
	if (line != NULL)
		explicit_bzero(line, cap);
	free(line);
	fclose(file);
	if (r < 0)
		servers->count = before;
	return r;
}
