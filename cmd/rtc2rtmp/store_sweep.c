/* store_sweep.c - what an earlier run left: playlists that carry our mark, and what belongs to
 * them. Nothing else is touched. */
#include "store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"

enum { DEPTH_MAX = 3, HEAD_SIZE = 64, SWEPT_MAX = 100000 /* names looked at in a directory */ };

/* Octets of the stream's name before the end of a playlist's; 0: it is none. */
static size_t
stream_size_of(const char *name)
{
	static const char *const ends[] = {STORE_LIST, STORE_UNLISTED};
	size_t size = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t n = strlen(ends[i]);

		if (size > n && strcmp(name + size - n, ends[i]) == 0)
			return size - n;
	}
	return 0;
}

/* Is this a playlist of ours, or what holds its place? */
static bool
is_ours(int dir, const char *name)
{
	static const char head[] = STORE_HEAD;
	char buf[HEAD_SIZE];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n >= (ssize_t)sizeof(head) - 1 && memcmp(buf, head, sizeof(head) - 1) == 0;
}

/* "a-123.ts", "a-123.m4s", "a-init-123.mp4", each of them perhaps with ".tmp", of stream "a". */
static bool
belongs_to(const char *name, const char *stream, size_t stream_size)
{
	static const char *const ends[] = {".ts",     ".m4s",	  ".mp4",
					   ".ts.tmp", ".m4s.tmp", ".mp4.tmp"};
	const char *p = name + stream_size;
	size_t digits;

	if (strncmp(name, stream, stream_size) != 0 || *p++ != '-')
		return false;
	if (strncmp(p, "init-", 5) == 0)
		p += 5;
	digits = strspn(p, "0123456789");
	for (size_t i = 0; digits > 0 && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(p + digits, ends[i]) == 0)
			return true;
	return false;
}

static void
sweep_stream(int fd, const char *playlist)
{
	size_t size = stream_size_of(playlist);
	DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	if (dir == NULL)
		return;
	unlinkat(fd, playlist, 0);
	while ((e = readdir(dir)) != NULL)
		if (belongs_to(e->d_name, playlist, size))
			unlinkat(fd, e->d_name, 0);
	closedir(dir);
}

static void
sweep_level(int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;

	for (unsigned i = 0; dir != NULL && i < SWEPT_MAX && (e = readdir(dir)) != NULL; i++) {
		struct stat st;

		if (e->d_name[0] == '.' ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int sub = openat(dirfd(dir), e->d_name,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			if (sub >= 0)
				sweep_level(sub, depth + 1);
		} else if (S_ISREG(st.st_mode) && stream_size_of(e->d_name) > 0 &&
			   is_ours(dirfd(dir), e->d_name)) {
			log_info("store", "removing what an earlier run left of %s", e->d_name);
			sweep_stream(dirfd(dir), e->d_name);
		}
	}
	if (dir != NULL)
		closedir(dir);
	else
		close(fd);
}

void
store_sweep(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		sweep_level(fd, 1);
}
