/* watch.h - which streams are published: the relay's list, asked for again and again. */
#ifndef RTC2RTMP_WATCH_H
#define RTC2RTMP_WATCH_H

#include "live.h"

enum { WATCH_PERIOD_MS = 1000 };

struct watch;

/* From now on the HLS of every published stream is written into the hub's store. NULL without
 * memory. */
struct watch *watch_new(struct live_hub *hub);
/* Takes NULL. */
void watch_free(struct watch *w);

#endif
