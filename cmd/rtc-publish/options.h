/* options.h - what rtc-publish was asked for. */
#ifndef RTCKIT_PUBLISH_OPTIONS_H
#define RTCKIT_PUBLISH_OPTIONS_H

#include "client/options.h"
#include "media/media_source.h"

struct publish_options {
	struct client_options client;
	struct media_test_config test;
	struct media_file_config file;
	const char *url;	      /* as it was given */
	char endpoint[WHIP_URL_SIZE]; /* and what it means */
	bool testing, stats, json, quiet;
	double duration_s; /* 0: to the end */
	unsigned max_bps;  /* follow the network up to it; 0: do not */
	bool no_pli;	   /* requests for keyframes are counted, and nothing else */
};

/* Into zeroed memory. Ends the process with what it prints: EX_USAGE, EX_NOINPUT, or EX_OK after
 * --help and --version. Pointers are into argv. */
void publish_options_parse(struct publish_options *o, int argc, char **argv);

#endif
