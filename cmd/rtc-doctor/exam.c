/* exam.c - waiting, names and signals of an examination. */
#include "exam.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

int
exam_wait(struct exam *x, struct pollfd *fds, size_t count, uint64_t until_us)
{
	struct pollfd all[EXAM_WAIT_MAX + 1];
	int n;

	for (size_t i = 0; i < count; i++)
		all[i] = fds[i];
	all[count] = (struct pollfd){.fd = x->wake_fd, .events = POLLIN};
	do {
		uint64_t now_us = clock_now_us();
		uint64_t wait_ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;

		n = poll(all, count + 1, (int)MIN_OF(wait_ms, (uint64_t)1000000));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (all[count].revents != 0) {
		x->interrupted = true;
		return -EINTR;
	}
	for (size_t i = 0; i < count; i++)
		fds[i] = all[i];
	return n;
}

uint64_t
exam_left_ms(const struct exam *x)
{
	uint64_t now_us = clock_now_us();

	return x->deadline_us > now_us + 1000 ? (x->deadline_us - now_us) / 1000 : 1;
}

/* ---- names ---- */

/* Owned by its thread, which cannot be ended, until it was written to the pipe; then by the
 * reader, if there still is one. */
struct lookup {
	int pipe_fd;
	int family;
	char name[EXAM_HOST_SIZE];
	int status;
	struct addrinfo *list;
};

static void
lookup_free(struct lookup *l)
{
	if (l->list != NULL)
		freeaddrinfo(l->list);
	free(l);
}

static void *
look_up(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo hints = {.ai_family = l->family, .ai_socktype = SOCK_STREAM};
	int fd = l->pipe_fd;

	l->status = getaddrinfo(l->name, NULL, &hints, &l->list);
	if (write(fd, &l, sizeof(l)) != sizeof(l)) /* the reader gave up */
		lookup_free(l);
	close(fd);
	return NULL;
}

static struct lookup *
lookup_start(const char *name, int family, int *read_fd)
{
	struct lookup *l = calloc(1, sizeof(*l));
	pthread_t thread;
	int fds[2];

	if (l == NULL || pipe(fds) < 0) {
		free(l);
		return NULL;
	}
	l->pipe_fd = fds[1];
	l->family = family;
	text_copy(l->name, sizeof(l->name), name);
	if (pthread_create(&thread, NULL, look_up, l) != 0) {
		close(fds[0]);
		close(fds[1]);
		free(l);
		return NULL;
	}
	pthread_detach(thread);
	*read_fd = fds[0];
	return l;
}

static int
collect(const struct lookup *l, uint16_t port, struct addr *out, size_t cap)
{
	size_t count = 0;

	if (l->status == EAI_AGAIN)
		return -ETIMEDOUT;
	for (struct addrinfo *i = l->list; l->status == 0 && i != NULL && count < cap;
	     i = i->ai_next) {
		if (addr_from_sockaddr(&out[count], i->ai_addr) < 0)
			continue;
		addr_set_port(&out[count], port);
		count++;
	}
	return count > 0 ? (int)count : -ENOENT;
}

int
exam_resolve(struct exam *x, const char *name, int family, uint16_t port, struct addr *out,
	     size_t cap)
{
	struct pollfd wait = {.fd = -1, .events = POLLIN};
	struct lookup *l = lookup_start(name, family, &wait.fd);
	int r;

	if (l == NULL)
		return -ENOMEM;
	r = exam_wait(x, &wait, 1, x->deadline_us);
	if (r > 0 && read(wait.fd, &l, sizeof(l)) == sizeof(l)) {
		r = collect(l, port, out, cap);
		lookup_free(l);
	} else if (r == 0) {
		r = -ETIMEDOUT;
	}
	close(wait.fd); /* a late thread finds nobody, and frees what it has */
	return r;
}
