/*
 * store.h - files under one directory, written whole (a temporary name, then renamed) by a thread
 * of its own, since disks may block; in the order asked for.
 */
#ifndef RTC2RTMP_STORE_H
#define RTC2RTMP_STORE_H

#include <stddef.h>
#include <stdint.h>

enum {
	STORE_QUEUE_MAX = 256 << 20, /* octets that wait for a slow disk; more is left out */
	STORE_PATH_SIZE = 512
};

struct store;

/* The directory is made if it is not there; what an earlier run left in it goes. NULL with the
 * reason logged. */
struct store *store_new(const char *dir);
/* Write what waits and end. Takes NULL. */
void store_free(struct store *s);
/* Paths are relative ("live/a.m3u8"); octets are copied. */
void store_put(struct store *s, const char *path, const void *data, size_t size);
void store_remove(struct store *s, const char *path);

/* store_sweep.c: remove what rtc2rtmp wrote under dir. */
void store_sweep(const char *dir);
/* How each of its playlists begins, by which it knows them again. */
#define STORE_HEAD "#EXTM3U\n# written by rtc2rtmp\n"
/* Behind a stream's name; the first is there whenever files of it are and the second is not: what
 * is killed in between leaves nothing that is not known again. */
#define STORE_UNLISTED ".m3u8.tmp"
#define STORE_LIST     ".m3u8"

#endif
