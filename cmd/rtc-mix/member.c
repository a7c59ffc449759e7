#include "member.h"

#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "log/log.h"

struct picture {
	struct media_image *image; /* owned */
	int64_t time_us;	   /* of the source's line */
};

struct member {
	char stream[TEXT_STREAM_SIZE];
	const struct member_time *time;
	struct attach *attach;
	bool publishing, told[GATHER_KINDS], in_trouble;
	struct media_viewer *viewer; /* NULL until there is something for it */
	struct media_listener *listener;
	struct mix_sync sync;
	struct mix_ring ring;
	struct picture queue[MEMBER_QUEUE_MAX];
	size_t queue_count;
	struct media_image *image; /* shown; NULL: none */
	uint64_t shown_us, asked_us;
	struct member_counts counts;
};

/* ---- pictures ---- */

static void
take_first(struct member *m)
{
	m->queue_count--;
	memmove(m->queue, m->queue + 1, m->queue_count * sizeof(m->queue[0]));
}

static void
on_image(void *arg, struct media_image *image, int64_t time_us)
{
	struct member *m = arg;

	if (m->queue_count == MEMBER_QUEUE_MAX) {
		media_image_free(m->queue[0].image);
		take_first(m);
		m->counts.dropped++;
	}
	m->queue[m->queue_count++] = (struct picture){image, time_us};
	m->counts.pictures++;
}

static void
clear_pictures(struct member *m)
{
	for (size_t i = 0; i < m->queue_count; i++)
		media_image_free(m->queue[i].image);
	m->queue_count = 0;
}

static void
complain(struct member *m, enum gather_kind kind, const char *words)
{
	if (!m->told[kind])
		log_warn("member", "%s: %s", m->stream, words);
	m->told[kind] = true;
}

static void
take_video(struct member *m, const struct gather_unit *u, uint64_t now_us)
{
	struct media_words words = {""};

	if (m->viewer == NULL && !m->told[GATHER_VIDEO]) {
		m->viewer = media_viewer_new(member_codec(m, MEDIA_VIDEO), &words);
		if (m->viewer == NULL)
			complain(m, GATHER_VIDEO, words.text);
	}
	if (m->viewer == NULL ||
	    media_viewer_push(m->viewer, u->data, u->size, u->pts_us, on_image, m) >= 0)
		return;
	m->counts.damaged++;
	if (now_us - m->asked_us < GATHER_ASK_US)
		return;
	m->asked_us = now_us;
	attach_keyframe(m->attach);
}

/* ---- sound ---- */

static void
on_samples(void *arg, const int16_t *pcm, size_t count, int64_t time_us)
{
	struct member *m = arg;
	uint64_t due_us = mix_sync_due(&m->sync, time_us, m->time->delay_us);

	if (m->time->start_us == 0 || due_us < m->time->start_us)
		return;
	due_us -= m->time->start_us;
	mix_ring_write(&m->ring,
		       due_us / 1000000 * MIX_RATE + due_us % 1000000 * MIX_RATE / 1000000, pcm,
		       count, m->time->played);
}

static void
take_audio(struct member *m, const struct gather_unit *u)
{
	const struct gather_format *f = gather_format(attach_gather(m->attach), GATHER_AUDIO);
	const struct media_listener_config config = {.codec = f->name,
						     .config = f->config,
						     .config_size = f->config_size,
						     .rate_hz = f->clock_rate,
						     .channel_count = f->channel_count};
	struct media_words words = {""};

	if (m->listener == NULL && !m->told[GATHER_AUDIO]) {
		m->listener = media_listener_new(&config, &words);
		if (m->listener == NULL)
			complain(m, GATHER_AUDIO, words.text);
	}
	if (m->listener != NULL &&
	    media_listener_push(m->listener, u->data, u->size, u->pts_us, on_samples, m) < 0)
		m->counts.damaged++;
}

/* ---- the subscription ---- */

static void
on_unit(void *arg, const struct gather_unit *u)
{
	struct member *m = arg;
	uint64_t now_us = clock_now_us();

	mix_sync_arrived(&m->sync, now_us, u->pts_us);
	if (u->kind == GATHER_VIDEO)
		take_video(m, u, now_us);
	else
		take_audio(m, u);
}

static void
forget_decoders(struct member *m)
{
	media_viewer_free(m->viewer);
	media_listener_free(m->listener);
	m->viewer = NULL;
	m->listener = NULL;
	m->told[GATHER_VIDEO] = m->told[GATHER_AUDIO] = false;
}

static void
on_changed(void *arg)
{
	struct member *m = arg;
	const struct gather *g = attach_gather(m->attach);

	forget_decoders(m);
	m->in_trouble = false;
	m->publishing = true;
	log_info("member", "%s: video %s, audio %s", m->stream,
		 gather_format(g, GATHER_VIDEO)->codec != GATHER_NONE
		     ? gather_format(g, GATHER_VIDEO)->name
		     : "none",
		 gather_format(g, GATHER_AUDIO)->codec != GATHER_NONE
		     ? gather_format(g, GATHER_AUDIO)->name
		     : "none");
	for (unsigned k = 0; k < GATHER_KINDS; k++)
		if (gather_format(g, k)->codec == GATHER_OTHER)
			log_warn("member", "%s: %s is not carried", m->stream,
				 gather_format(g, k)->name);
}

static void
on_ended(void *arg)
{
	struct member *m = arg;

	if (m->publishing)
		log_info("member", "%s: the publisher is gone", m->stream);
	m->publishing = false;
	clear_pictures(m);
}

static void
on_trouble(void *arg, int error, const char *words)
{
	struct member *m = arg;

	if (!m->in_trouble)
		log_warn("member", "%s: %s%s%s", m->stream, words, error == -EINVAL ? "" : ": ",
			 error == -EINVAL ? "" : strerror(-error));
	m->in_trouble = true;
}

static const struct attach_events events = {on_unit, on_changed, on_ended, on_trouble};

struct member *
member_new(uv_loop_t *loop, const char *stream, const struct member_time *time)
{
	struct member *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	text_copy(m->stream, sizeof(m->stream), stream);
	m->time = time;
	m->attach = attach_new(loop, stream, ATTACH_CLIENT, &events, m);
	if (m->attach == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void
member_free(struct member *m)
{
	if (m == NULL)
		return;
	attach_free(m->attach);
	forget_decoders(m);
	clear_pictures(m);
	media_image_free(m->image);
	free(m);
}

/* ---- the output ---- */

static void
show(struct member *m, struct media_image *image)
{
	media_image_free(m->image);
	m->image = image;
}

bool
member_advance(struct member *m, uint64_t now_us)
{
	uint64_t until_us = now_us + (uint64_t)m->time->half_us;
	bool changed = false;

	while (m->queue_count > 0 &&
	       mix_sync_due(&m->sync, m->queue[0].time_us, m->time->delay_us) <= until_us) {
		m->counts.dropped += changed;
		m->counts.shown += !changed;
		show(m, m->queue[0].image);
		take_first(m);
		m->shown_us = now_us;
		changed = true;
	}
	if (m->image != NULL &&
	    (!m->publishing || (m->time->hold_us > 0 && now_us - m->shown_us > m->time->hold_us))) {
		show(m, NULL);
		changed = true;
	}
	return changed;
}

const struct media_image *
member_image(const struct member *m)
{
	return m->image;
}

bool
member_add_sound(const struct member *m, uint64_t at, int32_t *sum, size_t count)
{
	return mix_ring_add(&m->ring, at, sum, count);
}

/* ---- looking ---- */

const char *
member_stream(const struct member *m)
{
	return m->stream;
}

enum member_state
member_state(const struct member *m)
{
	if (!m->publishing)
		return MEMBER_WAITING;
	return m->image != NULL ||
		       gather_format(attach_gather(m->attach), GATHER_VIDEO)->codec == GATHER_NONE
		   ? MEMBER_LIVE
		   : MEMBER_STALLED;
}

const char *
member_codec(const struct member *m, enum media_kind kind)
{
	const struct gather_format *f = gather_format(
	    attach_gather(m->attach), kind == MEDIA_VIDEO ? GATHER_VIDEO : GATHER_AUDIO);

	return m->publishing && f->codec != GATHER_NONE ? f->name : "";
}

struct member_counts
member_counts(const struct member *m)
{
	const struct gather *g = attach_gather(m->attach);
	struct member_counts c = m->counts;

	c.lost = gather_counts(g, GATHER_VIDEO)->lost + gather_counts(g, GATHER_AUDIO)->lost;
	c.jumps = m->ring.jumps;
	c.late = m->ring.late;
	c.resyncs = m->sync.resyncs;
	return c;
}
