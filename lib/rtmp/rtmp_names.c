/* rtmp_names.c - addresses: rtmp://host[:port]/app/stream?query. */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

void
rtmp_split_query(const char *text, char *name, char *query)
{
	size_t size = strcspn(text, "?");

	if (size > RTMP_NAME_MAX)
		size = RTMP_NAME_MAX;
	memcpy(name, text, size);
	name[size] = '\0';
	text += strcspn(text, "?");
	text_copy(query, RTMP_NAME_MAX + 1, *text == '?' ? text + 1 : "");
}

/* Copy size octets and terminate. */
static int
copy_part(char *out, size_t cap, const char *p, size_t size)
{
	if (size == 0 || size >= cap)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return -EINVAL;
	memcpy(out, p, size);
	out[size] = '\0';
	return 0;
}

/* "host", "host:port", "[v6]:port". */
static int
parse_authority(struct rtmp_url *url, const char *p, size_t size)
{
	size_t host_size = 0;
	const char *host = p;
	unsigned long port;
	char *end;

	if (size > 0 && *p == '[') {
		host++;
		host_size = strcspn(host, "]");
		p = host + host_size + 1;
		if (host_size + 2 > size)
			return -EINVAL;
		size -= host_size + 2;
	} else {
		while (host_size < size && p[host_size] != ':')
			host_size++;
		p += host_size;
		size -= host_size;
	}
	if (copy_part(url->host, sizeof(url->host), host, host_size) < 0)
		return -EINVAL;
	url->port = url->tls ? 443 : RTMP_PORT;
	if (size == 0)
		return 0;
	port = size > 1 && *p == ':' && p[1] >= '0' && p[1] <= '9' ? strtoul(p + 1, &end, 10) : 0;
	if (port == 0 || port > UINT16_MAX || end != p + size)
		return -EINVAL;
	url->port = (uint16_t)port;
	return 0;
}

int
rtmp_url_parse(struct rtmp_url *out, const char *text)
{
	struct rtmp_url url = {.tls = strncasecmp(text, "rtmps://", 8) == 0};
	const char *authority = text + (url.tls ? 8 : 7), *path, *query, *stream;
	size_t size;
	int n;

	if (!url.tls && strncasecmp(text, "rtmp://", 7) != 0)
		return -EINVAL;
	size = strcspn(authority, "/?#");
	path = authority + size + 1;
	if (authority[size] != '/' || parse_authority(&url, authority, size) < 0)
		return -EINVAL;
	query = path + strcspn(path, "?");
	stream = query;
	while (stream > path && stream[-1] != '/')
		stream--;
	if (stream == path ||
	    copy_part(url.app, sizeof(url.app), path, (size_t)(stream - path) - 1) < 0 ||
	    stream == query ||
	    copy_part(url.stream, sizeof(url.stream), stream, strlen(stream)) < 0)
		return -EINVAL;
	n = snprintf(url.tc_url, sizeof(url.tc_url), "%.*s/%s", (int)(authority + size - text),
		     text, url.app);
	if (n < 0 || n > RTMP_NAME_MAX)
		return -EINVAL;
	*out = url;
	return 0;
}
