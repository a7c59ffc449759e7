/*
 * media_names.h - names of files that are made one after the other, and the directories they lie
 * in.
 */
#ifndef RTCKIT_MEDIA_MEDIA_NAMES_H
#define RTCKIT_MEDIA_MEDIA_NAMES_H

#include <stddef.h>
#include <time.h>

enum {
	MEDIA_NAMES_SIZE = 1024,
	MEDIA_NAMES_REPEAT_MAX = 10000 /* files of one name that get a number */
};

/* Make the directories of a path that are not there. 0 or -errno. */
int media_names_make_parents(const char *path);
/*
 * What the pattern says of a time: strftime(3); without a '%' the date and time go before the
 * extension. 0, -ENAMETOOLONG, -EINVAL (nothing comes of it, or the name of a directory). Pure; out
 * is untouched on error.
 */
int media_names_expand(char out[static MEDIA_NAMES_SIZE], const char *pattern, const struct tm *tm);
/*
 * The name of a file that begins at this time, local; one that is there already gets a number. Its
 * directories are made. As media_names_expand(); -errno of the directories; -EEXIST: too many.
 */
int media_names_segment(char out[static MEDIA_NAMES_SIZE], const char *pattern, time_t now);
/* The same for a file that goes on with another one: "a.mp4", then "a-2.mp4". */
int media_names_next(char out[static MEDIA_NAMES_SIZE], const char *path);

#endif
