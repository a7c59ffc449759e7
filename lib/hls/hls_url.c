#include "hls/hls_url.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *const hls_suffixes[HLS_FORMS] = {
    [HLS_FLV] = ".flv", [HLS_TS] = ".ts", [HLS_PLAYLIST] = ".m3u8", [HLS_M4S] = ".m4s"};

static bool
parse_number(uint64_t *number, const char *text)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	*number = n;
	return *end == '\0' && errno == 0;
}

/* Octets before the end that tells the form. */
static int
find_form(const char *path, enum hls_form *form)
{
	size_t size = strlen(path);

	for (int f = 0; f < HLS_FORMS; f++) {
		size_t n = strlen(hls_suffixes[f]);

		if (size <= n || size > INT_MAX || strcmp(path + size - n, hls_suffixes[f]) != 0)
			continue;
		*form = (enum hls_form)f;
		return (int)(size - n);
	}
	return -ENOENT;
}

int
hls_url_split(struct hls_url *url, const char *path, const char *segment, const char *init)
{
	struct hls_url u = {.part = HLS_WHOLE};
	int size = find_form(path, &u.form);

	if (size < 0)
		return size;
	if (u.form == HLS_M4S || (u.form == HLS_TS && segment != NULL))
		u.part = segment != NULL ? HLS_SEGMENT : HLS_MAP;
	if (u.part == HLS_SEGMENT)
		u.has_number = parse_number(&u.number, segment);
	else if (u.part == HLS_MAP)
		u.has_number = init != NULL && parse_number(&u.number, init);
	*url = u;
	return size;
}

int
hls_url_parse(struct hls_url *url, const char *path, const char *segment, const char *init)
{
	struct hls_url u;
	int size = hls_url_split(&u, path, segment, init);

	if (size < 1 || path[0] != '/' || size > (int)sizeof(u.stream))
		return -ENOENT;
	memcpy(u.stream, path + 1, (size_t)size - 1);
	u.stream[size - 1] = '\0';
	if (!text_is_stream(u.stream))
		return -ENOENT;
	*url = u;
	return 0;
}
