/*
 * whip.h - the program behind rtc-whip and rtc-whep: HTTP in front, the relay's signal socket
 * behind, nothing kept between requests.
 */
#ifndef RTCKIT_WHIP_WHIP_H
#define RTCKIT_WHIP_WHIP_H

#include "http/http.h"

struct whip_program {
	const char *name;	  /* "rtc-whip" */
	const char *socket;	  /* below the run directory: "whip.sock" */
	const char *session_path; /* sessions made here are at this path/session/SECRET */
	const struct http_route *routes;
};

/* Run until SIGTERM or SIGINT. Returns the exit status: 0, or of sysexits. */
int whip_main(int argc, char **argv, const struct whip_program *program);

#endif
