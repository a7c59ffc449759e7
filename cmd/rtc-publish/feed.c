#include "feed.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	struct media_unit unit;
	uint8_t data[];
};

struct queue {
	struct entry *first, *last;
};

/* queues, octets, ended, stopping and words are shared with the reading thread, under the mutex. */
struct feed {
	struct media_source *source;
	bool live;
	void (*ready)(void *arg);
	void *arg;
	struct entry *taken[MEDIA_KINDS];
	struct queue queues[MEDIA_KINDS];
	size_t octets;
	bool ended, stopping;
	struct media_words words;
	uv_mutex_t *mutex; /* points into the next member; const functions lock it too */
	uv_mutex_t mutex_storage;
	uv_cond_t taken_some;
	uv_thread_t thread;
	uv_async_t async;
};

/* ---- queues; the mutex is held ---- */

static bool
enqueue(struct feed *f, const struct media_unit *u)
{
	struct entry *e = malloc(sizeof(*e) + u->size);
	struct queue *q = &f->queues[u->kind];

	if (e == NULL)
		return false;
	memcpy(e->data, u->data, u->size);
	e->unit = *u;
	e->unit.data = e->data;
	e->next = NULL;
	if (q->last != NULL)
		q->last->next = e;
	else
		q->first = e;
	q->last = e;
	f->octets += u->size;
	return true;
}

static struct entry *
dequeue(struct feed *f, enum media_kind kind)
{
	struct queue *q = &f->queues[kind];
	struct entry *e = q->first;

	if (e == NULL)
		return NULL;
	q->first = e->next;
	if (q->first == NULL)
		q->last = NULL;
	f->octets -= e->unit.size;
	return e;
}

static int64_t
span_us(const struct queue *q)
{
	return q->first != NULL ? q->last->unit.time_us - q->first->unit.time_us : 0;
}

/* Enough read ahead: of every kind that the source has, or far too much of one. */
static bool
is_full(const struct feed *f)
{
	int64_t ahead_us =
	    media_source_encodes(f->source, MEDIA_VIDEO) ? FEED_ENCODED_US : FEED_AHEAD_US;
	bool enough = true;

	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		if (!media_source_has(f->source, k))
			continue;
		if (span_us(&f->queues[k]) >= FEED_AHEAD_MAX_US)
			return true;
		enough &= span_us(&f->queues[k]) >= ahead_us;
	}
	return enough || f->octets >= FEED_OCTETS_MAX;
}

/* ---- the reading thread ---- */

static bool
wait_for_room(struct feed *f)
{
	while (is_full(f) && !f->stopping)
		uv_cond_wait(&f->taken_some, f->mutex);
	return !f->stopping;
}

static void
read_source(void *arg)
{
	struct feed *f = arg;
	bool going = true;

	while (going) {
		struct media_unit u;
		struct media_words words = {""};
		int r = media_source_next(f->source, &u, &words);

		uv_mutex_lock(f->mutex);
		if (r <= 0 || !enqueue(f, &u)) {
			f->ended = true;
			f->words = words;
		}
		going = !f->ended && wait_for_room(f);
		uv_mutex_unlock(f->mutex);
		uv_async_send(&f->async);
	}
}

static void
on_async(uv_async_t *async)
{
	struct feed *f = async->data;

	f->ready(f->arg);
}

/* ---- life ---- */

struct feed *
feed_new(uv_loop_t *loop, struct media_source *source, bool live, void (*ready)(void *arg),
	 void *arg)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->source = source;
	f->live = live;
	f->ready = ready;
	f->arg = arg;
	f->mutex = &f->mutex_storage;
	if (uv_mutex_init(f->mutex) < 0 || uv_cond_init(&f->taken_some) < 0 ||
	    uv_async_init(loop, &f->async, on_async) < 0) {
		free(f);
		return NULL;
	}
	f->async.data = f;
	uv_unref((uv_handle_t *)&f->async);
	if (!live && uv_thread_create(&f->thread, read_source, f) < 0) {
		f->source = NULL; /* still the caller's */
		f->live = true;
		feed_free(f);
		return NULL;
	}
	return f;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
feed_free(struct feed *f)
{
	struct entry *e;

	if (f == NULL)
		return;
	if (!f->live) {
		uv_mutex_lock(f->mutex);
		f->stopping = true;
		uv_cond_signal(&f->taken_some);
		uv_mutex_unlock(f->mutex);
		media_source_interrupt(f->source);
		uv_thread_join(&f->thread);
	}
	for (unsigned k = 0; k < MEDIA_KINDS; k++) {
		free(f->taken[k]);
		while ((e = dequeue(f, k)) != NULL)
			free(e);
	}
	media_source_free(f->source);
	uv_cond_destroy(&f->taken_some);
	uv_mutex_destroy(f->mutex);
	uv_close((uv_handle_t *)&f->async, on_closed);
}

/* ---- taking ---- */

void
feed_advance(struct feed *f, int64_t now_us)
{
	struct media_unit u;

	while (f->live && !f->ended && media_source_due_us(f->source) <= now_us) {
		if (media_source_next(f->source, &u, &f->words) == 1 && enqueue(f, &u))
			continue;
		f->ended = true;
	}
}

int64_t
feed_peek_us(const struct feed *f, enum media_kind kind)
{
	int64_t at;

	uv_mutex_lock(f->mutex);
	at = f->queues[kind].first != NULL ? f->queues[kind].first->unit.time_us : -1;
	uv_mutex_unlock(f->mutex);
	return at;
}

bool
feed_take(struct feed *f, enum media_kind kind, struct media_unit *out)
{
	free(f->taken[kind]);
	uv_mutex_lock(f->mutex);
	f->taken[kind] = dequeue(f, kind);
	uv_cond_signal(&f->taken_some);
	uv_mutex_unlock(f->mutex);
	if (f->taken[kind] == NULL)
		return false;
	*out = f->taken[kind]->unit;
	return true;
}

int64_t
feed_due_us(const struct feed *f)
{
	return f->live && !f->ended ? media_source_due_us(f->source) : -1;
}

bool
feed_ended(const struct feed *f, const char **words)
{
	bool ended;

	uv_mutex_lock(f->mutex);
	ended = f->ended && f->queues[MEDIA_VIDEO].first == NULL &&
		f->queues[MEDIA_AUDIO].first == NULL;
	uv_mutex_unlock(f->mutex);
	*words = ended ? f->words.text : "";
	return ended;
}

void
feed_bitrate(struct feed *f, unsigned bitrate_bps)
{
	media_source_bitrate(f->source, bitrate_bps);
}

void
feed_keyframe(struct feed *f, unsigned layer)
{
	media_source_keyframe_of(f->source, layer);
}
