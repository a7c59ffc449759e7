/* stage_candidates.c - the media addresses of the answer: which of them can work from here? */
#include "base/clock.h"
#include "exam.h"

/* ---- one candidate ---- */

static const char *
proto_name(const struct sdp_candidate *c)
{
	return c->proto == SDP_TCP ? "tcp" : "udp";
}

static enum doctor_cause
judge_address(const struct reach_view *view, struct doctor_finding *f,
	      const struct sdp_candidate *c, struct exam_target *t)
{
	enum reach r = reach_judge(view, &t->addr, reach_has_route(&t->addr));
	char text[ADDR_TEXT_SIZE];

	t->usable = reach_is_useful(r);
	doctor_say(f, "%s %s %s%s", addr_format(&t->addr, text), proto_name(c),
		   reach_class_name(reach_class_of(&t->addr)),
		   r == REACH_FINE    ? ""
		   : r == REACH_OTHER ? ", not where HTTP is"
		   : r == REACH_ROUTE ? ", no route"
				      : ", of no use from here");
	return doctor_candidate_cause(r);
}

static struct exam_target *
add_target(struct exam *x, const struct addr *a, const struct sdp_candidate *c)
{
	struct exam_target *t = &x->targets[x->target_count];

	if (x->target_count == EXAM_TARGETS_MAX)
		return NULL;
	*t = (struct exam_target){.addr = *a, .priority = c->priority, .tcp = c->proto == SDP_TCP};
	x->target_count++;
	return t;
}

static enum doctor_cause
judge_name(struct exam *x, const struct reach_view *view, struct doctor_finding *f,
	   const struct sdp_candidate *c)
{
	enum doctor_cause cause = DOCTOR_CAND_NAME;
	struct addr list[4];
	int n, count;

	if (reach_is_mdns(c->address)) {
		doctor_say(f, "%.64s %s mDNS", c->address, proto_name(c));
		return DOCTOR_CAND_MDNS;
	}
	n = exam_resolve(x, c->address, AF_INET, c->port, list, 2);
	count = n > 0 ? n : 0;
	n = exam_resolve(x, c->address, AF_INET6, c->port, list + count, 2);
	count += n > 0 ? n : 0;
	if (count == 0)
		doctor_say(f, "%.64s %s does not resolve", c->address, proto_name(c));
	for (int i = 0; i < count; i++) {
		struct exam_target *t = add_target(x, &list[i], c);
		enum doctor_cause one;

		if (t == NULL)
			break;
		one = judge_address(view, f, c, t);
		if (i == 0 || t->usable)
			cause = one;
	}
	return cause;
}

static enum doctor_cause
judge_candidate(struct exam *x, const struct reach_view *view, struct doctor_finding *f,
		const struct sdp_candidate *c)
{
	struct exam_target *t;
	struct addr a;

	if (addr_parse(&a, c->address, c->port) < 0)
		return judge_name(x, view, f, c);
	t = add_target(x, &a, c);
	return t != NULL ? judge_address(view, f, c, t) : DOCTOR_NO_CAUSE;
}

/* ---- all of them ---- */

struct tally {
	unsigned udp, tcp, usable_udp, usable_tcp, here;
	enum doctor_cause worst; /* of the first useless UDP one */
	enum doctor_cause first; /* of the first UDP host candidate */
};

static void
count_one(struct tally *n, const struct sdp_candidate *c, enum doctor_cause cause)
{
	bool usable = cause == DOCTOR_NO_CAUSE || cause == DOCTOR_CAND_OTHER;

	if (c->proto == SDP_TCP) {
		n->tcp++;
		n->usable_tcp += usable;
		return;
	}
	if (n->udp++ == 0)
		n->first = usable ? DOCTOR_NO_CAUSE : cause;
	n->usable_udp += usable;
	n->here += cause == DOCTOR_NO_CAUSE;
	if (!usable && n->worst == DOCTOR_NO_CAUSE)
		n->worst = cause;
}

static void
judge_all(struct doctor_finding *f, const struct tally *n)
{
	if (n->udp + n->tcp == 0) {
		doctor_say(f, "no candidate");
		doctor_blame(f, DOCTOR_CAND_NONE);
	} else if (n->udp == 0) {
		doctor_blame(f, DOCTOR_CAND_TCP_ONLY);
	} else if (n->usable_udp == 0) {
		doctor_blame(f, n->worst);
	} else {
		if (n->first != DOCTOR_NO_CAUSE)
			doctor_blame(f, DOCTOR_CAND_FIRST);
		else if (n->worst != DOCTOR_NO_CAUSE)
			doctor_blame(f, DOCTOR_CAND_SOME);
		if (n->here == 0)
			doctor_blame(f, DOCTOR_CAND_OTHER);
	}
}

/* A private address may still be reached, by a VPN: ask before it is condemned. */
static void
ask_useless(struct exam *x, struct doctor_finding *f, struct tally *n)
{
	for (size_t i = 0; i < x->target_count && n->usable_udp == 0 && !x->interrupted; i++) {
		struct exam_target *t = &x->targets[i];
		char text[ADDR_TEXT_SIZE];

		if (clock_now_us() >= x->deadline_us)
			return;
		if (t->tcp || t->usable || reach_class_of(&t->addr) == REACH_CLASS_ANY ||
		    !exam_answers(x, t))
			continue;
		doctor_say(f, "%s answers all the same", addr_format(&t->addr, text));
		t->usable = true;
		n->usable_udp++;
		n->first = DOCTOR_NO_CAUSE;
	}
}

void
stage_candidates(struct exam *x, struct doctor_finding *f)
{
	struct reach_view view;
	struct tally n = {0};

	reach_look(&view, &x->reached);
	for (size_t i = 0; i < x->plan->candidate_count; i++) {
		const struct sdp_candidate *c = &x->plan->candidates[i];
		size_t at = x->target_count;

		/* RTCP goes by RTP's way; an active TCP one only calls. */
		if (c->component > 1 || c->port == 0 || c->tcp_type == SDP_TCP_ACTIVE)
			continue;
		count_one(&n, c, judge_candidate(x, &view, f, c));
		if (n.udp == 1 && c->proto == SDP_UDP && at < x->target_count)
			x->targets[at].first = true;
	}
	ask_useless(x, f, &n);
	judge_all(f, &n);
	if (n.usable_udp + n.usable_tcp > 0)
		x->have |= EXAM_TARGETS;
}
