/* session_impl.h - what the files of a client session share.  Private to lib/client. */
#ifndef RTCKIT_CLIENT_SESSION_IMPL_H
#define RTCKIT_CLIENT_SESSION_IMPL_H

#include "client/session.h"
#include "loop/loop.h"
#include "tcp/tcp.h"

enum {
	SESSION_QUIET_US = 2000000,   /* so long nothing came: then ICMP is believed */
	SESSION_FAMILIES = 2,	      /* IPv4 and IPv6: a socket each */
	SESSION_NAMES_MAX = 4,	      /* host names among the candidates that are looked up */
	SESSION_HOSTS_MAX = 8,	      /* our own host candidates */
	SESSION_TCP_MAX = 4,	      /* TCP candidates that are connected to */
	SESSION_TCP_AFTER_US = 500000 /* when UDP was not answered for so long */
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

/* session_sdp.c */
char *session_make_offer(struct client_session *s); /* the caller frees; NULL without memory */
/* Take the answer: start the peer and pair its candidates. CLIENT_OK, or a code with words. */
enum client_code session_take_answer(struct client_session *s, const char *text, size_t size,
				     char *words, size_t words_size);

#endif
