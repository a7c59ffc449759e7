/*
 * ipc.h - Unix SOCK_SEQPACKET sockets that carry one message per packet: JSON objects (first octet
 * '{', at most IPC_MESSAGE_MAX octets) and RTP/RTCP packets (first octet 128..191).  The addresses
 * are taken by lock file, temporary name and rename, so that a restart after SIGKILL never races a
 * live instance.  man/rtc-control.5 holds the messages.
 */
#ifndef RTCKIT_IPC_IPC_H
#define RTCKIT_IPC_IPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

enum {
	IPC_MESSAGE_MAX = 65536, /* octets of a JSON message */
	IPC_QUEUE_MAX = 256 /* messages waiting for a slow peer; one more and the peer is dropped */
};

/* The run directory: $RTC_RUN, else ./run if it exists or the program lives in build/bin, else
 * /run/rtckit. Written to out; returns 0 or -ENAMETOOLONG. Made (0700) if make is set. */
int ipc_run_dir(char *out, size_t cap, bool make);
/*
 * "$RTC_RUN/name" ("relay/signal.sock"). 0 or -ENAMETOOLONG (a socket's name ends at 95 octets);
 * out holds the name even then, as far as it fits.
 */
int ipc_run_path(char *out, size_t cap, const char *name);
/* The same for who listens there: its directories are made (0700). Also -errno of mkdir. Clients do
 * not: a wrong RTC_RUN leaves no trace. */
int ipc_run_make(char *out, size_t cap, const char *name);
/* Why a name cannot be taken or reached, in words: error as ipc_listen() and others return it. */
const char *ipc_words(int error);

/*
 * Take a socket's name and listen: lock "path.lock" (held by the returned descriptor *lock_fd for
 * the life of the process), bind a temporary name, rename. type is SOCK_SEQPACKET or SOCK_STREAM.
 * Returns the listening descriptor (non-blocking, close-on-exec), or -EADDRINUSE while another live
 * process holds the name, or -errno.
 */
int ipc_listen(const char *path, int type, mode_t mode, int *lock_fd);
/* Connect, non-blocking, close-on-exec. Returns the descriptor or -errno. */
int ipc_connect(const char *path, int type);
/* Effective uid and pid of the peer (SO_PEERCRED). 0 or -errno. */
int ipc_peer(int fd, uid_t *uid, pid_t *pid);

/*
 * One connection on a uv loop. Callbacks: json (object borrowed), packet (borrowed; NULL refuses
 * packets), closed (called once: error 0 for an orderly end, else -errno; after it the connection
 * must be released with ipc_conn_free, which may be called from inside any callback).
 */
struct ipc_conn;
struct ipc_handlers {
	void (*json)(struct ipc_conn *conn, json_t *msg);
	void (*packet)(struct ipc_conn *conn, const uint8_t *buf, size_t size);
	void (*writable)(
	    struct ipc_conn *conn); /* after ipc_conn_send_packet said -EAGAIN; may be NULL */
	void (*closed)(struct ipc_conn *conn, int error);
};
/* Takes fd. NULL without memory (fd is closed). */
struct ipc_conn *ipc_conn_new(uv_loop_t *loop, int fd, const struct ipc_handlers *handlers,
			      void *arg);
void ipc_conn_free(struct ipc_conn *conn);
void *ipc_conn_arg(const struct ipc_conn *conn);
void ipc_conn_set_arg(struct ipc_conn *conn, void *arg);
/* Send one object; queued if the socket is full. 0; -ENOBUFS (queue full: closed will be called);
 * -EMSGSIZE. Does not take the reference. */
int ipc_conn_send(struct ipc_conn *conn, const json_t *msg);
/* Send one packet at once, never queued: 0 or -EAGAIN (writable is called later), -errno. */
int ipc_conn_send_packet(struct ipc_conn *conn, const uint8_t *buf, size_t size);
/* Detach the descriptor (to hand it to another loop); the connection is freed. */
int ipc_conn_detach(struct ipc_conn *conn);

/*
 * A client of the relay that asks and gets one answer per question, reconnecting as needed.
 * ipc_client_ask: msg gets "v" and "id"; fn is called exactly once: reply borrowed, or NULL with
 * error -ETIMEDOUT or -ECONNREFUSED etc. (never from inside ipc_client_ask).
 */
struct ipc_client;
typedef void ipc_reply_fn(void *arg, json_t *reply, int error);
struct ipc_client *ipc_client_new(uv_loop_t *loop, const char *path, uint64_t timeout_ms);
void ipc_client_free(struct ipc_client *client);
/* msg: reference is stolen. Returns an ask number (> 0) for ipc_client_cancel (fn not called then).
 */
int ipc_client_ask(struct ipc_client *client, json_t *msg, ipc_reply_fn *fn, void *arg);
void ipc_client_cancel(struct ipc_client *client, int ask);
/* The hello that the relay sends on connect (borrowed, NULL before). */
json_t *ipc_client_hello(struct ipc_client *client);
/* Called for every message that is no reply (events). */
void ipc_client_on_event(struct ipc_client *client, void (*fn)(void *arg, json_t *event),
			 void *arg);

#endif
