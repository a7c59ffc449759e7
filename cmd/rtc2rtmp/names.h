/* names.h - names of files that are made one after the other, and the directories they lie in. */
#ifndef RTC2RTMP_NAMES_H
#define RTC2RTMP_NAMES_H

#include <stddef.h>
#include <time.h>

enum { NAMES_SIZE = 1024, NAMES_REPEAT_MAX = 10000 /* files of one name that get a number */ };

/* Make the directories of a path that are not there. 0 or -errno. */
int names_make_parents(const char *path);
/*
 * A name of the pattern for a file that begins at this time: strftime(3); without a '%' the date
 * and time go before the extension. One that is there already gets a number. Its directories are
 * made. 0 or -errno (-ENAMETOOLONG, -EINVAL: nothing comes of the pattern, -EEXIST: too many).
 */
int names_segment(char out[static NAMES_SIZE], const char *pattern, time_t now);
/* The same for a file that goes on with another one: "a.mp4", then "a-2.mp4". */
int names_next(char out[static NAMES_SIZE], const char *path);

#endif
