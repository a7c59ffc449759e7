#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/log.h"
#include "media/media_names.h"

enum { COMPLAIN_US = 5000000 /* between two messages of a disk that fails */ };

struct job {
	struct job *next;
	char path[STORE_PATH_SIZE];
	bool removes;
	size_t size;
	uint8_t data[];
};

struct store {
	char dir[STORE_PATH_SIZE];
	uv_thread_t thread;
	uv_mutex_t lock; /* of what follows */
	uv_cond_t changed;
	struct job *first, **end;
	size_t octets;
	bool finishing;
	uint64_t complained_us;
};

/* ---- the thread ---- */

static int
write_all(int fd, const uint8_t *buf, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, buf, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		buf += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
put_file(const char *path, const struct job *j)
{
	char temporary[2 * STORE_PATH_SIZE + 8];
	int fd, r;

	r = media_names_make_parents(path);
	if (r < 0)
		return r;
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, j->data, j->size);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

static void
complain(struct store *s, const char *path, const char *words)
{
	uint64_t now_us = clock_now_us();

	if (s->complained_us != 0 && now_us - s->complained_us < COMPLAIN_US)
		return;
	s->complained_us = now_us;
	log_error("store", "%s: %s: left out", path, words);
}

static void
do_job(struct store *s, const struct job *j)
{
	char path[2 * STORE_PATH_SIZE];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", s->dir, j->path);
	if (!j->removes)
		r = put_file(path, j);
	else if (unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		complain(s, path, strerror(-r));
}

static void
run(void *arg)
{
	struct store *s = arg;
	struct job *j;

	uv_mutex_lock(&s->lock);
	for (;;) {
		while (s->first == NULL && !s->finishing)
			uv_cond_wait(&s->changed, &s->lock);
		j = s->first;
		if (j == NULL)
			break;
		s->first = j->next;
		if (s->first == NULL)
			s->end = &s->first;
		uv_mutex_unlock(&s->lock);
		do_job(s, j);
		uv_mutex_lock(&s->lock);
		s->octets -= j->size;
		free(j);
	}
	uv_mutex_unlock(&s->lock);
}

/* ---- the loop's side ---- */

static void
add_job(struct store *s, const char *path, const void *data, size_t size, bool removes)
{
	struct job *j;
	bool full;

	uv_mutex_lock(&s->lock);
	full = s->octets + size > STORE_QUEUE_MAX;
	j = full ? NULL : malloc(sizeof(*j) + size);
	if (j != NULL) {
		j->next = NULL;
		j->removes = removes;
		j->size = size;
		text_copy(j->path, sizeof(j->path), path);
		if (size > 0)
			memcpy(j->data, data, size);
		*s->end = j;
		s->end = &j->next;
		s->octets += size;
		uv_cond_signal(&s->changed);
	} else {
		complain(s, path, full ? "the disk is too slow" : "out of memory");
	}
	uv_mutex_unlock(&s->lock);
}

void
store_put(struct store *s, const char *path, const void *data, size_t size)
{
	add_job(s, path, data, size, false);
}

void
store_remove(struct store *s, const char *path)
{
	add_job(s, path, NULL, 0, true);
}

struct store *
store_new(const char *dir)
{
	struct store *s = calloc(1, sizeof(*s));
	char probe[STORE_PATH_SIZE + 2];

	snprintf(probe, sizeof(probe), "%s/", dir);
	if (s == NULL || !text_copy(s->dir, sizeof(s->dir), dir) ||
	    media_names_make_parents(probe) < 0 || access(dir, W_OK | X_OK) < 0) {
		log_error("store", "cannot write into %s: %s", dir, strerror(errno));
		free(s);
		return NULL;
	}
	store_sweep(dir);
	s->end = &s->first;
	uv_mutex_init(&s->lock);
	uv_cond_init(&s->changed);
	if (uv_thread_create(&s->thread, run, s) == 0)
		return s;
	log_error("store", "no thread");
	uv_cond_destroy(&s->changed);
	uv_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	uv_mutex_lock(&s->lock);
	s->finishing = true;
	uv_cond_signal(&s->changed);
	uv_mutex_unlock(&s->lock);
	uv_thread_join(&s->thread);
	uv_cond_destroy(&s->changed);
	uv_mutex_destroy(&s->lock);
	free(s);
}
