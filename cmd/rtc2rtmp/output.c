#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "log/log.h"
#include "media/media_names.h"

struct entry {
	struct entry *next;
	struct parcel *parcel;
};

struct output {
	const char *path, *format;
	const struct output_options *options;
	char name[128];
	bool is_url, is_file, is_fixed; /* fixed: the container has one size of picture */
	void (*done)(void *arg);
	void *arg;
	struct output_stream stream;

	uv_thread_t thread;
	bool started;
	uv_mutex_t lock; /* of what follows */
	uv_cond_t changed;
	struct entry *first, *last;
	size_t octets;
	bool finishing, ended, skipping;
	uint64_t skipped_count;

	/* The thread's own. */
	struct media_writer *writer;
	struct media_words words;
	int code;
	bool ever_open, seen_picture;
	char file[MEDIA_NAMES_SIZE]; /* that is being written */
	uint32_t width, height;
	int64_t end_us; /* of what is in it */
	atomic_bool wants_keyframe;
	int64_t base_us;
	uint64_t first_us, backoff_us, retry_us; /* retry_us: no attempt before */
	atomic_ullong io_us;			 /* when the running operation began */
};

/* ---- parcels ---- */

struct parcel *
parcel_new(const struct media_unit *unit)
{
	struct parcel *p = malloc(sizeof(*p) + unit->size);

	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	memcpy(p->data, unit->data, unit->size);
	p->unit = *unit;
	p->unit.data = p->data;
	return p;
}

void
parcel_drop(struct parcel *p)
{
	if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
		free(p);
}

/* ---- the thread ---- */

static int
is_interrupted(void *arg)
{
	struct output *o = arg;

	return clock_now_us() - atomic_load(&o->io_us) > OUTPUT_IO_US;
}

/* The file to write to; next: the picture's size has changed. */
static int
choose_file(struct output *o, bool next)
{
	char name[MEDIA_NAMES_SIZE];
	int r;

	if (!o->is_file || (o->options->segment_s <= 0 && !next)) {
		text_copy(o->file, sizeof(o->file), o->path);
		return 0;
	}
	r = o->options->segment_s > 0 ? media_names_segment(name, o->path, time(NULL))
				      : media_names_next(name, o->path);
	if (r < 0) {
		snprintf(o->words.text, sizeof(o->words.text), "no name for a file: %s",
			 strerror(-r));
		return r;
	}
	text_copy(o->file, sizeof(o->file), name);
	return 0;
}

static int
open_writer(struct output *o, const struct media_unit *u)
{
	const struct media_aac_format aac = {o->stream.config, o->stream.config_size,
					     o->stream.rate_hz, o->stream.channel_count};
	bool video = u->kind == MEDIA_VIDEO;
	const struct media_writer_config config = {
	    .path = o->file,
	    .format = o->format,
	    .codec = o->stream.codec,
	    .has = {[MEDIA_VIDEO] = video, [MEDIA_AUDIO] = o->stream.has[MEDIA_AUDIO]},
	    .keyframe = video ? u->data : NULL,
	    .keyframe_size = video ? u->size : 0,
	    .aac = o->stream.aac ? &aac : NULL,
	    .interrupted = is_interrupted,
	    .interrupted_arg = o,
	    .ca = o->options->ca,
	    .insecure = o->options->insecure};

	atomic_store(&o->io_us, clock_now_us());
	o->writer = media_writer_open(&config, &o->words);
	if (o->writer == NULL)
		return -EIO;
	o->base_us = u->time_us - u->lead_us;
	o->end_us = 0;
	if (video)
		(void)payload_unit_size(o->stream.codec, u->data, u->size, &o->width, &o->height);
	if (o->is_url)
		log_info("output", "%s: connected", o->name);
	o->ever_open = true;
	o->backoff_us = 0;
	return 0;
}

/* May the container begin with this unit? With video it begins at a keyframe. */
static bool
may_begin(struct output *o, const struct media_unit *u)
{
	uint64_t now_us = clock_now_us();

	if (now_us < o->retry_us)
		return false;
	if (o->first_us == 0)
		o->first_us = now_us;
	if (!o->stream.has[MEDIA_VIDEO])
		return true;
	if (u->kind == MEDIA_VIDEO) {
		o->seen_picture = true;
		atomic_store(&o->wants_keyframe, !u->keyframe);
		return u->keyframe;
	}
	return !o->seen_picture && now_us - o->first_us > OUTPUT_PICTURE_US;
}

/* A server is tried again; anything else is the end. */
static int
fail(struct output *o, int error)
{
	struct media_words ignored;

	media_writer_close(o->writer, &ignored);
	o->writer = NULL;
	if (!o->is_url)
		return error;
	o->backoff_us = o->backoff_us == 0 ? OUTPUT_BACKOFF_MIN_US
					   : MIN_OF(2 * o->backoff_us, OUTPUT_BACKOFF_MAX_US);
	o->retry_us = clock_now_us() + o->backoff_us;
	o->first_us = 0;
	log_warn("output", "%s: %s: again in %.1f s", o->name, o->words.text,
		 (double)o->backoff_us / 1e6);
	return 0;
}

static int
close_writer(struct output *o)
{
	int r;

	atomic_store(&o->io_us, clock_now_us());
	r = media_writer_close(o->writer, &o->words);
	o->writer = NULL;
	if (r == 0 && (o->options->segment_s > 0 || strcmp(o->file, o->path) != 0))
		log_info("output", "%s: complete, %.1f s", o->file, (double)o->end_us / 1e6);
	return r;
}

/* Is the picture of another size than the container's only description says? */
static bool
is_resized(struct output *o, const struct media_unit *u)
{
	uint32_t width, height;

	if (!o->is_fixed || u->kind != MEDIA_VIDEO || !u->keyframe || o->width == 0 ||
	    payload_unit_size(o->stream.codec, u->data, u->size, &width, &height) < 0 ||
	    (width == o->width && height == o->height))
		return false;
	log_warn("output", "%s: the picture has changed from %ux%u to %ux%u: another file follows",
		 o->file, o->width, o->height, width, height);
	return true;
}

/* Does another file begin with this unit? A segment ends at the first keyframe after its time,
 * which is asked for. */
static bool
is_turn(struct output *o, const struct media_unit *u)
{
	bool resumes = u->keyframe && (u->kind == MEDIA_VIDEO || !o->stream.has[MEDIA_VIDEO]);
	bool due = o->is_file && o->options->segment_s > 0 &&
		   (double)(u->time_us - u->lead_us - o->base_us) >= o->options->segment_s * 1e6;

	if (o->stream.has[MEDIA_VIDEO] && u->kind == MEDIA_VIDEO)
		atomic_store(&o->wants_keyframe, due && !resumes);
	return (due && resumes) || is_resized(o, u);
}

/* A writer that is ready for the unit: 1; 0: the unit is left out; -errno. */
static int
prepare(struct output *o, const struct media_unit *u)
{
	bool turn = o->writer != NULL && is_turn(o, u),
	     resized = turn && o->options->segment_s <= 0;

	if (turn) {
		int r = close_writer(o);

		if (r < 0)
			return r;
	}
	if (o->writer != NULL)
		return 1;
	if (!turn && !may_begin(o, u))
		return 0;
	return choose_file(o, resized) < 0 || open_writer(o, u) < 0 ? -EIO : 1;
}

static int
write_unit(struct output *o, const struct media_unit *unit)
{
	struct media_unit u = *unit;
	int r = prepare(o, unit);

	if (r <= 0)
		return r < 0 ? fail(o, r) : 0;
	u.time_us -= o->base_us;
	if (u.time_us < 0)
		return 0; /* sound from before the first picture */
	atomic_store(&o->io_us, clock_now_us());
	r = media_writer_write(o->writer, &u, &o->words);
	o->end_us = MAX_OF(o->end_us, u.time_us + u.duration_us);
	return r < 0 ? fail(o, r) : 0;
}

/* The next parcel; NULL when all is written and no more will come. */
static struct parcel *
next_parcel(struct output *o)
{
	struct parcel *p = NULL;
	struct entry *e;

	uv_mutex_lock(&o->lock);
	while (o->first == NULL && !o->finishing)
		uv_cond_wait(&o->changed, &o->lock);
	e = o->first;
	if (e != NULL) {
		p = e->parcel;
		o->first = e->next;
		o->last = o->first != NULL ? o->last : NULL;
		o->octets -= p->unit.size;
	}
	uv_mutex_unlock(&o->lock);
	free(e);
	return p;
}

/* Exit code of a fault. */
static int
code_of(const struct output *o, int error)
{
	if (error == -EPIPE)
		return EX_OK; /* as much as the reader wanted */
	return o->ever_open ? EX_IOERR : EX_CANTCREAT;
}

static void
run(void *arg)
{
	struct output *o = arg;
	struct parcel *p;
	int r = 0;

	while (r == 0) {
		p = next_parcel(o);
		if (p == NULL)
			break;
		r = write_unit(o, &p->unit);
		parcel_drop(p);
	}
	if (r == 0 && o->writer != NULL)
		r = close_writer(o);
	if (r < 0)
		o->code = code_of(o, r);
	else if (!o->ever_open)
		o->code = o->is_url ? EX_UNAVAILABLE : EX_OK;
	if (o->code != EX_OK) /* now: other outputs may go on for long */
		log_error("output", "%s: %s", o->is_file && o->file[0] != '\0' ? o->file : o->name,
			  o->words.text[0] != '\0' ? o->words.text : "it was never reached");
	uv_mutex_lock(&o->lock);
	o->ended = true;
	uv_mutex_unlock(&o->lock);
	o->done(o->arg);
}

/* ---- the loop's side ---- */

/* "rtmp://host/app/..." of an address, whose last part is often a secret. */
static void
make_name(struct output *o)
{
	const char *scheme = strstr(o->path, "://"), *slash;
	const char *dot = strrchr(o->path, '.');
	const char *form = o->format != NULL ? o->format : dot != NULL ? dot + 1 : "";

	text_copy(o->name, sizeof(o->name), o->path);
	o->is_url = scheme != NULL;
	o->is_file = !o->is_url && strcmp(o->path, "-") != 0;
	o->is_fixed = o->is_file && (strcmp(form, "mp4") == 0 || strcmp(form, "mov") == 0 ||
				     strcmp(form, "m4v") == 0);
	if (!o->is_url)
		return;
	slash = strchr(scheme + 3, '/');
	if (slash != NULL)
		snprintf(o->name, sizeof(o->name), "%.*s/...", (int)MIN_OF(slash - o->path, 100),
			 o->path);
}

struct output *
output_new(const char *path, const char *format, const struct output_options *options,
	   void (*done)(void *arg), void *arg)
{
	struct output *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->path = path;
	o->format = format;
	o->options = options;
	o->done = done;
	o->arg = arg;
	make_name(o);
	uv_mutex_init(&o->lock);
	uv_cond_init(&o->changed);
	return o;
}

int
output_start(struct output *o, const struct output_stream *stream)
{
	int error;

	o->stream = *stream;
	error = uv_thread_create(&o->thread, run, o);
	o->started = error == 0;
	return error;
}

/* Behind by more than the queue may hold: skip to a keyframe. Under the lock. */
static bool
is_left_out(struct output *o, const struct media_unit *u)
{
	bool resumes = u->keyframe && (u->kind == MEDIA_VIDEO || !o->stream.has[MEDIA_VIDEO]);

	if (o->skipping && resumes && o->octets < OUTPUT_QUEUE_MAX / 2)
		o->skipping = false;
	if (!o->skipping && o->octets + u->size > OUTPUT_QUEUE_MAX) {
		o->skipping = true;
		log_warn("output", "%s is too slow: leaving out up to a keyframe", o->name);
	}
	o->skipped_count += o->skipping;
	return o->skipping;
}

void
output_push(struct output *o, struct parcel *p)
{
	struct entry *e;

	uv_mutex_lock(&o->lock);
	if (!o->started || o->ended || o->finishing || is_left_out(o, &p->unit)) {
		uv_mutex_unlock(&o->lock);
		return;
	}
	e = calloc(1, sizeof(*e));
	if (e != NULL) {
		atomic_fetch_add(&p->refs, 1);
		e->parcel = p;
		if (o->last != NULL)
			o->last->next = e;
		else
			o->first = e;
		o->last = e;
		o->octets += p->unit.size;
		uv_cond_signal(&o->changed);
	}
	uv_mutex_unlock(&o->lock);
}

void
output_finish(struct output *o)
{
	uv_mutex_lock(&o->lock);
	o->finishing = true;
	o->ended |= !o->started;
	uv_cond_signal(&o->changed);
	uv_mutex_unlock(&o->lock);
}

bool
output_wants_keyframe(struct output *o)
{
	return atomic_load(&o->wants_keyframe);
}

bool
output_ended(struct output *o)
{
	bool ended;

	uv_mutex_lock(&o->lock);
	ended = o->ended;
	uv_mutex_unlock(&o->lock);
	return ended;
}

int
output_result(const struct output *o)
{
	return o->code;
}

void
output_free(struct output *o)
{
	struct entry *e;

	if (o == NULL)
		return;
	if (o->started)
		uv_thread_join(&o->thread);
	while ((e = o->first) != NULL) {
		o->first = e->next;
		parcel_drop(e->parcel);
		free(e);
	}
	uv_cond_destroy(&o->changed);
	uv_mutex_destroy(&o->lock);
	free(o);
}

const char *
output_name(const struct output *o)
{
	return o->name;
}

bool
output_wants_aac(const struct output *o)
{
	return media_writer_wants_aac(o->path, o->format);
}

bool
output_takes(const struct output *o, enum payload_codec codec)
{
	return media_writer_takes(o->path, o->format, codec);
}
