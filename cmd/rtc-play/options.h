/* options.h - what the command line of rtc-play says. */
#ifndef RTC_PLAY_OPTIONS_H
#define RTC_PLAY_OPTIONS_H

#include "client/options.h"
#include "offer.h"
#include "verdict.h"

struct options {
	struct client_options client;
	struct offer offer;
	const char *url, *path, *format; /* path NULL: no recording */
	const char *snapshot;		 /* PNG of the first picture; NULL: none */
	bool json, quiet;
	bool judging; /* decode, and tell what was seen */
	bool wanting; /* more than a snapshot is asked for */
	double duration_s, wait_s;
	struct verdict_wants wants;
	char endpoint[WHIP_URL_SIZE];
};

/* Ends the program where the line is wrong, and after -h and -V. */
void options_parse(struct options *o, int argc, char **argv);

#endif
