#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

int
names_make_parents(const char *path)
{
	char dir[2 * NAMES_SIZE];

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
find_free(char out[static NAMES_SIZE], const char *path, unsigned first)
{
	size_t stem = stem_size(path);
	struct stat st;

	for (unsigned n = first; n < NAMES_REPEAT_MAX; n++) {
		int size = n == 1 ? snprintf(out, NAMES_SIZE, "%s", path)
				  : snprintf(out, NAMES_SIZE, "%.*s-%u%s", (int)stem, path, n,
					     path + stem);

		if (size >= NAMES_SIZE)
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
expand(char out[static NAMES_SIZE], const char *pattern, time_t now)
{
	struct tm tm;

	localtime_r(&now, &tm);
	return strftime(out, NAMES_SIZE, pattern, &tm);
}
#pragma GCC diagnostic pop

int
names_segment(char out[static NAMES_SIZE], const char *pattern, time_t now)
{
	char whole[NAMES_SIZE], name[NAMES_SIZE];
	size_t stem = stem_size(pattern);
	int r;

	if (strchr(pattern, '%') != NULL)
		r = snprintf(whole, sizeof(whole), "%s", pattern);
	else
		r = snprintf(whole, sizeof(whole), "%.*s-%%Y%%m%%d-%%H%%M%%S%s", (int)stem, pattern,
			     pattern + stem);
	if (r >= (int)sizeof(whole))
		return -ENAMETOOLONG;
	if (expand(name, whole, now) == 0)
		return -EINVAL;
	r = names_make_parents(name);
	return r < 0 ? r : find_free(out, name, 1);
}

int
names_next(char out[static NAMES_SIZE], const char *path)
{
	return find_free(out, path, 2);
}
