/*
 * worker.h - one media thread: its sockets, the sessions it owns, its copy of every stream it
 * serves. Nothing here is touched by another thread but through the channels (msg.h) and the
 * counters.
 */
#ifndef RTC_RELAY_WORKER_H
#define RTC_RELAY_WORKER_H

#include <uv.h>

#include "base/bucket.h"
#include "base/keyhash.h"
#include "base/median.h"
#include "base/wheel.h"
#include "chan/chan.h"
#include "ipc/ipc.h"
#include "msg.h"
#include "payload/payload.h"
#include "rtp/rtp.h"
#include "rtp/rtp_fit.h"
#include "rtp/rtp_recv.h"
#include "rtp/rtp_remb.h"
#include "rtp/rtp_rewrite.h"
#include "rtp/rtp_ring.h"
#include "rtp/rtp_twcc.h"
#include "rtpsec/rtpsec.h"
#include "stun/stun_limit.h"
#include "worker_out.h"

enum {
	WORKERS_MAX = 16,
	SOURCES_MAX = 16,	     /* SSRCs of one publisher: tracks x layers, RTX included */
	SOURCE_DEAD_US = 5000000,    /* one silent for so long gives its slot to a new one */
	SOURCE_RETIRED_US = 1000000, /* one that another replaced: late packets have come by then */
	EARLY_MAX = 64, /* packets kept from a publisher whose keys are still on their way */
	PATHS_PER_SESSION_MAX = 8, /* tuples in the table for one session; the oldest is reused */
	PATHLESS_US = 500000,	   /* without a path for longer, a player joins anew */
	CONNS_PER_SESSION_MAX = ICE_LITE_PATHS, /* TCP; the oldest that carries nothing yields */
	PATH_HOLD_US =
	    6000000, /* a proven path with a check since belongs to nobody else; RFC 7675 */
	MOVED_LOOKS_MAX =
	    64, /* sessions of a host that are looked at for a packet from elsewhere, */
	MOVED_TRIES_MAX = 8, /* and whose keys are tried on it */
	MOVED_RATE = 1000,   /* such packets tried in a second, and as many given to others, */
	MOVED_BURST = 200,   /* and at once */
	DTLS_RATE = 32,	     /* datagrams a second of one session, on the average, and at once */
	DTLS_BURST = 64,
	RING_VIDEO_SLOTS = 2048,
	RING_VIDEO_SIZE = 4 << 20, /* 2 s at 8 Mbit/s, 12 s at 1 */
	RING_AUDIO_SLOTS = 512,
	RING_AUDIO_SIZE = 128 << 10,  /* 10 s of 20 ms packets */
	KEYFRAME_REQUEST_US = 500000, /* at most one PLI in this time for a track */
	NACK_TICK_US = 20000,
	TWCC_TICK_US = 75000, /* senders expect feedback every 50 to 100 ms */
	REPORT_TICK_US = 1000000,
	PERIODIC_US =
	    1000000, /* a source that gives no keyframe in this time after PLI gives none */
	GOP_MAX_US = 20000000, /* nobody's own clock puts keyframes farther apart */
	STALL_US = 500000,     /* one that sent nothing for so long may not have heard it */
	REPLAY_SPEED = 256,    /* times faster than it was, by the timestamps */
	REPLAY_BURST = 64,     /* packets of a replay sent at once */
	REPLAY_TICK_US = 10000,
	KEYFRAME_HEAD_MAX = 16, /* packets before and after what begins a keyframe */
	RESEND_RATE = 400,	/* packets a second resent to one player */
	DOUBT_US = 3000000,	/* for so long, a player that misses parameter sets may have none */
	LAYER_SILENCE_US =
	    500000,		 /* a simulcast layer that sent nothing for so long is not there */
	LAYER_STALL_US = 250000, /* nothing of any of them for so long is no layer's own silence */
	LAYER_WINDOW_US = 1000000,     /* a loss is measured over so long */
	LAYER_WINDOW_MAX_US = 3000000, /* or so long, until */
	LAYER_WINDOW_PACKETS = 50,     /* so many were reported */
	LAYER_FRESH_US = 100000,       /* a keyframe so young is joined as if it came now */
	EXT_BLOCK_SIZE = 8, /* octets of the extension block of a player's packet (TWCC number), */
	EXT_BLOCK_MAX = 16, /* and of one with a playout delay */
	PLAYOUT_DELAY_UNIT_MS = 10,
	REPORT_EARLY_US = 500000,     /* between sender reports to a player that is new: */
	REPORT_EARLY_FOR_US = 5000000 /* receivers need two of each track to bring them together */
};

struct worker;
struct wsession;
struct whost;

/* A tuple from which a session's authenticated checks came: to this worker's socket. */
struct wpath {
	struct {
		struct addr remote, local;
	} key; /* zero-padded: hashed as octets */
	struct known *known;
	uint64_t held_us; /* of another worker's session: until when it is nobody else's */
	UT_hash_handle hh;
};

/* Every session of the relay, as each worker knows it. */
struct known {
	struct session *session;
	struct wsession *ws; /* NULL unless this worker owns it */
	char ufrag[ICE_LITE_UFRAG_MAX + 1], pwd[ICE_LITE_PWD_MAX + 1]; /* our own, present */
	struct ice_creds *remote; /* of a restart before the claim, owned; NULL: the session's */
	struct wpath *paths[PATHS_PER_SESSION_MAX];
	uint8_t path_count, path_next;
	UT_hash_handle by_serial, by_ufrag;
};

/* One SSRC of a publisher. */
struct source {
	uint32_t ssrc;
	uint8_t track, codec; /* codec: index of the last payload type seen */
	bool rtx;
	struct source *primary; /* of an RTX source; may be NULL until known */
	uint8_t layer;		/* index of its RID; 0 without simulcast */
	uint8_t lane;		/* of the stream; PT_NONE: not forwarded */
	bool retired;		/* a later SSRC of the track took its place */
	uint64_t last_us;	/* of its last packet */
	uint64_t seq_offset;	/* its numbers go on above those of the SSRC before it */
	bool keyed;		/* key_ts holds a time */
	uint32_t key_ts;	/* of the last keyframe */
	uint64_t key_us;	/* when that came; 0: there was none */
	uint64_t gop_us;	/* the longest between two that nobody asked for; 0: none yet */
	bool sets_late;		/* its parameter sets were new and came after its slices */
	uint32_t newest_ts;	/* of the newest packet in order, */
	bool newest_marker;	/* and whether that ended its frame */
	struct rtp_recv recv;
};

struct publisher {
	struct source *sources[SOURCES_MAX];
	size_t source_count;
	struct rtp_twcc twcc;
	bool twcc_seen, has_remb; /* has_remb: it negotiated that, and not TWCC */
	struct rtp_remb remb;
	uint64_t next_nack_us, next_twcc_us, next_report_us;
	uint64_t twcc_us;      /* when the last transport-wide feedback went out */
	struct median rtts_us; /* by DLRR: how far apart a packet is asked for */
	uint8_t fir_seq;
	uint64_t lane_top[LANES_MAX]; /* numbers of sources that lost their slots: go on above */
	unsigned lane_end;	      /* above the last lane that it has */
	bool keyframe_wanted[LANES_MAX];
	uint64_t keyframe_asked_us[LANES_MAX];
	uint64_t keyframe_since_us[LANES_MAX]; /* since when its source, asked, sends; 0: not yet */
	struct {
		uint8_t *buf;
		size_t size;
	} early[EARLY_MAX];
	size_t early_count;
};

/* One media section of a player. */
struct sink {
	uint8_t track;	/* stream's track; PT_NONE */
	uint8_t source; /* the lane of it that is forwarded; PT_NONE */
	uint8_t want;	/* the lane that will be at its next keyframe; PT_NONE */
	uint8_t pt[CODECS_MAX], rtx_pt[CODECS_MAX], red[CODECS_MAX]; /* as in the binding */
	bool starved;	   /* over TCP: the link does not keep up; whole frames are left out */
	bool framed;	   /* frame_ts is known */
	uint32_t frame_ts; /* source timestamp of the newest frame of a TCP player's video */
	bool waiting;	   /* for a keyframe (or the first packet) of the present publisher */
	bool has_twcc;	   /* packets carry a TWCC number */
	uint8_t ext_twcc, ext_playout; /* ids */
	bool has_playout;	       /* keyframes carry the delay below */
	uint16_t playout;	       /* the source's least playout delay, in units */
	uint32_t ssrc, rtx_ssrc;
	uint16_t rtx_seq;
	uint64_t cursor;     /* position in the ring of the last packet considered */
	uint64_t replay_to;  /* position where a replay ends; 0: none is going on */
	uint64_t replay_seq; /* source number of the last packet replayed; 0: none was */
	uint32_t replay_ts;  /* its timestamp: where live begins */
	struct rtp_rewrite rw;
	uint64_t began_seq; /* source number: what is below and maps was sent when it began */
	uint64_t same_from; /* source number from which the ring has the octets that were sent */
	struct { /* before the last change of layer: for what is reported missing of it */
		struct rtp_rewrite rw;
		uint64_t replay_seq, same_from; /* as above, of that layer */
		uint32_t replay_ts;
		uint8_t source; /* PT_NONE: there was none */
	} prev;
	uint32_t packets, octets; /* as a sender report counts them */
	uint64_t doubt_us; /* when it began, or missed parameter sets that it needed: has it any? */
	uint64_t clock_us; /* local subscriber: the report it was told last, by its time */
};

struct player {
	struct sink *sinks;
	size_t sink_count;
	uint32_t epoch; /* of the binding */
	uint16_t twcc_seq;
	uint64_t joined_us, next_report_us;
	uint64_t next_burst_us;	   /* of a replay; 0: none is going on */
	struct rtp_fit fit;	   /* layers of simulcast that its link does not take */
	uint32_t arrived, missing; /* by its transport-wide feedback since window_us */
	uint64_t window_us;
	struct bucket resends;
};

/* A local publisher or subscriber: a media socket on this worker's loop. */
struct local {
	struct ipc_conn *conn;
	struct rtp_recv *recv; /* publisher: one per track */
	struct sink *sinks;    /* subscriber: one per track of the stream */
	size_t count;
	uint32_t epoch;
	uint8_t base; /* contributor: lane of its first track; PT_NONE while nobody publishes */
	bool blocked;
	uint32_t keyframe_wanted; /* publisher: bit per track, to be asked when it may be */
	uint64_t keyframe_asked_us[TRACKS_MAX];
};

struct wsession {
	struct worker *worker;
	struct known *known;
	struct session *session;
	struct wstream *stream; /* NULL until it is attached */
	struct ice_lite *ice;
	struct rtpsec *send, *receive; /* NULL until the keys are there */
	struct publisher *pub;
	struct player *play;
	struct local *local;
	struct ice_tuple path; /* where media goes; copy of the selected path's tuple */
	struct tcp_conn *conns[CONNS_PER_SESSION_MAX]; /* its TCP connections, the oldest first */
	uint8_t conn_count;
	struct whost *host; /* of that path, if it is of UDP, and its other sessions here */
	struct wsession *host_next, *host_prev; /* a ring */
	bool has_path, ended;
	uint64_t lost_us; /* since when it has no path any more; 0: it has, or never had one */
	uint64_t last_check_us;
	struct bucket dtls;   /* datagrams that may go to the control thread */
	uint32_t report_ssrc; /* SSRC of our own RTCP */
	struct wheel_entry timer;
};

/* The newest clock of a track's source: RTP time ts was NTP time ntp at at_us of our clock. */
struct wclock {
	uint64_t ntp, at_us;
	uint32_t ts;
	bool from_source; /* a sender report; else the arrival of what was delayed least, no ntp */
};

struct wtrack {
	struct rtp_ring *ring; /* NULL before the first packet */
	uint8_t kind;
	uint32_t clock_rate;
	uint64_t forwarded; /* position already sent to other workers */
	uint64_t equalised; /* position up to which paddings are decided */
	struct wclock clock;
	uint64_t keyframe_asked_us; /* when this worker asked the home worker */
	uint64_t first_us;
	uint16_t playout_delay_ms;
	bool present,
	    periodic;	  /* periodic: keyframes come by the source's own clock, whoever asks */
	uint8_t track;	  /* of which this is a layer */
	uint8_t index;	  /* the track's number among its source's own */
	bool contributed; /* not the publisher's */
	int8_t home;	  /* a contributor's worker */
	uint64_t owner;	  /* serial of the session it comes from */
	struct wsession *source; /* a contributor that lives on this worker; NULL */
	uint32_t area;		 /* pixels of the last keyframe's picture; 0 unknown */
	uint64_t last_us;	 /* of its last packet */
	uint32_t frame_ts;	 /* of the newest frame, */
	int32_t frame_step;	 /* and how far that is from the one before */
	uint64_t rate_us, rate_octets, rate_bps; /* of a layer: since when, how many, before */
};

/* The lanes of a track with simulcast. */
struct wlayers {
	uint8_t count, lanes[TRACK_RIDS_MAX];
	uint8_t active, order[TRACK_RIDS_MAX]; /* those that send now, the best first */
	uint64_t newest_us;		       /* of the newest packet of all */
	uint64_t stalled_us, resumed_us; /* of the last time that none sent anything: 0 never */
};

struct wstream {
	uint64_t serial;
	uint32_t epoch;
	bool live, dirty, gone, layered;
	uint8_t lane_end; /* above the last one that is present */
	struct wtrack tracks[LANES_MAX];
	struct wlayers layers[TRACKS_MAX];
	struct wsession *publisher;    /* if it lives on this worker */
	struct wsession **subscribers; /* players and local subscribers */
	size_t subscriber_count, subscriber_cap;
	uint32_t mask; /* workers with subscribers */
	int home;
	struct wstream *dirty_next;
	UT_hash_handle hh;
};

struct worker_counters {
	uint64_t rx_packets, rx_octets, tx_packets, tx_octets, tx_dropped;
	uint64_t stun_answered, stun_limited, auth_failed, unknown_packets, crossed, cross_dropped;
	uint64_t paths_moved, tcp_connections, tcp_accepted, tcp_refused;
};

struct worker {
	unsigned index, count; /* this one of so many */
	uv_loop_t loop;
	uv_thread_t thread;
	uv_async_t wake;
	uv_check_t check; /* settles what local sockets brought, once per turn */
	uv_timer_t timer;
	uint64_t timer_us; /* when it fires; CLOCK_NEVER if stopped */
	struct udp *udp[2];
	uv_poll_t polls[2];
	size_t udp_count;
	struct tcp *tcp; /* NULL: media over TCP is off */
	uv_poll_t tcp_poll;
	int tcp_to; /* worker that the connection in hand belongs to */
	struct chan *from_control, *to_control;
	struct chan *from[WORKERS_MAX], *to[WORKERS_MAX]; /* other workers; own index NULL */
	uint64_t now_us;
	struct known *by_serial, *by_ufrag;
	struct wpath *paths;
	struct whost *hosts;
	struct bucket tries, strays; /* see MOVED_RATE */
	struct wstream *streams, *dirty;
	struct wheel wheel;
	struct stun_limit limit;
	struct worker_counters stats;
	bool stopping;
};

/* worker.c: the thread. */
struct worker *worker_new(unsigned index, unsigned count);
void worker_free(struct worker *w);
int worker_start(struct worker *w); /* sockets and channels are set */
void worker_post(struct worker *w, unsigned type, const void *data,
		 size_t size); /* to control, sure */
/* After anything that may have made output: fan out, send, wake the other threads, arm the timer.
 */
void worker_settle(struct worker *w);

/* worker_ingress.c */
void ingress_datagram(struct worker *w, const struct ice_tuple *from, uint8_t *buf, size_t size);
/* A request without credentials, and one with wrong ones: answered within limits. */
void ingress_plain(struct worker *w, const struct ice_tuple *from, const struct stun_msg *msg);
void ingress_unauthorized(struct worker *w, const struct ice_tuple *from,
			  const struct stun_msg *msg);
/* A packet of a session's path, or, if it is STUN, of what may become one. */
void ingress_session(struct wsession *ws, const struct ice_tuple *from, uint8_t *buf, size_t size);
void ingress_forwarded(struct worker *w, const struct chan_msg *msg); /* M_RAW */
void ingress_flush_ice(struct wsession *ws);			      /* drain ice_lite_poll() */
void ingress_selected(struct wsession *ws); /* the agent may have another path for media */
/* A packet of media that came by the path, unprotected. */
void ingress_media(struct wsession *ws, struct ice_path *path, uint8_t *buf, size_t size,
		   bool rtcp);

/* worker_moved.c: whose is media from a tuple that is nobody's? */
void moved_input(struct worker *w, const struct ice_tuple *from, const uint8_t *buf, size_t size);
void moved_stray(struct worker *w, const struct chan_msg *msg); /* M_STRAY */
void moved_index(struct wsession *ws);				/* its path changed */
void moved_forget(struct wsession *ws);				/* it has none any more */

/* worker_session.c */
void ws_add(struct worker *w, const struct chan_msg *msg);
void ws_del(struct worker *w, const struct chan_msg *msg);
void ws_keys(struct worker *w, const struct chan_msg *msg);
void ws_bind(struct worker *w, const struct chan_msg *msg);
void ws_restart(struct worker *w, const struct chan_msg *msg);
void ws_dtls_out(struct worker *w, const struct chan_msg *msg);
struct wsession *ws_claim(struct worker *w, struct known *k); /* NULL: another worker was first */
struct wsession *ws_find(struct worker *w, uint64_t serial);
void ws_timeout(struct wsession *ws);
void ws_arm(struct wsession *ws);			   /* set its timer from its deadlines */
void ws_end(struct wsession *ws, enum session_end reason); /* tell control, once */
void ws_heard(struct wsession *ws);			   /* something authenticated came */
void ws_send_rtcp(struct wsession *ws, uint8_t *buf, size_t size, size_t cap);
void path_learn(struct worker *w, struct known *k, const struct ice_tuple *tuple);
struct known *path_find(struct worker *w, const struct ice_tuple *tuple);
void path_held(struct worker *w, const struct chan_msg *msg);  /* M_HELD */
void path_moved(struct worker *w, const struct chan_msg *msg); /* M_MOVED */

/* worker_tcp.c: ICE-TCP. A connection lives on the worker of its session. */
int wtcp_open(struct worker *w);			       /* w->tcp; 0 or -errno */
void wtcp_adopt(struct worker *w, const struct chan_msg *msg); /* M_TCP */
void wtcp_close_all(struct wsession *ws);
/* May a packet of the ring go to this player now? If its link does not keep up: whole frames are
 * left out until a keyframe. */
bool wtcp_takes(struct wsession *ws, struct tcp_conn *c, struct sink *sink, const struct wtrack *t,
		const struct rtp_ring_slot *slot);
/* The player has another path: what the old one could not carry is forgotten. */
void wtcp_left(struct wsession *ws);
/* Packets of the ring were overwritten before this player could take them. */
void wtcp_overrun(struct wsession *ws, struct sink *sink);

/* worker_stream.c */
void stream_publish(struct worker *w, const struct chan_msg *msg);
void stream_end(struct worker *w, const struct chan_msg *msg);
void stream_release(struct worker *w, const struct chan_msg *msg);
struct wstream *stream_find(struct worker *w, uint64_t serial); /* NULL: there is none here */
struct wstream *stream_get(struct worker *w,
			   uint64_t serial); /* made if missing; NULL: no memory */
int stream_attach(struct wsession *ws);	     /* as a subscriber */
/* The contributors among this worker's sessions take their lanes. */
void stream_link(struct wstream *s, struct worker *w);
void stream_detach(struct wsession *ws); /* whatever it was */
void stream_append(struct wstream *s, struct worker *w, unsigned track,
		   const struct rtp_ring_slot *slot, const uint8_t *payload);
void stream_equalise(struct wstream *s); /* decide the paddings of new packets */

/* worker_copies.c */
void stream_mask(struct worker *w, const struct chan_msg *msg);
void stream_packet(struct worker *w, const struct chan_msg *msg);
void stream_clock_message(struct worker *w, const struct chan_msg *msg);
void stream_keyframe_message(struct worker *w, const struct chan_msg *msg);
void stream_forward(struct wstream *s, struct worker *w); /* new packets to the other workers */
void stream_set_clock(struct wstream *s, struct worker *w, unsigned track,
		      const struct rtcp_sr *sr);
/* The picture of a lane has another size (pixels). */
void stream_set_area(struct wstream *s, struct worker *w, unsigned track, uint32_t area);
void stream_want_keyframe(struct wstream *s, struct worker *w, unsigned track);
/* Has the keyframe come that a source on this worker was asked for last, and may it not be asked
 * for another yet? */
bool stream_keyframe_is_fresh(const struct wstream *s, const struct worker *w, unsigned track);
/* The source was found to ignore (or heed) wishes for keyframes. Waiting players get a replay. */
void stream_set_periodic(struct wstream *s, struct worker *w, unsigned track, bool periodic);
/* The last subscriber here is gone and packets stop coming: what is kept would only grow stale. */
void stream_forget_copies(struct wstream *s);

/* worker_publish.c */
int pub_new(struct wsession *ws);
void pub_free(struct wsession *ws);
void pub_rtp(struct wsession *ws, uint8_t *buf, size_t size);		   /* plain, in place */
void pub_rtcp(struct wsession *ws, const uint8_t *buf, size_t size);	   /* plain */
void pub_keep_early(struct wsession *ws, const uint8_t *buf, size_t size); /* still protected */
void pub_ask_keyframe(struct wsession *ws, unsigned lane);
void pub_ask_later(struct wsession *ws, unsigned lane); /* it is written at the next deadline */
bool pub_has_ssrc(const struct wsession *ws, uint32_t ssrc); /* of a source that it has */
void pub_timeout(struct wsession *ws);
uint64_t pub_deadline(const struct wsession *ws);

/* worker_measure.c: what comes of a source, by its own numbers of lane and track. */
void measure_packet(struct wsession *ws, uint8_t lane, uint8_t track, uint8_t codec,
		    const struct rtp_packet *p);
/*
 * p is where a keyframe may begin. Returns the picture size that it names, width in the high half;
 * or 0. Marks in the slot what parameter sets p has.
 */
uint64_t measure_keyframe(struct wsession *ws, uint8_t lane, enum payload_codec format,
			  const struct rtp_packet *p, struct rtp_ring_slot *slot);

/* worker_layers.c: simulcast. Everything else takes a layer for a track of its own, a lane. */
void layers_update(struct wstream *s, uint64_t now_us); /* once per batch, before the fan-out */
/* The sink begins in its track: at the best layer that sends. */
void layers_join(const struct wstream *s, struct sink *sink);
/* Is this sink's layer still the right one? If not, ask for a keyframe and change at it. True if it
 * changed now: the sink waits for the packet at its cursor. */
bool layers_choose(struct wsession *ws, struct wstream *s, struct sink *sink);
/* A player's report about a sink: is its layer too much for the link? */
void layers_report(struct wsession *ws, const struct sink *sink, unsigned loss_q8, uint64_t rtt_us);
/* The same from transport-wide feedback, which tells what was lost even if a resend mended it. */
void layers_feedback(struct wsession *ws, const struct rtcp_packet *p);

/* worker_play.c */
int play_new(struct wsession *ws);
void play_free(struct wsession *ws);
void play_fanout(struct wsession *ws, struct wstream *s);
/* Fixed header of a packet of the ring and its extension block, if any. Returns the octets. */
size_t play_write_header(struct player *play, struct sink *sink, uint8_t *out, uint8_t pt,
			 const struct rtp_ring_slot *slot, uint16_t seq, uint32_t ts,
			 uint32_t ssrc);
void play_transmit(struct wsession *ws, const struct wout *o, const uint8_t *hdr, size_t hdr_size,
		   const uint8_t *payload, size_t payload_size);
/* A packet of the ring as this subscriber takes it: RED under its own numbers, or unwrapped. */
struct sink_part {
	const uint8_t *payload; /* in the ring, or in room */
	size_t size;		/* 0: nothing of it can be sent */
	uint8_t room[RTP_PACKET_MAX];
};
void sink_take(const struct sink *sink, const struct rtp_ring_slot *slot, const uint8_t *payload,
	       struct sink_part *out);
/* The same for a player; what is left out for it (B-frames) has size 0, too. */
void play_take(const struct wsession *ws, const struct sink *sink, const struct rtp_ring_slot *slot,
	       const uint8_t *payload, struct sink_part *out);
/* One under a header that was written: with its padding, of which it consists if it is empty. */
void play_send_part(struct wsession *ws, const struct wout *o, uint8_t *hdr, size_t hdr_size,
		    const struct rtp_ring_slot *slot, const struct sink_part *part);
/* The source timestamp as it is mapped: compressed in a replay, so that it ends where live begins.
 */
uint32_t sink_ts(const struct sink *sink, const struct rtp_ring_slot *slot);
/* The same of the layer before the last change. */
uint32_t sink_prev_ts(const struct sink *sink, const struct rtp_ring_slot *slot);
/* worker_clock.c: a track's clock by its source's sender reports, or a guess before the first. */
void stream_clock_arrival(struct wtrack *t, const struct rtp_ring_slot *slot);
/* What a report of the lane would say now, in the source's timestamps. False: not known yet. */
bool stream_clock_report(const struct wstream *s, unsigned lane, uint64_t now_us,
			 struct rtcp_sr *sr);
/* NTP time of now on the clock that these reports carry. */
uint64_t stream_clock_ntp(const struct wstream *s, unsigned lane, uint64_t now_us);
/* When the report came by which the lane's clock is known; 0: by none. */
uint64_t stream_clock_reported_us(const struct wstream *s, unsigned lane);

/* worker_join.c */
void play_bind(struct wsession *ws, const struct msg_bind *bind);
void play_replay(struct wsession *ws, unsigned track); /* the source was found to be periodic */
void play_join(struct wsession *ws); /* attached, or the stream has a new publisher */
/* The first packet of a source to this player; a keyframe of some time ago begins a replay. */
void play_begin(struct wsession *ws, struct sink *sink, const struct wtrack *t,
		const struct rtp_ring_slot *slot);
/* Its keyframe began without these parameter sets, which have no number there: it begins again,
 * with them, or at another keyframe. */
void play_miss_sets(struct wsession *ws, struct sink *sink, const struct wtrack *t,
		    const struct rtp_ring_slot *slot);

/* worker_play_rtcp.c */
void play_rtcp(struct wsession *ws, const uint8_t *buf, size_t size);
void play_timeout(struct wsession *ws);
uint64_t play_deadline(const struct wsession *ws);
void play_bye(struct wsession *ws);

/* worker_local.c */
void local_add(struct worker *w, const struct chan_msg *msg);
void local_text(struct worker *w, const struct chan_msg *msg); /* M_LOCAL_TEXT */
/* Does its track index make keyframes by its own clock? An on-demand one is encoded only while it
 * is wanted, so it can make them when asked. */
bool local_is_periodic(const struct wsession *ws, unsigned index);
void local_free(struct wsession *ws);
/* At most one event in KEYFRAME_REQUEST_US goes out for a track; a later wish waits. */
void local_ask_keyframe(struct wsession *ws, unsigned track);
void local_timeout(struct wsession *ws);
uint64_t local_deadline(const struct wsession *ws);

/* worker_local_play.c */
/* A (new) publisher or contributor: each track goes through as it is. */
void local_bind(struct wsession *ws, const struct msg_bind *bind);
void local_fanout(struct wsession *ws, struct wstream *s);

/* worker_local_ext.c: the local header extension, rtc-control(5) */
enum { LOCAL_EXT_ROOM = 20 }; /* octets of its block at most, headers and padding included */
/* Fields that the extension promises but does not hold are ignored. */
void local_ext_read(struct rtp_ring_slot *slot, const struct rtp_packet *p);
/* Returns the octets of the whole block; 0 if there is nothing to say. */
size_t local_ext_write(uint8_t *out, size_t cap, const struct rtp_ring_slot *slot);

#endif
