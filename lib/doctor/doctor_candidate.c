#include "doctor/doctor_candidate.h"

enum doctor_cause
doctor_candidate_cause(enum reach r)
{
	static const enum doctor_cause causes[] = {
	    [REACH_FINE] = DOCTOR_NO_CAUSE,	   [REACH_OTHER] = DOCTOR_CAND_OTHER,
	    [REACH_ANY] = DOCTOR_CAND_ANY,	   [REACH_LOOPBACK] = DOCTOR_CAND_LOOPBACK,
	    [REACH_PRIVATE] = DOCTOR_CAND_PRIVATE, [REACH_DOCKER] = DOCTOR_CAND_DOCKER,
	    [REACH_ROUTE] = DOCTOR_CAND_ROUTE,
	};

	return causes[r];
}
