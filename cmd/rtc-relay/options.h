/* options.h - the command line of rtc-relay (rtc-relay.1). */
#ifndef RTC_RELAY_OPTIONS_H
#define RTC_RELAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "session.h"

struct options {
	const char *udp, *tcp, *user, *run; /* borrow from argv; tcp NULL: UDP only */
	unsigned workers, stun_timeout_s;
	int ready_fd; /* -1: none */
	bool tcp_gate, no_nack, no_twcc, rsa, no_ipv4, no_ipv6, verbose;
	enum replay_mode replay;
};

/* Fills *o; exits on a wrong command line (64), on -h and -V (0). */
void options_parse(struct options *o, int argc, char **argv);
/* The addresses to bind for "[address:]port": the one given, or every address of the families asked
 * for. Their count. Exits if it is none; option is its name. */
size_t options_addresses(const struct options *o, const char *option, const char *text,
			 struct addr out[2]);

#endif
