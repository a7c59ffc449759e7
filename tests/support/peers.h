/*
 * peers.h - two sans-IO peers in one process on virtual time: end 0 publishes (full ICE agent), end
 * 1 watches (lite, unless told otherwise), a seeded link each way.
 */
#ifndef RTCKIT_TESTS_PEERS_H
#define RTCKIT_TESTS_PEERS_H

#include "link.h"
#include "peer/peer.h"
#include "rtp/rtp_reorder.h"

enum {
	PEERS_VIDEO = 0,
	PEERS_AUDIO = 1, /* tracks */
	PEERS_VIDEO_PT = 96,
	PEERS_RTX_PT = 97,
	PEERS_AUDIO_PT = 111
};

struct peers_params {
	uint64_t seed;
	struct link_params link[2]; /* by sender */
	enum dtls_role role;	    /* of end 0; the other has the other */
	bool rtx, nack, twcc, both_full;
	bool wrong_password, wrong_fingerprint;
	uint16_t first_seq;
	enum peer_decrypt decrypt;	   /* of end 1 */
	unsigned frame_packets;		   /* of a video frame; 30 frames per second. 0: 4 */
	const char *rid;		   /* simulcast layer of the video; NULL: none */
	uint64_t rate_max_bps;		   /* of end 0: estimate what may be sent */
	uint64_t min_wait_us, max_wait_us; /* of the watcher's reorder buffers; 0: 2 s */
};

/* What one end's callbacks saw. */
struct peers_seen {
	unsigned connected, failed, closed, keyframes, holes, byes, reports;
	enum peer_stage stage;
	char words[256];
	struct peer_info info;
	uint64_t bitrate_bps;
	uint64_t packets[2];  /* by track, repaired ones included */
	uint64_t in_order[2]; /* released in sequence */
	uint64_t skipped[2];  /* given up by the reorder buffer */
	uint64_t wrong;	      /* content or order that cannot be */
	uint64_t undecrypted;
	uint64_t layered[2]; /* video that has the rid; the repaired rid, in what was resent */
	uint64_t next_index[2];
	uint64_t last_capture_us;
	uint32_t last_ts;
	struct rtp_reorder *reorder[2];
	struct peers *peers;
};

struct peers {
	struct peers_params params;
	struct dtls_ctx *ctx[2];
	struct peer *end[2];
	struct link *link[2];
	struct addr addr[2];
	struct peers_seen seen[2];
	struct peer_track tracks[2];
	uint64_t now_us, next_video_us, next_audio_us;
	uint64_t sent[2]; /* packets of media, by track */
	bool sending;
	uint64_t misdirected; /* datagrams for an address where nobody is (any more) */
};

void peers_init(struct peers *s, const struct peers_params *params);
void peers_fini(struct peers *s);
/* Run for so long, or until both are connected or one has ended. */
void peers_run(struct peers *s, uint64_t duration_us);
bool peers_connect(struct peers *s, uint64_t limit_us);

#endif
