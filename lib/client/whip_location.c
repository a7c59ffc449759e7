/* whip_location.c - what a Location header means: by the standard, and as OBS reads it. */
#include "client/whip_client.h"

#include <errno.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static int
take_url(CURLU *u, char *out, size_t cap)
{
	char *full = NULL;
	int r = -EINVAL;

	if (curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK &&
	    strncasecmp(full, "http", 4) == 0)
		r = strlen(full) < cap && text_copy(out, cap, full) ? 0 : -ENOSPC;
	curl_free(full);
	return r;
}

int
whip_location(char *out, size_t cap, const char *url, const char *location)
{
	CURLU *u = curl_url();
	int r = -EINVAL;

	if (u != NULL && location[0] != '\0' &&
	    curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK)
		r = take_url(u, out, cap);
	curl_url_cleanup(u);
	return r;
}

int
whip_location_obs(char *out, size_t cap, const char *url, const char *location)
{
	CURLU *u = curl_url();
	bool whole = strncmp(location, "http", 4) == 0, good;
	int r = -EINVAL;

	if (u == NULL)
		return -ENOMEM;
	if (whole)
		good = curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK;
	else
		good = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		       curl_url_set(u, CURLUPART_PATH, location, 0) == CURLUE_OK &&
		       curl_url_set(u, CURLUPART_QUERY, "", 0) == CURLUE_OK;
	if (good)
		r = take_url(u, out, cap);
	curl_url_cleanup(u);
	return r;
}
