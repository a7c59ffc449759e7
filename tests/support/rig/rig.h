/*
 * rig.h - a publisher and a viewer over the relay's own workers, on virtual time, in one thread:
 * two workers that meet by their channels, losses on every way, workers that are held up. It brings
 * a clock, randomness and sockets of its own for the program that it is linked with. Of everything
 * that leaves it is seen to that no two packets share an index of SRTP.
 */
#ifndef RTCKIT_TESTS_RIG_H
#define RTCKIT_TESTS_RIG_H

#include "../../../cmd/rtc-relay/worker.h"
#include "../ends.h"
#include "../link.h"

enum { RIG_STREAM = 7 }; /* its serial */
enum rig_way { RIG_UP, RIG_DOWN, RIG_WAYS };
enum rig_copy { RIG_NO_COPY, RIG_COPY_AFTER, RIG_COPY_BEFORE };

struct udp { /* what a worker's socket is here */
	struct rig *rig;
	struct udp_counters counters;
	uint8_t room[UDP_DATAGRAM_MAX];
};

struct rig_params {
	uint64_t seed;
	unsigned loss_permille; /* while it is lossy */
	bool stalls;		/* workers are held up now and then */
	bool deaf;		/* while it is lossy, the publisher hears nothing */
	bool plain;		/* the viewer has neither RTX nor transport-wide numbers */
	bool layers;		/* the track has a second lane, of which nothing comes by itself */
	uint64_t pace_us;	/* of the publisher */
	unsigned key_packets;
};

struct rig {
	struct rig_params params;
	struct prng rng;
	struct worker *workers[2];
	struct udp sockets[2];
	uint64_t stalled_us[2];
	uv_loop_t loop; /* of nobody: the control thread's */
	uv_async_t wake;
	struct chan *chans[2][2], *from_control[2], *to_control[2];
	struct session sessions[2]; /* the publisher's, the viewer's */
	struct lane_stats lanes[LANES_MAX];
	struct ice_creds creds[2], ends; /* ends: of both ends */
	struct ice_tuple tuples[2];
	unsigned entry[2];	      /* the worker that gets what comes from there */
	enum rig_copy copy[2];	      /* what comes from there comes from a stranger's port, too */
	unsigned copied, to_stranger; /* datagrams */
	struct link *in[2], *out[2];
	struct publisher_end publisher;
	struct viewer_end viewer;
	uint64_t *digests; /* of what was sent to the viewer: by RTX or not, and number */
	unsigned reused;   /* indices, for something else */
	int rtx_first;	   /* number of the first packet of RTX; -1: none yet */
	bool lossy;
	bool lose_sets[RIG_WAYS]; /* the next packet of parameter sets */
	uint64_t now_us;
};

/* Connected, the viewer on the worker that has not the publisher; it fails the test if not. */
void rig_init(struct rig *r, const struct rig_params *params);
void rig_fini(struct rig *r);
void rig_run(struct rig *r, uint64_t duration_us);
/* A NAT gives an end (0: the publisher) another port; what it sends comes to that worker. */
void rig_rebind(struct rig *r, unsigned end, unsigned entry);

#endif
