/* visit.h - one session of --listen: a lite peer that receives, or sends the test picture. */
#ifndef RTC_DOCTOR_VISIT_H
#define RTC_DOCTOR_VISIT_H

#include "card.h"
#include "whip/whip_candidate.h"

enum {
	VISIT_SECRET_COUNT = 32,
	VISIT_SECRET_SIZE = VISIT_SECRET_COUNT + 1,
	VISIT_CONNS_MAX = 4 /* of ICE-TCP */
};

struct visit {
	struct peer *peer; /* NULL: a free place */
	struct card card;
	bool sends, over;
	uint64_t packets;
	uint32_t conns[VISIT_CONNS_MAX]; /* channels of its TCP connections; some may be gone */
	unsigned conn_count;
	char secret[VISIT_SECRET_SIZE];
	char name[ADDR_TEXT_SIZE];
	struct sdp_plan *plan; /* owned, with the offer that its texts borrow from */
	struct sdp *offer;
};

/*
 * Begin one for an offer; the answer is written to out with a NUL. 0; -EPROTO with *problem set;
 * -ENOMEM. On error the place stays free.
 */
int visit_begin(struct visit *v, struct dtls_ctx *dtls, const char *offer, size_t size, bool play,
		const struct whip_candidates *candidates, char *out, size_t cap,
		struct sdp_problem *problem);
void visit_end(struct visit *v); /* frees; a free place is fine */

void visit_timeout(struct visit *v, uint64_t now_us);
uint64_t visit_deadline(const struct visit *v);

#endif
