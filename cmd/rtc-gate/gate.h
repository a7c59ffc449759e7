/*
 * gate.h - the front door: client connections, one exchange with one upstream at a time on each.
 * The gate holds no state beyond the running exchanges.
 */
#ifndef RTC_GATE_GATE_H
#define RTC_GATE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "http/http_head.h"
#include "http/url.h"
#include "tls/tls.h"

enum {
	GATE_LISTENER_MAX = 16,
	GATE_ROUTE_MAX = 64,
	GATE_PROXY_MAX = 16,
	GATE_HOST_MAX = 32,
	GATE_IN_SIZE = HTTP_HEAD_MAX + 4096, /* octets a client may be ahead of its upstream */
	GATE_OUT_SIZE =
	    HTTP_HEAD_MAX + 4096, /* octets of a rewritten head, or of body on its way */
	GATE_ANSWER_SIZE = 32768, /* octets of an answer on its way to the client */
	GATE_FRAME_MS = 5000,	  /* for the first frame of media by TCP */
	GATE_LINGER_MS = 1000,	  /* how long a refused client's octets are read and dropped */
	GATE_RETRY_MS = 20,	  /* between two attempts to reach a program that restarts */
	GATE_GRACE_MS = 2000,	  /* from SIGTERM to the end */
	GATE_LOG_PATH_SIZE = 128, /* characters of a path in the log, with the NUL */
	GATE_FIRST_OF_TLS = 22,	  /* of a record that begins a handshake, RFC 8446 s.5.1 */
	GATE_RAW_SIZE = 16384,	  /* octets of records read at once */
	GATE_QUEUE_MAX = 131072	  /* octets that a client makes us answer, but does not read */
};

/* Where requests go. */
struct gate_upstream {
	const char *program; /* "rtc-whip", or what --route said */
	char path[108];	     /* of a Unix socket; "" means tcp */
	struct addr tcp;
};

struct gate_route {
	const char *prefix; /* "/sig": the path or a segment boundary; NULL: suffix counts */
	const char *suffix; /* ".flv" */
	const char *query;  /* "action=play" must be a parameter */
	bool has_secrets;   /* what follows the prefix is not logged */
	struct gate_upstream up;
};

/* What a port speaks. */
enum gate_speech { GATE_HTTP, GATE_HTTPS, GATE_BOTH };

/* Hosts, by address; ports do not count. */
struct gate_peers {
	struct addr list[GATE_PROXY_MAX];
	size_t count;
};

struct gate_config {
	struct gate_route routes[GATE_ROUTE_MAX];
	size_t route_count;
	struct gate_peers proxies;	 /* whose X-Forwarded-* fields are believed */
	struct gate_peers proxy_senders; /* who sends the PROXY protocol's header */
	const char *hosts[GATE_HOST_MAX];
	size_t host_count;
	struct tls_pair pairs[TLS_PAIRS_MAX];
	size_t pair_count;
	const char *self_signed; /* folder of a pair of our own making; NULL: none */
	bool ice_tcp;		 /* media by TCP may come, and goes to the relay */
	bool redirect;		 /* http to https */
	uint16_t redirect_port;	 /* 0: the first port that speaks https */
	unsigned connection_max, per_address_max;
	unsigned handshake_ms, head_ms, body_ms, answer_ms, idle_ms, restart_ms;
};

struct gate_listener {
	uv_tcp_t tcp;
	struct gate *gate;
	enum gate_speech speech;
};

struct gate {
	uv_loop_t *loop;
	struct gate_config config;
	struct gate_listener listeners[GATE_LISTENER_MAX];
	size_t listener_count;
	int relay_fd;	     /* for media by TCP; -1: not connected */
	struct tls_ctx *tls; /* of new connections; NULL: no port speaks https */
	struct client *clients;
	unsigned client_count;
	uv_timer_t grace;
	bool stopping;
	uint8_t raw[GATE_RAW_SIZE]; /* records on their way to their connection's TLS */
};

/* What the client's connection is doing. Each state has one deadline (client_enter). */
enum client_state {
	CLIENT_DOOR,	  /* accepted; what it speaks is not known */
	CLIENT_FRAME,	  /* the beginning of media by TCP */
	CLIENT_HANDSHAKE, /* of TLS */
	CLIENT_IDLE,	  /* kept alive, nothing of a next request */
	CLIENT_HEAD,	  /* accepted, or part of a head is here */
	CLIENT_BODY,	  /* a head went upstream, body follows */
	CLIENT_WAIT,	  /* the whole request went upstream */
	CLIENT_ANSWER,	  /* the answer's head was written */
	CLIENT_TUNNEL,	  /* after 101 */
	CLIENT_LINGER,	  /* the last answer was written; what still comes is dropped */
	CLIENT_CLOSED,
	CLIENT_STATES
};

struct client {
	uv_tcp_t tcp;
	uv_timer_t timer, more;
	uv_shutdown_t shutdown;
	struct gate *gate;
	const struct gate_listener *listener;
	struct client *prev, *next;
	struct exchange *ex;	 /* NULL between requests */
	struct addr peer, local; /* of the connection, or what a PROXY header says of it */
	struct tls *tls;	 /* NULL: plain */
	enum client_state state;
	unsigned handles; /* open uv handles; 0 frees */
	bool reading, eof;
	bool pending;	   /* TLS may hold octets for which in[] has no room yet */
	bool wants_header; /* the PROXY protocol's comes first */
	bool secure;	   /* came by TLS, here or to the proxy in front */
	/* the running request, for its answer and the log */
	bool keep_alive, is_head, upgrade;
	int minor, status;
	uint64_t began_us, answer_octets;
	char method[HTTP_METHOD_MAX + 1], log_path[GATE_LOG_PATH_SIZE];
	size_t in_size;
	char in[GATE_IN_SIZE];
};

/* One request and its answer. Owned by its client; freed when its handle is closed. */
struct exchange {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} up;
	uv_timer_t retry;
	unsigned handles; /* open uv handles; 0 and nothing in flight frees */
	bool up_open;
	uv_connect_t connect;
	uv_write_t up_write, client_write;
	struct client *client;
	const struct gate_route *route;
	/* request */
	bool connected, up_writing, up_broken, request_done, wants_continue, shut;
	enum http_framing framing;
	uint64_t left;
	struct http_chunked chunked;
	size_t out_size;
	/* answer */
	bool up_reading, up_eof, head_done, client_writing, answer_done, trailer_sent;
	enum http_framing answer_framing, client_framing;
	uint64_t answer_left;
	struct http_chunked answer_chunked;
	size_t in_at, in_size, head_size;
	char chunk_line[24];
	char head[GATE_OUT_SIZE];
	char out[GATE_OUT_SIZE];
	char in[GATE_ANSWER_SIZE];
};

/* route.c */
int gate_routes_init(struct gate_config *config);
/* "PREFIX=UPSTREAM", which is cut in two and borrowed. 0 or -errno. */
int gate_routes_add(struct gate_config *config, char *text);
/* The route of a raw target; NULL with a malformed one. log_path gets what may be logged. */
const struct gate_route *gate_route_find(const struct gate_config *config, struct http_span target,
					 char log_path[static GATE_LOG_PATH_SIZE]);

/* forward.c: heads rewritten for the other side. Octets, or -ENOSPC. */
struct http_span gate_origin_form(struct http_span target);
/* Did it come by https: to us, or to the trusted proxy in front? */
bool gate_is_secure(const struct client *client, const struct http_head *head);
int gate_forward_request(char *out, size_t cap, const struct http_head *head,
			 const struct client *client);
int gate_forward_answer(char *out, size_t cap, const struct http_head *head,
			const struct client *client, enum http_framing framing);

/* options.c */
struct command_line {
	struct gate_config config;
	struct {
		const char *text; /* "[address:]port" */
		enum gate_speech speech;
	} listen[GATE_LISTENER_MAX];
	size_t listen_count;
	const char *user;
	int ready_fd;
};
/* -1 to go on, else the exit code. Borrows from argv. */
int gate_options(struct command_line *cl, int argc, char **argv);

/* listen.c: take one port and serve it. 0 or a libuv error, which was logged. */
int gate_listen(struct gate *gate, const char *text, enum gate_speech speech);
/* The first port that speaks https; 0 if none does. */
uint16_t gate_secure_port(const struct gate *gate);

/* certs.c: the pairs of files, or one made now; again after a signal. 0, or an exit code. A pair
 * that cannot be used leaves what was there. */
int gate_certs_load(struct gate *gate);

/* host.c: is this a name under which we serve this client? */
bool gate_host_allowed(const struct client *client, struct http_span host);
bool gate_peers_have(const struct gate_peers *peers, const struct addr *a);
/* The https URL of a request that came by http; false if it cannot be written. */
bool gate_redirect_url(const struct client *client, const struct http_head *head, char *out,
		       size_t cap);

/* door.c: who comes in, and what it speaks */
void client_accept(struct gate_listener *listener);
/* How many octets may be read before it is known. */
size_t door_room(const struct client *client);
void door_input(struct client *client); /* octets have come */
void door_timeout(struct client *client);

/* handover.c: may media by TCP begin with this octet (a request or TLS does not)? */
bool handover_may_begin(uint8_t first);
size_t handover_room(const struct client *client);
void handover_input(struct client *client);

/* link.c: octets between a client's in[] or an answer, and its socket, through TLS if it speaks
 * that. */
void client_read(struct client *client, bool on);
/* As uv_write() to the client; the buffers are not used any more when done is called. */
int client_write(struct client *client, uv_write_t *write, const uv_buf_t *bufs, unsigned count,
		 uv_write_cb done);
/* Begin TLS with what is in in[]. */
void link_secure(struct client *client);
/* The last octets of an orderly end, for as far as the socket takes them at once. */
void link_goodbye(struct client *client);

/* client.c */
void client_enter(struct client *client, enum client_state state);
void client_process(struct client *client);		 /* octets are in in[] */
void client_ended(struct client *client);		 /* no more will come */
void client_lost(struct client *client);		 /* nobody is there any more */
void client_consume(struct client *client, size_t size); /* drop octets from the front of in */
/* The answer is complete: next request, or the end. */
void client_answered(struct client *client);
void client_close(struct client *client);
void client_log(struct client *client);

/* request.c: parse what is in the buffer and start if it is a head. */
void client_head(struct client *client);

/* problem.c */
/* Send our FIN, drop what still comes for a moment, close. */
void client_finish(struct client *client);
/* Answer with a problem body and close; nothing of another answer was written. */
void client_problem(struct client *client, int status, const char *slug, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));
/* Answer 307: the same request at another URL. */
void client_redirect(struct client *client, const char *url);

/* exchange.c: the request's way */
int exchange_start(struct client *client, const struct gate_route *route,
		   const struct http_head *head);
void exchange_pump(struct exchange *ex); /* octets of body, or room for them */
void exchange_end(struct exchange *ex);	 /* detaches and closes; freed later */
void exchange_free(struct exchange *ex); /* if nothing holds it any more */

/* answer.c: the answer's way */
void answer_begin(struct exchange *ex); /* start reading the upstream */
void answer_pump(struct exchange *ex);

#endif
