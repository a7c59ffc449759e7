/* ice_servers.h - the STUN and TURN servers that an answer's Link fields name. */
#ifndef RTC_DOCTOR_ICE_SERVERS_H
#define RTC_DOCTOR_ICE_SERVERS_H

#include "exam.h"

/* Ask each for our address, or for an allocation; all at once, three seconds at most. */
void ice_servers_check(struct exam *x, struct doctor_finding *f);

#endif
