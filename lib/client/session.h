/*
 * session.h - a whole client session on a uv loop: UDP sockets and TCP connections, offer, POST,
 * answer, ICE, DTLS, media, BYE, DELETE.  One object per session; hundreds in a process are fine.
 *
 * Life: client_session_start() -> answered -> connected -> packet ... -> client_session_stop() ->
 * stopped -> client_session_free().  ended comes at most once, at any stage, if it fails or the
 * other side ends it; client_session_stop() is called after it too (it deletes what is there).
 *
 * What it does not do: pace, encode, reorder, write files.
 */
#ifndef RTCKIT_CLIENT_SESSION_H
#define RTCKIT_CLIENT_SESSION_H

#include <uv.h>

#include "client/client.h"
#include "client/whip_client.h"
#include "peer/peer.h"
#include "sdp/sdp_negotiate.h"
#include "turn/turn_server.h"

enum { CLIENT_SESSION_TRACKS_MAX = 4 };

/* Each may be NULL. All run on the loop. words are one line for a person, borrowed. */
struct client_session_events {
	void (*answered)(void *arg); /* client_session_track() tells what was agreed */
	void (*connected)(void *arg, const struct peer_info *info); /* media may be sent */
	void (*ended)(void *arg, enum client_code code, const char *words);
	/* See struct peer_events. now_us is the time the packet was read. */
	void (*packet)(void *arg, uint64_t now_us, const struct peer_packet *packet);
	void (*keyframe)(void *arg, unsigned track);
	void (*sender_report)(void *arg, unsigned track, uint64_t now_us, const struct rtcp_sr *sr);
	void (*bitrate)(void *arg, uint64_t bitrate_bps);
	void (*bye)(void *arg, unsigned track);
	void (*hole)(void *arg, unsigned track);
	/*
	 * An RTP datagram as it came, encrypted. True: taken, and the peer never hears of it (so it
	 * neither asks for what is missing nor reports); for load generators that count only.
	 */
	bool (*datagram)(void *arg, uint64_t now_us, const uint8_t *buf, size_t size);
	/* The batch of datagrams that was waiting has been handled: a place to work on what came.
	 */
	void (*drained)(void *arg, uint64_t now_us);
};

/* Borrowed for the session's life: loop, http, dtls, whip, events, arg. The texts of the tracks are
 * borrowed until answered or ended; the rest is copied. */
struct client_session_config {
	uv_loop_t *loop;
	struct whip_http *http;
	struct dtls_ctx *dtls;
	const struct whip_options *whip;
	const char *url;		      /* see whip_url() */
	const struct sdp_offer_track *tracks; /* by m-line; at most CLIENT_SESSION_TRACKS_MAX */
	size_t track_count;
	const struct client_session_events *events;
	void *arg;
	enum peer_decrypt decrypt; /* see struct peer_config */
	unsigned sample;
	size_t history_count;
	uint64_t connect_timeout_us;
	uint64_t rate_start_bps, rate_max_bps; /* see struct peer_config */
	enum client_protocol protocol;
	bool no_candidates; /* leave our host candidates out of the offer */
	/* STUN and TURN servers beside those that the answer names; NULL: none. Borrowed. */
	const struct turn_servers *ice_servers;
	bool relay_only; /* by a TURN server or not at all */
};

struct client_session;

/* NULL with errno (ENOMEM, EMFILE, EINVAL ...) if it cannot even begin; then no callback comes. */
struct client_session *client_session_start(const struct client_session_config *config);

/* Queue one packet; client_session_flush() sends what is queued (once per wake, not per packet).
 * Returns as peer_send(). */
int client_session_send(struct client_session *s, unsigned track, const struct peer_media *media);
void client_session_flush(struct client_session *s);
int client_session_request_keyframe(struct client_session *s, unsigned track);

/* What was agreed for an m-line, after answered; NULL before and past the last. codecs[0] is the
 * one to send. After the m-lines come the simulcast layers that were agreed but for the first of a
 * track, which is its m-line: the same mid, another rid. Borrowed. */
const struct peer_track *client_session_track(const struct client_session *s, unsigned track);
/* For stats, info, explain: borrowed, NULL before answered. */
const struct peer *client_session_peer(const struct client_session *s);

/* Microseconds since client_session_start(); 0: not reached. */
struct client_session_times {
	uint64_t answer_us;	  /* POST answered */
	uint64_t ice_us, dtls_us; /* path found; keys ready */
};
void client_session_times(const struct client_session *s, struct client_session_times *out);
/* The URI of the TURN server on the path; NULL: there is none. Borrowed. */
const char *client_session_relay(const struct client_session *s);
uint64_t client_session_start_us(const struct client_session *s); /* clock_now_us() of the start */

/*
 * End it: DELETE (after the POST's answer if that is still on its way), then BYE, close_notify,
 * sockets closed. stopped is called once, with CLIENT_OK or CLIENT_DELETE; it may come before this
 * returns. It may be called inside any callback. Again: ignored.
 */
void client_session_stop(struct client_session *s,
			 void (*stopped)(void *arg, enum client_code code, const char *words));

/* At any time, also inside stopped (no other callback): drops everything without DELETE. Memory
 * goes when the handles are closed. Takes NULL. */
void client_session_free(struct client_session *s);

#endif
