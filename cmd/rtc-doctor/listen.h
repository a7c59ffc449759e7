/*
 * listen.h - the other half of an examination: a small WHIP and WHEP server without a relay, so
 * that the way between two machines can be examined before there is a server.
 */
#ifndef RTC_DOCTOR_LISTEN_H
#define RTC_DOCTOR_LISTEN_H

/* Serve on "[addr:]port", TCP and UDP, until a signal comes; the exit status. */
int listen_run(const char *where);

#endif
