/*
 * sdp_negotiate.h - offers and answers (RFC 9429, RFC 9725, RFC 8843).  The server's half takes an
 * offer and makes the answer; the client's half makes an offer and takes the answer.  Both end in
 * the same struct sdp_plan: what a transport and its tracks are to be.
 */
#ifndef RTCKIT_SDP_SDP_NEGOTIATE_H
#define RTCKIT_SDP_SDP_NEGOTIATE_H

#include "sdp/sdp.h"

enum {
	SDP_TRACK_CODECS_MAX = 24, /* as many as the relay takes; Chromium offers 15 for video */
	SDP_TRACK_FMTP_MAX = 512,  /* characters, likewise; a codec that needs more is left out */
	SDP_TRACK_CHANNELS_MAX = 2,
	SDP_TRACK_EXTS_MAX = 14,
	SDP_TRACK_RIDS_MAX = 4, /* simulcast layers that are taken; the rest is not answered */
	SDP_TRACK_RID_MAX = 16, /* and of names no longer than this */
	SDP_TRACK_SSRCS_MAX = 8 /* one per simulcast layer, and as many of RTX */
};

/* The header extensions that the project knows. */
#define SDP_EXT_MID	     "urn:ietf:params:rtp-hdrext:sdes:mid"
#define SDP_EXT_RID	     "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define SDP_EXT_REPAIRED_RID "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
#define SDP_EXT_TRANSPORT_CC                                                                       \
	"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
#define SDP_EXT_ABS_SEND_TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define SDP_EXT_PLAYOUT_DELAY "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

/* One m-line as agreed. Texts borrow from the description that was negotiated. */
struct sdp_track {
	enum sdp_kind kind;
	const char *mid;	      /* of the m-line; its index if it has none */
	bool accepted;		      /* false: the answer's port is 0 */
	enum sdp_direction direction; /* ours; SDP_INACTIVE tracks carry nothing */
	size_t codec_count, ext_count, ssrc_count, rtx_ssrc_count, rid_count;
	struct sdp_codec codecs[SDP_TRACK_CODECS_MAX]; /* most wanted first, rtx folded in */
	struct sdp_ext exts[SDP_TRACK_EXTS_MAX];       /* direction as in the answer */
	uint32_t ssrcs[SDP_TRACK_SSRCS_MAX];	       /* of the remote, as far as it says */
	uint32_t rtx_ssrcs[SDP_TRACK_SSRCS_MAX];       /* rtx_ssrcs[i] repairs ssrcs[i] */
	/* Simulcast layers that the sender names, in order; of an answer: those it takes. */
	const char *rids[SDP_RIDS_MAX];
	/* Without rids: so many of ssrcs, its first, are layers, the best first. */
	size_t ssrc_layer_count;
	char index_text[4]; /* storage of mid when the m-line has none */
};

struct sdp_plan {
	struct sdp_transport remote; /* of the bundle; fingerprint "" for a bare test */
	bool remote_lite;
	bool dtls_client;   /* our role */
	size_t track_count; /* one per m-line, in order */
	struct sdp_track tracks[SDP_MEDIA_MAX];
	size_t candidate_count; /* the remote's; those of the bundle's first m-line */
	struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
};

/* Server: what the offer asks for. */
enum sdp_role { SDP_PUBLISH, SDP_PLAY }; /* what the client wants to do */

struct sdp_policy {
	enum sdp_role role;
	const char *codec;     /* keep only this video (or audio) codec: "h264", "hevc" ...; NULL */
	bool allow_bare;       /* no fingerprint is fine: a connectivity test */
	bool no_nack, no_twcc; /* leave them out of the answer */
	bool prefer_client;    /* be DTLS client where the offer leaves the choice */
};

/*
 * Decide what of an offer is served. offer outlives plan. At most one audio and one video m-line
 * are accepted, the first usable of each kind; a publisher that would send more is refused. Codecs:
 * those that the relay forwards (H264, H265, VP8, VP9, AV1; opus, PCMU, PCMA, G722): for a
 * publisher H264 first, Constrained Baseline in packetization-mode 1 before the others; for a
 * player all of them in the offer's order. Returns 0, or -EPROTO with *problem set. plan is
 * untouched on error.
 */
int sdp_negotiate_offer(struct sdp_plan *plan, const struct sdp *offer,
			const struct sdp_policy *policy, struct sdp_problem *problem);

/* Our side of a transport, for answers and offers. All borrowed. */
struct sdp_local {
	uint64_t session_id; /* random */
	bool ice_lite;
	const char *ufrag, *pwd, *fingerprint_hash, *fingerprint;
	const char *cname;	 /* NULL: no a=ssrc lines */
	const char *msid_stream; /* NULL: "-" */
	size_t candidate_count;
	const struct sdp_candidate *candidates; /* stand in every accepted m-line */
	struct {
		uint32_t ssrc, rtx_ssrc; /* that we send; 0 none */
	} tracks[SDP_MEDIA_MAX];	 /* by m-line */
};

/*
 * The answer to an offer by its plan. The texts of all arguments are borrowed by the answer: write
 * it before they go. NULL without memory.
 */
struct sdp *sdp_answer(const struct sdp *offer, const struct sdp_plan *plan,
		       const struct sdp_local *local);

/* Client: what to offer. */
struct sdp_offer_track {
	enum sdp_kind kind;
	enum sdp_direction direction; /* SDP_SENDONLY to publish, SDP_RECVONLY to play */
	size_t codec_count, ext_count;
	const struct sdp_codec *codecs; /* most wanted first; rtx_pt -1 or a free one */
	const char *const *rids;	/* simulcast: the layers we send, largest first */
	size_t rid_count;		/* 0 or 1: no simulcast */
	const struct sdp_ext *exts;	/* the same id for the same URI in all tracks */
};

/*
 * Make an offer: actpass, all tracks in one bundle, mids "0", "1" ..., local->tracks[] by track.
 * Borrows as sdp_answer(). NULL without memory or with more than SDP_MEDIA_MAX tracks.
 */
struct sdp *sdp_offer(const struct sdp_local *local, const struct sdp_offer_track *tracks,
		      size_t track_count);

/*
 * The codecs that a client of ours offers to play, most wanted first, with payload types and, if
 * asked, RTX: H264 (Constrained Baseline, Baseline, Main, High), VP8, VP9, AV1, H265; opus, PCMU,
 * PCMA, G722.
 * Returns the count written, at most cap. The texts are static.
 */
size_t sdp_default_codecs(enum sdp_kind kind, bool rtx, struct sdp_codec *out, size_t cap);
/* The header extensions that a client of ours offers: mid, transport-cc (if asked), abs-send-time.
 */
size_t sdp_default_exts(bool twcc, struct sdp_ext *out, size_t cap);

/*
 * Take the answer to our offer. direction and codecs of each track are as agreed (ours; codecs[0]
 * is the one to send), ssrcs are what the remote says that it sends. Both outlive plan. Returns 0,
 * or -EPROTO with *problem set (m-lines missing, other mids, no active track, no fingerprint, no
 * ice-ufrag, a=setup neither active nor passive ...).
 */
int sdp_negotiate_answer(struct sdp_plan *plan, const struct sdp *offer, const struct sdp *answer,
			 struct sdp_problem *problem);

/* A track's extension id for a URI, 0 if it was not agreed. */
uint16_t sdp_track_ext_id(const struct sdp_track *t, const char *uri);

#endif
