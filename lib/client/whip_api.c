#include "client/whip_api.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/whip_client.h"

static CURLU *
parse(const char *url)
{
	CURLU *u = curl_url();

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		return u;
	curl_url_cleanup(u);
	return NULL;
}

bool
whip_api_is(const char *url)
{
	static const char *const paths[] = {"/rtc/v1/publish", "/rtc/v1/publish/", "/rtc/v1/play",
					    "/rtc/v1/play/"};
	CURLU *u = parse(url);
	char *path = NULL;
	bool is = false;

	if (u != NULL && curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK)
		for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
			is |= strcmp(path, paths[i]) == 0;
	curl_free(path);
	curl_url_cleanup(u);
	return is;
}

/* The value of a parameter; standard where it is not given or longer than a name may be. */
static const char *
parameter(const char *query, const char *name, char out[static TEXT_NAME_MAX + 1],
	  const char *standard)
{
	size_t size = strlen(name);

	for (const char *p = query; p != NULL && *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
		size_t whole = strcspn(p, "&");

		if (whole <= size || p[size] != '=' || strncmp(p, name, size) != 0 ||
		    whole - size - 1 > TEXT_NAME_MAX)
			continue;
		memcpy(out, p + size + 1, whole - size - 1);
		out[whole - size - 1] = '\0';
		return out;
	}
	return standard;
}

/* webrtc://host[:port]/app/stream?query: the server reads the names from it, and the query. */
static int
stream_url(CURLU *u, char out[static WHIP_URL_SIZE])
{
	char app[TEXT_NAME_MAX + 1], stream[TEXT_NAME_MAX + 1];
	char *host = NULL, *port = NULL, *query = NULL;
	int n = -1;

	(void)curl_url_get(u, CURLUPART_PORT, &port, 0);
	(void)curl_url_get(u, CURLUPART_QUERY, &query, 0);
	if (curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		n = snprintf(out, WHIP_URL_SIZE, "webrtc://%s%s%s/%s/%s%s%s", host,
			     port != NULL ? ":" : "", port != NULL ? port : "",
			     parameter(query, "app", app, "live"),
			     parameter(query, "stream", stream, "livestream"),
			     query != NULL ? "?" : "", query != NULL ? query : "");
	curl_free(host);
	curl_free(port);
	curl_free(query);
	return n > 0 && n < WHIP_URL_SIZE ? 0 : -EINVAL;
}

char *
whip_api_request(const char *url, const char *offer)
{
	CURLU *u = parse(url);
	char stream[WHIP_URL_SIZE], *body = NULL;
	json_t *root;

	if (u != NULL && stream_url(u, stream) == 0) {
		root = json_pack("{s:s,s:n,s:s,s:s,s:s}", "api", url, "clientip", "sdp", offer,
				 "streamurl", stream, "tid", "rtckit");
		body = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
		json_decref(root);
	}
	curl_url_cleanup(u);
	return body;
}

int
whip_api_answer(char *body, size_t *size, long *code)
{
	json_t *root = json_loadb(body, *size, JSON_REJECT_DUPLICATES, NULL);
	json_t *number = json_object_get(root, "code");
	const char *sdp = json_string_value(json_object_get(root, "sdp"));
	int r = -EBADMSG;

	if (json_is_integer(number) && json_integer_value(number) != 0) {
		*code = (long)json_integer_value(number);
		r = -EPROTO;
	} else if (sdp != NULL && (number == NULL || json_is_integer(number))) {
		*size = strlen(sdp);
		memcpy(body, sdp, *size + 1);
		r = 0;
	}
	json_decref(root);
	return r;
}
