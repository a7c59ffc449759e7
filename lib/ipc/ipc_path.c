/* ipc_path.c - names in the run directory: taking them, connecting to them. */
#include "ipc/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 }; /* connections waiting for accept() */

/* mkdir -p with mode 0700 for what is missing. */
static int
make_dirs(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	strcpy(part, path);
	for (char *p = part + 1;; p++) {
		if (*p == '/' || *p == '\0') {
			char end = *p;

			*p = '\0';
			if (mkdir(part, 0700) < 0 && errno != EEXIST)
				return -errno;
			*p = end;
			if (end == '\0')
				return 0;
		}
	}
}

/* The checkout's folder if this program is CHECKOUT/build.../bin/PROGRAM; 0 or -ENOENT. */
static int
checkout_dir(char *out, size_t cap)
{
	char exe[PATH_MAX], bin[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *build;

	if (n <= 0)
		return -ENOENT;
	exe[n] = '\0';
	strcpy(bin, dirname(exe));
	if (strcmp(basename(bin), "bin") != 0)
		return -ENOENT;
	build = dirname(exe); /* exe is now .../bin */
	strcpy(bin, build);
	if (strncmp(basename(bin), "build", 5) != 0)
		return -ENOENT;
	n = snprintf(out, cap, "%s", dirname(build));
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

int
ipc_run_dir(char *out, size_t cap, bool make)
{
	const char *env = getenv("RTC_RUN");
	char root[PATH_MAX];
	int n;

	if (env != NULL && *env != '\0')
		n = snprintf(out, cap, "%s", env);
	else if (checkout_dir(root, sizeof(root)) == 0)
		n = snprintf(out, cap, "%s/run", root);
	else
		n = snprintf(out, cap, "/run/rtckit");
	if (n < 0 || (size_t)n >= cap)
		return -ENAMETOOLONG;
	return make ? make_dirs(out) : 0;
}

int
ipc_run_path(char *out, size_t cap, const char *name)
{
	char dir[PATH_MAX] = "";
	int n, rc = ipc_run_dir(dir, sizeof(dir), false);

	n = snprintf(out, cap, "%s/%s", dir, name);
	if (rc < 0)
		return rc;
	if (n < 0 || (size_t)n >= cap ||
	    (size_t)n >= sizeof(((struct sockaddr_un *)0)->sun_path) - 12)
		return -ENAMETOOLONG;
	return 0;
}

int
ipc_run_make(char *out, size_t cap, const char *name)
{
	char dir[PATH_MAX];
	int rc = ipc_run_path(out, cap, name);

	if (rc < 0)
		return rc;
	snprintf(dir, sizeof(dir), "%s", out);
	return make_dirs(dirname(dir));
}

const char *
ipc_words(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another instance runs in this directory (RTC_RUN names another)";
	case -ENAMETOOLONG:
		return "too long for a socket's name: RTC_RUN must be shorter";
	case -EACCES:
	case -EROFS:
		return "not permitted: RTC_RUN must name a directory that this user may write";
	default:
		return strerror(-error);
	}
}

static int
lock_name(const char *path)
{
	char lock[PATH_MAX];
	int fd;

	if (snprintf(lock, sizeof(lock), "%s.lock", path) >= (int)sizeof(lock))
		return -ENAMETOOLONG;
	fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno == EWOULDBLOCK ? EADDRINUSE : errno;

		close(fd);
		return -error;
	}
	return fd;
}

/* Bind under a temporary name, then rename: nobody ever finds a name without a listener. */
static int
bind_and_rename(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (snprintf(un.sun_path, sizeof(un.sun_path), "%s.%ld", path, (long)getpid()) >=
	    (int)sizeof(un.sun_path))
		return -ENAMETOOLONG;
	unlink(un.sun_path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return -errno;
	if (chmod(un.sun_path, mode) < 0 || listen(fd, BACKLOG) < 0 ||
	    rename(un.sun_path, path) < 0) {
		int error = errno;

		unlink(un.sun_path);
		return -error;
	}
	return 0;
}

int
ipc_listen(const char *path, int type, mode_t mode, int *lock_fd)
{
	int lock = lock_name(path), fd, rc;

	if (lock < 0)
		return lock;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -errno : bind_and_rename(fd, path, mode);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		close(lock);
		return rc;
	}
	*lock_fd = lock;
	return fd;
}

int
ipc_connect(const char *path, int type)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int
ipc_peer(int fd, uid_t *uid, pid_t *pid)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*uid = cred.uid;
	*pid = cred.pid;
	return 0;
}
