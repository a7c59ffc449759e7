/* stage_sdp.c - the answer, read as a client reads it. */
#include <stdlib.h>
#include <string.h>

#include "exam.h"

/* What lib/sdp makes of it: the plan of the session. */
static void
plan(struct exam *x, struct doctor_finding *f)
{
	struct sdp_problem problem;

	x->plan = calloc(1, sizeof(*x->plan));
	if (x->plan == NULL) {
		doctor_blame(f, DOCTOR_INTERNAL);
		return;
	}
	if (sdp_negotiate_answer(x->plan, x->offer != NULL ? x->offer : x->answer, x->answer,
				 &problem) < 0) {
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
