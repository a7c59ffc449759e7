/* front.h - the ports that rtc-gate serves. */
#ifndef RTCKIT_RTC_CONF_FRONT_H
#define RTCKIT_RTC_CONF_FRONT_H

#include "settings.h"

/* Without a port of its own the gate has nothing to do: something else is the front door. */
bool front_is_there(const struct settings *s);
/* Is the port of WebRTC over TCP one of the gate's? Then that takes it for the relay. */
bool front_has_tcp(const struct settings *s);
/* The gate's arguments that name ports and certificates, one a line. */
void front_print(const struct settings *s);

#endif
