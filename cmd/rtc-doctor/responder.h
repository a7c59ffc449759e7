/*
 * responder.h - the server of --listen, shared by its files: sessions (visits) and the sockets that
 * their media come by.  One per process.
 */
#ifndef RTC_DOCTOR_RESPONDER_H
#define RTC_DOCTOR_RESPONDER_H

#include "http/http.h"
#include "loop/loop.h"
#include "tcp/tcp.h"
#include "udp/udp.h"
#include "visit.h"

enum { RESPONDER_VISITS = 8, RESPONDER_FAMILIES = 2 };

struct responder {
	uv_loop_t loop;
	struct http_server *http;
	struct dtls_ctx *dtls;
	const char *token;		     /* "": none is asked for */
	struct udp *udp[RESPONDER_FAMILIES]; /* NULL: not on this machine */
	uv_poll_t polls[RESPONDER_FAMILIES];
	struct tcp *tcp;
	uv_poll_t tcp_poll;
	struct loop_driver driver;
	struct visit visits[RESPONDER_VISITS];
	uint16_t port;
};
extern struct responder responder;

/* UDP and ICE-TCP at responder.port; the address of want, or all. 0 or -errno. */
int responder_open_media(const struct addr *want);
void responder_close_media(void); /* after the loop */
/* A connection of ICE-TCP with its first octets; takes fd. */
void responder_take_tcp(int fd, const struct ice_tuple *tuple, const uint8_t *octets, size_t size);
void responder_end(struct visit *v); /* with its connections */
/* After any change. */
void responder_settle(void);

#endif
