/*
 * session.h - what the control thread and the workers share of one session.  The control thread
 * makes it, announces it to every worker, and frees it when every worker has said that it forgot
 * it.  All fields are immutable in between, but for the atomics.
 */
#ifndef RTC_RELAY_SESSION_H
#define RTC_RELAY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "ice/ice_lite.h"
#include "track/track.h"

enum session_kind {
	SESSION_PUBLISH,
	SESSION_PLAY,
	SESSION_LOCAL_PUBLISH,
	SESSION_LOCAL_SUBSCRIBE,
	SESSION_LOCAL_CONTRIBUTE,
	SESSION_KINDS
};

/* Does a player that joins get the video since the last keyframe at once? (--gop-cache) */
enum replay_mode { REPLAY_AUTO, REPLAY_ON, REPLAY_OFF };

enum session_end {
	END_NONE,
	END_DELETED,
	END_KICKED,
	END_EXPIRED,
	END_TIMEOUT,
	END_DTLS_FAILED,
	END_DTLS_CLOSED,
	END_BYE,
	END_TAKEN_OVER,
	END_NO_CODEC,
	END_CLOSED,
	END_LIMIT,
	END_SHUTDOWN
};

enum { SESSION_ID_SIZE = 11, SESSION_CNAME_SIZE = 17 };

/* Written by the owning worker only, with STAT_*; read by the control thread with STAT_GET. */
struct session_stats {
	uint64_t rx_packets, rx_octets, rx_lost, tx_packets, tx_octets, tx_dropped;
	uint64_t nacks_sent, nacks_received, resent, plis_sent, plis_received, auth_failed;
	uint64_t rtt_us, remb_bps, keyframes, paths;
	uint64_t jitter_us, loss_permille; /* of the last report, the worst SSRC's */
	uint64_t rx_duplicates, rx_late;   /* late: repaired and reordered packets */
	uint64_t frames_dropped;	   /* a TCP player's: its link did not keep up */
	uint64_t layers_skipped;	   /* a player's: those that its link does not take */
	uint64_t layer, layer_switches; /* a player's: lane + 1 of its simulcast track; 0: none */
	uint64_t heard_us;		/* last authenticated packet or check */
	uint64_t check_interval_us;	/* between the last two checks */
};

/* What came of one lane of a source; written and read as the statistics are. */
struct lane_stats {
	uint64_t packets, octets; /* octets: of the payloads */
	uint64_t frames;	  /* pictures, by their timestamps; 0 of sound */
	uint64_t size;		  /* width << 32 | height of its last keyframe; 0 unknown */
	uint64_t profile;	  /* profile_idc << 8 | level_idc of its last H264 SPS; 0 unknown */
	uint64_t codec;		  /* place in the track's list of what it sends, + 1; 0: nothing */
	uint64_t last_us;	  /* of its last packet */
	uint32_t frame_ts;	  /* the worker's own: of the newest picture */
};

#define STAT_ADD(field, n) __atomic_store_n(&(field), (field) + (uint64_t)(n), __ATOMIC_RELAXED)
#define STAT_SET(field, v) __atomic_store_n(&(field), (uint64_t)(v), __ATOMIC_RELAXED)
#define STAT_GET(field)	   __atomic_load_n(&(field), __ATOMIC_RELAXED)

struct session {
	uint64_t serial; /* never reused */
	uint64_t stream; /* serial of its stream */
	uint32_t epoch;	 /* a publisher's: which of the stream's publishers it is */
	uint8_t kind;	 /* enum session_kind */
	bool nack, twcc, keep_bframe;
	bool has_remote;	      /* remote credentials are known */
	bool periodic;		      /* its keyframes come by its own clock, whoever asks */
	uint8_t replay;		      /* enum replay_mode, of the relay */
	char id[SESSION_ID_SIZE + 1]; /* public */
	char cname[SESSION_CNAME_SIZE];
	struct ice_creds *local, *remote; /* owned */
	uint64_t stun_timeout_us, first_timeout_us;
	struct tracks tracks; /* owned */
	_Atomic int owner;    /* worker that claimed it; -1 nobody yet */
	struct session_stats stats;
	struct lane_stats
	    *lanes; /* owned, LANES_MAX of them, by its own numbers; NULL: no source */
};

#endif
