/*
 * client.h - what the WHIP and WHEP clients share: the codes of the stages that a session goes
 * through. They are the exit statuses of rtc-publish, rtc-play, rtc-doctor and rtc-stun-probe: one
 * fault, one number (tests/e2e/doctor-codes.t).
 */
#ifndef RTCKIT_CLIENT_CLIENT_H
#define RTCKIT_CLIENT_CLIENT_H

enum client_code {
	CLIENT_OK = 0,
	CLIENT_DNS = 10, /* the name does not resolve */
	CLIENT_TCP = 11, /* no connection to the HTTP server */
	CLIENT_TLS = 12,
	CLIENT_HTTP = 20,      /* no answer, or one with another status than expected */
	CLIENT_AUTH = 21,      /* 401 or 403 */
	CLIENT_HEADERS = 22,   /* Location missing or unusable */
	CLIENT_SDP = 30,       /* the answer cannot be used, or no common codec */
	CLIENT_CANDIDATE = 40, /* no address of the answer can be used from here (reach.h) */
	CLIENT_UDP = 41,       /* no ICE check was answered rightly: silence, ICMP, others */
	CLIENT_TCP_ONLY = 42,  /* no UDP is offered, or answered, and TCP does not do either */
	CLIENT_TURN = 43,      /* no TURN server relays, and there is no other way */
	CLIENT_DTLS = 50,
	CLIENT_NO_MEDIA = 55,  /* connected, but nothing arrives; or the path was lost */
	CLIENT_BAD_MEDIA = 56, /* what arrives cannot be used */
	CLIENT_DELETE = 58,    /* the session could not be deleted */
	CLIENT_INTERNAL = 70   /* EX_SOFTWARE: out of memory, no socket */
};

/* By what media travels; all: UDP, and TCP where UDP is not answered soon. */
enum client_protocol { CLIENT_PROTOCOL_ALL, CLIENT_PROTOCOL_UDP, CLIENT_PROTOCOL_TCP };

/* "udp", "tcp", "turn": a path's protocol (enum ice_proto) for people and JSON. */
const char *client_proto_name(unsigned proto);

/* "dns", "tcp", "tls", "http" ...: the stage's name for people and JSON. */
const char *client_code_stage(enum client_code code);

#endif
