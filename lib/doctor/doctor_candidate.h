/* doctor_candidate.h - the causes of what client/reach.h says of an address.  Pure. */
#ifndef RTCKIT_DOCTOR_DOCTOR_CANDIDATE_H
#define RTCKIT_DOCTOR_DOCTOR_CANDIDATE_H

#include "client/reach.h"
#include "doctor/doctor.h"

/* DOCTOR_NO_CAUSE of REACH_FINE. */
enum doctor_cause doctor_candidate_cause(enum reach r);

#endif
