/*
 * listen.h - the other half of an examination: a small WHIP and WHEP server without a relay, so
 * that the way between two machines can be examined before there is a server.
 */
#ifndef RTC_DOCTOR_LISTEN_H
#define RTC_DOCTOR_LISTEN_H

#include "tls/tls.h"

struct listen_config {
	const char *where;   /* "[addr:]port", TCP and UDP */
	const char *token;   /* Bearer token that is asked for; "": none */
	struct tls_pair tls; /* NULL: http only */
};

/* Serve until a signal comes; the exit status. */
int listen_run(const struct listen_config *config);

#endif
