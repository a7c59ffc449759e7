/* http_impl.h - what the files of the HTTP server share; not for other modules. */
#ifndef RTCKIT_HTTP_HTTP_IMPL_H
#define RTCKIT_HTTP_HTTP_IMPL_H

#include <microhttpd.h>

#include "http/http.h"
#include "http/url.h"

enum {
	HTTP_TYPE_SIZE = 128, /* octets of a media type with its NUL */
	HTTP_DRAIN_MAX =
	    1 << 20 /* octets of a refused body that are read for the sake of the answer */
};

/* What a connection is doing; each state but SENDING has a deadline (http_conn.c). */
enum http_conn_state {
	HTTP_CONN_NEW,	     /* accepted, nothing known of a request */
	HTTP_CONN_READING,   /* a request line was read */
	HTTP_CONN_ANSWERING, /* the handler has the request */
	HTTP_CONN_SENDING,   /* the answer is queued; the library's inactivity timeout holds */
	HTTP_CONN_IDLE	     /* kept alive */
};

struct http_conn {
	struct http_conn *prev, *next;
	struct http_server *server;
	struct http_request *req; /* the running one, NULL between requests */
	struct addr peer;	  /* family 0: a Unix socket */
	enum http_conn_state state;
	uint64_t deadline_us;
	int fd;		  /* the library's */
	bool aborted;	  /* http_conn_abort() wrote the answer */
	bool is_answered; /* by the library, with an error of its own */
	struct MHD_Connection *mhd;
};

/* Waits on a suspended request's connection for the peer to vanish; outlives the request. */
struct http_watch {
	uv_poll_t poll;
	struct http_request *req;
};

struct http_request {
	struct http_conn *conn;
	struct MHD_Connection *mhd;
	const struct http_route *route;
	const char *method; /* the library's, until the request completes */
	struct http_watch *watch;
	struct MHD_Response *response; /* made, not yet queued */
	int status;		       /* of the answer; 0 before */
	int refusal;		       /* status with which to answer once the body is drained */
	const char *refusal_detail;
	bool began, in_handler, suspended, dispatched, close;
	bool client_known, trusted;
	uint64_t began_us;
	char *body;
	size_t body_size, body_cap, drained;
	void (*gone)(struct http_request *, void *);
	void *gone_arg, *arg;
	struct addr client;
	const char *rest, *raw_query, *scheme;
	char host[URL_HOST_MAX + 10], prefix[256], type[HTTP_TYPE_SIZE];
	struct url_query query;
	char path[URL_MAX + 1];
	char target[URL_MAX + 1]; /* raw */
};

struct http_listener {
	uv_poll_t poll;
	struct http_server *server;
	struct MHD_Daemon *daemon;
	int fd, lock_fd; /* fd is -1 once given back */
	uint16_t port;
};

struct http_server {
	uv_loop_t *loop;
	struct http_config config;
	struct http_listener *listeners[HTTP_LISTENER_MAX];
	size_t listener_count;
	struct http_conn *conns;
	struct http_stream *streams;
	uv_timer_t kick, tick; /* the library's timeout; our deadlines */
	unsigned handles;      /* uv handles not closed yet */
	unsigned own_answers;  /* errors that the library has answered in its running turn */
	bool freed, stopping;
	uint64_t stop_us;
	void (*stopped)(void *);
	void *stopped_arg;
};

/* http.c */
void http_server_run(struct http_server *server);  /* let the library work, arm the timers */
void http_server_kick(struct http_server *server); /* run it soon: a connection was resumed */
void http_server_tick_start(struct http_server *server);

/* http_conn.c: the library's callbacks, deadlines */
void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
		      enum MHD_ConnectionNotificationCode code);
void http_conn_check(struct http_conn *conn, uint64_t now_us);
void http_conn_enter(struct http_conn *conn, enum http_conn_state state);
void http_conn_abort(struct http_conn *conn, int status); /* raw answer, then shut down */
void *http_request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
/* After a turn in which the library answered by itself: whom it did not finish with. */
void http_conn_mark_answered(struct http_server *server);
enum MHD_Result http_request_access(void *cls, struct MHD_Connection *mhd, const char *url,
				    const char *method, const char *version, const char *data,
				    size_t *size, void **context);
void http_request_completed(void *cls, struct MHD_Connection *mhd, void **context,
			    enum MHD_RequestTerminationCode code);

/* http_reply.c */
enum MHD_Result http_request_queue(struct http_request *req); /* the response that was made */
void http_request_vanish(struct http_request *req,
			 int status); /* gone callback, answer for nobody */

/* http_stream.c: the response for it, NULL without memory; the stream is freed with the response */
struct MHD_Response *http_stream_new(struct http_request *req, const struct http_source *source,
				     void *arg, struct http_stream **stream);
void http_stream_end_all(struct http_server *server);

/* http_parse.c: 0, or a status to refuse with and *detail */
int http_request_parse(struct http_request *req, const char **detail);
/* Is the peer one whose X-Forwarded-* count: a trusted proxy, or at a Unix socket? */
bool http_conn_is_trusted(const struct http_conn *conn);

/* http_route.c */
void http_request_dispatch(struct http_request *req);
size_t http_route_methods(const struct http_request *req, char *out, size_t cap); /* for Allow */

#endif
