/*
 * rtp_ring.h - the packets of one track, kept once for everybody: fan-out source, NACK history and
 * keyframe cache.  One writer; readers hold positions (64-bit, never reused) and can tell that a
 * slot was overwritten.  Packets lie contiguous in one arena.  Single-threaded; allocates at new.
 */
#ifndef RTCKIT_RTP_RTP_RING_H
#define RTCKIT_RTP_RTP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtp_ring_flags {
	RTP_RING_KEYFRAME = 1,	    /* first packet of a keyframe (parameter sets included) */
	RTP_RING_DISPOSABLE = 2,    /* of a frame that no other needs (B-frame) */
	RTP_RING_LATE = 4,	    /* came after a later one: a repaired or reordered packet */
	RTP_RING_DISCONTINUITY = 8, /* the source's timestamps jump here */
	RTP_RING_DTS = 16,	    /* dts_offset is set */
	RTP_RING_CAPTURE = 32,	    /* capture_ntp is set */
	RTP_RING_SETS = 64,	/* has parameter sets, without which its keyframe means nothing, */
	RTP_RING_NEW_SETS = 128 /* which who got those before may not know: of another size */
};

/* One packet as stored. Pointers borrow from the ring until it is overwritten. */
struct rtp_ring_slot {
	uint64_t seq;	 /* extended source sequence number */
	uint64_t offset; /* in the arena, monotonic; internal */
	uint64_t arrival_us;
	uint64_t capture_ntp; /* NTP time of capture */
	uint32_t dts_offset;  /* presentation minus decoding time, RTP units */
	uint32_t ts;
	uint16_t payload_size; /* octets, without padding */
	uint8_t pt;
	uint8_t flags; /* enum rtp_ring_flags */
	bool marker;
	uint8_t pad; /* octets of padding that rtp_ring_equalise() wants it sent with */
	uint8_t tag; /* the caller's: e.g. simulcast layer */
};

enum { RTP_RING_PAD_MAX = 16 }; /* octets that are worth adding */

struct rtp_ring;

/* slot_count and arena_size are powers of two (rounded up). NULL without memory. */
struct rtp_ring *rtp_ring_new(size_t slot_count, size_t arena_size);
void rtp_ring_free(struct rtp_ring *ring);

/*
 * Append a packet in order of arrival; meta's offset is ignored; payload is copied. Returns its
 * position (1, 2, 3 ...), or 0 if the payload is too large for the ring.
 */
uint64_t rtp_ring_append(struct rtp_ring *ring, const struct rtp_ring_slot *meta,
			 const uint8_t *payload);

uint64_t rtp_ring_head(const struct rtp_ring *ring); /* position of the last append; 0 if none */
uint64_t rtp_ring_tail(const struct rtp_ring *ring); /* oldest position that is still whole */

/* The packet at a position and its payload; NULL if overwritten or not yet there. */
const struct rtp_ring_slot *rtp_ring_get(const struct rtp_ring *ring, uint64_t position,
					 const uint8_t **payload);
/*
 * The position that holds an extended source sequence number (its latest), or 0. O(1). Of two
 * numbers that are a multiple of slot_count apart only the one appended last is found.
 */
uint64_t rtp_ring_find(const struct rtp_ring *ring, uint64_t seq);
/*
 * Encoders cut a frame into nearly equal packets. For the packets from a position to the head:
 * where neighbours differ by at most RTP_RING_PAD_MAX octets, set pad to what makes each as long as
 * the longest of them, so that they can be sent as segments of one message (UDP_SEGMENT).
 */
void rtp_ring_equalise(struct rtp_ring *ring, uint64_t from);
/* Position of the newest keyframe's first packet that is still whole, or 0. */
uint64_t rtp_ring_keyframe(const struct rtp_ring *ring);

#endif
