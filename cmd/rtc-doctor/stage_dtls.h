/* stage_dtls.h - the peer of an examination on its sockets, for the dtls and media stages. */
#ifndef RTC_DOCTOR_STAGE_DTLS_H
#define RTC_DOCTOR_STAGE_DTLS_H

#include "exam.h"

extern const struct peer_events dtls_events;

/* Let the peer work until done() says so or the time comes: 1 done, 0 time, -EINTR. */
int dtls_work(struct exam *x, uint64_t until_us, bool (*done)(struct exam *x));
/* Say BYE and close_notify, if there is anybody to say it to. */
void dtls_farewell(struct exam *x);

#endif
