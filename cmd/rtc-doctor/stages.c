/* stages.c - the table of stages, and how they run. */
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "exam.h"
#include "report.h"
#include "stage_dtls.h"

static const struct stage {
	exam_stage_fn *run;
	unsigned needs, gives; /* masks of enum exam_have */
} stages[DOCTOR_STAGES] = {
    [DOCTOR_DNS] = {stage_dns, EXAM_URL, EXAM_ADDRESS},
    [DOCTOR_TCP] = {stage_tcp, EXAM_ADDRESS, EXAM_TCP},
    [DOCTOR_TLS] = {stage_tls, EXAM_TCP, EXAM_TLS},
    [DOCTOR_HTTP] = {stage_http, EXAM_TLS, EXAM_STATUS | EXAM_LOCATION},
    [DOCTOR_AUTH] = {stage_auth, EXAM_STATUS, EXAM_CREATED | EXAM_SESSION},
    [DOCTOR_HEADERS] = {stage_headers, EXAM_CREATED | EXAM_SESSION, 0},
    [DOCTOR_SDP] = {stage_sdp, EXAM_CREATED, EXAM_ANSWER},
    [DOCTOR_CANDIDATES] = {stage_candidates, EXAM_ANSWER, EXAM_TARGETS},
    [DOCTOR_ICE_UDP] = {stage_ice_udp, EXAM_TARGETS, EXAM_UDP | EXAM_PATH},
    [DOCTOR_ICE_TCP] = {stage_ice_tcp, EXAM_TARGETS, EXAM_PATH},
    [DOCTOR_MTU] = {stage_mtu, EXAM_UDP, 0},
    [DOCTOR_DTLS] = {stage_dtls, EXAM_PATH | EXAM_SESSION, EXAM_DTLS},
    [DOCTOR_MEDIA] = {stage_media, EXAM_DTLS, 0},
    [DOCTOR_DELETE] = {stage_delete, EXAM_SESSION | EXAM_LOCATION, 0},
};

/* The stages that must run so that those of the mask can. */
static unsigned
closure(const struct exam *x, unsigned wanted)
{
	unsigned run = 0, need = 0;

	for (int s = x->o.until; s >= 0; s--) {
		if ((wanted & 1u << s) == 0 && (stages[s].gives & need) == 0)
			continue;
		run |= 1u << s;
		need |= stages[s].needs;
	}
	if (x->o.media_s == 0)
		run &= ~(1u << DOCTOR_MEDIA);
	return run;
}

static void
run_stage(struct exam *x, int s)
{
	struct doctor_finding *f = &x->findings[s];
	uint64_t start_us = clock_now_us();
	bool asked = (x->o.only & 1u << s) != 0;

	doctor_finding_init(f, s, x->o.as);
	x->deadline_us = start_us + (uint64_t)(x->o.client.timeout_s * 1e6);
	stages[s].run(x, f);
	f->took_us = clock_now_us() - start_us;
	/* What was not asked for is told if it stops the rest. */
	x->reported[s] = !x->interrupted && (asked || f->level == DOCTOR_FAIL);
	if (x->reported[s])
		report_finding(x, f);
}

/* Whatever ended it, a session of ours does not stay. */
static void
clean_up(struct exam *x)
{
	struct doctor_finding unseen;
	enum whip_action action = x->o.action;
	char byte;

	if (x->session_url[0] == '\0')
		return;
	if (x->interrupted && read(x->wake_fd, &byte, 1) < 0) /* the wish was heard: wait again */
		return;
	doctor_finding_init(&unseen, DOCTOR_DELETE, x->o.as);
	x->deadline_us = clock_now_us() + 2000000;
	x->o.action = WHIP_PLAY; /* nobody asks for ghosts */
	stage_delete(x, &unseen);
	x->o.action = action;
}

int
exam_run(struct exam *x)
{
	unsigned run = closure(x, x->o.only);

	for (int s = 0; s < DOCTOR_STAGES && !x->interrupted; s++)
		if ((run & 1u << s) != 0 && (x->have & stages[s].needs) == stages[s].needs)
			run_stage(x, s);
	clean_up(x);
	return x->interrupted ? 0 : report_result(x);
}
