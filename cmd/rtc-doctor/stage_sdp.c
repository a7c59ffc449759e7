/* stage_sdp.c - the answer, read as a client reads it. */
#include <stdlib.h>
#include <string.h>

#include "exam.h"

/* A saved answer's offer is not known: the answer itself, seen from the other side. */
static void
invent_offer(struct exam *x)
{
	struct sdp *offer = sdp_parse(x->post.body, x->post.body_size, NULL);

	for (size_t i = 0; offer != NULL && i < offer->media_count; i++) {
		struct sdp_transport *t = &x->answer->media[i].transport;

		offer->media[i].direction = sdp_direction_reverse(offer->media[i].direction);
		if (t->setup != SDP_ACTIVE) /* DTLS is not tried */
			t->setup = SDP_PASSIVE;
	}
	x->offer = offer;
}

/* What lib/sdp makes of it: the plan of the session. */
static void
plan(struct exam *x, struct doctor_finding *f)
{
	struct sdp_problem problem;

	x->plan = calloc(1, sizeof(*x->plan));
	if (x->offer == NULL)
		invent_offer(x);
	if (x->plan == NULL || x->offer == NULL) {
		doctor_blame(f, DOCTOR_INTERNAL);
		return;
	}
	if (sdp_negotiate_answer(x->plan, x->offer, x->answer, &problem) < 0) {
		doctor_say(f, "%s", problem.detail);
		doctor_blame(f, DOCTOR_SDP_LINE);
		free(x->plan);
		x->plan = NULL;
	}
}

void
stage_sdp(struct exam *x, struct doctor_finding *f)
{
	x->answer = doctor_sdp_judge(f, x->offer, x->post.body, x->post.body_size);
	if (x->answer != NULL && f->level != DOCTOR_FAIL)
		plan(x, f);
	if (x->plan != NULL)
		x->have |= EXAM_ANSWER;
}
