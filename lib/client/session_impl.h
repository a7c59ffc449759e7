/* session_impl.h - what the files of a client session share.  Private to lib/client. */
#ifndef RTCKIT_CLIENT_SESSION_IMPL_H
#define RTCKIT_CLIENT_SESSION_IMPL_H

#include "client/session.h"
#include "loop/loop.h"
#include "client/turn_conn.h"
#include "tcp/tcp.h"

enum {
	SESSION_QUIET_US = 2000000,    /* so long nothing came: then ICMP is believed */
	SESSION_FAMILIES = 2,	       /* IPv4 and IPv6: a socket each */
	SESSION_NAMES_MAX = 4,	       /* host names among the candidates that are looked up */
	SESSION_HOSTS_MAX = 8,	       /* our own host candidates */
	SESSION_TCP_MAX = 4,	       /* TCP candidates that are connected to */
	SESSION_JUDGED_MAX = 8,	       /* UDP addresses that are judged if none answers */
	SESSION_TCP_AFTER_US = 500000, /* when UDP was not answered for so long */
	SESSION_STUNS_MAX = 2,	       /* STUN servers that are asked */
	SESSION_TRICKLE_MAX = 8,       /* candidates that are told late */
	SESSION_TURNS_MAX = 4,	       /* TURN servers that are asked at once */
	SESSION_TURN_AFTER_US = 300000 /* likewise: an allocation takes two round trips */
};

/* A UDP socket; its index is the channel of its ICE tuples. */
struct session_socket {
	uv_poll_t poll;
	int fd; /* -1: not open */
	struct client_session *session;
};

/* A look-up of a candidate's name; lives until its callback, whatever becomes of the session. */
struct session_name {
	uv_getaddrinfo_t request;
	struct client_session *session; /* NULL: given up */
	uint32_t priority;
	uint16_t port;
	bool tcp;
};

/* A TCP candidate of the other side. */
struct session_target {
	struct addr addr;
	uint32_t priority;
};

/* A TURN server of ours; its index is the channel of its ICE tuples. */
struct session_turn {
	uv_getaddrinfo_t request; /* of its name */
	uv_poll_t poll;
	struct client_session *session; /* NULL: given up, while the name is looked up */
	struct turn_server server;
	struct turn_conn *conn; /* NULL: not yet, or no more */
	unsigned index;
	bool resolving, watched, closing, dropped; /* what keeps its memory */
	bool ready, over;
};

/* What a session knows of TURN; made when there is a server to use. */
struct session_relay {
	struct turn_servers servers;
	struct session_turn *turns[SESSION_TURNS_MAX];
	unsigned turn_count;
	struct session_target remotes[TURN_PEERS_MAX]; /* UDP candidates of the other side */
	unsigned remote_count;
	uint64_t at_us; /* when to begin; CLOCK_NEVER */
	bool begun;
	char uri[TURN_URI_MAX + 1];  /* of the server on the path, once connected */
	struct tls_ctx *tls;	     /* NULL: not needed yet */
	char words[WHIP_WORDS_SIZE]; /* why the last one failed */
	/* The end, while allocations are given back. */
	uv_timer_t timer;
	bool releasing;
	enum client_code stop_code;
	char stop_words[WHIP_WORDS_SIZE];
};

/* A STUN server of ours, asked from the media socket. */
struct session_stun {
	uv_getaddrinfo_t request;
	struct client_session *session; /* NULL: given up, while the name is looked up */
	struct turn *turn;		/* NULL: not yet */
	struct addr at;
	unsigned family; /* the socket */
	uint16_t port;
	bool resolving;
};

/* Candidates that were found after the offer; made where the other side can use them. */
struct session_trickle {
	struct session_stun *stuns[SESSION_STUNS_MAX];
	unsigned stun_count, count; /* count: candidates so far */
	bool telling;		    /* a PATCH is under way */
	size_t waiting_size;
	char waiting[1024]; /* lines that were not told yet */
};

struct client_session {
	struct client_session_config cfg;
	struct sdp_offer_track offered[CLIENT_SESSION_TRACKS_MAX];
	struct {
		uint32_t ssrc, rtx_ssrc;
	} ours[CLIENT_SESSION_TRACKS_MAX];
	struct session_socket sockets[SESSION_FAMILIES];
	struct session_name *names[SESSION_NAMES_MAX];
	struct tcp *tcp; /* NULL: no connection was needed */
	uv_poll_t tcp_poll;
	struct session_target targets[SESSION_TCP_MAX];
	unsigned target_count, target_next; /* next: the first that is not connected to yet */
	uint64_t tcp_at_us;		    /* when to begin; CLOCK_NEVER */
	struct session_relay *relay;	    /* NULL: no TURN server is known */
	struct session_trickle *trickle;    /* NULL: of no use */
	bool remote_lite;
	struct addr reached;			/* by HTTP; family 0: not known */
	struct addr judged[SESSION_JUDGED_MAX]; /* the first of udp_count */
	struct loop_driver driver;
	struct peer *peer;
	struct whip_client *whip;
	struct sdp *offer;			   /* until answered */
	struct peer_track tracks[PEER_TRACKS_MAX]; /* m-lines, then more layers of simulcast */
	size_t track_count;
	struct client_session_times times;
	uint64_t start_us;
	uint64_t received_us;			      /* something of the peer's by UDP came */
	unsigned pair_count, udp_count, handle_count; /* pairs: of both, of UDP */
	int depth;				      /* inside the peer's callbacks */
	bool posting, answered, ended, stopping, stop_begun, freed;
	void (*stopped)(void *arg, enum client_code code, const char *words);
};

/* session_icmp.c */
void session_icmp_enable(int fd, int family); /* a socket that is told of closed ports */
void session_icmp_take(struct client_session *s, uint32_t channel);

/* session.c */
void session_stopped(struct client_session *s, enum client_code code, const char *words);
void session_end(struct client_session *s, enum client_code code, const char *words);
void session_settle(struct client_session *s);
void session_enter(struct client_session *s); /* around calls into the peer that call back */
void session_leave(struct client_session *s);
void session_handle_closed(struct client_session *s);

/* session_net.c */
int session_socket_open(struct client_session *s, unsigned family); /* 0 or 1; again: fine */
void session_sockets_pause(struct client_session *s);		    /* read nothing more */
void session_sockets_close(struct client_session *s);
uint16_t session_socket_port(const struct client_session *s, unsigned family);
void session_send_all(struct client_session *s); /* drain peer_poll() */
int session_add_address(struct client_session *s, const struct addr *a, uint32_t priority);
/* No UDP address was answered: is none of them of use from here? Then with words. */
bool session_is_unreachable(const struct client_session *s, char *words, size_t size);
void session_add_name(struct client_session *s, const char *name, uint16_t port, uint32_t priority,
		      bool tcp);
void session_names_forget(struct client_session *s);
bool session_names_pending(const struct client_session *s);

/* session_tcp.c: connections to TCP candidates, when their time has come. */
void session_tcp_add(struct client_session *s, const struct addr *a, uint32_t priority);
void session_tcp_plan(struct client_session *s);    /* all candidates are known: when to begin */
void session_tcp_timeout(struct client_session *s); /* at tcp_at_us */
void session_tcp_send(struct client_session *s, const struct peer_datagram *d);
void session_tcp_flush(struct client_session *s);
void session_tcp_pause(struct client_session *s);
void session_tcp_close(struct client_session *s);

/* session_relay.c: TURN servers, when their time has come. */
void session_relay_learn(struct client_session *s, const struct turn_servers *servers);
void session_relay_add(struct client_session *s, const struct addr *a, uint32_t priority);
void session_relay_plan(struct client_session *s); /* the candidates are known: when to begin */
void session_relay_hurry(struct client_session *s, uint64_t now_us); /* UDP was refused */
bool session_relay_hopes(const struct client_session *s);	     /* may it yet give a pair? */
void session_relay_timeout(struct client_session *s, uint64_t now_us);
uint64_t session_relay_deadline(const struct client_session *s);
void session_relay_send(struct client_session *s, const struct peer_datagram *d);
void session_relay_flush(struct client_session *s);
void session_relay_prune(struct client_session *s); /* connected: give back what is not used */
/* Give everything back, then call session_stopped(). False: there is nothing to give back. */
bool session_relay_release(struct client_session *s, enum client_code code, const char *words);
void session_relay_free(struct client_session *s);
void session_relay_settle(struct client_session *s);	    /* one gave up: is there another way? */
void session_relay_update(struct client_session *s);	    /* follow what the allocations became */
void session_relay_check_release(struct client_session *s); /* all given back? may free s */

/* session_turn.c: one of those servers. */
void session_turn_begin(struct session_turn *t);
void session_turn_update(struct session_turn *t);
void session_turn_watch(struct session_turn *t); /* its socket, for what it waits for */
void session_turn_close(struct session_turn *t); /* and free it, at once or later */

/* session_trickle.c: candidates found after the offer. */
void session_trickle_begin(struct client_session *s, const struct turn_servers *named);
/* related: raddr and rport; NULL: not told. */
void session_trickle_add(struct client_session *s, enum ice_candidate_type type,
			 const struct addr *a, const struct addr *related);
/* True: it was a STUN server's. */
bool session_trickle_input(struct client_session *s, const struct addr *from, uint8_t *buf,
			   size_t size);
void session_trickle_flush(struct client_session *s);
uint64_t session_trickle_deadline(const struct client_session *s);
void session_trickle_free(struct client_session *s);

/* session_sdp.c */
char *session_make_offer(struct client_session *s); /* the caller frees; NULL without memory */
/* Take the answer: start the peer and pair its candidates. CLIENT_OK, or a code with words. */
enum client_code session_take_answer(struct client_session *s, const char *text, size_t size,
				     char *words, size_t words_size);

#endif
