/*
 * peer.h - one WebRTC peer without sockets: ICE (full controlling agent, or lite), DTLS, SRTP, RTP
 * and RTCP composed into the five verbs.  The clients and the simulations hold these; the relay has
 * its own composition, spread over threads.
 *
 * What it does not do: SDP, sockets, clocks, threads, codecs, pacing, congestion control (it
 * reports REMB and the losses that feedback tells of; the caller adapts).
 *
 * Life: peer_new() -> peer_local() into the offer -> peer_start() with what the answer says ->
 * peer_add_pair() for each (socket, candidate) -> input / timeout / poll -> peer_close(), poll
 * until 0, peer_free().
 *
 * Contract: after any call that takes a peer and may change it, drain peer_poll() until it returns
 * 0, then arm one timer at peer_deadline(). now_us never goes back.
 */
#ifndef RTCKIT_PEER_PEER_H
#define RTCKIT_PEER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dtls/dtls.h"
#include "ice/ice.h"
#include "rtp/rtcp.h"

enum {
	PEER_DATAGRAM_MAX = 1500, /* octets of any datagram that peer_poll() gives */
	PEER_PAYLOAD_MAX =
	    1200, /* octets of payload in peer_send(): leaves room for RTX and tags */
	PEER_TRACKS_MAX = 8,
	PEER_CODECS_MAX = 16, /* of one track */
	PEER_MID_MAX = 16,    /* what one-byte header extensions carry (RFC 8285 s.4.2) */
	PEER_RESEND_MAX = 256 /* resends waiting in peer_poll(); more are dropped and counted */
};

enum peer_ice { PEER_ICE_FULL, PEER_ICE_LITE };
enum peer_kind { PEER_AUDIO, PEER_VIDEO };
enum peer_direction { PEER_SEND = 1, PEER_RECEIVE = 2 }; /* ours, of a track; may be or-ed */

/* What happens to RTP that arrives. RTCP and RTX are decrypted in any case: they are few. */
enum peer_decrypt {
	PEER_DECRYPT_ALL,
	PEER_DECRYPT_SAMPLE, /* one packet in config.sample; the others by their clear headers */
	PEER_DECRYPT_NONE    /* headers only: load generators */
};

enum peer_stage { PEER_STAGE_ICE, PEER_STAGE_DTLS, PEER_STAGE_MEDIA };

enum peer_state {
	PEER_NEW,
	PEER_CHECKING,	/* ICE looks for a path */
	PEER_HANDSHAKE, /* DTLS runs */
	PEER_CONNECTED,
	PEER_CLOSED, /* close_notify came, or peer_close() */
	PEER_FAILED
};

/* How a connection came to be; times count from peer_start(). */
struct peer_info {
	enum dtls_srtp_profile profile;
	const char *profile_name, *cipher, *group, *dtls_version; /* borrowed from the peer */
	uint64_t ice_us, dtls_us; /* first path selected; DTLS finished */
	uint64_t rtt_us;	  /* of ICE checks; 0 unknown */
	struct ice_tuple path;
};

/* A packet that arrived, repaired ones included, as they arrive. Pointers live for the call. */
struct peer_packet {
	unsigned track;	  /* index into the tracks of peer_start() */
	uint64_t ext_seq; /* extended; see rtp_recv.h */
	uint32_t ts, ssrc;
	uint16_t seq;
	uint8_t pt;
	bool marker;
	bool late;	    /* fills a hole: a packet with a higher ext_seq came before */
	bool repaired;	    /* came by RTX */
	bool restarted;	    /* first after the sender began anew (SSRC, sequence jump) */
	const uint8_t *buf; /* the plain packet; its payload is still encrypted if !decrypted */
	size_t size;
	const uint8_t *payload; /* NULL if !decrypted */
	size_t payload_size;
	bool decrypted;
};

/*
 * Callbacks, each may be NULL. They run inside peer_input() and peer_timeout(); they may call any
 * function of this module but those two and peer_free().
 */
struct peer_events {
	void (*connected)(void *arg, const struct peer_info *info);
	/* The end, once. words: for a person, one line, borrowed. */
	void (*failed)(void *arg, enum peer_stage stage, const char *words);
	void (*closed)(void *arg, const char *words); /* the other side ended it (close_notify) */
	void (*packet)(void *arg, const struct peer_packet *packet);
	void (*keyframe)(void *arg, unsigned track); /* PLI or FIR for a track we send */
	void (*sender_report)(void *arg, unsigned track, uint64_t now_us, const struct rtcp_sr *sr);
	/* How much may be sent in all: REMB, or, with rate_max_bps, what transport-wide feedback of
	 * what we sent tells (rtp_rate.h). */
	void (*bitrate)(void *arg, uint64_t bitrate_bps);
	void (*bye)(void *arg, unsigned track); /* the sender of a track we receive said BYE */
	/* NACK could not mend a loss of a video track: the picture is damaged. A PLI was sent. */
	void (*hole)(void *arg, unsigned track);
};

struct peer_config {
	struct dtls_ctx *dtls;		  /* borrowed for the peer's life */
	const struct peer_events *events; /* borrowed for the peer's life; may be NULL */
	void *arg;			  /* of the callbacks */
	enum peer_ice ice;
	const struct ice_creds *local; /* LITE: ours; NULL: made from seed. FULL: NULL */
	uint64_t seed;		       /* random_u64(): credentials, transaction ids ... */
	uint64_t connect_timeout_us;   /* ICE, then DTLS, each; 0: 15 s */
	uint64_t consent_timeout_us;   /* LITE; 0: 30 s */
	/* NTP time at now_us 0: clock_ntp() - clock_us_to_ntp(clock_now_us()). */
	uint64_t ntp_base;
	const char *cname; /* copied; NULL: made from seed */
	enum peer_decrypt decrypt;
	unsigned sample;      /* for DECRYPT_SAMPLE; 0: 100 */
	size_t history_count; /* packets kept per video track sent; 0: 1024 */
	uint64_t reorder_us;  /* patience before the first NACK; 0: 10 ms */
	uint64_t report_us;   /* interval of SR and RR; 0: 1 s */
	uint64_t twcc_us;     /* interval of TWCC feedback; 0: 50 ms */
	/* Estimate what may be sent, beginning with start, up to max; max 0: do not. */
	uint64_t rate_start_bps, rate_max_bps;
};

struct peer_codec {
	char name[16];	     /* "H264", "opus"; any case */
	uint32_t clock_rate; /* Hz */
	uint8_t channels;    /* 0 or 1 for video */
	uint8_t pt, rtx_pt;  /* rtx_pt 0: no RTX */
	char fmtp[256];	     /* kept for the caller; the peer does not read it */
};

/* Header extension ids of a track; 0: not negotiated. */
struct peer_ext_ids {
	uint8_t mid, twcc, abs_send_time, rid, repaired_rid;
};

struct peer_track {
	char mid[PEER_MID_MAX + 1];
	char rid[PEER_MID_MAX + 1]; /* SEND: the simulcast layer; "" without */
	enum peer_kind kind;
	unsigned direction; /* enum peer_direction bits, ours; 0: inactive */
	struct peer_codec codecs[PEER_CODECS_MAX];
	size_t codec_count;
	struct peer_ext_ids ext;
	bool nack, pli, fir; /* feedback that was negotiated */
	bool remb;
	uint32_t ssrc, rtx_ssrc;	       /* SEND: ours; 0: see peer_track_ssrc() */
	uint32_t remote_ssrc, remote_rtx_ssrc; /* RECEIVE: if the SDP said so; 0: learnt */
	uint16_t first_seq;		       /* SEND: 0 random; for tests of the wrap */
};

/* What the other side's SDP says. */
struct peer_remote {
	struct ice_creds ice;
	bool lite;
	enum dtls_role role; /* OURS: DTLS_CLIENT if the other is passive */
	char hash[16];	     /* "sha-256" */
	char fingerprint[200];
	const struct peer_track *tracks; /* borrowed for the call */
	size_t track_count;
};

/* A datagram to send. */
struct peer_datagram {
	struct ice_tuple to;
	size_t size;
	uint8_t buf[PEER_DATAGRAM_MAX];
};

/* One packet of media to send: the peer adds sequence number, SSRC and header extensions. */
struct peer_media {
	uint8_t pt;
	bool marker;
	bool keyframe;		/* first packet of one */
	uint32_t ts;		/* RTP timestamp as it goes out */
	uint64_t capture_us;	/* the moment (on the clock of now_us) that ts stands for */
	const uint8_t *payload; /* copied; at most PEER_PAYLOAD_MAX octets */
	size_t payload_size;
};

/* Totals since peer_start(). rx_ and tx_ count RTP as on the wire (resends included). */
struct peer_stats {
	uint64_t rx_packets, rx_octets, tx_packets, tx_octets;
	uint64_t rx_lost;		    /* never arrived, after repair */
	uint64_t rx_repaired;		    /* by RTX or resend after our NACK */
	uint64_t rx_duplicates, rx_unknown; /* unknown: no track for it */
	uint64_t rx_auth_failed;	    /* SRTP and SRTCP that did not verify */
	uint64_t tx_dropped; /* overwritten in the history before peer_poll() took them */
	uint64_t tx_resent, tx_not_found;	 /* NACKed: sent again; gone from the history */
	uint64_t nacks_sent, nacks_received;	 /* packets asked for */
	uint64_t plis_sent, plis_received;	 /* FIR included */
	uint64_t reports_sent, reports_received; /* compounds with SR or RR */
	uint64_t twcc_sent, twcc_received, twcc_lost; /* feedback; losses it told of */
	uint64_t rtt_us;     /* median of the last few, of reports, else ICE; 0 unknown */
	uint64_t jitter_us;  /* receiving: of the first track with packets */
	uint64_t remb_bps;   /* last told; 0 none */
	uint8_t remote_loss; /* 1/256: last report block on what we send */
};

struct peer;

/* NULL without memory or if local's texts are unusable. The config is copied. */
struct peer *peer_new(const struct peer_config *config, uint64_t now_us);
void peer_free(struct peer *p); /* takes NULL */

const struct ice_creds *peer_local(const struct peer *p);

/*
 * Begin with what the answer says; everything is copied. Once. 0; -EINVAL (credentials,
 * fingerprint, more than PEER_TRACKS_MAX tracks, a payload type used twice with different meaning
 * in one track); -EALREADY; -ENOMEM.
 */
int peer_start(struct peer *p, uint64_t now_us, const struct peer_remote *remote);

/* FULL only, after peer_start(): see ice_agent_add_pair(). 0 or -ENOSPC, -EINVAL. */
int peer_add_pair(struct peer *p, const struct ice_tuple *tuple, uint32_t priority);

/* FULL only: see ice_agent_expect(). */
void peer_expect_pairs(struct peer *p, uint64_t now_us, bool more);

/* The TCP connection of a pair failed or was closed (error: -errno, below 0; of no use to LITE). */
void peer_lose_pair(struct peer *p, uint64_t now_us, const struct ice_tuple *tuple, int error);
/* Is there a path for DTLS and media already? */
bool peer_has_path(const struct peer *p);

/* True if the datagram is of a kind that a peer takes: STUN, DTLS, RTP or RTCP (RFC 7983). */
bool peer_accepts(const uint8_t *buf, size_t size);

/*
 * One datagram; buf is decrypted in place. Returns 0; -ENOMSG not for a peer or no path yet;
 * -EBADMSG malformed; -EACCES did not authenticate or from an unknown address; -EALREADY a replay.
 * None of them is fatal: only the callbacks failed and closed end a peer.
 */
int peer_input(struct peer *p, uint64_t now_us, const struct ice_tuple *from, uint8_t *buf,
	       size_t size);
void peer_timeout(struct peer *p, uint64_t now_us);
uint64_t peer_deadline(const struct peer *p); /* CLOCK_NEVER if none */
/* The next datagram to send: 1 with *out filled, 0 when there is none. */
int peer_poll(struct peer *p, struct peer_datagram *out);

/*
 * Queue one packet of media on a SEND track (it leaves by peer_poll()). 0; -ENOTCONN before
 * connected or after the end; -EINVAL (no such track, not a codec of it); -EMSGSIZE.
 */
int peer_send(struct peer *p, uint64_t now_us, unsigned track, const struct peer_media *media);

/* Ask the sender of a RECEIVE track for a keyframe: PLI, else FIR; at most one per 200 ms leaves.
 * 0; -EINVAL; -ENOTSUP if neither was negotiated. */
int peer_request_keyframe(struct peer *p, uint64_t now_us, unsigned track);

/* Tell the sender how much we can take, with the next report. 0, or -ENOTSUP if not negotiated. */
int peer_set_remb(struct peer *p, uint64_t bitrate_bps);

/* Say BYE for what we send, then close_notify; peer_poll() gives both. No callback follows. */
void peer_close(struct peer *p, uint64_t now_us);

enum peer_state peer_state(const struct peer *p);
void peer_stats(const struct peer *p, struct peer_stats *out);
/* The same of one track (rtt, remb and twcc fields are the peer's). 0 or -EINVAL. */
int peer_track_stats(const struct peer *p, unsigned track, struct peer_stats *out);
/* 0 once CONNECTED; -EAGAIN before. Valid as long as the peer. */
int peer_get_info(const struct peer *p, struct peer_info *out);
/* SSRC we send a track with (rtx: of its RTX stream); 0 if none. Known after peer_new() only if
 * given; else after peer_start(). */
uint32_t peer_track_ssrc(const struct peer *p, unsigned track, bool rtx);
/* One line for a person on a state that lasts or ended: "ICE: 3 checks sent to 192.0.2.1:8000, none
 * answered". Writes at most size octets with the NUL. */
void peer_explain(const struct peer *p, char *text, size_t size);

/*
 * Map a timestamp of a RECEIVE track to the sender's NTP time by its last sender report. 0, or
 * -EAGAIN before the first.
 */
int peer_track_ntp(const struct peer *p, unsigned track, uint32_t ts, uint64_t *ntp);

#endif
