/*
 * hotpath.c - preloaded into rtc-relay: counts what its media threads (all but the first) ask of
 * the heap, of locks and of the kernel, into the file that $HOTPATH_FILE names.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef __GLIBC__
#error "needs glibc's __libc_malloc"
#endif

/* What the test reads: 8 octets each, native order. */
struct counts {
	uint64_t allocations, frees, locks, calls;
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static struct counts nowhere;
static struct counts *counts = &nowhere;
static __thread int first = -1;

static int (*real_mutex_lock)(pthread_mutex_t *m);
static int (*real_rdlock)(pthread_rwlock_t *l);
static int (*real_wrlock)(pthread_rwlock_t *l);
static int (*real_sendmmsg)(int fd, struct mmsghdr *m, unsigned n, int flags);
static int (*real_recvmmsg)(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t);
static ssize_t (*real_sendmsg)(int fd, const struct msghdr *m, int flags);
static ssize_t (*real_send)(int fd, const void *p, size_t n, int flags);

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("HOTPATH_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	real_mutex_lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real_rdlock = (int (*)(pthread_rwlock_t *))dlsym(RTLD_NEXT, "pthread_rwlock_rdlock");
	real_wrlock = (int (*)(pthread_rwlock_t *))dlsym(RTLD_NEXT, "pthread_rwlock_wrlock");
	real_sendmmsg = (int (*)(int, struct mmsghdr *, unsigned, int))dlsym(RTLD_NEXT, "sendmmsg");
	real_recvmmsg = (int (*)(int, struct mmsghdr *, unsigned, int, struct timespec *))dlsym(
	    RTLD_NEXT, "recvmmsg");
	real_sendmsg = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	real_send = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		counts = map;
}

static void
count(uint64_t *what)
{
	if (first < 0)
		first = gettid() == getpid();
	if (!first)
		__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

void *
malloc(size_t size)
{
	count(&counts->allocations);
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	count(&counts->allocations);
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	count(&counts->allocations);
	return __libc_realloc(p, size);
}

void
free(void *p)
{
	if (p != NULL)
		count(&counts->frees);
	__libc_free(p);
}

int
pthread_mutex_lock(pthread_mutex_t *m)
{
	count(&counts->locks);
	return real_mutex_lock(m);
}

int
pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	count(&counts->locks);
	return real_rdlock(l);
}

int
pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	count(&counts->locks);
	return real_wrlock(l);
}

int
sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	count(&counts->calls);
	return real_sendmmsg(fd, m, n, flags);
}

int
recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	count(&counts->calls);
	return real_recvmmsg(fd, m, n, flags, t);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	count(&counts->calls);
	return real_sendmsg(fd, m, flags);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	count(&counts->calls);
	return real_send(fd, p, n, flags);
}
