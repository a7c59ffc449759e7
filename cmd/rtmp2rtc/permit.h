/* permit.h - rtc-hook's leave for the one connection of a child, which holds the session that it
 * begins until the process ends. */
#ifndef RTMP2RTC_PERMIT_H
#define RTMP2RTC_PERMIT_H

#include <uv.h>

#include "hook/hook.h"

/* Ask; fn is called once from the loop. client's texts are borrowed for the call, its id and held
 * are set here. 0 or -errno. Once in a process. */
typedef void permit_fn(const struct hook_verdict *verdict);
int permit_ask(uv_loop_t *loop, struct hook_client *client, permit_fn *fn);
void permit_end(void);

#endif
