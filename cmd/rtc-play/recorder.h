/*
 * recorder.h - received units into a file or pipe. The first ones are held until both tracks can be
 * put on one time line by their sender reports, so that sound and picture agree from the start.
 */
#ifndef RTC_PLAY_RECORDER_H
#define RTC_PLAY_RECORDER_H

#include "media/media_writer.h"
#include "receiver.h"

enum {
	RECORDER_SYNC_US = 1500000,    /* wait for sender reports so long, then go by arrival */
	RECORDER_PICTURE_US = 5000000, /* wait for a keyframe so long, then record sound alone */
	RECORDER_HELD_MAX = 64 << 20   /* octets held meanwhile */
};

struct recorder;

/* The sender's NTP time of a timestamp, as peer_track_ntp(): 0 or -EAGAIN. */
typedef int recorder_ntp_fn(void *arg, enum media_kind kind, uint32_t ts, uint64_t *ntp);

/* path and format are borrowed. expects: what the session receives. NULL with *words set. */
struct recorder *recorder_new(const char *path, const char *format, const bool expects[MEDIA_KINDS],
			      recorder_ntp_fn *ntp, void *arg, struct media_words *words);
/* 0, or what writing an earlier unit came to: -EPIPE (the reader of a pipe is gone), -errno with
 * *words set. */
int recorder_unit(struct recorder *r, const struct receiver_unit *unit, struct media_words *words);
/* Close the file and free. 0, -ENODATA if nothing was recorded, -errno with *words set. */
int recorder_close(struct recorder *r, struct media_words *words);

#endif
