#include "spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "log/log.h"

struct entry {
	struct entry *next;
	struct media_unit unit;
	uint8_t data[];
};

/* All but config, keyframe and thread is under the mutex. */
struct spool {
	struct media_writer_config config;
	uint8_t *keyframe; /* of config; owned */
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t changed;
	struct entry *first, *last;
	size_t octets;
	bool closing, done, dropping, warned;
	int result;
	struct media_words words;
};

/* The next entry; NULL when the end is reached. */
static struct entry *
wait_for_entry(struct spool *s)
{
	struct entry *e;

	uv_mutex_lock(&s->mutex);
	while (s->first == NULL && !s->closing)
		uv_cond_wait(&s->changed, &s->mutex);
	e = s->first;
	if (e != NULL) {
		s->first = e->next;
		if (s->first == NULL)
			s->last = NULL;
		s->octets -= e->unit.size;
	}
	uv_mutex_unlock(&s->mutex);
	return e;
}

static void
set_result(struct spool *s, int result, const struct media_words *words, bool done)
{
	uv_mutex_lock(&s->mutex);
	if (result < 0 && s->result == 0) {
		s->result = result;
		s->words = *words;
	}
	s->done |= done;
	uv_cond_broadcast(&s->changed);
	uv_mutex_unlock(&s->mutex);
}

static void
write_all(void *arg)
{
	struct spool *s = arg;
	struct media_words words = {""};
	struct media_writer *w = media_writer_open(&s->config, &words);
	struct entry *e;
	int r = w != NULL ? 0 : -EIO;

	set_result(s, r, &words, false);
	while ((e = wait_for_entry(s)) != NULL) {
		if (r == 0) {
			r = media_writer_write(w, &e->unit, &words);
			set_result(s, r, &words, false);
		}
		free(e);
	}
	r = media_writer_close(w, &words);
	set_result(s, r, &words, true);
}

static void
free_spool(struct spool *s)
{
	free(s->keyframe);
	free(s);
}

struct spool *
spool_new(const struct media_writer_config *config)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->config = *config;
	s->keyframe = malloc(config->keyframe_size + 1);
	if (s->keyframe == NULL || uv_mutex_init(&s->mutex) < 0 || uv_cond_init(&s->changed) < 0) {
		free_spool(s);
		return NULL;
	}
	if (config->keyframe_size > 0)
		memcpy(s->keyframe, config->keyframe, config->keyframe_size);
	s->config.keyframe = s->keyframe;
	if (uv_thread_create(&s->thread, write_all, s) < 0) {
		free_spool(s);
		return NULL;
	}
	return s;
}

/* The output is slower than the stream: begin again at a keyframe when half has been written. */
static bool
must_drop(struct spool *s, const struct media_unit *u)
{
	bool room = s->octets < SPOOL_OCTETS_MAX / 2;
	bool joins = u->keyframe && (u->kind == MEDIA_VIDEO || !s->config.has[MEDIA_VIDEO]);

	if (s->octets + u->size > SPOOL_OCTETS_MAX)
		s->dropping = true;
	else if (s->dropping && room && joins)
		s->dropping = false;
	if (s->dropping && !s->warned)
		log_warn("output", "it is slower than the stream: parts are left out");
	s->warned |= s->dropping;
	return s->dropping;
}

static int
enqueue(struct spool *s, const struct media_unit *u)
{
	struct entry *e = malloc(sizeof(*e) + u->size);

	if (e == NULL)
		return -ENOMEM;
	memcpy(e->data, u->data, u->size);
	e->unit = *u;
	e->unit.data = e->data;
	e->next = NULL;
	if (s->last != NULL)
		s->last->next = e;
	else
		s->first = e;
	s->last = e;
	s->octets += u->size;
	uv_cond_broadcast(&s->changed);
	return 0;
}

int
spool_put(struct spool *s, const struct media_unit *unit, struct media_words *words)
{
	int r;

	uv_mutex_lock(&s->mutex);
	r = s->result;
	if (r < 0)
		*words = s->words;
	else if (!must_drop(s, unit))
		r = enqueue(s, unit);
	uv_mutex_unlock(&s->mutex);
	return r;
}

int
spool_close(struct spool *s, struct media_words *words)
{
	uint64_t deadline_ns = uv_hrtime() + (uint64_t)SPOOL_CLOSE_MS * 1000000, now_ns;
	int r;

	if (s == NULL)
		return 0;
	uv_mutex_lock(&s->mutex);
	s->closing = true;
	uv_cond_broadcast(&s->changed);
	for (now_ns = uv_hrtime(); !s->done && now_ns < deadline_ns; now_ns = uv_hrtime())
		(void)uv_cond_timedwait(&s->changed, &s->mutex, deadline_ns - now_ns);
	r = s->done ? s->result : -ETIMEDOUT;
	if (r < 0)
		*words = s->words;
	uv_mutex_unlock(&s->mutex);
	if (r == -ETIMEDOUT) {
		snprintf(words->text, sizeof(words->text), "the output takes nothing more");
		return r;
	}
	uv_thread_join(&s->thread);
	uv_cond_destroy(&s->changed);
	uv_mutex_destroy(&s->mutex);
	free_spool(s);
	return r;
}
