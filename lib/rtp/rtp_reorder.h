/*
 * rtp_reorder.h - a reorder buffer for receivers that need packets in sequence (depacketisers,
 * files): holds packets until the gap before them is filled or has lasted too long.  What is too
 * long follows from how long others lasted that were filled, as far off as the sender may be.
 * Bounded; allocates at new only.
 */
#ifndef RTCKIT_RTP_RTP_REORDER_H
#define RTCKIT_RTP_RTP_REORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtp_reorder;

/* A gap may last so many times as long as those that were filled: a resend can be lost as well. */
enum { RTP_REORDER_REPAIRS = 4 };

/*
 * slot_count: power of two (rounded up), packets held at most; packet_size: octets of the largest.
 * A gap lasts min_wait_us at least and max_wait_us at most before it is given up; the least if
 * nothing is known of repairs.
 */
struct rtp_reorder *rtp_reorder_new(size_t slot_count, size_t packet_size, uint64_t min_wait_us,
				    uint64_t max_wait_us);
/* A first idea of how long one takes, before any came; it counts as one. */
void rtp_reorder_expect(struct rtp_reorder *r, uint64_t repair_us);
void rtp_reorder_free(struct rtp_reorder *r);
/*
 * Copies one plain RTP packet. ext_seq from rtp_recv_packet(). 0; -EALREADY (duplicate or already
 * passed); -EMSGSIZE; -EAGAIN (full: gaps are given up at once as far as room is needed; pop until
 * 0 and push again, which then succeeds).
 */
int rtp_reorder_push(struct rtp_reorder *r, uint64_t now_us, uint64_t ext_seq, const uint8_t *buf,
		     size_t size);
/*
 * Next packet in sequence: its size with *buf borrowed until the next push and *lost = packets
 * skipped before it (0 normally); 0 when nothing may be released yet.
 */
size_t rtp_reorder_pop(struct rtp_reorder *r, uint64_t now_us, const uint8_t **buf, uint64_t *lost);
uint64_t rtp_reorder_deadline(const struct rtp_reorder *r); /* when a gap is given up */

#endif
