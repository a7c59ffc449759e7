/* admin.h - live/admin.sock: who watches, by rtc-control(5). */
#ifndef RTC2RTMP_ADMIN_H
#define RTC2RTMP_ADMIN_H

#include "live.h"

enum {
	ADMIN_PEERS_MAX = 16,
	ADMIN_PAGE_MAX = 100 /* elements of one list reply */
};

struct admin;

/*
 * Listen, and keep the hub's roll from now on. Another daemon may have the name: this one serves
 * without, and says so. NULL without memory.
 */
struct admin *admin_new(struct live_hub *hub);
/* Takes NULL. */
void admin_free(struct admin *a);

#endif
