/* verdict.h - what a check of an address can come to: exit status, and words for people. */
#ifndef RTCKIT_STUN_PROBE_VERDICT_H
#define RTCKIT_STUN_PROBE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_OK,
	VERDICT_WANTS_CREDENTIALS, /* it answers, but not without a user name */
	VERDICT_AUTH,		   /* 401 to our user name and password */
	VERDICT_NO_INTEGRITY,	   /* a success that nothing vouches for */
	VERDICT_WRONG_INTEGRITY,
	VERDICT_WRONG_FINGERPRINT,
	VERDICT_NO_ADDRESS, /* a success without a mapped address */
	VERDICT_ERROR,	    /* another error code */
	VERDICT_GARBAGE,    /* something answers, but not in STUN */
	VERDICT_MUTE,	    /* TCP: connected, no answer */
	VERDICT_HANG_UP,    /* TCP: closed without one */
	VERDICT_CLOSED,	    /* ICMP port unreachable, TCP reset */
	VERDICT_SILENT,
	VERDICT_LOCAL_FIREWALL, /* this machine refuses to send */
	VERDICT_NO_ROUTE,
	VERDICT_INTERRUPTED,
	VERDICT_INTERNAL,
	VERDICT_TCP_ONLY, /* of all: UDP fails, TCP does not */
	VERDICT_COUNT
};

/* A stable word for JSON, the exit status, and one line for a person. */
const char *verdict_name(enum verdict v);
int verdict_status(enum verdict v);
const char *verdict_words(enum verdict v, bool tcp);
/* The more telling of two failures, to sum up several addresses. */
enum verdict verdict_worse(enum verdict a, enum verdict b);
/* What a failed system call on the socket means. */
enum verdict verdict_of_errno(int error);

#endif
