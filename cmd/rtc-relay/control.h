/*
 * control.h - the control thread: the three sockets, the table of sessions and streams, DTLS
 * handshakes. It owns every session; workers only carry their media.
 */
#ifndef RTC_RELAY_CONTROL_H
#define RTC_RELAY_CONTROL_H

#include <jansson.h>
#include <utlist.h>
#include <uv.h>

#include "base/keyhash.h"
#include "base/meter.h"
#include "base/text.h"
#include "dtls/dtls.h"
#include "ipc/ipc.h"
#include "log/log.h"
#include "worker.h"

enum {
	SESSIONS_MAX = 20000,
	STREAMS_MAX = 5000,
	UNCONNECTED_MAX = 4096,		   /* sessions without DTLS, all together */
	UNCONNECTED_PER_ADDRESS_MAX = 512, /* and of one client address */
	HANDSHAKES_PER_SECOND_MAX = 500,   /* begun as DTLS server */
	PEERS_MAX = 256,		   /* connections to the three sockets */
	GATES_MAX = 16,			   /* and to the one for front doors */
	PAGE_MAX = 100,			   /* elements of one list reply */
	PAGE_OCTETS_MAX = IPC_MESSAGE_MAX - 1024,
	CONNECT_TIMEOUT_US = 15000000,
	TAKEOVER_SILENCE_US = 2000000, /* a publisher not heard for so long can be replaced */
	CHECK_INTERVAL_MAX_US = 15000000,
	STUN_TIMEOUT_DEFAULT_MS = 30000,
	SECRET_CHARS = 43, /* 258 random bits */
	AGENT_SIZE = 64,
	PROTOCOL_SIZE = 8,
	CREDENTIAL_MAX = 1024, /* as the endpoints: a JWT has some hundred characters */
	NOTE_MAX = 4096,
	CONTRIBUTORS_MAX = 4, /* of a stream; their tracks and the publisher's: TRACKS_MAX */
	DETAIL_SIZE = 512
};

enum role { ROLE_SIGNAL, ROLE_MEDIA, ROLE_ADMIN, ROLES };

struct control;
struct stream;
struct gate;

/* A connection to one of the three sockets. */
struct peer {
	struct control *control;
	struct ipc_conn *conn;
	enum role role;
	bool wants_events;
	struct peer *prev, *next;
};

enum state { STATE_NEW, STATE_CONNECTED, STATE_ENDING };

struct csession {
	struct session shared; /* first: workers hold a pointer to it */
	struct control *control;
	enum state state;
	enum session_end reason;
	char secret[SECRET_CHARS + 1];
	char *credential;	     /* owned; NULL if none */
	char *note;		     /* its endpoint's, owned; NULL if none */
	char client[ADDR_TEXT_SIZE]; /* as the endpoint told */
	struct addr source;	     /* the same, for limits; family 0: it told none */
	char agent[AGENT_SIZE];
	char protocol[PROTOCOL_SIZE]; /* a local session's: how its client came; "" unknown */
	bool is_carrier; /* a local subscriber's: it has viewers of its own, who are the clients */
	struct stream *stream;
	struct csession *stream_prev, *stream_next;   /* among the stream's players */
	struct csession *waiting_prev, *waiting_next; /* among sessions not connected yet */
	uint64_t created_us;
	bool has_dtls; /* a fingerprint was given */
	bool in_waiting;
	enum dtls_role dtls_role;
	char hash[16], fingerprint[3 * 64]; /* the peer's; SHA-512 at most */
	struct dtls *dtls;		    /* NULL before the handshake */
	enum dtls_srtp_profile profile;
	struct ice_tuple path;
	bool has_path;
	struct msg_restart *restart; /* the latest, owned; NULL: the credentials of the start */
	uint32_t uses;		     /* a player's: bit per track of the stream that it takes */
	char **
	    codecs; /* a local subscriber's choice, NULL-terminated, owned; NULL: all live tracks */
	uint32_t bound_epoch;	   /* a player's: of the binding its worker knows; 0: none */
	uint8_t bound[TRACKS_MAX]; /* and its sources */
	uint8_t base;	 /* a contributor's: the stream's track that its first is; PT_NONE */
	unsigned worker; /* a contributor's */
	uint32_t told;	 /* a local source's: bit per track of its own that it was told is wanted */
	struct meter meter; /* octets received and sent */
	uint8_t
	    sent[TRACKS_MAX]; /* a source's: the codec that each track was seen to send, plus 1 */
	struct meter *lane_meters; /* octets and pictures of shared.lanes; owned, NULL with them */
	unsigned forgets;	   /* workers that still know it */
	UT_hash_handle by_serial, by_secret, by_id, by_ufrag;
};

struct stream {
	char name[TEXT_STREAM_SIZE];
	uint64_t serial;
	uint32_t epoch;
	struct csession *publisher;
	struct csession *contributors; /* utlist, as players are */
	unsigned contributor_count;
	struct tracks tracks; /* of all sources: list is merged; places of the gone are empty */
	struct track merged[TRACKS_MAX];     /* what they point to belongs to the sessions */
	struct csession *owners[TRACKS_MAX]; /* whose they are */
	struct csession *players;	     /* utlist; WebRTC players and local subscribers */
	unsigned player_count;
	uint64_t gone_packets, gone_octets; /* that players who left were sent */
	unsigned wanted[TRACKS_MAX];	    /* players that take each track of the publisher */
	unsigned holds; /* newcomers on their way in: do not free it under them */
	uint32_t mask;	/* workers with subscribers */
	int home;	/* the publisher's; -1 unknown */
	UT_hash_handle by_name, by_serial;
};

struct control {
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t tick;	   /* housekeeping, 1 s */
	uv_timer_t handshake_tick; /* DTLS retransmission, while somebody is in a handshake */
	bool handshake_ticking;
	uv_poll_t listeners[ROLES];
	int listen_fds[ROLES], lock_fds[ROLES];
	struct peer *peers;
	unsigned peer_count;
	uv_poll_t gate_listener; /* relay/tcp.sock, if it was asked for */
	int gate_fd, gate_lock_fd;
	struct gate *gates;
	unsigned gate_count, gate_turn; /* turn: the worker that gets the next connection */
	struct dtls_ctx *dtls_ctx;
	struct csession *by_serial, *by_secret, *by_id, *by_ufrag;
	struct csession *waiting; /* not connected yet, oldest first */
	unsigned waiting_count;
	struct stream *streams_by_name, *streams_by_serial;
	struct worker *workers[WORKERS_MAX];
	struct chan *to[WORKERS_MAX], *from[WORKERS_MAX];
	unsigned worker_count;
	struct meter meter,
	    cpu_meter; /* octets received and sent; microseconds of processor time */
	uint64_t next_serial, now_us, started_us;
	uint64_t sessions_total, takeovers, dtls_failed;
	unsigned handshakes; /* begun in the present second */
	uint64_t handshakes_us;
	bool stopping;
	uint64_t stop_us;
	uint64_t stun_timeout_us;
	bool nack, twcc;
	enum replay_mode replay;
	struct log_limit limit_log, dtls_log;
};

/* control.c */
struct control *control_new(bool rsa); /* the kind of certificate */
int control_listen(struct control *c);
void control_run(struct control *c); /* until it is told to stop */
void control_stop(struct control *c);
void control_free(struct control *c);
void control_settle(struct control *c); /* wake the workers that were posted to */
void control_post(struct control *c, unsigned worker, unsigned type, const void *data, size_t size);
void control_post_all(struct control *c, unsigned type, const void *data, size_t size);

/* peer.c: requests and replies. */
void peer_accept(struct control *c, enum role role, int fd);
void peer_free(struct peer *peer);
/* Root and our own user may; others are refused with a line in the log. */
bool peer_may_connect(int fd, const char *socket);
void reply_ok(struct peer *peer, const json_t *request, json_t *reply); /* steals reply */
void reply_error(struct peer *peer, const json_t *request, const char *code, const char *detail);
typedef void op_fn(struct peer *peer, json_t *request);
void op_session_create(struct peer *peer, json_t *request);
void op_session_update(struct peer *peer, json_t *request);
void op_session_delete(struct peer *peer, json_t *request);
void op_session_get(struct peer *peer, json_t *request);
void op_session_note(struct peer *peer, json_t *request);
void op_stream_get(struct peer *peer, json_t *request);
void op_attach(struct peer *peer, json_t *request);
void op_streams_list(struct peer *peer, json_t *request);
void op_sessions_list(struct peer *peer, json_t *request);
void op_session_kick(struct peer *peer, json_t *request);
void op_stats(struct peer *peer, json_t *request);
void op_events_subscribe(struct peer *peer, json_t *request);
void op_settings_set(struct peer *peer, json_t *request);

/* control_signal.c: a refusal, as it will be answered; always -EINVAL. */
struct refusal {
	const char *code;
	char detail[DETAIL_SIZE];
};
int refuse(struct refusal *r, const char *code, const char *detail);
/* Take the session's part in the stream: the publisher's place, or a match with it. Holds the
 * stream until csession_announce() or csession_discard(). */
int enter_stream(struct csession *cs, const char *name, struct refusal *r);

/* control_session.c: the life of sessions. */
extern const char *const session_kind_names[SESSION_KINDS];
struct csession *csession_new(struct control *c, enum session_kind kind);
/* The public id that the request wishes, if it does: 0, -EINVAL (not "s-" and 8 of the characters
 * of random_text()), -EEXIST. */
int csession_take_id(struct csession *cs, const json_t *q);
/* Into the tables and to the workers: from here on csession_end() is its end. */
void csession_announce(struct csession *cs);
void csession_discard(struct csession *cs); /* one that was never announced */
void csession_connected(struct csession *cs);
void csession_end(struct csession *cs, enum session_end reason);
void csession_forgotten(struct control *c, struct session *s); /* a worker's word */
void csession_bind(struct csession *cs); /* a player: to its stream's publisher */
struct csession *csession_find(struct control *c, uint64_t serial);
void csession_expire(struct control *c); /* housekeeping */
void event_session(const struct csession *cs, const char *event);

/* control_stream.c */
struct stream *cstream_get(struct control *c, const char *name); /* made if missing; NULL: limit */
struct stream *cstream_find(struct control *c, const char *name);
/* A newcomer is on its way into the stream: it stays until the same number of releases. */
void cstream_hold(struct stream *s);
void cstream_release(struct stream *s, struct control *c);
/* May this newcomer publish? 0, or -EBUSY. Ends the present publisher if it is to be replaced. */
int cstream_take(struct stream *s, struct control *c, const char *credential);
void cstream_publish(struct stream *s, struct csession *publisher);
void cstream_unpublish(struct stream *s, struct control *c);
/* The stream's tracks are others: bind the players anew; end those for whom nothing is left. */
void cstream_rebind(struct stream *s);
void cstream_join(struct stream *s, struct csession *player);
void cstream_leave(struct stream *s, struct csession *cs);
/* A local session that adds tracks to whoever publishes; it waits while nobody does. */
void cstream_contribute(struct stream *s, struct csession *cs);
void cstream_uncontribute(struct stream *s, struct csession *cs);
bool cstream_has_room(const struct stream *s, size_t tracks);
/* The stream's tracks anew: the publisher's, then its contributors'. Who does not fit has base
 * PT_NONE. */
void cstream_merge(struct stream *s);
void cstream_post_tracks(struct stream *s, struct control *c); /* M_STREAM_PUBLISH */
void cstream_end_unplaced(struct stream *s);
void cstream_collect(struct stream *s, struct control *c); /* free it if nobody is left */
/* A player takes these tracks of the stream (bit per track) from now on: on-demand ones are turned
 * on and off. */
void cstream_use(struct stream *s, struct csession *player, uint32_t tracks);
/* A local source learns which of its on-demand tracks are wanted. */
void cstream_tell_wanted(struct stream *s);
/* A local subscriber learns the tracks that come, or that none do. */
void cstream_tell(struct csession *subscriber);
void cstream_interest(struct control *c, unsigned worker, const struct msg_interest *m);
void cstream_home(struct stream *s, struct control *c, int home);
void event_stream(struct control *c, const struct stream *s, const char *event);
void event_send(struct control *c, json_t *event); /* steals */

/* control_match.c: who gets nothing for want of a common codec; an event and a line of the log. */
/* A player was bound so. */
void cmatch_tell(const struct csession *cs, const struct binding *b);
/* Once a second, for a source: has a track of it begun to send another codec? */
void cmatch_source(struct csession *cs);

/* control_measure.c: rates, pictures and codecs, as lists tell them. */
void csession_measured(struct csession *cs); /* before it is announced: make room for what comes */
void control_measure(struct control *c);     /* once a second */
uint64_t control_cpu_us(void);		     /* processor time of the process */
void measure_session_json(json_t *o, const struct csession *cs, uint64_t now_us);
void measure_stream_json(json_t *o, const struct stream *s, uint64_t now_us);
void measure_stats_json(json_t *o, const struct control *c);
/* Of a source's own lane; it has lanes. */
json_t *measure_lane_json(const struct csession *cs, uint8_t lane, uint64_t now_us);
/* What comes as each of the stream's tracks; with a player: of those that it gets, in its layer. */
json_t *measure_media_json(const struct stream *s, const struct csession *player, uint64_t now_us);

/* control_gate.c: connections that a front door passes on. */
int control_listen_gate(struct control *c);
void control_close_gates(struct control *c);

/* control_dtls.c */
void cdtls_input(struct csession *cs, const uint8_t *buf, size_t size);
void cdtls_path(struct csession *cs); /* it has a path: as client, begin */
void cdtls_close(struct csession *cs);
void cdtls_tick(struct control *c);

#endif
