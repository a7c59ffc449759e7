/* Unit tests of lib/media/media_names.h: names of files that are made one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "media/media_names.h"

static const struct tm then = {.tm_year = 126,
			       .tm_mon = 10,
			       .tm_mday = 28,
			       .tm_hour = 7,
			       .tm_min = 5,
			       .tm_sec = 9,
			       .tm_wday = 6};

static char dir[] = "/tmp/rtckit-names-XXXXXX";

static void
what_a_pattern_says(void **state)
{
	static const struct {
		const char *pattern, *name;
	} rows[] = {
	    {"a.mkv", "a-20261128-070509.mkv"},
	    {"a", "a-20261128-070509"},
	    {"/x.y/a", "/x.y/a-20261128-070509"},
	    {"/x/.hidden", "/x/.hidden-20261128-070509"},
	    {".hidden", ".hidden-20261128-070509"},
	    {"a.b.mkv", "a.b-20261128-070509.mkv"},
	    {"%Y/%m-%d/a.mkv", "2026/11-28/a.mkv"},
	    {"%H%M%S", "070509"},
	    {"100%%.mkv", "100%.mkv"},
	    {"a-%F.mkv", "a-2026-11-28.mkv"},
	};
	char out[MEDIA_NAMES_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(media_names_expand(out, rows[i].pattern, &then), 0);
		assert_string_equal(out, rows[i].name);
	}
}

static void
what_makes_no_name(void **state)
{
	char out[MEDIA_NAMES_SIZE] = "before", pattern[2 * MEDIA_NAMES_SIZE];

	(void)state;
	assert_int_equal(media_names_expand(out, "%Y/", &then), -EINVAL);
	assert_int_equal(media_names_expand(out, "%999999999d.mkv", &then), -EINVAL);
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	assert_int_equal(media_names_expand(out, pattern, &then), -ENAMETOOLONG);
	pattern[0] = '%';
	assert_int_equal(media_names_expand(out, pattern, &then), -ENAMETOOLONG);
	/* It fits, what comes of it does not. */
	for (size_t i = 0; i < MEDIA_NAMES_SIZE - 2; i += 2)
		memcpy(pattern + i, "%F", 3);
	assert_int_equal(media_names_expand(out, pattern, &then), -EINVAL);
	assert_string_equal(out, "before");
}

static void
expand_prefix(void *arg, const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1), out[MEDIA_NAMES_SIZE];
	int *longest = arg, r;

	assert_non_null(text);
	memcpy(text, buf, size);
	text[size] = '\0';
	r = media_names_expand(out, text, &then);
	assert_true(r == 0 || r == -EINVAL);
	if (r == 0)
		*longest = MAX_OF(*longest, (int)strlen(out));
	free(text);
}

static void
every_truncation(void **state)
{
	static const char pattern[] = "%Y-%m-%d/%A/%-H.%05M/%%x%E%O%EY%_10S.%s.mkv";
	int longest = 0;

	(void)state;
	support_truncations((const uint8_t *)pattern, strlen(pattern), expand_prefix, &longest);
	assert_in_range(longest, 40, 100);
}

static void
touch(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void
a_name_that_is_taken_gets_a_number(void **state)
{
	char pattern[256], out[MEDIA_NAMES_SIZE], want[256];
	struct stat st;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/deep/%%Y/a.mkv", dir);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(media_names_segment(out, pattern, 86400), 0);
		snprintf(want, sizeof(want),
			 i == 1 ? "%s/deep/1970/a.mkv" : "%s/deep/1970/a-%d.mkv", dir, i);
		assert_string_equal(out, want);
		touch(out);
	}
	snprintf(want, sizeof(want), "%s/deep/1970", dir);
	assert_int_equal(stat(want, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	snprintf(pattern, sizeof(pattern), "%s/one.mp4", dir);
	for (int i = 2; i <= 4; i++) {
		assert_int_equal(media_names_next(out, pattern), 0);
		snprintf(want, sizeof(want), "%s/one-%d.mp4", dir, i);
		assert_string_equal(out, want);
		touch(out);
	}
	/* A dangling link is taken, too: it would be written through. */
	snprintf(want, sizeof(want), "%s/one-5.mp4", dir);
	assert_int_equal(symlink("/nonexistent/x", want), 0);
	assert_int_equal(media_names_next(out, pattern), 0);
	snprintf(want, sizeof(want), "%s/one-6.mp4", dir);
	assert_string_equal(out, want);
}

static void
directories_that_cannot_be_made(void **state)
{
	char path[2 * MEDIA_NAMES_SIZE + 8], out[MEDIA_NAMES_SIZE];

	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	touch(path);
	snprintf(path, sizeof(path), "%s/file/%%Y.mkv", dir);
	assert_int_equal(media_names_segment(out, path, 0), -ENOTDIR);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(media_names_make_parents(path), -ENAMETOOLONG);
	assert_int_equal(media_names_make_parents("no-directory"), 0);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_pattern_says),
	    cmocka_unit_test(what_makes_no_name),
	    cmocka_unit_test(every_truncation),
	    cmocka_unit_test(a_name_that_is_taken_gets_a_number),
	    cmocka_unit_test(directories_that_cannot_be_made),
	};

	return cmocka_run_group_tests_name("media_names", tests, set_up, tear_down);
}
