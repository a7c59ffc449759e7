/* options.h - the command line of rtmp2rtc. */
#ifndef RTMP2RTC_OPTIONS_H
#define RTMP2RTC_OPTIONS_H

#include <stdbool.h>

#include "video.h"

enum { LISTEN_MAX = 16 };

struct options {
	const char *listen[LISTEN_MAX], *tls[LISTEN_MAX];
	unsigned listen_count, tls_count;
	const char *cert, *key; /* PEM files: of RTMPS listeners, or of the one connection */
	const char *relay;	/* media socket; NULL: in the run directory */
	const char *token_file, *user, *log_level;
	bool hook;		    /* ask rtc-hook */
	const char *input, *stream; /* "-" and a name: FLV on standard input */
	struct video_config video;
	unsigned opus_bps, playout_delay_ms, children_max, per_address_max, rate;
	int ready_fd, connection_fd; /* -1: none */
};

/* By enum video_bframes. */
extern const char *const bframe_modes[];
/* Fills o or exits. */
void options_parse(struct options *o, int argc, char **argv);

#endif
