/*
 * media_aac.h - Opus packets into AAC-LC by libavcodec: 48 kHz stereo, 1024 samples a unit.  For
 * containers that cannot hold Opus.
 */
#ifndef RTCKIT_MEDIA_MEDIA_AAC_H
#define RTCKIT_MEDIA_MEDIA_AAC_H

#include "media/media.h"
#include "media/media_writer.h"

/* A unit of AAC, its time on the input's line; data borrowed for the call. */
typedef void media_aac_fn(void *arg, const struct media_unit *unit);

struct media_aac;
/* NULL with *words set. */
struct media_aac *media_aac_new(unsigned bitrate_bps, struct media_words *words);
void media_aac_free(struct media_aac *a); /* takes NULL */
/* What a container must know; borrowed for the encoder's life. */
const struct media_aac_format *media_aac_format(const struct media_aac *a);
/*
 * One Opus packet. Calls fn for the units that are complete. A hole of up to a second becomes
 * silence; a longer one, or a step back, begins a new count of time. 0, -EBADMSG (not Opus:
 * skipped), -ENOMEM, -errno.
 */
int media_aac_push(struct media_aac *a, const struct media_unit *opus, media_aac_fn *fn, void *arg);

#endif
