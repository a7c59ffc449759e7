/* peer_impl.h - the inside of a peer, shared by the files of this module.  Not for others. */
#ifndef RTCKIT_PEER_IMPL_H
#define RTCKIT_PEER_IMPL_H

#include "base/median.h"
#include "base/random.h"
#include "ice/ice_agent.h"
#include "ice/ice_lite.h"
#include "peer/peer.h"
#include "rtp/rtp.h"
#include "rtp/rtp_recv.h"
#include "rtp/rtp_ring.h"
#include "rtp/rtp_rate.h"
#include "rtp/rtp_twcc.h"
#include "rtpsec/rtpsec.h"

enum {
	PEER_QUEUE_MAX = 32,	      /* RTCP datagrams waiting; more are dropped: reports repeat */
	PEER_KEYFRAME_US = 200000,    /* between two requests for a keyframe of a track */
	PEER_RATE_MIN_BPS = 100000,   /* below this there is no picture */
	PEER_FIRST_REPORT_US = 20000, /* after the first packet sent: players need the clock, */
	PEER_EARLY_REPORT_US = 250000, /* and may miss it: so often */
	PEER_EARLY_FOR_US = 2000000,   /* for so long (RFC 6051 s.2.1, RFC 3550 s.6.2) */
	PEER_RTT_DEFAULT_US = 100000,  /* until one is measured */
	PEER_AUDIO_HISTORY = 256,      /* packets kept of a sent audio track */
	PEER_WORDS_SIZE = 256
};

/* What of a codec the packets need. */
struct peer_pt {
	uint8_t pt, rtx_pt;
	uint32_t clock_rate;
};

/* Receiving one track. */
struct peer_rx {
	struct rtp_recv recv;
	uint32_t ssrc, rtx_ssrc; /* 0: not known yet */
	bool bound;		 /* recv is in use */
	bool restarted;		 /* for the next packet's flag */
	bool keyframe_wanted;
	uint8_t fir_seq;
	uint64_t keyframe_us; /* last request sent; 0 none */
	uint64_t lost_before; /* of earlier SSRCs */
};

/* What a resend needs beside the ring's slot, so that its octets are the same. */
struct peer_sent {
	uint32_t abs_send_time, resent_ms;
	uint16_t twcc;
};

/* Sending one track: the ring is queue and history in one. */
struct peer_tx {
	uint32_t ssrc, rtx_ssrc;
	struct rtp_ring *ring;
	struct peer_sent *sent; /* by position modulo sent_count */
	size_t sent_count;	/* power of two */
	uint64_t next_position; /* in the ring: the first that was not sent */
	uint64_t next_seq;	/* extended */
	uint16_t rtx_seq;
	bool started;
	uint32_t last_ts, clock_rate;
	uint64_t last_capture_us;
	uint64_t packets, octets; /* for sender reports; RFC 3550 s.6.4.1 */
	uint64_t *resends;	  /* positions; ring of PEER_RESEND_MAX */
	size_t resend_first, resend_count;
};

struct peer_line { /* a track as the peer keeps it */
	char mid[PEER_MID_MAX + 1], rid[PEER_MID_MAX + 1];
	uint8_t kind, direction, pt_count;
	struct peer_ext_ids ext;
	bool nack, pli, fir, remb;
	struct peer_pt pts[PEER_CODECS_MAX];
	struct peer_rx *rx; /* NULL unless received */
	struct peer_tx *tx; /* NULL unless sent */
	struct peer_stats stats;
};

struct peer_out { /* a datagram of RTCP that waits */
	struct peer_out *next;
	size_t size;
	uint8_t buf[];
};

struct peer {
	struct peer_config config;
	struct ice_creds local; /* LITE */
	enum peer_state state;
	uint64_t now_us; /* last told */
	struct prng rng;
	struct ice_agent *agent; /* FULL */
	struct ice_lite *lite;	 /* LITE, from peer_start() on */
	struct dtls *dtls;
	enum dtls_role role;
	char hash[16], fingerprint[200];
	bool has_path, has_origin;
	struct ice_tuple path;	 /* selected */
	struct ice_tuple origin; /* of the last DTLS, before one is selected */
	struct rtpsec *send, *receive;
	struct peer_line *lines;
	size_t line_count;
	uint32_t rtcp_ssrc; /* in our feedback */
	char cname[24];
	uint16_t twcc_seq;		    /* next number of what we send */
	struct rtp_rate *rate;		    /* of what we send; NULL unless asked for */
	bool stamped;			    /* the packet in hand has a fresh number */
	struct rtp_twcc *twcc;		    /* of what we receive; NULL unless negotiated */
	uint32_t twcc_media;		    /* SSRC that feedback names */
	uint64_t twcc_due_us;		    /* CLOCK_NEVER: nothing to report */
	uint64_t report_us;		    /* next SR and RR; CLOCK_NEVER before any media */
	uint64_t started_us;		    /* the last track began to be sent; 0: none */
	uint64_t start_us, ice_us, dtls_us; /* when each step was done; 0 not yet */
	struct median rtts_us;		    /* of reports */
	uint64_t remb_bps;		    /* that we ask for; 0 none */
	uint64_t remb_heard_bps;
	unsigned sample_count;
	struct peer_stats stats; /* what belongs to no track */
	struct peer_out *out_head, **out_tail;
	size_t out_count;
	const char *dtls_version, *cipher, *group;
	enum dtls_srtp_profile profile;
	char words[PEER_WORDS_SIZE]; /* why it ended */
	enum peer_stage stage;	     /* where it failed */
};

/* peer.c */
void peer_enter(struct peer *p, enum peer_state state);
void peer_fail(struct peer *p, enum peer_stage stage, const char *words);

/* peer_ice.c: one face for both agents. */
int peer_ice_input(struct peer *p, const struct ice_tuple *from, const uint8_t *buf, size_t size);
void peer_ice_timeout(struct peer *p);
uint64_t peer_ice_deadline(const struct peer *p);
bool peer_ice_poll(struct peer *p, struct peer_datagram *out);
void peer_ice_update(struct peer *p); /* follow its state: path, failure */
void peer_ice_drop(struct peer *p, const struct ice_tuple *tuple); /* LITE */
bool peer_ice_knows(struct peer *p, const struct ice_tuple *from, size_t size);
/* Where to send size octets now; NULL if nowhere or the amplification guard forbids. */
const struct ice_tuple *peer_ice_target(struct peer *p, size_t size);
/* DTLS completed with whoever is at the last origin: nobody can do that blindly. */
void peer_ice_proven(struct peer *p);
uint64_t peer_ice_rtt(const struct peer *p);
void peer_ice_explain(const struct peer *p, char *text, size_t size);

/* peer_dtls.c */
int peer_dtls_start(struct peer *p);
int peer_dtls_input(struct peer *p, const struct ice_tuple *from, const uint8_t *buf, size_t size);
void peer_dtls_update(struct peer *p);

/* peer_track.c */
int peer_lines_make(struct peer *p, const struct peer_track *tracks, size_t count);
void peer_lines_free(struct peer *p);
const struct peer_pt *peer_line_pt(const struct peer_line *line, uint8_t pt, bool *rtx);
struct peer_line *peer_line_by_tx(struct peer *p, uint32_t ssrc);
struct peer_line *peer_line_by_rx(struct peer *p, uint32_t ssrc);
/* The line that a packet belongs to, bound to its SSRC on the way; NULL if none. */
struct peer_line *peer_line_of(struct peer *p, const struct rtp_packet *packet, bool *rtx);

/* peer_recv.c, peer_send.c */
int peer_rtp_input(struct peer *p, uint8_t *buf, size_t size);
bool peer_media_poll(struct peer *p, struct peer_datagram *out);
void peer_resend(struct peer *p, struct peer_line *line, uint16_t seq);

/* peer_rtcp.c: what we say; peer_feedback.c: what we hear. */
void peer_rtcp_timeout(struct peer *p);
uint64_t peer_rtcp_deadline(const struct peer *p);
void peer_rtcp_keyframe(struct peer *p, struct peer_line *line);
void peer_rtcp_bye(struct peer *p);
bool peer_rtcp_poll(struct peer *p, struct peer_datagram *out);
void peer_rtcp_clear(struct peer *p);
int peer_rtcp_input(struct peer *p, uint8_t *buf, size_t size);
uint64_t peer_known_rtt(const struct peer *p); /* 0: not yet */
uint64_t peer_rtt(const struct peer *p);       /* never 0 */

#endif
