/* offer.h - the offer that an examination sends: like that of the client it stands for. */
#ifndef RTC_DOCTOR_OFFER_H
#define RTC_DOCTOR_OFFER_H

#include "exam.h"

/* Makes x->peer, x->offer and x->offer_text. False without memory. */
bool offer_make(struct exam *x, const struct peer_events *events);

#endif
