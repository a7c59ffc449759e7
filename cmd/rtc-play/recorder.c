#include "recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spool.h"

struct held {
	struct held *next;
	struct receiver_unit u;
	uint8_t data[];
};

struct recorder {
	const char *path, *format;
	bool expects[MEDIA_KINDS]; /* and the container takes */
	recorder_ntp_fn *ntp;
	void *arg;
	struct spool *spool; /* NULL while units are held */
	struct held *first, *last;
	size_t held_octets;
	const struct held *heads[MEDIA_KINDS]; /* first of each kind; video: a keyframe */
	int64_t offset_us[MEDIA_KINDS];
	enum payload_codec codec; /* of the video that is written */
};

struct recorder *
recorder_new(const char *path, const char *format, const bool expects[MEDIA_KINDS],
	     recorder_ntp_fn *ntp, void *arg, struct media_words *words)
{
	struct recorder *r;
	bool takes[MEDIA_KINDS];

	if (media_writer_check(path, format, takes, words) < 0)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		snprintf(words->text, sizeof(words->text), "out of memory");
		return NULL;
	}
	r->path = path;
	r->format = format;
	r->ntp = ntp;
	r->arg = arg;
	for (unsigned k = 0; k < MEDIA_KINDS; k++)
		r->expects[k] = expects[k] && takes[k];
	return r;
}

/* ---- holding ---- */

static int
hold(struct recorder *r, const struct receiver_unit *u)
{
	struct held *h;

	if (r->held_octets + u->unit.size > RECORDER_HELD_MAX)
		return 0; /* a second or two of any stream is less */
	h = malloc(sizeof(*h) + u->unit.size);
	if (h == NULL)
		return -ENOMEM;
	memcpy(h->data, u->unit.data, u->unit.size);
	h->u = *u;
	h->u.unit.data = h->data;
	h->next = NULL;
	if (r->last != NULL)
		r->last->next = h;
	else
		r->first = h;
	r->last = h;
	r->held_octets += u->unit.size;
	if (r->heads[u->unit.kind] == NULL)
		r->heads[u->unit.kind] = h;
	return 0;
}

static bool
has_ntp(const struct recorder *r, enum media_kind kind)
{
	uint64_t ntp;

	return r->heads[kind] != NULL && r->ntp(r->arg, kind, r->heads[kind]->u.ts, &ntp) == 0;
}

/* Is it time to open the file? */
static bool
may_open(const struct recorder *r, uint64_t now_us)
{
	uint64_t waited_us = r->first != NULL ? now_us - r->first->u.arrival_us : 0;

	if (r->first == NULL)
		return false;
	if (r->expects[MEDIA_VIDEO] && r->heads[MEDIA_VIDEO] == NULL)
		return r->heads[MEDIA_AUDIO] != NULL && waited_us >= RECORDER_PICTURE_US;
	if (!r->expects[MEDIA_VIDEO] || !r->expects[MEDIA_AUDIO])
		return true;
	return (has_ntp(r, MEDIA_VIDEO) && has_ntp(r, MEDIA_AUDIO)) ||
	       waited_us >= RECORDER_SYNC_US;
}

/* When the first unit of a kind was captured, or when it arrived if that is not known of both. */
static uint64_t
begin_of(const struct recorder *r, enum media_kind kind, bool by_ntp)
{
	uint64_t ntp = 0;

	if (!by_ntp || r->ntp(r->arg, kind, r->heads[kind]->u.ts, &ntp) < 0)
		return r->heads[kind]->u.arrival_us;
	return clock_ntp_to_us(ntp);
}

/* Put both tracks on one time line that begins with the earlier of them. */
static void
align(struct recorder *r)
{
	const struct held *v = r->heads[MEDIA_VIDEO], *a = r->heads[MEDIA_AUDIO];
	bool by_ntp = has_ntp(r, MEDIA_VIDEO) && has_ntp(r, MEDIA_AUDIO);
	int64_t ahead_us = 0; /* of video before audio */

	if (v != NULL && a != NULL)
		ahead_us =
		    (int64_t)(begin_of(r, MEDIA_AUDIO, by_ntp) - begin_of(r, MEDIA_VIDEO, by_ntp));
	if (v != NULL)
		r->offset_us[MEDIA_VIDEO] = (ahead_us < 0 ? -ahead_us : 0) - v->u.unit.time_us;
	if (a != NULL)
		r->offset_us[MEDIA_AUDIO] = (ahead_us > 0 ? ahead_us : 0) - a->u.unit.time_us;
}

/* ---- writing ---- */

static int
write_unit(struct recorder *r, const struct receiver_unit *u, struct media_words *words)
{
	struct media_unit out = u->unit;

	if (out.kind == MEDIA_VIDEO && r->codec != PAYLOAD_NONE && out.codec != r->codec) {
		snprintf(words->text, sizeof(words->text),
			 "another publisher sends %s after %s: one file holds one codec",
			 payload_name(out.codec), payload_name(r->codec));
		return -EINVAL;
	}
	out.time_us += r->offset_us[out.kind];
	return out.time_us < 0 ? 0 : spool_put(r->spool, &out, words);
}

static int
open_spool(struct recorder *r, struct media_words *words)
{
	const struct held *v = r->heads[MEDIA_VIDEO];

	r->codec = v != NULL ? v->u.unit.codec : PAYLOAD_NONE;
	const struct media_writer_config config = {
	    .path = r->path,
	    .format = r->format,
	    .codec = r->codec,
	    .has = {[MEDIA_VIDEO] = v != NULL, [MEDIA_AUDIO] = r->heads[MEDIA_AUDIO] != NULL},
	    .keyframe = v != NULL ? v->u.unit.data : NULL,
	    .keyframe_size = v != NULL ? v->u.unit.size : 0};

	r->spool = spool_new(&config);
	if (r->spool != NULL)
		return 0;
	snprintf(words->text, sizeof(words->text), "no memory or thread for the output");
	return -ENOMEM;
}

static void
drop_held(struct recorder *r)
{
	for (struct held *h = r->first, *next; h != NULL; h = next) {
		next = h->next;
		free(h);
	}
	r->first = r->last = NULL;
	memset(r->heads, 0, sizeof(r->heads));
}

static int
open_and_catch_up(struct recorder *r, struct media_words *words)
{
	int result;

	align(r);
	result = open_spool(r, words);
	for (struct held *h = r->first; h != NULL && result == 0; h = h->next)
		result = write_unit(r, &h->u, words);
	drop_held(r);
	return result;
}

int
recorder_unit(struct recorder *r, const struct receiver_unit *u, struct media_words *words)
{
	int result;

	if (!r->expects[u->unit.kind])
		return 0;
	if (r->spool != NULL)
		return write_unit(r, u, words);
	result = hold(r, u);
	if (result == 0 && may_open(r, u->arrival_us))
		result = open_and_catch_up(r, words);
	return result;
}

int
recorder_close(struct recorder *r, struct media_words *words)
{
	int result = 0, closed;

	if (r == NULL)
		return 0;
	if (r->spool == NULL)
		result = r->first != NULL ? open_and_catch_up(r, words) : -ENODATA;
	closed = spool_close(r->spool, words);
	drop_held(r);
	free(r);
	return result < 0 ? result : closed;
}
