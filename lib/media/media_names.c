#include "media/media_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

int
media_names_make_parents(const char *path)
{
	char dir[2 * MEDIA_NAMES_SIZE];

	if (!text_copy(dir, sizeof(dir), path))
		return -ENAMETOOLONG;
	for (char *p = strchr(dir + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

/* Where the extension begins, or the end. */
static size_t
stem_size(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	return dot != NULL && (slash == NULL || dot > slash + 1) && dot != path
		   ? (size_t)(dot - path)
		   : strlen(path);
}

/* The first of "a.mkv", "a-2.mkv", "a-3.mkv" ... from this number on that is not there. */
static int
find_free(char out[static MEDIA_NAMES_SIZE], const char *path, unsigned first)
{
	size_t stem = stem_size(path);
	struct stat st;

	for (unsigned n = first; n < MEDIA_NAMES_REPEAT_MAX; n++) {
		int size = n == 1 ? snprintf(out, MEDIA_NAMES_SIZE, "%s", path)
				  : snprintf(out, MEDIA_NAMES_SIZE, "%.*s-%u%s", (int)stem, path, n,
					     path + stem);

		if (size >= MEDIA_NAMES_SIZE)
			return -ENAMETOOLONG;
		if (lstat(out, &st) < 0)
			return errno == ENOENT ? 0 : -errno;
	}
	return -EEXIST;
}

/* The pattern is the user's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t
format_time(char out[static MEDIA_NAMES_SIZE], const char *pattern, const struct tm *tm)
{
	return strftime(out, MEDIA_NAMES_SIZE, pattern, tm);
}
#pragma GCC diagnostic pop

int
media_names_expand(char out[static MEDIA_NAMES_SIZE], const char *pattern, const struct tm *tm)
{
	char whole[MEDIA_NAMES_SIZE], name[MEDIA_NAMES_SIZE];
	size_t stem = stem_size(pattern), size;
	int r;

	if (strchr(pattern, '%') != NULL)
		r = snprintf(whole, sizeof(whole), "%s", pattern);
	else
		r = snprintf(whole, sizeof(whole), "%.*s-%%Y%%m%%d-%%H%%M%%S%s", (int)stem, pattern,
			     pattern + stem);
	if (r >= (int)sizeof(whole))
		return -ENAMETOOLONG;
	size = format_time(name, whole, tm);
	if (size == 0 || name[size - 1] == '/')
		return -EINVAL;
	memcpy(out, name, size + 1);
	return 0;
}

int
media_names_segment(char out[static MEDIA_NAMES_SIZE], const char *pattern, time_t now)
{
	char name[MEDIA_NAMES_SIZE];
	struct tm tm;
	int r;

	localtime_r(&now, &tm);
	r = media_names_expand(name, pattern, &tm);
	if (r == 0)
		r = media_names_make_parents(name);
	return r < 0 ? r : find_free(out, name, 1);
}

int
media_names_next(char out[static MEDIA_NAMES_SIZE], const char *path)
{
	return find_free(out, path, 2);
}
