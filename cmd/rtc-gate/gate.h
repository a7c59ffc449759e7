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

enum {
	GATE_LISTENER_MAX = 16,
	GATE_ROUTE_MAX = 64,
	GATE_PROXY_MAX = 16,
	GATE_IN_SIZE = HTTP_HEAD_MAX + 4096, /* octets a client may be ahead of its upstream */
	GATE_OUT_SIZE =
	    HTTP_HEAD_MAX + 4096, /* octets of a rewritten head, or of body on its way */
	GATE_ANSWER_SIZE = 32768, /* octets of an answer on its way to the client */
	GATE_LINGER_MS = 1000,	  /* how long a refused client's octets are read and dropped */
	GATE_RETRY_MS = 20,	  /* between two attempts to reach a program that restarts */
	GATE_GRACE_MS = 2000,	  /* from SIGTERM to the end */
	GATE_LOG_PATH_SIZE = 128  /* characters of a path in the log, with the NUL */
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

struct gate_config {
	struct gate_route routes[GATE_ROUTE_MAX];
	size_t route_count;
	struct addr proxies[GATE_PROXY_MAX];
	size_t proxy_count;
	unsigned connection_max, per_address_max;
	unsigned head_ms, body_ms, answer_ms, idle_ms, restart_ms;
};

struct gate {
	uv_loop_t *loop;
	struct gate_config config;
	uv_tcp_t listeners[GATE_LISTENER_MAX];
	size_t listener_count;
	struct client *clients;
	unsigned client_count;
	uv_timer_t grace;
	bool stopping;
};

/* What the client's connection is doing. Each state has one deadline (client_enter). */
enum client_state {
	CLIENT_IDLE,   /* kept alive, nothing of a next request */
	CLIENT_HEAD,   /* accepted, or part of a head is here */
	CLIENT_BODY,   /* a head went upstream, body follows */
	CLIENT_WAIT,   /* the whole request went upstream */
	CLIENT_ANSWER, /* the answer's head was written */
	CLIENT_TUNNEL, /* after 101 */
	CLIENT_LINGER, /* the last answer was written; what still comes is dropped */
	CLIENT_CLOSED,
	CLIENT_STATES
};

struct client {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_shutdown_t shutdown;
	struct gate *gate;
	struct client *prev, *next;
	struct exchange *ex; /* NULL between requests */
	struct addr peer;
	enum client_state state;
	unsigned handles; /* open uv handles; 0 frees */
	bool reading, eof;
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
int gate_forward_request(char *out, size_t cap, const struct http_head *head,
			 const struct client *client);
int gate_forward_answer(char *out, size_t cap, const struct http_head *head,
			const struct client *client, enum http_framing framing);

/* client.c */
void client_accept(struct gate *gate, uv_stream_t *listener);
void client_enter(struct client *client, enum client_state state);
void client_read(struct client *client, bool on);
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
