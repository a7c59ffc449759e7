/*
 * sdp.h - session descriptions as WebRTC uses them (RFC 8866, RFC 9429): one plain structure, a
 * tolerant bounded parser, a writer.  sdp_negotiate.h makes answers and offers of it.  Sans-IO.
 *
 * What it does not do: resolve names, open sockets, trust anything.  Texts that come out of the
 * parser are printable ASCII (other octets become '?'); ufrag, pwd, mid and rid are held to their
 * grammars.
 */
#ifndef RTCKIT_SDP_SDP_H
#define RTCKIT_SDP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SDP_SIZE_MAX = 65536, /* octets of a description; browsers' here have up to 6.2 KB */
	SDP_MEDIA_MAX = 16,   /* m-lines; more are refused, since each one needs an answer */
	/* Of the following, what is over the limit is left out and counted in sdp.ignored. */
	SDP_CODECS_MAX = 64, /* payload types of an m-line */
	SDP_EXTS_MAX = 32,
	SDP_CANDIDATES_MAX = 32,
	SDP_SSRCS_MAX = 32,
	SDP_SSRC_GROUPS_MAX = 16,
	SDP_GROUP_SSRCS_MAX = 4,
	SDP_RIDS_MAX = 8,
	SDP_UFRAG_MAX = 256, /* characters; RFC 8839 s.5.4 */
	SDP_PWD_MAX = 256,
	SDP_MID_MAX = 32, /* characters; longer ones are refused */
	SDP_RID_MAX = 32,
	SDP_PROBLEM_SIZE = 240
};

/* Why a description is of no use, with words that say what to fix (a problem detail for users). */
enum sdp_problem_code {
	SDP_FINE = 0,
	SDP_MALFORMED,	 /* not SDP */
	SDP_TOO_LARGE,	 /* over SDP_SIZE_MAX or SDP_MEDIA_MAX */
	SDP_UNSUPPORTED, /* well formed, but it cannot be served */
	SDP_NO_CODEC,	 /* none of its codecs can be used */
	SDP_NO_MEMORY
};

struct sdp_problem {
	enum sdp_problem_code code;
	char detail[SDP_PROBLEM_SIZE]; /* one sentence without control characters */
};

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_OTHER };

/* A mask, so that reversing swaps two bits. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

enum sdp_setup { SDP_SETUP_NONE, SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE }; /* RFC 4145 s.4 */

/* RTCP feedback (RFC 4585 s.4.2); a mask. Others are left out. */
enum sdp_fb {
	SDP_FB_NACK = 1,
	SDP_FB_NACK_PLI = 2,
	SDP_FB_CCM_FIR = 4,
	SDP_FB_TRANSPORT_CC = 8,
	SDP_FB_GOOG_REMB = 16,
	SDP_FB_END = 32
};

/* All texts below borrow: from the struct sdp that holds them, or from whoever filled it in. */

struct sdp_codec {
	uint8_t pt;
	int16_t rtx_pt;	     /* RFC 4588: payload type whose apt is pt; -1 none */
	uint8_t channels;    /* 1 if not said */
	uint32_t clock_rate; /* Hz */
	const char *name;    /* as written ("opus", "OPUS"); "" if neither mapped nor static */
	const char *fmtp;    /* parameters without the payload type; "" if none */
	uint32_t fb;	     /* mask of enum sdp_fb */
};

struct sdp_ext {     /* RFC 8285 s.5 */
	uint16_t id; /* 1..14 one-byte form, 16..255 two-byte form, 4096.. to be mapped */
	enum sdp_direction direction;
	const char *uri;
};

enum sdp_proto { SDP_UDP, SDP_TCP };
enum sdp_candidate_type { SDP_HOST, SDP_SRFLX, SDP_PRFLX, SDP_RELAY };
enum sdp_tcp_type { SDP_TCP_NONE, SDP_TCP_ACTIVE, SDP_TCP_PASSIVE, SDP_TCP_SO };

struct sdp_candidate { /* RFC 8839 s.5.1, RFC 6544 s.4.5 */
	const char *foundation;
	uint16_t component;
	enum sdp_proto proto;
	uint32_t priority;
	const char *address; /* an IP address or a name (".local" ones among them) */
	uint16_t port;
	enum sdp_candidate_type type;
	enum sdp_tcp_type tcp_type;
};

struct sdp_ssrc { /* RFC 5576 s.4.1 */
	uint32_t ssrc;
	const char *cname; /* "" if not said */
	const char *msid;  /* "" if not said */
};

enum sdp_group { SDP_FID, SDP_SIM, SDP_FEC, SDP_GROUP_OTHER };

struct sdp_ssrc_group { /* RFC 5576 s.4.2 */
	enum sdp_group semantics;
	size_t ssrc_count;
	uint32_t ssrcs[SDP_GROUP_SSRCS_MAX];
};

struct sdp_rid { /* RFC 8851 */
	const char *id;
	enum sdp_direction direction; /* SDP_SENDONLY or SDP_RECVONLY */
};

struct sdp_transport { /* "" and SDP_SETUP_NONE where nothing is said */
	const char *ufrag, *pwd;
	const char *fingerprint_hash, *fingerprint; /* "sha-256", "AB:CD:..." */
	enum sdp_setup setup;
};

struct sdp_media {
	enum sdp_kind kind;
	const char *kind_name; /* "audio", "application" ... */
	uint16_t port;
	const char *proto;   /* "UDP/TLS/RTP/SAVPF" */
	const char *formats; /* as written; the writer uses it if there is no codec */
	const char *mid;     /* "" if not said */
	enum sdp_direction direction;
	bool direction_said, bundle_only, rtcp_mux, rtcp_rsize, end_of_candidates;
	bool extmap_allow_mixed;
	struct sdp_transport transport;		     /* session level inherited */
	const char *msid;			     /* RFC 8830: "stream track"; "" if not said */
	const char *simulcast_send, *simulcast_recv; /* RFC 8853 lists; "" if none */
	size_t codec_count, ext_count, candidate_count, ssrc_count;
	size_t ssrc_group_count, rid_count;
	struct sdp_codec codecs[SDP_CODECS_MAX]; /* in the m-line's order, rtx included */
	struct sdp_ext exts[SDP_EXTS_MAX];
	struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
	struct sdp_ssrc ssrcs[SDP_SSRCS_MAX];
	struct sdp_ssrc_group ssrc_groups[SDP_SSRC_GROUPS_MAX];
	struct sdp_rid rids[SDP_RIDS_MAX];
};

/* Large (some 100 KB): always on the heap, from sdp_parse(), sdp_new() or the negotiator. */
struct sdp {
	uint64_t session_id;		/* o=; written as 63 bits */
	const char *origin_user, *name; /* o= and s=; "-" if not said */
	const char *bundle;		/* mids of the first a=group:BUNDLE, blank-separated; "" */
	bool has_bundle, ice_lite, extmap_allow_mixed;
	struct sdp_transport transport; /* session level */
	size_t media_count;
	struct sdp_media media[SDP_MEDIA_MAX];
	unsigned ignored; /* items over a limit and lines that were not understood */
	char *text;	  /* owned: the storage of texts */
	size_t text_size, text_cap;
};

/* An empty description that can keep text_cap octets of texts. NULL without memory. */
struct sdp *sdp_new(size_t text_cap);
void sdp_free(struct sdp *sdp);
/* Keep a formatted text in the description's storage. Returns it, or "" when the storage is full
 * (sdp_write then fails). */
const char *sdp_keep(struct sdp *sdp, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Set all that is not said in a media section to its default. */
void sdp_media_init(struct sdp_media *m);
void sdp_codec_init(struct sdp_codec *c);

/*
 * Parse size octets (no NUL needed; copied). Lines may end in CRLF or LF; unknown lines, attributes
 * and malformed optional ones are left out. Returns the description, or NULL with *problem set.
 * Accepts what clients in use send: attributes in any order, missing o=, s=, t=, c= without an
 * address, attributes at session level, static payload types without rtpmap.
 */
struct sdp *sdp_parse(const char *text, size_t size, struct sdp_problem *problem);

/* Write it, CRLF after every line, with a NUL. Returns the octets without the NUL, or -ENOSPC. */
int sdp_write(const struct sdp *sdp, char *out, size_t cap);
/*
 * What a fragment (RFC 8840 s.9) repeats of a description behind its credentials: the bundle, and
 * the first section that has candidates, with them. Octets without the NUL, or -ENOSPC.
 */
int sdp_write_ice(const struct sdp *sdp, char *out, size_t cap);

/* Set *problem (NULL is fine). */
void sdp_problem_set(struct sdp_problem *problem, enum sdp_problem_code code, const char *format,
		     ...) __attribute__((format(printf, 3, 4)));

enum sdp_direction sdp_direction_reverse(enum sdp_direction d);
const char *sdp_direction_name(enum sdp_direction d); /* "sendonly" ... */
const char *
sdp_fb_name(enum sdp_fb one); /* "nack pli" ...; NULL if it is not one bit of the enum */

bool sdp_codec_is(const struct sdp_codec *c, const char *name); /* any case */
/*
 * The value of a parameter of an fmtp text ("a=1;b=2", any case of the key, blanks allowed) copied
 * to out, cut to cap. Returns false, out untouched, if it is not there.
 */
bool sdp_fmtp_get(const char *fmtp, const char *key, char *out, size_t cap);

/*
 * May a receiver that asked for one be sent the other? Names in any case, clock rate and channels
 * equal, and: H264 the same packetization-mode (0 if not said) and the same profile (RFC 6184
 * s.8.1: profile_idc with its constraint flags, so that 42c01e, 42e01f and 4d.. with flag 0x80 are
 * all Constrained Baseline; the level is no matter); VP9 profile-id; AV1 profile; H265 profile-id.
 * Baseline and Constrained Baseline count as one: encoders that say 42001f leave out what differs.
 */
bool sdp_codec_matches(const struct sdp_codec *a, const struct sdp_codec *b);

#endif
