/*
 * rtp_twcc.h - transport-wide congestion control, receiver side: records arrival times and builds
 * feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 s.3.1).  The caller stores it.
 */
#ifndef RTCKIT_RTP_RTP_TWCC_H
#define RTCKIT_RTP_RTP_TWCC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/rtcp.h"

enum { RTP_TWCC_WINDOW = 1024 }; /* packets between two feedbacks; more: the oldest are given up */

struct rtp_twcc {
	uint64_t next_seq, max_seq; /* extended: first not reported, highest seen */
	bool started;
	uint8_t feedback_count;
	uint8_t stale_count; /* packets in a row from behind the window: the sender began anew */
	uint64_t arrival_us[RTP_TWCC_WINDOW]; /* by seq modulo; 0 missing */
};

void rtp_twcc_init(struct rtp_twcc *t);
void rtp_twcc_packet(struct rtp_twcc *t, uint64_t now_us, uint16_t seq);
bool rtp_twcc_pending(const struct rtp_twcc *t);
/*
 * Append feedback for what arrived since the last: one packet, at most what the writer has room for
 * (call again while pending and the return is not 0). A packet that arrives after its number was
 * reported missing is reported again, with those after it. Returns the statuses written; 0 if
 * nothing is pending, or with the writer's overflow set if it has no room for any.
 */
size_t rtp_twcc_write(struct rtp_twcc *t, struct rtcp_writer *w, uint32_t sender, uint32_t media);

#endif
