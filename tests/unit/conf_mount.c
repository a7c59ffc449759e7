/* Templates of paths: which there are, and what a path of one names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/text.h"
#include "conf/conf_mount.h"

static const char usual[] = "[vhost]/[app]/[stream].flv";

static const struct {
	const char *template, *path, *name; /* NULL: not of the template */
} rows[] = {
    {usual, "/live/a", "live/a"},
    {usual, "/example.com/live/a", "example.com/live/a"},
    {usual, "/a", NULL},
    {usual, "/w/x/y/z", NULL},
    {usual, "/live/", NULL},
    {usual, "//a", NULL},
    {usual, "live/a", NULL},
    {usual, "/", NULL},
    {usual, "", NULL},
    {"/[app]/[stream].flv", "/live/a", "live/a"},
    {"/[app]/[stream].flv", "/v/live/a", NULL},
    {"[app]/[stream].ts", "/live/a", "live/a"},
    {"/tv/[app]/[stream].flv", "/tv/live/a", "live/a"},
    {"/tv/[app]/[stream].flv", "/live/a", NULL},
    {"/tv/[app]/[stream].flv", "/tvx/live/a", NULL},
    {"/tv/[stream].flv", "/tv/a.b", "live/a.b"},
    {"/tv/[stream].flv", "/tv/a/b", NULL},
    {"/[stream]/[app].flv", "/a/live", "live/a"},
    {"/[app]/cam-[stream]-hd.flv", "/live/cam-7-hd", "live/7"},
    {"/[app]/cam-[stream]-hd.flv", "/live/cam--hd", NULL},
    {"/[app]/cam-[stream]-hd.flv", "/live/cam-hd", NULL},
    {"/[app]/cam-[stream]-hd.flv", "/live/cam-7-sd", NULL},
    {"[vhost]/tv/[stream].flv", "/tv/a", "live/a"},
    {"[vhost]/tv/[stream].flv", "/v/tv/a", "v/live/a"},
    {"/a/[app]/b/[stream]/c.flv", "/a/x/b/y/c", "x/y"},
    {"/a/[app]/b/[stream]/c.flv", "/a/x/b/y", NULL},
};

static const struct {
	const char *template, *fault; /* a part of it; NULL: none */
} faults[] = {
    {usual, NULL},
    {"/[stream].ts", NULL},
    {"", "must end"},
    {".flv", "must end"},
    {"/[app]/[stream]", "must end"},
    {"/[app]/[stream].mp3", "must end"},
    {"/[app]/[stream].m3u8", "must end"},
    {"/[app].flv", "[stream] once"},
    {"/x.flv", "[stream] once"},
    {"/[stream]/[stream].flv", "[stream] once"},
    {"/[app]/[app]/[stream].flv", "[app] at most"},
    {"/[app][stream].flv", "one of"},
    {"/[app]/[stream]/[vhost].flv", "[vhost] is the first"},
    {"/x[vhost]/[stream].flv", "[vhost] is the first"},
    {"/[vhost].flv", "[vhost] is the first"},
    {"/[what]/[stream].flv", "may have"},
    {"/a b/[stream].flv", "may have"},
    {"/a%20b/[stream].flv", "may have"},
    {"//[stream].flv", "empty"},
    {"/a//[stream].flv", "empty"},
    {"/a/../[stream].flv", "dots"},
    {"/./[stream].flv", "dots"},
    {"/[stream]/.flv", "empty"},
    {"/rtc/v1/[stream].flv", "taken"},
    {"sig/[stream].flv", "taken"},
};

static void
paths_name_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char name[TEXT_STREAM_SIZE] = "untouched";
		int r;

		assert_null(conf_mount_fault(rows[i].template));
		r = conf_mount_match(rows[i].template, rows[i].path, name, sizeof(name));
		if (r != (rows[i].name != NULL ? 0 : -ENOENT) ||
		    strcmp(name, rows[i].name != NULL ? rows[i].name : "untouched") != 0)
			fail_msg("%s of %s: %d, %s", rows[i].path, rows[i].template, r, name);
	}
}

static void
faults_are_named(void **state)
{
	char long_one[CONF_MOUNT_MAX + 16];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		const char *fault = conf_mount_fault(faults[i].template);

		if ((fault == NULL) != (faults[i].fault == NULL) ||
		    (fault != NULL && strstr(fault, faults[i].fault) == NULL))
			fail_msg("%s: %s", faults[i].template, fault != NULL ? fault : "no fault");
	}
	memset(long_one, 'a', sizeof(long_one));
	strcpy(long_one + sizeof(long_one) - 13, "[stream].flv");
	assert_non_null(conf_mount_fault(long_one));
}

/* Every beginning of each, in blocks of exactly their size. */
static void
cut_anywhere(void **state)
{
	char name[TEXT_STREAM_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t n = 0; n <= strlen(rows[i].path); n++) {
			char *path = strndup(rows[i].path, n);

			assert_non_null(path);
			conf_mount_match(rows[i].template, path, name, sizeof(name));
			free(path);
		}
		for (size_t n = 0; n <= strlen(rows[i].template); n++) {
			char *template = strndup(rows[i].template, n);

			assert_non_null(template);
			if (conf_mount_fault(template) == NULL)
				conf_mount_match(template, rows[i].path, name, sizeof(name));
			free(template);
		}
	}
	assert_int_equal(conf_mount_match(usual, "/live/a", name, 6), -ENOSPC);
	assert_int_equal(conf_mount_match(usual, "/live/a", name, 7), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_name_streams),
	    cmocka_unit_test(faults_are_named),
	    cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
