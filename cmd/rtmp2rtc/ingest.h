/*
 * ingest.h - one source: FLV tags in, a publication at the relay out. Which tracks there are shows
 * in the first tags; they are kept until then, and nothing of them is lost. A codec that changes or
 * comes later is published anew over the old publication.
 */
#ifndef RTMP2RTC_INGEST_H
#define RTMP2RTC_INGEST_H

#include "audio.h"
#include "link/link.h"
#include "video.h"

struct ingest;
struct ingest_config {
	uv_loop_t *loop;
	const char *media_socket, *stream; /* borrowed for the source's life */
	const char *credential;		   /* copied; NULL: one of its own */
	const char *client; /* address of who sends it by RTMP, borrowed as above; NULL: nobody */
	unsigned opus_bps, playout_delay_ms;
	struct video_config video;
};
struct ingest_events {
	/* LINK_LIVE once, when the relay took the stream; LINK_BUSY or LINK_FAILED ends it. */
	void (*state)(void *arg, enum link_state state, const char *words);
	void (*drained)(void *arg); /* the source may be read again */
};

/* NULL with *words. The relay is asked at once, so that a busy stream is refused before media. */
struct ingest *ingest_new(const struct ingest_config *config, const struct ingest_events *events,
			  void *arg, const char **words);
void ingest_free(struct ingest *in);
/* One tag. 0; -ENOMEM; -EBADMSG (a source that changes its tracks all the time). */
int ingest_tag(struct ingest *in, const struct flv_tag *tag, uint64_t now_us);
/* No more tags, or none for a while: begin with the tracks that there are. */
int ingest_flush(struct ingest *in, uint64_t now_us);
/* Does the relay know tracks of it? */
bool ingest_is_published(const struct ingest *in);
/* Stop reading: the relay is behind. */
bool ingest_is_full(const struct ingest *in);

#endif
