/* doctor_sdp.h - what is wrong with an answer, before any packet is sent.  Pure. */
#ifndef RTCKIT_DOCTOR_DOCTOR_SDP_H
#define RTCKIT_DOCTOR_DOCTOR_SDP_H

#include "doctor/doctor.h"
#include "sdp/sdp_negotiate.h"

/*
 * Judge the body of a 201: empty, a web page, no SDP, or a description that a client cannot use.
 * offer is the one that was sent, NULL if it is not known (a saved answer: what depends on it is
 * not judged). Says and blames in f. Returns the description (sdp_free()) unless it cannot even be
 * read; f->level is DOCTOR_FAIL if a client cannot go on with it.
 */
struct sdp *doctor_sdp_judge(struct doctor_finding *f, const struct sdp *offer, const char *body,
			     size_t size);

#endif
