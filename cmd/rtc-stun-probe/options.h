/* options.h - the command line of rtc-stun-probe. */
#ifndef RTCKIT_STUN_PROBE_OPTIONS_H
#define RTCKIT_STUN_PROBE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "ice/ice.h"

enum {
	OPTION_HOST_SIZE = 256, /* a name of RFC 1035 with its NUL */
	OPTION_PORT = 8000,	/* rtc-relay's; plain STUN servers use 3478 */
	OPTION_COUNT_MAX = 100000,
	OPTION_INTERVAL_MIN_MS = 10 /* a check of a path, not a flood */
};

struct options {
	char host[OPTION_HOST_SIZE];
	uint16_t port;
	int family;	/* AF_UNSPEC, AF_INET or AF_INET6 */
	unsigned count; /* 1.. */
	bool counting;	/* -c was given: single shots, no repetition */
	uint64_t interval_us, timeout_us;
	struct ice_creds creds;		/* of the server; ufrag "" if none */
	char remote[ICE_UFRAG_MAX + 1]; /* USERNAME's right part */
	bool json, tcp;
};

/*
 * Fill *options from the command line and the environment. A password on the command line is
 * overwritten there. Returns -1 to go on, else the status to exit with (help was printed, or the
 * fault was named on standard error).
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
