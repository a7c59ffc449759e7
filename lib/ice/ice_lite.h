/*
 * ice_lite.h - the ICE-lite agent of one session (RFC 8445 s.2.5, s.7.3): answers checks, learns
 * peer-reflexive paths, follows nominations, guards address migration, watches consent.
 *
 * What it does not do: own sockets, read clocks, find the session of a packet (the caller looks the
 * ufrag up), carry media.  Size is fixed and small: a server holds thousands.
 */
#ifndef RTCKIT_ICE_ICE_LITE_H
#define RTCKIT_ICE_ICE_LITE_H

#include "ice/ice.h"

enum {
	ICE_LITE_PATHS = 4,	 /* current one and others; the oldest unselected is reused */
	ICE_LITE_UFRAG_MAX = 32, /* our own; SRS's ?ice-ufrag allows 4..32 */
	ICE_LITE_PWD_MAX = 64,
	ICE_LITE_QUEUE = 4,   /* datagrams to be polled; more are dropped (STUN repeats) */
	ICE_LITE_AMPLIFY = 3, /* octets sent per octet received on an unvalidated path */
	ICE_LITE_PROBES = 5,  /* transmissions of one own check; a further check starts anew */
	ICE_LITE_PROBE_US = 200000,   /* to the first retransmission; doubles */
	ICE_LITE_SETTLE_US = 1000000, /* a nominated path without a check for this long yields */
	ICE_LITE_SILENT_US = 8000000, /* any path does (consent is each 4 to 6 s, RFC 7675) */
	ICE_LITE_QUIET_US = 40000,    /* see ice_lite_is_quiet(): less than from report to report */
	ICE_LITE_MOVED_US = 100000 /* quiet for so long, a path yields to where media comes from */
};

enum ice_path_state {
	ICE_PATH_UNUSED,
	ICE_PATH_NEW,  /* authenticated checks, or media, arrived; our check has no answer yet */
	ICE_PATH_VALID /* it receives: see ice_path_validate() */
};

struct ice_path {
	struct ice_tuple tuple;
	uint64_t check_us; /* last authenticated request, answer to our own; its making */
	uint64_t media_us; /* last authenticated media; 0 none */
	uint64_t probe_us; /* last own check sent; 0 none */
	uint64_t rx_octets, tx_octets; /* while not VALID: for the amplification guard */
	uint32_t priority;	       /* as the peer gave it; 0 if it gave none (FFmpeg 8.0) */
	uint8_t state;		       /* enum ice_path_state */
	uint8_t probes;
	bool nominated;		      /* the last request had USE-CANDIDATE */
	bool by_media;		      /* media alone selects it: see ice_lite_media() */
	uint8_t txid[STUN_TXID_SIZE]; /* of our own outstanding check */
	uint32_t id;		      /* 1.. unique within the agent: names a path across threads */
};

enum ice_lite_event {
	ICE_LITE_NONE = 0,
	ICE_LITE_SELECTED = 1, /* ice_lite_selected() changed (bit set) */
	ICE_LITE_EXPIRED = 2   /* no authenticated check for timeout_us: consent is gone */
};

struct ice_lite; /* opaque; allocate with ice_lite_new */

/*
 * local and remote are copied; remote NULL if the peer's credentials are unknown (the recipe of a
 * bare STUN test): then checks are answered and no own check is sent. timeout_us: consent, e.g.
 * 30 s. first_timeout_us: for the first check, counted from now_us. seed feeds transaction ids
 * (mixed with a counter; must be from random_u64() in production). Returns NULL without memory or
 * if local's texts are too long.
 */
struct ice_lite *ice_lite_new(const struct ice_creds *local, const struct ice_creds *remote,
			      uint64_t now_us, uint64_t first_timeout_us, uint64_t timeout_us,
			      uint64_t seed);
void ice_lite_free(struct ice_lite *ice);

/* New credentials (ICE restart, RFC 8445 s.9): the old local ones stay valid until a check with the
 * new ones succeeds. */
int ice_lite_restart(struct ice_lite *ice, const struct ice_creds *local,
		     const struct ice_creds *remote); /* 0, -EINVAL (too long), -ENOMEM */
/* True while old local credentials are valid beside the new ones. */
bool ice_lite_restarting(const struct ice_lite *ice);

/*
 * A STUN message for this session (any class). Requests: integrity is checked with the local
 * password, USERNAME's left part must be the local ufrag, its right part the remote ufrag if that
 * is known; role conflict answered 487 (RFC 8445 s.7.3.1.1: we are controlled); 400 without
 * USERNAME or MESSAGE-INTEGRITY, 401 on a wrong one, 420 on unknown required attributes.
 * Responses: matched to own checks by transaction id, integrity checked with the remote password.
 * Returns a mask of enum ice_lite_event, -ENOMSG (not STUN), -EBADMSG (malformed or ignored), or
 * -EACCES (an error answer was queued; the path is not created).
 */
int ice_lite_input(struct ice_lite *ice, uint64_t now_us, const struct ice_tuple *from,
		   const uint8_t *buf, size_t size);
int ice_lite_timeout(struct ice_lite *ice, uint64_t now_us); /* mask of events */
uint64_t ice_lite_deadline(const struct ice_lite *ice);
/* Takes the next datagram to send. Returns 1, or 0 when there is none. */
int ice_lite_poll(struct ice_lite *ice, struct ice_datagram *out);

/*
 * The path that carries media; NULL before the first.  The first path is where the peer that knows
 * the password is: it is selected as soon as it is authenticated, whether it ever answers a check
 * of ours or not (some clients do not), and the 3x guard holds until it is VALID.  A later path
 * takes over at a check of its own, and only when VALID: if it is nominated and the current one is
 * not, or has the lower priority, or had no check for ICE_LITE_SETTLE_US; or, nominated or not, if
 * the current one had none for ICE_LITE_SILENT_US.  One that media made needs no check of the
 * peer's: see ice_lite_media().  Borrowed until the next call.
 */
const struct ice_path *ice_lite_selected(const struct ice_lite *ice);
/* The path of a tuple that authenticated checks or media came from, or NULL: DTLS from elsewhere is
 * to be dropped, and SRTP unless it proves itself (ice_lite_moved()). Borrowed until the next call.
 */
struct ice_path *ice_lite_path(struct ice_lite *ice, const struct ice_tuple *tuple);

/*
 * A NAT that forgot its binding gives the peer another port in the midst of the media, long before
 * the peer's next check.  As QUIC does it (RFC 9000 s.9.3): a packet of SRTP or SRTCP that came
 * from a tuple that is no path, authenticated under the session's keys, and is no replay, shows
 * where the peer may be now.  The caller finds the session and says so by ice_lite_moved(), which
 * makes a NEW path and sends our own check there; size counts for the guard.  The peer may have
 * been overtaken by a copy of its packet from a stranger's address, so nothing else goes there than
 * the guard lets through, until the answer, which needs the peer's password, makes it VALID.  To be
 * called only while a path is selected; never NULL.
 */
struct ice_path *ice_lite_moved(struct ice_lite *ice, uint64_t now_us, const struct ice_tuple *from,
				size_t size);

/*
 * Authenticated media, no replay, came by a path.  One made by ice_lite_moved() takes over, once it
 * is VALID, if nothing authenticated came by the selected one since something came there, and for
 * ICE_LITE_MOVED_US: now, at the answer to our check, or at ice_lite_timeout(), for a player that
 * is sent nothing has nothing to say.  The one left may come back by the same rule.  So a copy from
 * elsewhere takes nothing from a peer that goes on speaking.  Mask of events.
 */
int ice_lite_media(struct ice_lite *ice, struct ice_path *path, uint64_t now_us);

/* Has the peer been silent for ICE_LITE_QUIET_US on the selected path, over UDP? If not, it has not
 * moved, and its keys need not be tried on packets from elsewhere. */
bool ice_lite_is_quiet(const struct ice_lite *ice, uint64_t now_us);

/*
 * A path is VALID when whoever is there has shown that it receives what is sent there: our own
 * check was answered (done inside); it is a TCP connection (done inside); or the caller saw DTLS
 * complete from that very tuple (a handshake cannot complete blindly), and says so here.
 */
void ice_path_validate(struct ice_path *path);

/*
 * DTLS is not done, and the peer speaks it on this path: it is the one that it has chosen, whatever
 * was nominated before. VALID paths only (others wait for their check). Mask of events.
 */
int ice_lite_prefer(struct ice_lite *ice, struct ice_path *path);

/*
 * The path of the tuple is gone (its TCP connection was closed). If it was selected, the VALID one
 * with the latest check takes its place, if that is recent; if there is none, nothing is selected
 * until another path is VALID (media flows by now, and the source of a check may be forged), and
 * consent runs on from the last. Mask of events: SELECTED, too, if none is left.
 */
int ice_lite_drop(struct ice_lite *ice, const struct ice_tuple *tuple);

/*
 * The guard: count what arrives on a path and ask before sending size octets there. May send is
 * always true on a VALID path; on a NEW one the sum sent stays within ICE_LITE_AMPLIFY x received.
 * STUN, in and out, is counted inside: the caller counts the rest.
 */
void ice_path_received(struct ice_path *path, size_t size);
bool ice_path_may_send(struct ice_path *path, size_t size); /* counts it as sent if true */

/* The present local credentials, copied to *out, which is returned. */
const struct ice_creds *ice_lite_local(const struct ice_lite *ice, struct ice_creds *out);

#endif
