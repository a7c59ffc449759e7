/* whip_url.c - what a user types: URLs and tokens. */
#include "client/whip_client.h"

#include <errno.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

enum { API_PORT = 1985, HTTPS_PORT = 443 };

/* Parts of a webrtc:// URL as libcurl allots them. */
struct parts {
	char *host, *port, *path, *query;
};

static void
parts_free(struct parts *p)
{
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->path);
	curl_free(p->query);
}

static int
parts_get(struct parts *p, const char *url)
{
	CURLU *u = curl_url();
	int r = -EINVAL;

	if (u != NULL &&
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &p->host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PATH, &p->path, 0) == CURLUE_OK)
		r = 0;
	if (r == 0) { /* absent ones stay NULL */
		(void)curl_url_get(u, CURLUPART_PORT, &p->port, 0);
		(void)curl_url_get(u, CURLUPART_QUERY, &p->query, 0);
	}
	curl_url_cleanup(u);
	return r;
}

/* "/app/stream" into its two names. */
static int
split_path(const char *path, char app[static TEXT_NAME_MAX + 1],
	   char stream[static TEXT_NAME_MAX + 1])
{
	const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;

	if (slash == NULL || slash - path - 1 > TEXT_NAME_MAX)
		return -EINVAL;
	memcpy(app, path + 1, (size_t)(slash - path - 1));
	app[slash - path - 1] = '\0';
	if (!text_copy(stream, TEXT_NAME_MAX + 1, slash + 1) || !text_is_name(app) ||
	    !text_is_name(stream))
		return -EINVAL;
	return 0;
}

/* Has the query the parameter schema=https? */
static bool
wants_https(const char *query)
{
	static const char want[] = "schema=https";

	for (const char *p = query; p != NULL; p = strchr(p, '&')) {
		p += *p == '&';
		if (strncmp(p, want, sizeof(want) - 1) == 0 &&
		    (p[sizeof(want) - 1] == '\0' || p[sizeof(want) - 1] == '&'))
			return true;
	}
	return false;
}

static int
from_webrtc(char *out, size_t cap, const char *url, enum whip_action action)
{
	struct parts p = {0};
	char app[TEXT_NAME_MAX + 1], stream[TEXT_NAME_MAX + 1];
	char text[WHIP_URL_SIZE];
	bool https;
	int n, r = parts_get(&p, url);

	if (r == 0)
		r = split_path(p.path, app, stream);
	if (r == 0) {
		https = wants_https(p.query);
		n = snprintf(text, sizeof(text), "%s://%s:%d/rtc/v1/%s/?app=%s&stream=%s%s%s",
			     https ? "https" : "http", p.host,
			     p.port != NULL ? atoi(p.port)
			     : https	    ? HTTPS_PORT
					    : API_PORT,
			     action == WHIP_PUBLISH ? "whip" : "whep", app, stream,
			     p.query != NULL ? "&" : "", p.query != NULL ? p.query : "");
		r = (size_t)n < MIN_OF(cap, sizeof(text)) ? 0 : -ENOSPC;
		if (r == 0)
			memcpy(out, text, (size_t)n + 1);
	}
	parts_free(&p);
	return r;
}

int
whip_url(char *out, size_t cap, const char *url, enum whip_action action)
{
	CURLU *u;
	bool good;

	if (strncasecmp(url, "webrtc://", 9) == 0)
		return from_webrtc(out, cap, url, action);
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return -EINVAL;
	u = curl_url();
	good = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
	curl_url_cleanup(u);
	if (!good)
		return -EINVAL;
	if (strlen(url) >= cap)
		return -ENOSPC;
	memcpy(out, url, strlen(url) + 1);
	return 0;
}

static int
read_line(char *out, size_t cap, const char *path)
{
	FILE *f = fopen(path, "re");
	int r = 0;

	if (f == NULL)
		return -errno;
	errno = 0;
	if (fgets(out, (int)cap, f) == NULL) {
		out[0] = '\0';
		r = -errno; /* 0 at the end of an empty file */
	}
	fclose(f);
	if (r == 0 && strlen(out) + 1 == cap)
		r = -EINVAL;
	out[strcspn(out, "\r\n")] = '\0';
	return r;
}

int
whip_token(char token[static WHIP_TOKEN_SIZE], const char *file)
{
	char text[WHIP_TOKEN_SIZE] = "";
	const char *env = getenv("RTC_TOKEN");
	int r = 0;

	if (file != NULL)
		r = read_line(text, sizeof(text), file);
	else if (env != NULL && !text_copy(text, sizeof(text), env))
		r = -EINVAL;
	if (r < 0)
		return r;
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return -EINVAL;
	memcpy(token, text, sizeof(text));
	return 0;
}
