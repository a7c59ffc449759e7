/* stage_media.h - what the peer's callbacks tell the media stage. */
#ifndef RTC_DOCTOR_STAGE_MEDIA_H
#define RTC_DOCTOR_STAGE_MEDIA_H

#include "exam.h"

/* Nothing happens while the stage does not run. */
void media_packet(struct exam *x, const struct peer_packet *packet);
void media_keyframe_asked(struct exam *x);

#endif
